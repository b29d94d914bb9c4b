"""Which keys show the same surface, and so: which is painted next, and whose paint it follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from propagate.arrays import Image

_SMALL = 160
"""Longer side in pixels at which pairs of keys are compared: enough to see what they share."""
_REACH = 6
"""Keys are compared with so many neighbors on either side; those farther away share little else."""
_TOLERANCE = 14.0
"""Difference in 8-bit steps at which two places count as one surface to 37 %; small pictures blur detail."""


@dataclass
class Overlap:
    """What share of the picture two keys have in common; each pair is compared when first asked for.

    Parameters
    ----------
    frames
        The frames of one shot, read by index.
    keys
        The frames to compare.
    """

    frames: Sequence[Image]
    keys: Sequence[int]
    _seen: dict[int, Image] = field(default_factory=dict, repr=False)
    _known: dict[tuple[int, int], float] = field(default_factory=dict, repr=False)

    def __call__(self, one: int, other: int) -> float:
        """Share of the picture, 0 to 1, that key `one` and key `other` both show; the same either way."""
        if one == other:
            return 1.0
        pair = (min(one, other), max(one, other))
        if pair not in self._known:
            ordered = sorted({*self.keys, *pair})
            near = ordered.index(pair[1]) - ordered.index(pair[0]) <= _REACH
            self._known[pair] = _shared(self._small(pair[0]), self._small(pair[1])) if near else 0.0
        return self._known[pair]

    def best(self, key: int, among: Collection[int], most: int, least: float) -> tuple[int, ...]:
        """Return at most `most` keys of `among` that share at least `least` with `key`, the best first."""
        rated = [(-self(key, other), abs(key - other), other) for other in among if other != key]
        return tuple(other for share, _, other in sorted(rated)[:most] if -share >= least)

    def _small(self, key: int) -> Image:
        if key not in self._seen:
            import cv2

            from propagate.flow import eight_bit

            frame = eight_bit(self.frames[key])
            scale = min(_SMALL / max(frame.shape[:2]), 1.0)
            size = (max(round(frame.shape[1] * scale), 1), max(round(frame.shape[0] * scale), 1))
            self._seen[key] = np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
        return self._seen[key]


def next_key(
    overlap: Overlap,
    wanted: Collection[int],
    done: Collection[int],
    *,
    locked: Collection[int] = (),
    recorded: Mapping[int, Sequence[int]] | None = None,
) -> int:
    """Choose which of the keys `wanted` is painted next, so that each finds as much as can be to agree with.

    The tree of greatest overlap, grown from what is there (Prim 1957): always the key that shares most with
    a finished one. The choice depends on what is done, not on how it came about, so that a run that was
    stopped goes on in the same order.

    Parameters
    ----------
    overlap
        What the keys share.
    wanted
        Keys to choose from; not empty.
    done
        Finished keys.
    locked
        Keys that come first, since the others shall follow them.
    recorded
        Keys whose parents are settled; such a key waits until its parents are no longer wanted.
    """
    settled = recorded or {}
    waiting = {key for key in wanted if any(parent in wanted for parent in settled.get(key, ()))}
    ready = [key for key in sorted(wanted) if key not in waiting] or sorted(wanted)
    first = [key for key in ready if key in locked] or ready
    if done:
        return max(first, key=lambda key: (max(overlap(key, other) for other in done), -key))
    everyone = sorted(overlap.keys)
    return max(first, key=lambda key: (round(sum(overlap(key, o) for o in everyone if o != key), 6), -key))


def _shared(one: Image, other: Image) -> float:
    """Share of two small pictures that shows one surface: there and back again, and of one color."""
    from propagate.flow import consistency, estimate_flow
    from propagate.registration import residual
    from propagate.warp import warp

    there = estimate_flow(one, other, quality="fine")
    back = estimate_flow(other, one, quality="fine")
    shares = []
    for forth, opposite, here, away in ((there, back, one, other), (back, there, other, one)):
        alike = np.exp(-np.square(residual(here, warp(away, forth), sigma=1.0) / _TOLERANCE))
        shares.append(float((consistency(forth, opposite) * alike).mean()))
    return sum(shares) / 2
