"""Kernels of match fields: taking over neighbours' flow where it fits better, and the vote of a window.

They trust their input; `propagate.register` and `propagate.fetch` check and allocate. Each works on rows
`first` to `last` and writes only there, so results do not depend on the number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from propagate.arrays import F32, I32, Bool
    from propagate.arrays import Image as Pixels

__all__ = ["find_torn", "likeness", "take_over", "try_neighbours", "vote", "window_cost"]

_TRUNCATION = 100


@njit(cache=True, nogil=True, error_model="numpy")
def likeness(frame: Pixels, y: int, x: int, table: F32, weights: F32) -> np.float32:
    """Fill `weights` with how like the centre each colour of a 5 x 5 window is, and return their sum.

    `table` holds the weight by the difference summed over channels, 0 to 765.
    """
    h, w = frame.shape[0], frame.shape[1]
    r, g, b = np.int32(frame[y, x, 0]), np.int32(frame[y, x, 1]), np.int32(frame[y, x, 2])
    total = np.float32(0)
    n = 0
    for dy in range(-2, 3):
        yy = min(max(y + dy, 0), h - 1)
        for dx in range(-2, 3):
            xx = min(max(x + dx, 0), w - 1)
            d = abs(np.int32(frame[yy, xx, 0]) - r) + abs(np.int32(frame[yy, xx, 1]) - g)
            weights[n] = table[d + abs(np.int32(frame[yy, xx, 2]) - b)]
            total += weights[n]
            n += 1
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def window_cost(
    frame: Pixels, key: Pixels, y: int, x: int, u: int, v: int, weights: F32, stop: np.float32
) -> np.float32:
    """Sum over a 5 x 5 window of truncated colour differences of frame and key at the whole offset (u, v)."""
    h, w = frame.shape[0], frame.shape[1]
    truncation = np.int32(_TRUNCATION)
    total = np.float32(0)
    n = 0
    if min(y, x, y + v, x + u) >= 2 and max(y, y + v) < h - 2 and max(x, x + u) < w - 2:
        for j in range(5):
            dy = (j + 1) // 2 * (1 - j % 2 * 2)  # the middle row first: it weighs most and ends most trials
            yy = y + dy
            n = 5 * (dy + 2)
            for xx in range(x - 2, x + 3):
                d = abs(np.int32(key[yy + v, xx + u, 0]) - np.int32(frame[yy, xx, 0]))
                d += abs(np.int32(key[yy + v, xx + u, 1]) - np.int32(frame[yy, xx, 1]))
                d += abs(np.int32(key[yy + v, xx + u, 2]) - np.int32(frame[yy, xx, 2]))
                total += weights[n] * np.float32(min(d, truncation))
                n += 1
            if total > stop:
                break
        return total
    for dy in range(-2, 3):
        yy = min(max(y + dy, 0), h - 1)
        ky = yy + v
        for dx in range(-2, 3):
            weight = weights[n]
            n += 1
            xx = min(max(x + dx, 0), w - 1)
            kx = xx + u
            if kx < 0 or ky < 0 or kx > w - 1 or ky > h - 1:
                total += weight * np.float32(truncation)
                continue
            d = abs(np.int32(key[ky, kx, 0]) - np.int32(frame[yy, xx, 0]))
            d += abs(np.int32(key[ky, kx, 1]) - np.int32(frame[yy, xx, 1]))
            d += abs(np.int32(key[ky, kx, 2]) - np.int32(frame[yy, xx, 2]))
            total += weight * np.float32(min(d, truncation))
        if total > stop:
            break
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def try_neighbours(
    first: int,
    last: int,
    frame: Pixels,
    key: Pixels,
    flow: F32,
    where: Bool,
    steps: I32,
    bias: float,
    table: F32,
    out: F32,
) -> None:
    """At the pixels of `where`, take over the flow of a pixel some `steps` away if the colours agree better.

    Propagation of PatchMatch (Barnes et al. 2009) over longer distances and over a sub-pixel field; the
    window is weighted by colour likeness to its centre (Yoon and Kweon 2006) so that it does not reach across
    an object's border. A candidate has to be better by `bias` (colour levels summed over channels).
    """
    h, w = flow.shape[0], flow.shape[1]
    weights = np.empty(25, np.float32)
    # whole offsets that were tried: neighbours mostly say the same, and the same costs the same
    tried = np.empty((8 * steps.shape[0] + 1, 2), np.int64)
    for y in range(first, last):
        for x in range(w):
            best_u, best_v = flow[y, x, 0], flow[y, x, 1]
            if where[y, x]:
                count = 0
                best = np.float32(0)
                for j in range(steps.shape[0]):
                    for sy in range(-1, 2):
                        yy = y + sy * steps[j]
                        if yy < 0 or yy >= h:
                            continue
                        for sx in range(-1, 2):
                            xx = x + sx * steps[j]
                            if (sy == 0 and sx == 0) or xx < 0 or xx >= w:
                                continue
                            u, v = flow[yy, xx, 0], flow[yy, xx, 1]
                            if abs(u - best_u) + abs(v - best_v) < np.float32(1):
                                continue
                            if count == 0:  # the first that differs: only now is the window's weight needed
                                total = likeness(frame, y, x, table, weights)
                                tried[0, 0], tried[0, 1] = round(best_u), round(best_v)
                                own = window_cost(
                                    frame, key, y, x, tried[0, 0], tried[0, 1], weights, np.float32(1e9)
                                )
                                best = max(own - np.float32(bias) * total, np.float32(0))
                                count = 1
                            whole_u, whole_v = round(u), round(v)
                            known = False
                            for i in range(count):
                                known |= tried[i, 0] == whole_u and tried[i, 1] == whole_v
                            if known:
                                continue
                            tried[count, 0], tried[count, 1] = whole_u, whole_v
                            count += 1
                            cost = window_cost(frame, key, y, x, whole_u, whole_v, weights, best)
                            if cost < best:
                                best, best_u, best_v = cost, u, v
            out[y, x, 0] = best_u
            out[y, x, 1] = best_v


@njit(cache=True, nogil=True, error_model="numpy")
def find_torn(first: int, last: int, flow: F32, even: F32, most: float, out: Any) -> None:
    """Say where a component of `flow` is further than `most` pixels from `even`, (2, H, W): 1 or 0."""
    limit = np.float32(most)
    for y in range(first, last):
        for x in range(flow.shape[1]):
            d = max(abs(flow[y, x, 0] - even[0, y, x]), abs(flow[y, x, 1] - even[1, y, x]))
            out[y, x] = d > limit


@njit(cache=True, nogil=True, error_model="numpy")
def take_over(first: int, last: int, where: Any, found: F32, flow: F32) -> None:
    """At the pixels of `where`, put `found`, (2, H, W), into `flow`."""
    for y in range(first, last):
        for x in range(flow.shape[1]):
            if where[y, x]:
                flow[y, x, 0] = found[0, y, x]
                flow[y, x, 1] = found[1, y, x]


@njit(cache=True, nogil=True, error_model="numpy")
def vote(first: int, last: int, picture: F32, flow: F32, trust: F32, where: Any, out: F32) -> None:
    """At the pixels of `where`, average what the flows of a 5 x 5 window fetch from `picture`.

    The vote of patch synthesis (Wexler et al. 2007) over a sub-pixel field: each neighbour says what stands
    here if its own flow held here too, weighted by `trust` in that flow.
    """
    h, w = flow.shape[0], flow.shape[1]
    high, wide, n = picture.shape
    for y in range(first, last):
        for x in range(w):
            if not where[y, x]:
                continue
            total = np.float32(0)
            for i in range(n):
                out[y, x, i] = 0
            for yy in range(max(y - 2, 0), min(y + 3, h)):
                for xx in range(max(x - 2, 0), min(x + 3, w)):
                    fx = min(max(np.float32(x) + flow[yy, xx, 0], np.float32(0)), np.float32(wide - 1))
                    fy = min(max(np.float32(y) + flow[yy, xx, 1], np.float32(0)), np.float32(high - 1))
                    ix, iy = min(int(fx), max(wide - 2, 0)), min(int(fy), max(high - 2, 0))
                    jx, jy = min(ix + 1, wide - 1), min(iy + 1, high - 1)
                    ax, ay = fx - np.float32(ix), fy - np.float32(iy)
                    weight = trust[yy, xx]
                    total += weight
                    for i in range(n):
                        top = picture[iy, ix, i] + ax * (picture[iy, jx, i] - picture[iy, ix, i])
                        low = picture[jy, ix, i] + ax * (picture[jy, jx, i] - picture[jy, ix, i])
                        out[y, x, i] += weight * (top + ay * (low - top))
            for i in range(n):
                out[y, x, i] /= max(total, np.float32(1e-12))
