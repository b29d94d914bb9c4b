"""The kernel of `propagate.flow_smoothing`; it trusts its input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from propagate.arrays import F32


@njit(cache=True, nogil=True, error_model="numpy")
def draw(first: int, last: int, found: F32, expected: F32, pull: F32, reach: F32, out: F32) -> None:
    """Add to `out` a share of the way from `found` to `expected`: `pull` of it, less the longer it is.

    From `reach` pixels on nothing is added: Tukey's biweight, which needs no exponential.
    """
    scale = np.float32(1) / (reach * reach)
    for y in range(first, last):
        for x in range(found.shape[1]):
            u = expected[y, x, 0] - found[y, x, 0]
            v = expected[y, x, 1] - found[y, x, 1]
            near = max(np.float32(1) - (u * u + v * v) * scale, np.float32(0))
            weight = pull * near * near
            out[y, x, 0] += weight * u
            out[y, x, 1] += weight * v
