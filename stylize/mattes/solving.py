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
_ROUNDS, _FINE_ROUNDS = 4, 16
"""Rounds on the large levels: with PyMatting's two, edges are twice as wrong as with sixteen."""
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

    `fine` goes on until more changes nothing, at four times the cost. The closed form (Levin et al. 2008),
    which was tried, is no nearer to the truth, and further where paint has strong strokes.
    """
    from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml

    with _ONE_AT_A_TIME:
        found: Any = estimate_foreground_ml(
            image,
            np.ascontiguousarray(matte, np.float32),
            n_big_iterations=_FINE_ROUNDS if fine else _ROUNDS,
        )
    return np.asarray(found, np.float32)
