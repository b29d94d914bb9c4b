"""What is found again without following it there: content that was hidden or went away, and returned.

Chains of flow break at whatever passes in front.  A few frames of the shot, the anchors, are therefore also
compared directly with each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

from keyframes._nodes import agreement

if TYPE_CHECKING:
    from keyframes._trace import Nodes

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
    nodes: Nodes, points: NDArray[np.uint16], anchors: NDArray[np.int64], colour: float, gap: float
) -> NDArray[np.uint64]:
    """Return uint64 (A, A, P / 64): which points of anchor i are found in anchor j by direct flow."""
    images = nodes[0]
    again = np.zeros((len(anchors), len(anchors), points.shape[1] // 64), np.uint64)
    if len(anchors) == 0 or min(images.shape[1:3]) < _SMALLEST:
        return again
    flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)  # type: ignore[attr-defined]
    greys = [np.asarray(cv2.cvtColor(images[a], cv2.COLOR_RGB2GRAY), np.uint8) for a in anchors]
    for i, a in enumerate(anchors):
        for j in range(i):
            b = anchors[j]
            there = np.asarray(flow.calc(greys[i], greys[j], None), np.float32)
            back = np.asarray(flow.calc(greys[j], greys[i], None), np.float32)
            again[i, j] = _bits(images[a], images[b], there, back, points[a], colour, gap)
            again[j, i] = _bits(images[b], images[a], back, there, points[b], colour, gap)
    return again


def _bits(
    image: _U8,
    other: _U8,
    there: NDArray[np.float32],
    back: NDArray[np.float32],
    points: NDArray[np.uint16],
    colour: float,
    gap: float,
) -> NDArray[np.uint64]:
    x, y = points[:, 0].astype(np.int64), points[:, 1].astype(np.int64)
    flow = there[y, x]
    place_x, place_y = (x + flow[:, 0]).astype(np.float32), (y + flow[:, 1]).astype(np.float32)
    seen = cv2.remap(other, place_x, place_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    alike = np.abs(seen.reshape(-1, 3).astype(np.int16) - image[y, x]).max(axis=1) < colour
    found = alike & (agreement(there, back, gap)[y, x] > 0)
    return np.packbits(found, bitorder="little").view(np.uint64)
