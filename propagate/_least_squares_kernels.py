"""Kernels of registration: windowed least squares along a flow field.

They trust their input; `propagate.registration` checks and allocates. Each works on rows (or columns)
`first` to `last` and writes only there, so results do not depend on the number of threads.

Pictures and flows come as rows, (H, 3 W) and (H, 2 W): a step along a row is then a constant and loops become
vector instructions, which made them up to five times as fast. Least squares are summed over blocks of 2 x 2
pixels, (H / 2, W / 2): a quarter of the memory passes through the filters, whose windows are far wider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from propagate.arrays import F32
    from propagate.arrays import Image as Pixels

LANES = 8
"""Width of the filtered sums: six are used, eight fill a vector."""


@njit(cache=True, nogil=True, error_model="numpy")
def mean_difference(first: int, last: int, a: Pixels, b: Pixels, out: F32) -> None:
    """Mean over the channels of the difference of two pictures, (H, 3 W)."""
    for y in range(first, last):
        p, q = a[y], b[y]
        for x in range(out.shape[1]):
            total = abs(np.int32(p[3 * x]) - np.int32(q[3 * x]))
            total += abs(np.int32(p[3 * x + 1]) - np.int32(q[3 * x + 1]))
            total += abs(np.int32(p[3 * x + 2]) - np.int32(q[3 * x + 2]))
            out[y, x] = np.float32(total) * np.float32(1 / 3)


@njit(cache=True, nogil=True, error_model="numpy")
def _sum_up(both: Any, y: int, frame: Pixels, warped: Pixels) -> None:
    """Fill slot `y` % 4 of `both`, int32 (4, 3, W + 2), with the sum of two pictures' row `y`."""
    h, w = frame.shape[0], both.shape[2] - 2
    slot = both[y % 4]
    a, b = frame[min(max(y, 0), h - 1)], warped[min(max(y, 0), h - 1)]
    for x in range(w):
        for i in range(3):
            slot[i, x + 1] = np.int32(a[3 * x + i]) + np.int32(b[3 * x + i])
    for i in range(3):
        slot[i, 0] = slot[i, 1]
        slot[i, w + 1] = slot[i, w]


@njit(cache=True, nogil=True, error_model="numpy")
def _differences(y: int, frame: Pixels, warped: Pixels, shift: F32, out: F32) -> None:
    """Fill `out`, (3, W), with what row `y` of `warped` with `shift`, (3, h, W), has more."""
    high = shift.shape[1]
    place = (np.float32(y) + np.float32(0.5)) * np.float32(high / frame.shape[0]) - np.float32(0.5)
    place = max(place, np.float32(0))
    top = min(int(place), high - 1)
    low = min(top + 1, high - 1)
    part = np.float32(place - top)
    p, q = frame[y], warped[y]
    for x in range(out.shape[1]):
        for i in range(3):
            light = shift[i, top, x] + part * (shift[i, low, x] - shift[i, top, x])
            out[i, x] = np.float32(np.int32(q[3 * x + i]) - np.int32(p[3 * x + i])) + light


