"""Backward warping: every pixel of the result is fetched from where the flow points."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import F32, Flow

__all__ = ["identity", "warp"]

INTERPOLATION = {"nearest": cv2.INTER_NEAREST, "linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


@lru_cache(maxsize=4)
def identity(height: int, width: int) -> F32:
    """Pixel coordinates, float32 (H, W, 2) as (x, y); read-only."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    grid = np.dstack([columns, rows])
    grid.flags.writeable = False
    return grid


def warp(image: NDArray[Any], flow: Flow, *, interpolation: str = "cubic") -> NDArray[Any]:
    """Fetch every pixel from `image` at its own place plus `flow`.

    Parameters
    ----------
    image
        uint8, uint16 or float32, (h, w) or (h, w, C), C of 1 to 4. With ``flow_ab`` this is *b*; the result
        shows *b* in the geometry of *a*.
    flow
        float32 (H, W, 2), pixels (dx, dy). Places outside `image` take its nearest border pixel.
    interpolation
        ``"cubic"`` keeps brush texture, ``"linear"`` never overshoots (for maps), ``"nearest"`` never mixes.

    Returns
    -------
    array of `image`'s type, (H, W) or (H, W, C).

    Raises
    ------
    ValueError
        If `interpolation` is none of the three.
    """
    if interpolation not in INTERPOLATION:
        raise ValueError(f"interpolation is {interpolation!r}; expected one of {', '.join(INTERPOLATION)}")
    places = identity(flow.shape[0], flow.shape[1]) + flow
    how = INTERPOLATION[interpolation]
    remap: Any = cv2.remap  # the stubs of some versions do not know that the second map may be None
    moved: NDArray[Any] = remap(image, places, None, how, borderMode=cv2.BORDER_REPLICATE)
    return moved[..., None] if moved.ndim < image.ndim else moved
