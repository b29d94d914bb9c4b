"""Kernels of registration: windowed least squares along a flow field.

They trust their input; `propagate.register` checks and allocates. Each works on rows (or columns)
`first` to `last` and writes only there, so results do not depend on the number of threads.

What is computed for every pixel alone is planar, (C, H, W): such loops become vector instructions, which made
them five times as fast. What a filter carries along a row lies together, (H, W, 8), for the same reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from propagate.arrays import F32
    from propagate.arrays import Image as Pixels

__all__ = [
    "LANES",
    "compare",
    "divide",
    "filter_columns",
    "filter_rows",
    "keep_better",
    "mean_difference",
    "motion_edges",
    "normal_equations",
    "solve",
    "weigh_flow",
]

LANES = 8
"""Width of the filtered sums: six are used, eight fill a vector."""


@njit(cache=True, nogil=True, error_model="numpy")
def mean_difference(first: int, last: int, a: Pixels, b: Pixels, out: F32) -> None:
    """Mean over the channels of the difference of two pictures."""
    for y in range(first, last):
        for x in range(a.shape[1]):
            total = np.int32(0)
            for i in range(3):
                total += abs(np.int32(a[y, x, i]) - np.int32(b[y, x, i]))
            out[y, x] = np.float32(total) * np.float32(1 / 3)


@njit(cache=True, nogil=True, error_model="numpy")
def compare(first: int, last: int, frame: Pixels, warped: Pixels, shift: F32, both: Any, d: F32) -> None:
    """Sum of two pictures, int16 (3, H, W), and what `warped` with `shift` has more, float32 (3, H, W)."""
    for y in range(first, last):
        for i in range(3):
            for x in range(frame.shape[1]):
                here, there = np.int16(frame[y, x, i]), np.int16(warped[y, x, i])
                both[i, y, x] = np.int16(here + there)
                d[i, y, x] = np.float32(np.int16(there - here)) + shift[y, x, i]


@njit(cache=True, nogil=True, error_model="numpy")
def normal_equations(first: int, last: int, across: Any, down: Any, d: F32, robust: float, out: F32) -> None:
    """Per pixel: the six sums of the linearised brightness constancy (Lucas and Kanade 1981), over channels.

    `across` and `down` are int16 (3, H, W), Sobel gradients of the sum of both pictures: symmetric, hence
    exact to the second order.  `d` is float32 (3, H, W), their difference.  out[..., 0:3] is the structure
    tensor (xx, xy, yy), out[..., 3:5] its right-hand side, out[..., 5] the robust weight (Geman-McClure on
    the largest channel difference, scale `robust`).
    """
    w = across.shape[2]
    inverse = np.float32(1) / np.float32(robust)
    once, twice = np.float32(1 / 16), np.float32(1 / 256)
    row = np.empty((6, w), np.float32)
    for y in range(first, last):
        for x in range(w):
            g0, g1, g2 = np.float32(across[0, y, x]), np.float32(across[1, y, x]), np.float32(across[2, y, x])
            h0, h1, h2 = np.float32(down[0, y, x]), np.float32(down[1, y, x]), np.float32(down[2, y, x])
            d0, d1, d2 = d[0, y, x], d[1, y, x], d[2, y, x]
            ratio = max(abs(d0), abs(d1), abs(d2)) * inverse
            weight = np.float32(1) / (np.float32(1) + ratio * ratio)
            row[0, x] = (g0 * g0 + g1 * g1 + g2 * g2) * weight * twice
            row[1, x] = (g0 * h0 + g1 * h1 + g2 * h2) * weight * twice
            row[2, x] = (h0 * h0 + h1 * h1 + h2 * h2) * weight * twice
            row[3, x] = (g0 * d0 + g1 * d1 + g2 * d2) * weight * once
            row[4, x] = (h0 * d0 + h1 * d1 + h2 * d2) * weight * once
            row[5, x] = weight
        for x in range(w):
            for i in range(6):
                out[y, x, i] = row[i, x]


@njit(cache=True, nogil=True, error_model="numpy")
def weigh_flow(first: int, last: int, d: F32, robust: float, flow: F32, out: F32) -> None:
    """Per pixel: the flow times the robust weight of `normal_equations`, and the weight itself."""
    inverse = np.float32(1) / np.float32(robust)
    for y in range(first, last):
        for x in range(flow.shape[1]):
            ratio = max(abs(d[0, y, x]), abs(d[1, y, x]), abs(d[2, y, x])) * inverse
            weight = np.float32(1) / (np.float32(1) + ratio * ratio) + np.float32(1e-3)
            out[y, x, 0] = flow[y, x, 0] * weight
            out[y, x, 1] = flow[y, x, 1] * weight
            out[y, x, 2] = weight


@njit(cache=True, nogil=True, error_model="numpy")
def divide(first: int, last: int, data: F32, flow: F32) -> None:
    """Turn what `weigh_flow` made back into a flow."""
    for y in range(first, last):
        for x in range(flow.shape[1]):
            inverse = np.float32(1) / data[y, x, 2]
            flow[y, x, 0] = data[y, x, 0] * inverse
            flow[y, x, 1] = data[y, x, 1] * inverse


@njit(cache=True, nogil=True, error_model="numpy")
def motion_edges(first: int, last: int, flow: F32, table: F32, fine: float, across: F32, down: F32) -> None:
    """Feedback of a recursive filter between neighbours: high where the flow is smooth, 0 across its edges.

    `flow` is planar, (2, H, W); `table` holds the feedback by the difference of two neighbours' flows,
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
    w = data.shape[1]
    for y in range(first, last, 4):
        rows = min(4, last - y)
        for x in range(1, w):
            for r in range(rows):
                a = across[y + r, x]
                for i in range(LANES):
                    data[y + r, x, i] += a * (data[y + r, x - 1, i] - data[y + r, x, i])
        for x in range(w - 2, -1, -1):
            for r in range(rows):
                a = across[y + r, x + 1]
                for i in range(LANES):
                    data[y + r, x, i] += a * (data[y + r, x + 1, i] - data[y + r, x, i])


