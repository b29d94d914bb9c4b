"""The part of a frame that is worked on: the box around what is there, with room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from propagate.arrays import Bool


class Window(NamedTuple):
    """A box of a frame: half-open, in pixels."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return self.bottom - self.top, self.right - self.left

    def of(self, array: Any) -> Any:
        """Return the part of an array (H, W, …) of the whole frame, as a view."""
        return array[self.top : self.bottom, self.left : self.right]

    def with_room(self, room: int, shape: tuple[int, ...]) -> Window:
        """Return it `room` pixels larger on each side, within a frame of `shape` (H, W)."""
        top, left = max(0, self.top - room), max(0, self.left - room)
        return Window(top, left, min(shape[0], self.bottom + room), min(shape[1], self.right + room))

    def joined(self, other: Window) -> Window:
        """Return the smallest window that holds both."""
        return Window(*map(min, self[:2], other[:2]), *map(max, self[2:], other[2:]))

    def taken_from(self, part: Any, place: Window) -> Any:
        """Return an array of this window, filled from `part`, which lies at `place`; else 0."""
        if place == self:
            return part
        found = np.zeros((*self.shape, *part.shape[2:]), part.dtype)
        top, left = max(self.top, place.top), max(self.left, place.left)
        bottom, right = min(self.bottom, place.bottom), min(self.right, place.right)
        if top < bottom and left < right:
            shared = Window(top, left, bottom, right)
            shared.seen_from(self).of(found)[:] = shared.seen_from(place).of(part)
        return found

    def seen_from(self, other: Window) -> Window:
        """Return it with places counted from the corner of `other`."""
        top, left = other.top, other.left
        return Window(self.top - top, self.left - left, self.bottom - top, self.right - left)


def window_around(where: Bool, room: int = 0) -> Window:
    """Return the box of all that is true, (H, W), with `room` around it in the frame; none of nothing."""
    rows, columns = np.flatnonzero(where.any(axis=1)), np.flatnonzero(where.any(axis=0))
    if not rows.size:
        return Window(0, 0, 0, 0)
    box = Window(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1)
    return box.with_room(room, where.shape)
