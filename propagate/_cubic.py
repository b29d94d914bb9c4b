"""Kernel of warping: a picture fetched along a flow by cubic interpolation, and how it differs from another.

It trusts its input; `propagate.register` checks and allocates. OpenCV's `remap` gives the same to a rounding
step, and takes half as long again for the fetching alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from propagate.arrays import F32
    from propagate.arrays import Image as Pixels

__all__ = ["AFTER", "BEFORE", "show"]

BEFORE, AFTER = 2, 3
"""Border pixels, repeated, that `show` needs around its picture on the top left and on the bottom right."""

_SHARP = -0.75
"""Of Keys' family of cubics (1981) the one that OpenCV takes."""


@njit(cache=True, nogil=True, error_model="numpy", fastmath={"contract"})
def show(first: int, last: int, key: Pixels, flow: F32, frame: Pixels, out: Pixels, apart: F32) -> None:
    """Fetch rows of `out` from `key` where `flow` points; `apart` is the mean difference from `frame`.

    Parameters
    ----------
    first, last : int
    key : uint8 (H + 5, (W + 5) * 4)
        With its border repeated; the fourth channel is not read for anything.
    flow : float32 (H, W * 2)
    frame, out : uint8 (H, W * 3)
    apart : float32 (H, W)
    """
    h, w = apart.shape
    zero, one, half, most = np.float32(0), np.float32(1), np.float32(0.5), np.float32(255)
    a, b, c = np.float32(_SHARP), np.float32(_SHARP + 2), np.float32(_SHARP + 3)
    weights, places = np.empty((8, w), np.float32), np.empty((2, w), np.int32)
    # sixteen lanes are four pixels of four channels: one vector
    lanes, row = np.empty(16, np.float32), np.empty((3, w), np.float32)
    for y in range(first, last):
        way = flow[y]
        for x in range(w):
            # from the border on everything is the same
            px = min(max(np.float32(x + 1) + way[2 * x], zero), np.float32(w + 1))
            py = min(max(np.float32(y + 1) + way[2 * x + 1], zero), np.float32(h + 1))
            places[0, x], places[1, x] = np.int32(px), np.int32(py)
            t = px - np.float32(np.int32(px))
            s = one - t
            weights[0, x], weights[1, x] = a * t * s * s, (b * t - c) * t * t + one
            weights[2, x], weights[3, x] = (b * s - c) * s * s + one, a * s * t * t
            t = py - np.float32(np.int32(py))
            s = one - t
            weights[4, x], weights[5, x] = a * t * s * s, (b * t - c) * t * t + one
            weights[6, x], weights[7, x] = (b * s - c) * s * s + one, a * s * t * t
        for x in range(w):
            # unsigned, or every index would be looked at for whether it counts from the end
            left, top = np.uint64(4 * places[0, x]), np.uint64(places[1, x])
            second, third, fourth = top + np.uint64(1), top + np.uint64(2), top + np.uint64(3)
            for k in range(16):
                i = left + np.uint64(k)
                upper = np.float32(key[top, i]) * weights[4, x] + np.float32(key[second, i]) * weights[5, x]
                lower = np.float32(key[third, i]) * weights[6, x] + np.float32(key[fourth, i]) * weights[7, x]
                lanes[k] = upper + lower
            for k in range(3):
                outer = lanes[k] * weights[0, x] + lanes[12 + k] * weights[3, x]
                row[k, x] = lanes[4 + k] * weights[1, x] + lanes[8 + k] * weights[2, x] + outer
        made, given = out[y], frame[y]
        for x in range(w):
            total = np.int32(0)
            for k in range(3):
                value = np.int32(min(max(row[k, x] + half, zero), most))
                made[3 * x + k] = np.uint8(value)
                total += abs(np.int32(given[3 * x + k]) - value)
            apart[y, x] = np.float32(total) * np.float32(1 / 3)
