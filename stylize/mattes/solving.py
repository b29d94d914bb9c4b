"""The two solvers of PyMatting that mattes are made with, one call at a time."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import F32

__all__ = ["alpha_within", "colours_within"]

_ONE_AT_A_TIME = threading.Lock()  # two callers at once bring Numba's plainest threads down
_SMOOTH = 1e-5
"""How smooth both colours are where the opacity does not change."""
_RIM = 4
"""Pixels beside the edge in which its colours are solved for: further away they are known, or made up."""
_HOLD = 1e-7
"""Pull towards the first estimate, for where nothing else says anything."""
_MOST_AT_ONCE = 120_000
"""Unknowns above which factors of the matrix take too much memory."""
_CLOSE = 1e-4
"""When stepwise solving is done: colours change by less than a code from here on."""
_EPSILON = 1e-5
"""Regularization of the colour lines: less follows every grain of noise."""


def alpha_within(image: NDArray[np.float32], trimap: F32) -> F32:
    """Solve for the opacity where `trimap` is 0.5: closed-form matting (Levin, Lischinski and Weiss 2008).

    `image` is float32 (H, W, 3), 0 to 1; `trimap` has pixels of 0 and of 1.
    """
    from pymatting.alpha.estimate_alpha_cf import estimate_alpha_cf

    with _ONE_AT_A_TIME:
        found: Any = estimate_alpha_cf(
            image.astype(np.float64), trimap.astype(np.float64), laplacian_kwargs={"epsilon": _EPSILON}
        )
    return np.asarray(np.clip(found, 0, 1), np.float32)


def colours_within(image: NDArray[np.float32], matte: F32, *, fine: bool = False) -> NDArray[np.float32]:
    """Estimate the subject's colours, float32 (H, W, 3): multi-level estimation (Germer et al. 2020).

    `fine` solves the closed form (Levin et al. 2008) along the edge instead, at ten times the cost.
    """
    from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml

    with _ONE_AT_A_TIME:
        found: Any = estimate_foreground_ml(image, np.ascontiguousarray(matte, np.float32))
        if fine:
            _solve_edge(found, image, matte)
    return np.asarray(found, np.float32)


def _solve_edge(found: NDArray[np.float32], image: NDArray[np.float32], matte: F32) -> None:
    """Replace the colours near the edge by those of the closed form.

    Both colours of a pixel, F and B, mix to the picture's, and both are smooth, the more so where the opacity
    changes. Only pixels near the edge are unknown: further in F is the picture's, further out B is.
    """
    import cv2

    soft = ((matte > 0) & (matte < 1)).astype(np.uint8)
    near = cv2.dilate(soft, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)) > 0
    if not near.any():
        return
    matrix, mix, known = _edge_system(near, image.astype(np.float64), matte.astype(np.float64))
    begin = np.concatenate([found[near], image[near]]).astype(np.float64)
    wanted = mix[:, None] * np.tile(image[near], (2, 1)) + known + _HOLD * begin
    solved = _solved(matrix, wanted, begin)
    found[near] = np.clip(solved[: len(solved) // 2], 0, 1)


def _solved(matrix: Any, wanted: NDArray[np.float64], begin: NDArray[np.float64]) -> NDArray[np.float64]:
    """Solve for all channels: at once along thin edges, step by step where much is soft."""
    if len(wanted) <= _MOST_AT_ONCE:
        from scipy.sparse.linalg import splu

        factors = splu(matrix, permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True})
        return np.asarray(factors.solve(wanted))
    from pymatting.preconditioner.ichol import ichol
    from pymatting.solver.cg import cg

    precondition = ichol(matrix)
    channels = [
        cg(matrix, wanted[:, i], x0=begin[:, i], M=precondition, rtol=_CLOSE) for i in range(wanted.shape[1])
    ]
    return np.stack(channels, axis=1)


def _edge_system(
    near: NDArray[np.bool_], image: NDArray[np.float64], matte: NDArray[np.float64]
) -> tuple[Any, NDArray[np.float64], NDArray[np.float64]]:
    """Return the matrix for F and B of the pixels `near`, their shares in the picture, and what is known.

    The matrix is sparse (2N, 2N), the shares (2N,), and what known neighbours add to the right side (2N, 3).
    """
    from scipy import sparse

    number = np.full(near.shape, -1)
    count = int(near.sum())
    number[near] = np.arange(count)
    share = matte[near]
    mix = np.concatenate([share, 1 - share])
    diagonal, known = mix**2 + _HOLD, np.zeros((2 * count, image.shape[2]))
    one, other, pull = list[Any](), list[Any](), list[Any]()
    for step in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        here, there = _pairs(near.shape, step)
        begin = number[here]
        weight = 2 * (_SMOOTH + np.abs(matte[here] - matte[there]))
        both = (begin >= 0) & (number[there] >= 0)
        rows, columns, weights = begin[both], number[there][both], weight[both]
        for side in (0, count):  # F, then B
            one.append(rows + side)
            other.append(columns + side)
            pull.append(-weights)
            np.add.at(diagonal, rows + side, weights)
        for side, sure in ((0, matte[there] >= 1), (count, matte[there] <= 0)):
            edge = (begin >= 0) & (number[there] < 0) & sure
            np.add.at(diagonal, begin[edge] + side, weight[edge])
            np.add.at(known, begin[edge] + side, weight[edge][:, None] * image[there][edge])
    every, half = np.arange(2 * count), np.arange(count)
    crossed = share * (1 - share)
    one += [every, half, half + count]
    other += [every, half + count, half]
    pull += [diagonal, crossed, crossed]
    places = np.concatenate(one), np.concatenate(other)
    matrix = sparse.coo_matrix((np.concatenate(pull), places), shape=(2 * count, 2 * count)).tocsc()
    return matrix, mix, known


def _pairs(shape: tuple[int, ...], step: tuple[int, int]) -> tuple[Any, Any]:
    """Return the slices of all pixels that have a neighbour `step` (down, right) away, and of these."""
    here, there = [], []
    for length, move in zip(shape, step, strict=True):
        here.append(slice(max(0, -move), length - max(0, move)))
        there.append(slice(max(0, move), length + min(0, move)))
    return tuple(here), tuple(there)
