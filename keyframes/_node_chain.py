"""The frames of a shot that stay in memory, and the flow that links them."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes._flow_kernels import STEP, agree, compose, count_found

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from keyframes._trajectories import Nodes

_U8 = NDArray[np.uint8]
_I16 = NDArray[np.int16]
_Link: TypeAlias = tuple[_I16, _U8, _I16, _U8]  # back, how sure, forth, how sure
_Linked: TypeAlias = tuple[_Link, float]  # and what share of the frame is new

_SMALLEST = 16  # DIS works on patches of 8 px at a coarser level and fails on smaller pictures
_AHEAD = 4  # frames whose flow is being computed: two threads are never without work
_EVEN = 1e-4  # novelty that a frame without any counts for, so that still frames thin out evenly


class NodeChain:
    """A chain of at most `limit` frames with both flows between neighbors.

    The flows of a few frames are computed side by side by `helper`.  Flow is kept at half size (DIS computes
    its finest level there anyway), frames as they come.  All lies in arrays that are made once:
    thousands of small ones would leave the process twice as large.
    """

    def __init__(self, limit: int, gap: float, color: float, helper: Executor) -> None:
        self.length = 0
        self._limit, self._gap, self._color = limit, gap, color
        self._helper = helper
        self._last: tuple[_U8, _U8] | None = None
        self._coming: deque[tuple[_U8, Future[_Linked]]] = deque()
        self._store: Nodes | None = None
        self._slots: list[int] = []  # where in the store the nodes are, in their order
        self._free = list(range(limit, -1, -1))
        self._frames: list[int] = []
        self._new: list[float] = []  # novelty of each link
        self._novelty: list[float] = []

    def append(self, image: _U8) -> None:
        """Add the next frame of the shot, uint8 (H, W, 3).

        Its flow is left to the helper while the caller fetches the frames after it; `finish` waits for all.
        """
        gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        if self._last is None:
            self._store = _room_for(self._limit + 1, image.shape)
            none, never = np.zeros((*_half(image.shape), 2), np.int16), np.zeros(image.shape[:2], np.uint8)
            self._add(image, (none, never, none, never), 0.0)
        else:
            limits = self._color, self._gap
            link = self._helper.submit(_link, self._last, (image, gray), limits)
            self._coming.append((image, link))
            while len(self._coming) > _AHEAD:
                self._take()
        self._last = (image, gray)

    def finish(self) -> None:
        """Wait until all frames are in the chain."""
        while self._coming:
            self._take()

    def _take(self) -> None:
        image, coming = self._coming.popleft()
        self._add(image, *coming.result())

    def _add(self, image: _U8, link: _Link, new: float) -> None:
        slot = self._free.pop()
        places: tuple[NDArray[Any], ...] = self._held()
        for place, part in zip(places, (image, *link), strict=True):
            place[slot] = part
        self._slots.append(slot)
        self._frames.append(self.length)
        self._new.append(new + _EVEN)
        self._novelty.append(new)
        self.length += 1
        if len(self._frames) > self._limit:
            self._thin()

    def _thin(self) -> None:
        """Merge the two neighboring links that bring the least new; the ends stay."""
        new = np.array(self._new)
        i = 1 + int(np.argmin(new[1:-1] + new[2:]))
        _, back, back_sure, forth, forth_sure = self._held()
        a, b = self._slots[i], self._slots[i + 1]
        made = [np.empty_like(part[a]) for part in (back, back_sure, forth, forth_sure)]
        other = self._helper.submit(compose, back[b], back_sure[b], back[a], back_sure[a], made[0], made[1])
        compose(forth[a], forth_sure[a], forth[b], forth_sure[b], made[2], made[3])
        other.result()
        places: tuple[NDArray[Any], ...] = (back, back_sure, forth, forth_sure)
        for place, part in zip(places, made, strict=True):
            place[b] = part
        self._new[i + 1] += self._new[i]
        self._free.append(a)
        for kept in (self._slots, self._frames, self._new):
            kept.pop(i)

    def frames(self) -> NDArray[np.int32]:
        """Return the frame numbers of the nodes."""
        return np.array(self._frames, np.int32)

    def novelty(self) -> NDArray[np.float32]:
        """Return for each frame of the shot the share that the frame before does not explain."""
        return np.array(self._novelty, np.float32)

    def arrays(self) -> Nodes:
        """Give away the nodes' images, backward links with their certainty, forward links with theirs."""
        images, *links = (_in_order(part, [*self._slots, *self._free]) for part in self._held())
        self._store = None
        count = len(self._slots)
        back, back_sure, forth, forth_sure = (part[:count] for part in links)
        return images[:count], back, back_sure, forth, forth_sure

    def _held(self) -> Nodes:
        if self._store is None:
            raise ValueError("the chain holds no frames, or gave them away")
        return self._store


def _room_for(count: int, shape: tuple[int, ...]) -> Nodes:
    """Return empty arrays for `count` nodes; memory is taken as they are filled."""
    size, half = shape[:2], _half(shape)
    return (
        np.empty((count, *size, 3), np.uint8),
        np.empty((count, *half, 2), np.int16),
        np.empty((count, *size), np.uint8),
        np.empty((count, *half, 2), np.int16),
        np.empty((count, *size), np.uint8),
    )


def _in_order(array: NDArray[Any], order: list[int]) -> NDArray[Any]:
    """Bring row ``order[i]`` to row i, for all i, within the array itself."""
    came = dict(enumerate(order))
    while came:
        start, row = came.popitem()
        if row == start:
            continue
        kept, at = array[start].copy(), start
        while row != start:
            array[at] = array[row]
            at, row = row, came.pop(row)
        array[at] = kept
    return array


def _link(before: tuple[_U8, _U8], now: tuple[_U8, _U8], limits: tuple[float, float]) -> _Linked:
    """Return the links between two neighboring frames, each with its brightness, and what is new.

    `limits` are the greatest difference of color, and of forward and backward flow in pixels.
    """
    (image_before, gray_before), (image, gray) = before, now
    color, gap = limits
    if np.array_equal(image_before, image):  # held frames: nothing moves, and nothing has to be sought
        none, all_sure = np.zeros((*_half(gray.shape), 2), np.int16), np.ones(gray.shape, np.uint8)
        return (none, all_sure, none, all_sure), 0.0
    back, forth = _estimate(gray, gray_before), _estimate(gray_before, gray)
    back_sure, forth_sure = np.empty(gray.shape, np.uint8), np.empty(gray.shape, np.uint8)
    agree(back, forth, gap, back_sure)
    agree(forth, back, gap, forth_sure)
    new = 1.0 - count_found(image, image_before, back, back_sure, color) / gray.size
    return (_pack(back), back_sure, _pack(forth), forth_sure), new


def _estimate(a: _U8, b: _U8) -> NDArray[np.float32]:
    if min(a.shape) < _SMALLEST:
        return np.zeros((*a.shape, 2), np.float32)
    # made anew each time: its buffers must not be shared between threads, and making it costs nothing
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
    return np.asarray(flow.calc(a, b, None), np.float32)


def _pack(flow: NDArray[np.float32]) -> _I16:
    height, width = _half(flow.shape)
    small = cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(small * STEP), -32768, 32767).astype(np.int16)


def _half(size: tuple[int, ...]) -> tuple[int, int]:
    return (size[0] + 1) // 2, (size[1] + 1) // 2
