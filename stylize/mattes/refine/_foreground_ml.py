"""Kernels: multi-level foreground estimation (Germer et al. 2020), where there is something to estimate.

PyMatting's `estimate_foreground_ml` solves in every pixel. Well inside of a subject its colors are the
picture's, and far outside any that go on will do: near the edge alone the same is found in a fraction of
the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import F32


@njit(cache=True, nogil=True)
def shrink(image: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """Take the nearest pixels of `image`, float32 (H, W, C), for a picture of another size."""
    tall, wide = image.shape[0], image.shape[1]
    out = np.empty((height, width, image.shape[2]), np.float32)
    for y in range(height):
        for x in range(width):
            out[y, x] = image[min(tall - 1, y * tall // height), min(wide - 1, x * wide // width)]
    return out


@njit(cache=True, nogil=True)
def find_near(alpha: F32, reach: int, near: NDArray[np.bool_]) -> None:
    """Mark pixels that are soft, or beside another opacity, and all within `reach` of these."""
    height, width = alpha.shape
    for y in range(height):
        for x in range(width):
            own = alpha[y, x]
            right, below = alpha[y, min(width - 1, x + 1)], alpha[min(height - 1, y + 1), x]
            if 0 < own < 1 or own != right or own != below:
                for v in range(max(0, y - reach), min(height, y + reach + 1)):
                    near[v, max(0, x - reach) : min(width, x + reach + 1)] = True


@njit(cache=True, nogil=True)
def relax(
    image: NDArray[np.float32],
    alpha: F32,
    near: NDArray[np.bool_],
    rounds: int,
    even: float,
    above: NDArray[np.float32],
    below: NDArray[np.float32],
) -> None:
    """Move the colors above and below towards what the picture and their neighbors say, in place.

    Float32 (H, W, 3), 0 to 1. Neighbors count by `even` and by how much opacity changes towards them.
    """
    height, width = alpha.shape
    fronts, backs = np.empty(3, np.float32), np.empty(3, np.float32)
    for _ in range(rounds):
        for y in range(height):
            for x in range(width):
                if not near[y, x]:
                    continue
                over = alpha[y, x]
                under = np.float32(1) - over
                total = np.float32(0)
                fronts[:], backs[:] = 0, 0
                left, right = max(x - 1, 0), min(x + 1, width - 1)
                up, down = max(y - 1, 0), min(y + 1, height - 1)
                for v, u in ((y, left), (y, right), (up, x), (down, x)):
                    weight = np.float32(even) + abs(over - alpha[v, u])
                    total += weight
                    for c in range(3):
                        fronts[c] += weight * above[v, u, c]
                        backs[c] += weight * below[v, u, c]
                ff, fb, bb = over * over + total, over * under, under * under + total
                scale = np.float32(1) / (ff * bb - fb * fb)
                for c in range(3):
                    front, back = fronts[c] + over * image[y, x, c], backs[c] + under * image[y, x, c]
                    above[y, x, c] = min(max((bb * front - fb * back) * scale, np.float32(0)), np.float32(1))
                    below[y, x, c] = min(max((ff * back - fb * front) * scale, np.float32(0)), np.float32(1))
