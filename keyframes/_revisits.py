"""What is found again without following it there: content that was hidden or went away, and returned.

Chains of flow break at whatever passes in front.  A few frames of the shot, the anchors, are therefore also
compared directly with each other.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from concurrent.futures import Executor

_U8 = NDArray[np.uint8]

_MOST = 16  # anchors of a shot: 120 pairs, about half a second
_SMALLEST = 16  # DIS fails on smaller pictures
_EVEN = 0.5  # share of the anchors that are spread evenly in time, the others where something is new


def choose_anchors(novelty: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return which nodes are compared directly: spread over the shot, closer where more is new.

    Parameters
    ----------
    novelty
        Per node, how much it brings that the one before does not show.
    """
    count = len(novelty)
    most = min(_MOST, count // 4)
    if most < 2:
        return np.zeros(0, np.int64)
    news = np.cumsum(np.maximum(novelty, 1e-6))
    news = _EVEN * np.arange(count) / count + (1 - _EVEN) * news / news[-1]
    return np.unique(np.searchsorted(news, news[-1] * (np.arange(most) + 0.5) / most))


def find_again(
    images: _U8,
    points: NDArray[np.uint16],
    anchors: NDArray[np.int64],
    limits: tuple[float, float],
    helper: Executor,
) -> NDArray[np.uint64]:
    """Return uint64 (A, A, P / 64): which points of anchor i are found in anchor j by direct flow.

    Parameters
    ----------
    images
        Of all nodes, uint8 (M, H, W, 3).
    limits
        Greatest difference of color, and of forward and backward flow in pixels.
    """
    again = np.zeros((len(anchors), len(anchors), points.shape[1] // 64), np.uint64)
    if len(anchors) == 0 or min(images.shape[1:3]) < _SMALLEST:
        return again
    grays = [np.asarray(cv2.cvtColor(images[a], cv2.COLOR_RGB2GRAY), np.uint8) for a in anchors]

    def compare(pair: tuple[int, int]) -> None:
        i, j = pair
        a, b = anchors[i], anchors[j]
        flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]
        there = np.asarray(flow.calc(grays[i], grays[j], None), np.float32)
        back = np.asarray(flow.calc(grays[j], grays[i], None), np.float32)
        again[i, j] = _bits(images[a], images[b], (there, back), points[a], limits)
        again[j, i] = _bits(images[b], images[a], (back, there), points[b], limits)

    # every pair writes its own places, so the order does not matter
    list(helper.map(compare, itertools.combinations(range(len(anchors)), 2)))
    return again


def _bits(
    image: _U8,
    other: _U8,
    flows: tuple[NDArray[np.float32], NDArray[np.float32]],
    points: NDArray[np.uint16],
    limits: tuple[float, float],
) -> NDArray[np.uint64]:
    there, back = flows
    color, gap = limits
    height, width = there.shape[:2]
    x, y = points[:, 0].astype(np.int64), points[:, 1].astype(np.int64)
    flow = there[y, x]
    to_x, to_y = (x + flow[:, 0]).astype(np.float32), (y + flow[:, 1]).astype(np.float32)
    inside = (to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)
    seen = cv2.remap(other, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(-1, 3)
    alike = np.abs(seen.astype(np.int16) - image[y, x]).max(axis=1) < color
    home = cv2.remap(back, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).reshape(-1, 2)
    returned = np.hypot(home[:, 0] + flow[:, 0], home[:, 1] + flow[:, 1]) < gap
    return np.packbits(alike & inside & returned, bitorder="little").view(np.uint64)
