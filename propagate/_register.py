"""Kernels of registration: windowed least squares along a flow field, and trying neighbours' flow.

They trust their input; `propagate.register` checks and allocates. Each works on rows (or columns)
`first` to `last` and writes only there, so results do not depend on the number of threads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from propagate.arrays import F32, Bool
    from propagate.arrays import Image as Pixels

__all__ = [
    "filter_columns",
    "filter_rows",
    "motion_edges",
    "normal_equations",
    "solve",
    "try_neighbours",
    "vote",
]


@njit(cache=True, nogil=True)
def normal_equations(
    first: int, last: int, frame: Pixels, warped: Pixels, shift: F32, robust: float, out: F32
) -> None:
    """Per pixel: the six sums of the linearised brightness constancy (Lucas and Kanade 1981), over channels.

    out[..., 0:3] is the structure tensor (xx, xy, yy), out[..., 3:5] its right-hand side, out[..., 5] the
    robust weight (Geman-McClure on the largest channel difference, scale `robust`).
    """
    h, w, channels = frame.shape
    for y in range(first, last):
        up, down = max(y - 1, 0), min(y + 1, h - 1)
        for x in range(w):
            left, right = max(x - 1, 0), min(x + 1, w - 1)
            a = np.float32(0)
            b = np.float32(0)
            c = np.float32(0)
            p = np.float32(0)
            q = np.float32(0)
            worst = np.float32(0)
            for i in range(channels):
                # the mean of both images' Sobel gradients: symmetric, hence second order exact
                gx = np.float32(0)
                gy = np.float32(0)
                for image in (frame, warped):
                    nw, n, ne = (
                        np.float32(image[up, left, i]),
                        np.float32(image[up, x, i]),
                        np.float32(image[up, right, i]),
                    )
                    ww, ee = np.float32(image[y, left, i]), np.float32(image[y, right, i])
                    sw, s, se = (
                        np.float32(image[down, left, i]),
                        np.float32(image[down, x, i]),
                        np.float32(image[down, right, i]),
                    )
                    gx += ne - nw + np.float32(2) * (ee - ww) + se - sw
                    gy += sw - nw + np.float32(2) * (s - n) + se - ne
                gx *= np.float32(1 / 16)
                gy *= np.float32(1 / 16)
                d = np.float32(warped[y, x, i]) + shift[y, x, i] - np.float32(frame[y, x, i])
                a += gx * gx
                b += gx * gy
                c += gy * gy
                p += gx * d
                q += gy * d
                worst = max(worst, abs(d))
            ratio = worst / np.float32(robust)
            weight = np.float32(1) / (np.float32(1) + ratio * ratio)
            out[y, x, 0] = a * weight
            out[y, x, 1] = b * weight
            out[y, x, 2] = c * weight
            out[y, x, 3] = p * weight
            out[y, x, 4] = q * weight
            out[y, x, 5] = weight


@njit(cache=True, nogil=True)
def motion_edges(first: int, last: int, flow: F32, reach: float, step: float, across: F32, down: F32) -> None:
    """Feedback of a recursive filter between neighbours: high where the flow is smooth, 0 across its edges.

    Domain transform (Gastal and Oliveira 2011, eq. 21) of the flow field: `reach` is the filter's standard
    deviation in pixels, `step` the flow difference in pixels that counts as much as `reach` pixels of
    distance.
    """
    w = flow.shape[1]
    base = -np.sqrt(2.0) / reach
    for y in range(first, last):
        for x in range(w):
            if x > 0:
                d = abs(flow[y, x, 0] - flow[y, x - 1, 0]) + abs(flow[y, x, 1] - flow[y, x - 1, 1])
                across[y, x] = np.exp(base * (1 + d * reach / step))
            else:
                across[y, x] = 0
            if y > 0:
                d = abs(flow[y, x, 0] - flow[y - 1, x, 0]) + abs(flow[y, x, 1] - flow[y - 1, x, 1])
                down[y, x] = np.exp(base * (1 + d * reach / step))
            else:
                down[y, x] = 0


@njit(cache=True, nogil=True)
def filter_rows(first: int, last: int, data: F32, across: F32) -> None:
    """Run the recursive filter of `motion_edges` along rows, there and back, in place."""
    w, n = data.shape[1], data.shape[2]
    for y in range(first, last):
        for x in range(1, w):
            a = across[y, x]
            for i in range(n):
                data[y, x, i] += a * (data[y, x - 1, i] - data[y, x, i])
        for x in range(w - 2, -1, -1):
            a = across[y, x + 1]
            for i in range(n):
                data[y, x, i] += a * (data[y, x + 1, i] - data[y, x, i])


@njit(cache=True, nogil=True)
def filter_columns(first: int, last: int, data: F32, down: F32) -> None:
    """Run the recursive filter of `motion_edges` along columns, there and back, in place."""
    h, n = data.shape[0], data.shape[2]
    for y in range(1, h):
        for x in range(first, last):
            a = down[y, x]
            for i in range(n):
                data[y, x, i] += a * (data[y - 1, x, i] - data[y, x, i])
    for y in range(h - 2, -1, -1):
        for x in range(first, last):
            a = down[y + 1, x]
            for i in range(n):
                data[y, x, i] += a * (data[y + 1, x, i] - data[y, x, i])


@njit(cache=True, nogil=True)
def solve(first: int, last: int, sums: F32, damping: float, limit: float, flow: F32) -> None:
    """Add the least-squares step to `flow`, at most `limit` pixels on each axis."""
    w = flow.shape[1]
    for y in range(first, last):
        for x in range(w):
            a = sums[y, x, 0] + np.float32(damping)
            b = sums[y, x, 1]
            c = sums[y, x, 2] + np.float32(damping)
            p, q = sums[y, x, 3], sums[y, x, 4]
            det = a * c - b * b
            flow[y, x, 0] += min(max(-(c * p - b * q) / det, np.float32(-limit)), np.float32(limit))
            flow[y, x, 1] += min(max(-(a * q - b * p) / det, np.float32(-limit)), np.float32(limit))


@njit(cache=True, nogil=True)
def likeness(frame: Pixels, y: int, x: int, weights: F32) -> np.float32:
    """Fill `weights` with how like the centre each colour of a 5 x 5 window is, and return their sum."""
    h, w = frame.shape[0], frame.shape[1]
    total = np.float32(0)
    n = 0
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            yy, xx = min(max(y + dy, 0), h - 1), min(max(x + dx, 0), w - 1)
            d = np.float32(0)
            for i in range(3):
                d += abs(np.float32(frame[yy, xx, i]) - np.float32(frame[y, x, i]))
            weights[n] = np.exp(-d / np.float32(60))
            total += weights[n]
            n += 1
    return total


@njit(cache=True, nogil=True)
def window_cost(
    frame: Pixels, key: Pixels, y: int, x: int, u: int, v: int, weights: F32, stop: np.float32
) -> np.float32:
    """Sum over a 5 x 5 window of truncated colour differences of frame and key at the whole offset (u, v)."""
    h, w = frame.shape[0], frame.shape[1]
    truncation = np.float32(100)
    total = np.float32(0)
    n = 0
    for dy in range(-2, 3):
        yy = min(max(y + dy, 0), h - 1)
        ky = yy + v
        for dx in range(-2, 3):
            weight = weights[n]
            n += 1
            xx = min(max(x + dx, 0), w - 1)
            kx = xx + u
            if kx < 0 or ky < 0 or kx > w - 1 or ky > h - 1:
                total += weight * truncation
                continue
            d = abs(np.int32(key[ky, kx, 0]) - np.int32(frame[yy, xx, 0]))
            d += abs(np.int32(key[ky, kx, 1]) - np.int32(frame[yy, xx, 1]))
            d += abs(np.int32(key[ky, kx, 2]) - np.int32(frame[yy, xx, 2]))
            total += weight * min(np.float32(d), truncation)
        if total > stop:
            break
    return total


@njit(cache=True, nogil=True)
def try_neighbours(
    first: int,
    last: int,
    frame: Pixels,
    key: Pixels,
    flow: F32,
    where: Bool,
    steps: F32,
    bias: float,
    out: F32,
) -> None:
    """At the pixels of `where`, take over the flow of a pixel some `steps` away if the colours agree better.

    Propagation of PatchMatch (Barnes et al. 2009) over longer distances and over a sub-pixel field; the
    window is weighted by colour likeness to its centre (Yoon and Kweon 2006) so that it does not reach across
    an object's border. A candidate has to be better by `bias` (colour levels summed over channels).
    """
    h, w = flow.shape[0], flow.shape[1]
    for y in range(first, last):
        weights = np.empty(25, np.float32)
        for x in range(w):
            best_u, best_v = flow[y, x, 0], flow[y, x, 1]
            if where[y, x]:
                best = np.float32(-1)
                for j in range(steps.shape[0]):
                    reach = int(steps[j])
                    for sy in range(-1, 2):
                        for sx in range(-1, 2):
                            yy, xx = y + sy * reach, x + sx * reach
                            if (sy == 0 and sx == 0) or yy < 0 or yy >= h or xx < 0 or xx >= w:
                                continue
                            u, v = flow[yy, xx, 0], flow[yy, xx, 1]
                            if abs(u - best_u) + abs(v - best_v) < np.float32(1):
                                continue
                            if best < 0:  # the first that differs: only now is the window's weight needed
                                total = likeness(frame, y, x, weights)
                                own = window_cost(
                                    frame, key, y, x, round(best_u), round(best_v), weights, np.float32(1e9)
                                )
                                best = max(own - np.float32(bias) * total, np.float32(0))
                            cost = window_cost(frame, key, y, x, round(u), round(v), weights, best)
                            if cost < best:
                                best, best_u, best_v = cost, u, v
            out[y, x, 0] = best_u
            out[y, x, 1] = best_v


@njit(cache=True, nogil=True)
def vote(first: int, last: int, picture: F32, flow: F32, left: F32, where: Bool, out: F32) -> None:
    """At the pixels of `where`, average what the flows of a 5 x 5 window fetch from `picture`.

    The vote of patch synthesis (Wexler et al. 2007) over a sub-pixel field: each neighbour says what stands
    here if its own flow held here too, weighted by how well that flow fits (`left`, 8-bit steps).
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
                    weight = np.exp(-left[yy, xx] * np.float32(0.25))
                    total += weight
                    for i in range(n):
                        top = picture[iy, ix, i] + ax * (picture[iy, jx, i] - picture[iy, ix, i])
                        low = picture[jy, ix, i] + ax * (picture[jy, jx, i] - picture[jy, ix, i])
                        out[y, x, i] += weight * (top + ay * (low - top))
            for i in range(n):
                out[y, x, i] /= max(total, np.float32(1e-12))