@njit(cache=True, nogil=True, error_model="numpy")
def filter_columns(first: int, last: int, data: F32, down: F32) -> None:
    """Run the recursive filter of `motion_edges` along columns, there and back, in place."""
    h = data.shape[0]
    for left in range(first, last, 16):  # a strip that stays in the cache on the way back
        right = min(left + 16, last)
        for y in range(1, h):
            for x in range(left, right):
                a = down[y, x]
                for i in range(LANES):
                    data[y, x, i] += a * (data[y - 1, x, i] - data[y, x, i])
        for y in range(h - 2, -1, -1):
            for x in range(left, right):
                a = down[y + 1, x]
                for i in range(LANES):
                    data[y, x, i] += a * (data[y + 1, x, i] - data[y, x, i])


@njit(cache=True, nogil=True, error_model="numpy")
def solve(first: int, last: int, sums: F32, damping: float, limit: float, flow: F32) -> None:
    """Add the least-squares step to `flow`, at most `limit` pixels on each axis."""
    w = flow.shape[1]
    top, low, more = np.float32(limit), np.float32(-limit), np.float32(damping)
    for y in range(first, last):
        for x in range(w):
            a = sums[y, x, 0] + more
            b = sums[y, x, 1]
            c = sums[y, x, 2] + more
            p, q = sums[y, x, 3], sums[y, x, 4]
            inverse = np.float32(-1) / (a * c - b * b)
            flow[y, x, 0] += min(max((c * p - b * q) * inverse, low), top)
            flow[y, x, 1] += min(max((a * q - b * p) * inverse, low), top)


@njit(cache=True, nogil=True, error_model="numpy")
def keep_better(
    first: int, last: int, found: F32, shown: Pixels, remains: F32, flow: F32, warped: Pixels, left: F32
) -> None:
    """Where `remains` is less than `left`, take over `found`, what it `shown` and what it leaves."""
    for y in range(first, last):
        for x in range(flow.shape[1]):
            if remains[y, x] < left[y, x]:
                left[y, x] = remains[y, x]
                flow[y, x, 0] = found[y, x, 0]
                flow[y, x, 1] = found[y, x, 1]
                for i in range(3):
                    warped[y, x, i] = shown[y, x, i]
