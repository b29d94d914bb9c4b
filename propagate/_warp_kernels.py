"""Kernel of warping: a picture fetched along a flow by cubic interpolation, and how it differs from another.

It trusts its input; `propagate.registration` checks and allocates. OpenCV's `remap` gives the same to
a rounding step, and takes half as long again for the fetching alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

from propagate._simd import fold8, full8, halves8, load8, madd8, real8, store8

if TYPE_CHECKING:
    from propagate.arrays import F32
    from propagate.arrays import Image as Pixels

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
    weights, places = np.empty((8, w), np.float32), np.empty(w, np.int64)
    line, row, pixels = key.shape[1], np.empty(4 * w + 4, np.float32), key.reshape(-1)
    for y in range(first, last):
        way = flow[y]
        for x in range(w):
            # from the border on everything is the same
            px = min(max(np.float32(x + 1) + way[2 * x], zero), np.float32(w + 1))
            py = min(max(np.float32(y + 1) + way[2 * x + 1], zero), np.float32(h + 1))
            places[x] = np.int64(np.int32(py)) * line + 4 * np.int32(px)
            t = px - np.float32(np.int32(px))
            s = one - t
            weights[0, x], weights[1, x] = a * t * s * s, (b * t - c) * t * t + one
            weights[2, x], weights[3, x] = (b * s - c) * s * s + one, a * s * t * t
            t = py - np.float32(np.int32(py))
            s = one - t
            weights[4, x], weights[5, x] = a * t * s * s, (b * t - c) * t * t + one
            weights[6, x], weights[7, x] = (b * s - c) * s * s + one, a * s * t * t
        for x in range(w):
            # two pixels of four channels are eight numbers
            top, upper = full8(weights[4, x]), full8(weights[5, x])
            lower, low = full8(weights[6, x]), full8(weights[7, x])
            place = places[x]
            left = real8(load8(pixels, place)) * top
            right = real8(load8(pixels, place + 8)) * top
            place += line
            left = madd8(real8(load8(pixels, place)), upper, left)
            right = madd8(real8(load8(pixels, place + 8)), upper, right)
            place += line
            left = madd8(real8(load8(pixels, place)), lower, left)
            right = madd8(real8(load8(pixels, place + 8)), lower, right)
            place += line
            left = madd8(real8(load8(pixels, place)), low, left)
            right = madd8(real8(load8(pixels, place + 8)), low, right)
            left = left * halves8(weights[0, x], weights[1, x])
            store8(row, 4 * x, fold8(madd8(right, halves8(weights[2, x], weights[3, x]), left)))
        made, given = out[y], frame[y]
        for x in range(w):
            total = np.int32(0)
            for k in range(3):
                value = np.int32(min(max(row[4 * x + k] + half, zero), most))
                made[3 * x + k] = np.uint8(value)
                total += abs(np.int32(given[3 * x + k]) - value)
            apart[y, x] = np.float32(total) * np.float32(1 / 3)
