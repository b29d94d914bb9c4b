"""Solvers of matting: closed-form alpha, and multi-level foreground colors."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import F32

_ROUNDS = 4
"""Iterations on large levels: with PyMatting's two, edges have twice the error of sixteen."""
_FINE_ROUNDS = 16
"""Iterations on large levels with `fine`: more change nothing."""
_COARSE = 32
"""Longer side in pixels of the levels with `_COARSE_ROUNDS`."""
_COARSE_ROUNDS = 10
"""Iterations on small levels, where they are cheap (as PyMatting)."""
_SMOOTHNESS = 1e-5
"""Weight of equal neighbors, regardless of alpha (as PyMatting)."""
_REACH = 6
"""Pixels around the edge in which colors are estimated, on each level."""
_EPSILON = 1e-5
"""Regularization of the color line model: a smaller value fits noise."""
_TOLERANCE = 1e-6
"""Relative residual at which alpha is correct to 1e-4; about 45 iterations reach it."""
_MAX_ITERATIONS = 2000
"""Iterations after which the solver stops in any case."""
_DIAGONAL_SHIFTS = (0.0, 1e-3, 1e-2, 0.1, 1.0, 10.0)
"""Relative shifts of the diagonal for the incomplete factorization; each is tried after the one before broke down."""


def solve_alpha(image: NDArray[np.float32], trimap: F32) -> F32:
    """Solve for the opacity where `trimap` is 0.5: closed-form matting (Levin, Lischinski and Weiss 2008).

    `image` is float32 (H, W, 3), 0 to 1; `trimap`, at least 3 x 3, has pixels of 0 and of 1.
    """
    from stylize.mattes.refine._closed_form import OWN, factorize, set_up, solve

    unknown = trimap == 0.5
    count = int(unknown.sum())
    number = np.full(np.add(trimap.shape, 4), -1, np.int32)  # two pixels of frame around
    inner = number[2:-2, 2:-2]
    inner[unknown] = np.arange(count)
    rows, right, lower = np.zeros((count, 25)), np.zeros(count), np.empty((count, OWN + 1))
    set_up(image, trimap == 1, inner, _EPSILON, rows, right)
    y, x = np.nonzero(unknown)
    places = [(down, across) for down in range(5) for across in range(5)]
    beside = np.stack([number[y + down, x + across] for down, across in places], axis=1)
    if not any(factorize(rows, beside, _neighbor_table(), shift, lower) for shift in _DIAGONAL_SHIFTS):
        raise ValueError("invalid image: it has values that are not finite; alpha cannot be solved")
    found = trimap.copy()
    found[unknown] = np.clip(solve(rows, beside, lower, right, _TOLERANCE, _MAX_ITERATIONS), 0, 1)
    return found


@cache
def _neighbor_table() -> NDArray[np.int8]:
    """Return, for neighbors k and n of a pixel, the index of n among the neighbors of k; -1 if it is too far."""
    places = [(i // 5 - 2, i % 5 - 2) for i in range(12)]
    table = np.full((12, 12), -1, np.int8)
    for k, n in product(range(12), repeat=2):
        seen = places[n][0] - places[k][0], places[n][1] - places[k][1]
        table[k, n] = places.index(seen) if seen in places else -1
    return table


def solve_foreground(image: NDArray[np.float32], matte: F32, *, fine: bool = False) -> NDArray[np.float32]:
    """Estimate the subject's colors, float32 (H, W, 3): multi-level estimation (Germer et al. 2020).

    `fine` iterates to convergence, at four times the cost. The closed form (Levin et al. 2008) is not more
    accurate, and less so where paint has strong strokes.
    """
    from stylize.mattes.refine._foreground_ml import find_near, relax, shrink

    alpha = np.ascontiguousarray(matte, np.float32)
    picture = np.ascontiguousarray(image, np.float32)
    above, below = (_mean(picture[where]) for where in (alpha > 0.9, alpha < 0.1))
    levels = max(1, int(np.ceil(np.log2(max(alpha.shape)))))
    for level in range(levels + 1):
        height, width = (round(side ** (level / levels)) for side in alpha.shape)
        small, part = shrink(picture, height, width), shrink(alpha[..., None], height, width)[..., 0]
        near = np.zeros((height, width), np.bool_)
        find_near(part, _REACH, near)
        above, below = shrink(above, height, width), shrink(below, height, width)
        above[(part == 1) & ~near] = small[(part == 1) & ~near]
        below[(part == 0) & ~near] = small[(part == 0) & ~near]
        rounds = _COARSE_ROUNDS if max(height, width) <= _COARSE else _FINE_ROUNDS if fine else _ROUNDS
        relax(small, part, near, rounds, _SMOOTHNESS, above, below)
    return above


def _mean(colors: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the mean of colors (N, 3) as an image of one pixel; black without any."""
    found = colors.mean(axis=0, dtype=np.float64) if len(colors) else np.zeros(3)
    return found.astype(np.float32).reshape(1, 1, 3)
