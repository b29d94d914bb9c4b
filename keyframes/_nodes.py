"""The frames of a shot that stay in memory, and the flow that links them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes._trace import STEP, Nodes, compose

if TYPE_CHECKING:
    from concurrent.futures import Executor

_U8 = NDArray[np.uint8]
_I16 = NDArray[np.int16]

_SMALLEST = 16  # DIS works on patches of 8 px at a coarser level and fails on smaller pictures
_EVEN = 1e-4  # novelty that a frame without any counts for, so that still frames thin out evenly


class NodeChain:
    """A chain of at most `limit` frames with both flows between neighbours.

    Both directions of flow are computed side by side, one by `helper`.  Flow is kept at half size (DIS
    computes its finest level there anyway), frames as they come.
    """

    def __init__(self, limit: int, gap: float, colour: float, helper: Executor) -> None:
        self.length = 0
        self._limit, self._gap, self._colour = limit, gap, colour
        self._helper = helper
        self._last: tuple[_U8, _U8] | None = None
        self._frames: list[int] = []
        self._images: list[_U8] = []
        self._links: list[tuple[_I16, _U8, _I16, _U8]] = []  # to the node before, and from it; [0] is unused
        self._new: list[float] = []  # novelty of each link
        self._novelty: list[float] = []

    def append(self, image: _U8) -> None:
        """Add the next frame of the shot, uint8 (H, W, 3)."""
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
        if self._last is None:
            none, never = np.zeros((*_half(image.shape), 2), np.int16), np.zeros(image.shape[:2], np.uint8)
            self._add(image, (none, never, none, never), 0.0)
        else:
            before, grey_before = self._last
            later = self._helper.submit(_estimate, grey_before, grey)
            back = _estimate(grey, grey_before)
            forth = later.result()
            packed = self._helper.submit(_pack, forth, back, self._gap)
            link, back_sure = _pack(back, forth, self._gap)
            new = _novelty(image, before, back, back_sure, self._colour)
            self._add(image, (link, back_sure, *packed.result()), new)
        self._last = (image, grey)

    def _add(self, image: _U8, link: tuple[_I16, _U8, _I16, _U8], new: float) -> None:
        self._frames.append(self.length)
        self._images.append(image)
        self._links.append(link)
        self._new.append(new + _EVEN)
        self._novelty.append(new)
        self.length += 1
        if len(self._frames) > self._limit:
            self._thin()

    def _thin(self) -> None:
        """Merge the two neighbouring links that bring the least new; the ends stay."""
        new = np.array(self._new)
        i = 1 + int(np.argmin(new[1:-1] + new[2:]))
        back_a, back_sure_a, forth_a, forth_sure_a = self._links[i]
        back_b, back_sure_b, forth_b, forth_sure_b = self._links[i + 1]
        back, back_sure = np.empty_like(back_a), np.empty_like(back_sure_a)
        forth, forth_sure = np.empty_like(forth_a), np.empty_like(forth_sure_a)
        other = self._helper.submit(compose, back_b, back_sure_b, back_a, back_sure_a, back, back_sure)
        compose(forth_a, forth_sure_a, forth_b, forth_sure_b, forth, forth_sure)
        other.result()
        self._links[i + 1] = back, back_sure, forth, forth_sure
        self._new[i + 1] += self._new[i]
        for kept in (self._frames, self._images, self._links, self._new):
            kept.pop(i)

    def frames(self) -> NDArray[np.int32]:
        """Return the frame numbers of the nodes."""
        return np.array(self._frames, np.int32)

    def novelty(self) -> NDArray[np.float32]:
        """Return for each frame of the shot the share that the frame before does not explain."""
        return np.array(self._novelty, np.float32)

    def arrays(self) -> Nodes:
        """Give away the nodes' images, backward links with their certainty, forward links with theirs."""
        images = _stack(self._images)
        columns: list[list[Any]] = [list(column) for column in zip(*self._links, strict=True)]
        self._links.clear()
        back, back_sure, forth, forth_sure = (_stack(column) for column in columns)
        return images, back, back_sure, forth, forth_sure


def _stack(arrays: list[Any]) -> NDArray[Any]:
    """Stack arrays, freeing each as soon as it is copied: never twice the memory."""
    whole = np.empty((len(arrays), *arrays[0].shape), arrays[0].dtype)
    for i in range(len(arrays)):
        whole[i] = arrays[i]
        arrays[i] = None
    return whole


def _estimate(a: _U8, b: _U8) -> NDArray[np.float32]:
    if min(a.shape) < _SMALLEST:
        return np.zeros((*a.shape, 2), np.float32)
    # made anew each time: its buffers must not be shared between threads, and making it costs nothing
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
    return np.asarray(flow.calc(a, b, None), np.float32)


def agreement(flow_ab: NDArray[np.float32], flow_ba: NDArray[np.float32], gap: float) -> _U8:
    """Tell where following `flow_ab` and returning by `flow_ba` ends within `gap` px: 1, else 0."""
    height, width = flow_ab.shape[:2]
    x = flow_ab[..., 0] + np.arange(width, dtype=np.float32)
    y = flow_ab[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    returned = cv2.remap(flow_ba, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) + flow_ab
    sure = np.einsum("ijk,ijk->ij", returned, returned) < gap * gap
    sure &= (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
    return np.asarray(sure, np.uint8)


def _novelty(image: _U8, before: _U8, back: NDArray[np.float32], sure: _U8, colour: float) -> float:
    height, width = sure.shape
    x = back[..., 0] + np.arange(width, dtype=np.float32)
    y = back[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    off = cv2.absdiff(cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), image)
    found = (sure > 0) & (off.reshape(height, width, -1).max(axis=2) < colour)
    return float(1.0 - found.mean())


def _pack(flow: NDArray[np.float32], back: NDArray[np.float32], gap: float) -> tuple[_I16, _U8]:
    sure = agreement(flow, back, gap)
    height, width = _half(sure.shape)
    small = cv2.resize(flow, (width, height), interpolation=cv2.INTER_AREA)
    return np.clip(np.rint(small * STEP), -32768, 32767).astype(np.int16), sure


def _half(size: tuple[int, ...]) -> tuple[int, int]:
    return (size[0] + 1) // 2, (size[1] + 1) // 2
