"""Kernels: closed-form matting (Levin, Lischinski and Weiss 2008) in the unknown pixels only.

Each unknown pixel has a row of 25 numbers, for itself (number 12) and the pixels of the 5 x 5 around it in
scan order. The door is in `solving.py`; PyMatting's `estimate_alpha_cf` says the same at five times the cost,
most of which goes to known pixels, to fill-in, and to dot products that wait for another thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import Bool

OWN = 12
"""Place of a pixel itself among the 25; those before it come earlier in scan order."""


@njit(cache=True, nogil=True)
def set_up(
    image: NDArray[np.float32],
    solid: Bool,
    number: NDArray[np.int32],
    epsilon: float,
    rows: NDArray[np.float64],
    right: NDArray[np.float64],
) -> None:
    """Add up what every 3 x 3 window says: opacity in it is a linear function of color.

    `number`, int32 (H, W), is each unknown pixel's row, and -1 where opacity is known: 1 if `solid`, else 0.
    """
    height, width = number.shape
    colors, leans = np.empty((9, 3)), np.empty((9, 3))
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            if number[y - 1 : y + 2, x - 1 : x + 2].max() < 0:
                continue
            _look(image, y, x, epsilon, colors, leans)
            for k in range(9):
                i = number[y + k // 3 - 1, x + k % 3 - 1]
                if i < 0:
                    continue
                for n in range(9):
                    v, u = y + n // 3 - 1, x + n % 3 - 1
                    alike = leans[k, 0] * colors[n, 0] + leans[k, 1] * colors[n, 1] + leans[k, 2] * colors[n, 2]
                    weight = (1.0 if n == k else 0.0) - 1 / 9 - alike
                    if number[v, u] >= 0:
                        rows[i, (n // 3 - k // 3 + 2) * 5 + n % 3 - k % 3 + 2] += weight
                    elif solid[v, u]:
                        right[i] -= weight


@njit(cache=True, nogil=True)
def _look(
    image: NDArray[np.float32],
    y: int,
    x: int,
    epsilon: float,
    colors: NDArray[np.float64],
    leans: NDArray[np.float64],
) -> None:
    """Fill, both (9, 3), a window's colors less their mean, and these times the inverse of their spread."""
    for channel in range(3):
        total = 0.0
        for k in range(9):
            colors[k, channel] = image[y + k // 3 - 1, x + k % 3 - 1, channel]
            total += colors[k, channel]
        for k in range(9):
            colors[k, channel] -= total / 9
    rr = gg = bb = epsilon
    rg = rb = gb = 0.0
    for k in range(9):
        r, g, b = colors[k, 0], colors[k, 1], colors[k, 2]
        rr, gg, bb = rr + r * r, gg + g * g, bb + b * b
        rg, rb, gb = rg + r * g, rb + r * b, gb + g * b
    # the inverse by its cofactors
    crr, crg, crb = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    cgg, cgb, cbb = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    scale = 1 / (rr * crr + rg * crg + rb * crb)
    for k in range(9):
        r, g, b = colors[k, 0], colors[k, 1], colors[k, 2]
        leans[k, 0] = (crr * r + crg * g + crb * b) * scale
        leans[k, 1] = (crg * r + cgg * g + cgb * b) * scale
        leans[k, 2] = (crb * r + cgb * g + cbb * b) * scale


@njit(cache=True, nogil=True)
def factorize(
    rows: NDArray[np.float64],
    beside: NDArray[np.int32],
    meeting: NDArray[np.int8],
    lift: float,
    lower: NDArray[np.float64],
) -> bool:
    """Factorize without fill-in (incomplete Cholesky), the diagonal lifted by a share; False if it breaks.

    `beside` are the rows of the 25, -1 where there is none. `meeting[k, n]` is the place of neighbor n as
    seen from neighbor k. `lower`, (N, 13), takes the factor; its last number is one over the pivot.
    """
    for i in range(len(rows)):
        pivot = rows[i, OWN] * (1 + lift)
        for k in range(OWN):
            j = beside[i, k]
            if j < 0:
                lower[i, k] = 0
                continue
            value = rows[i, k]
            for n in range(k):
                there = meeting[k, n]
                if there >= 0:
                    value -= lower[i, n] * lower[j, there]
            value *= lower[j, OWN]
            lower[i, k] = value
            pivot -= value * value
        if pivot <= 1e-12:
            return False
        lower[i, OWN] = 1 / np.sqrt(pivot)
    return True


@njit(cache=True, nogil=True)
def solve(
    rows: NDArray[np.float64],
    beside: NDArray[np.int32],
    lower: NDArray[np.float64],
    right: NDArray[np.float64],
    tolerance: float,
    most: int,
) -> NDArray[np.float64]:
    """Conjugate gradients from zero, until the rest is `tolerance` of the right side, or for `most` times."""
    count = len(right)
    found, along, eased = np.zeros(count), np.zeros(count), np.empty(count)
    left, image = right.copy(), np.empty(count)
    goal = tolerance * tolerance * (right * right).sum()
    before = 1.0
    for _ in range(most):
        if (left * left).sum() <= goal:
            break
        _ease(lower, beside, left, eased)
        now = (left * eased).sum()
        along = eased + now / before * along
        _apply(rows, beside, along, image)
        step = now / (along * image).sum()
        found += step * along
        left -= step * image
        before = now
    return found


@njit(cache=True, nogil=True)
def _apply(
    rows: NDArray[np.float64],
    beside: NDArray[np.int32],
    values: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    for i in range(len(rows)):
        total = 0.0
        for k in range(25):
            if beside[i, k] >= 0:
                total += rows[i, k] * values[beside[i, k]]
        out[i] = total


@njit(cache=True, nogil=True)
def _ease(
    lower: NDArray[np.float64],
    beside: NDArray[np.int32],
    values: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Solve with the factor and its transpose."""
    for i in range(len(lower)):
        total = values[i]
        for k in range(OWN):
            if beside[i, k] >= 0:
                total -= lower[i, k] * out[beside[i, k]]
        out[i] = total * lower[i, OWN]
    for i in range(len(lower) - 1, -1, -1):
        out[i] *= lower[i, OWN]
        for k in range(OWN):
            if beside[i, k] >= 0:
                out[beside[i, k]] -= lower[i, k] * out[i]