@njit(cache=True, nogil=True, error_model="numpy")
def _pool(sums: F32, count: int, out: F32) -> None:
    """Put the mean of pairs of `count` rows of `sums`, (count, 2 w), into `out`, (w * LANES)."""
    half = np.float32(0.25)
    for x in range(out.shape[0] // LANES):
        for i in range(count):
            out[LANES * x + i] = (sums[i, 2 * x] + sums[i, 2 * x + 1]) * half


@njit(cache=True, nogil=True, error_model="numpy")
def normal_equations(first: int, last: int, frame: Pixels, warped: Pixels, shift: F32, robust: float, out: F32) -> None:
    """Per block: the six sums of the linearised brightness constancy (Lucas and Kanade 1981), over channels.

    The gradients are Sobel's of the sum of both pictures: symmetric, hence exact to the second order. In
    `out`, (H / 2, W / 2 * LANES), 0 to 2 of each block are the structure tensor (xx, xy, yy), 3 and 4 its
    right-hand side, 5 the robust weight (Geman-McClure on the largest channel difference, scale `robust`).
    """
    h, w = frame.shape[0], frame.shape[1] // 3
    inverse = np.float32(1) / np.float32(robust)
    once, twice = np.float32(1 / 16), np.float32(1 / 256)
    both, d = np.empty((4, 3, w + 2), np.int32), np.empty((3, w), np.float32)
    g, s = np.empty((3, w), np.float32), np.empty((3, w), np.float32)
    sums = np.zeros((6, w + w % 2), np.float32)
    for y in range(2 * first - 1, 2 * first + 1):
        _sum_up(both, y, frame, warped)
    for block in range(first, last):
        sums[:] = 0
        _sum_up(both, 2 * block + 1, frame, warped)
        _sum_up(both, 2 * block + 2, frame, warped)
        for y in range(2 * block, min(2 * block + 2, h)):
            _differences(y, frame, warped, shift, d)
            for i in range(3):
                above, here, below = both[(y - 1) % 4, i], both[y % 4, i], both[(y + 1) % 4, i]
                for x in range(w):
                    right = above[x + 2] + 2 * here[x + 2] + below[x + 2]
                    g[i, x] = np.float32(right - above[x] - 2 * here[x] - below[x])
                    down = below[x] - above[x] + 2 * (below[x + 1] - above[x + 1])
                    s[i, x] = np.float32(down + below[x + 2] - above[x + 2])
            for x in range(w):
                g0, g1, g2 = g[0, x], g[1, x], g[2, x]
                s0, s1, s2 = s[0, x], s[1, x], s[2, x]
                d0, d1, d2 = d[0, x], d[1, x], d[2, x]
                ratio = max(abs(d0), abs(d1), abs(d2)) * inverse
                weight = np.float32(1) / (np.float32(1) + ratio * ratio)
                sums[0, x] += (g0 * g0 + g1 * g1 + g2 * g2) * weight * twice
                sums[1, x] += (g0 * s0 + g1 * s1 + g2 * s2) * weight * twice
                sums[2, x] += (s0 * s0 + s1 * s1 + s2 * s2) * weight * twice
                sums[3, x] += (g0 * d0 + g1 * d1 + g2 * d2) * weight * once
                sums[4, x] += (s0 * d0 + s1 * d1 + s2 * d2) * weight * once
                sums[5, x] += weight
        _pool(sums, 6, out[block])


@njit(cache=True, nogil=True, error_model="numpy")
def weigh_flow(
    first: int, last: int, frame: Pixels, warped: Pixels, shift: F32, robust: float, flow: F32, out: F32
) -> None:
    """Per block: the flow times the robust weight of `normal_equations`, and the weight itself."""
    h, w = frame.shape[0], frame.shape[1] // 3
    inverse = np.float32(1) / np.float32(robust)
    d, sums = np.empty((3, w), np.float32), np.zeros((3, w + w % 2), np.float32)
    for block in range(first, last):
        sums[:] = 0
        for y in range(2 * block, min(2 * block + 2, h)):
            _differences(y, frame, warped, shift, d)
            row = flow[y]
            for x in range(w):
                ratio = max(abs(d[0, x]), abs(d[1, x]), abs(d[2, x])) * inverse
                weight = np.float32(1) / (np.float32(1) + ratio * ratio) + np.float32(1e-3)
                sums[0, x] += row[2 * x] * weight
                sums[1, x] += row[2 * x + 1] * weight
                sums[2, x] += weight
        _pool(sums, 3, out[block])


@njit(cache=True, nogil=True, error_model="numpy")
def divide(first: int, last: int, data: F32, flow: F32) -> None:
    """Turn what `weigh_flow` made back into a flow, (2, H / 2, W / 2)."""
    for y in range(first, last):
        row = data[y]
        for x in range(flow.shape[2]):
            inverse = np.float32(1) / row[LANES * x + 2]
            flow[0, y, x] = row[LANES * x] * inverse
            flow[1, y, x] = row[LANES * x + 1] * inverse


@njit(cache=True, nogil=True, error_model="numpy")
def motion_edges(first: int, last: int, flow: F32, table: F32, fine: float, across: F32, down: F32) -> None:
    """Feedback of a recursive filter between neighbors: high where the flow is smooth, 0 across its edges.

    `flow` is planar, (2, H, W); `table` holds the feedback by the difference of two neighbors' flows,
    summed over its components, in steps of 1 / `fine` pixel.
    """
    w, most = flow.shape[2], table.shape[0] - 1
    unit, half = np.float32(fine), np.float32(0.5)
    for y in range(first, last):
        across[y, 0] = 0
        for x in range(1, w):
            d = abs(flow[0, y, x] - flow[0, y, x - 1]) + abs(flow[1, y, x] - flow[1, y, x - 1])
            across[y, x] = table[int(min(d * unit + half, np.float32(most)))]
        for x in range(w):
            if y == 0:
                down[y, x] = 0
                continue
            d = abs(flow[0, y, x] - flow[0, y - 1, x]) + abs(flow[1, y, x] - flow[1, y - 1, x])
            down[y, x] = table[int(min(d * unit + half, np.float32(most)))]


@njit(cache=True, nogil=True, error_model="numpy")
def filter_rows(first: int, last: int, data: F32, across: F32) -> None:
    """Run the recursive filter of `motion_edges` along rows, there and back, in place.

    Four rows at once: a value waits for the one beside it, and the others fill the time.
    """
    w = across.shape[1]
    for y in range(first, last, 4):
        rows = min(4, last - y)
        for x in range(1, w):
            for r in range(rows):
                a = across[y + r, x]
                for i in range(LANES * x, LANES * x + LANES):
                    data[y + r, i] += a * (data[y + r, i - LANES] - data[y + r, i])
        for x in range(w - 2, -1, -1):
            for r in range(rows):
                a = across[y + r, x + 1]
                for i in range(LANES * x, LANES * x + LANES):
                    data[y + r, i] += a * (data[y + r, i + LANES] - data[y + r, i])


@njit(cache=True, nogil=True, error_model="numpy")
def filter_columns(first: int, last: int, data: F32, down: F32) -> None:
    """Run the recursive filter of `motion_edges` along columns, there and back, in place."""
    h = down.shape[0]
    for left in range(first, last, 16):  # a strip that stays in the cache on the way back
        right = min(left + 16, last)
        for y in range(1, h):
            for x in range(left, right):
                a = down[y, x]
                for i in range(LANES * x, LANES * x + LANES):
                    data[y, i] += a * (data[y - 1, i] - data[y, i])
        for y in range(h - 2, -1, -1):
            for x in range(left, right):
                a = down[y + 1, x]
                for i in range(LANES * x, LANES * x + LANES):
                    data[y, i] += a * (data[y + 1, i] - data[y, i])


@njit(cache=True, nogil=True, error_model="numpy")
def solve(first: int, last: int, sums: F32, damping: float, limit: float, step: F32) -> None:
    """Put the least-squares step of each block into `step`, (2, H, W), at most `limit` pixels an axis."""
    top, low, more = np.float32(limit), np.float32(-limit), np.float32(damping)
    for y in range(first, last):
        row = sums[y]
        for x in range(step.shape[2]):
            a = row[LANES * x] + more
            b = row[LANES * x + 1]
            c = row[LANES * x + 2] + more
            p, q = row[LANES * x + 3], row[LANES * x + 4]
            inverse = np.float32(-1) / (a * c - b * b)
            step[0, y, x] = min(max((c * p - b * q) * inverse, low), top)
            step[1, y, x] = min(max((a * q - b * p) * inverse, low), top)


@njit(cache=True, nogil=True, error_model="numpy")
def spread(first: int, last: int, blocks: F32, keep: float, flow: F32, out: F32) -> None:
    """Put `keep` times `flow` plus what `blocks`, (2, H / 2, W / 2), say at each pixel into `out`.

    Between blocks that differ by less than a pixel it goes over evenly; else each pixel has its block's.
    """
    w, high, wide = out.shape[1] // 2, blocks.shape[1], blocks.shape[2]
    kept, near = np.float32(keep), np.float32(1)
    value = np.empty((2, 2, wide), np.float32)
    for y in range(first, last):
        own, beside = y // 2, min(max(y // 2 + y % 2 * 2 - 1, 0), high - 1)
        for i in range(2):
            here, there = blocks[i, own], blocks[i, beside]
            for x in range(wide):
                left, right = here[max(x - 1, 0)] - here[x], here[min(x + 1, wide - 1)] - here[x]
                down = there[x] - here[x]
                base = here[x] + (np.float32(0.25) * down if abs(down) < near else np.float32(0))
                value[i, 0, x] = base + (np.float32(0.25) * left if abs(left) < near else np.float32(0))
                value[i, 1, x] = base + (np.float32(0.25) * right if abs(right) < near else np.float32(0))
        for x in range(w):
            for i in range(2):
                out[y, 2 * x + i] = flow[y, 2 * x + i] * kept + value[i, x % 2, x // 2]


@njit(cache=True, nogil=True, error_model="numpy")
def keep_better(
    first: int, last: int, found: F32, shown: Pixels, remains: F32, flow: F32, warped: Pixels, left: F32
) -> None:
    """Where `remains` is less than `left`, take over `found`, what it `shown` and what it leaves."""
    for y in range(first, last):
        for x in range(left.shape[1]):
            better = remains[y, x] < left[y, x]
            for i in range(2):
                flow[y, 2 * x + i] = found[y, 2 * x + i] if better else flow[y, 2 * x + i]
            for i in range(3):
                warped[y, 3 * x + i] = shown[y, 3 * x + i] if better else warped[y, 3 * x + i]
            left[y, x] = min(remains[y, x], left[y, x])
