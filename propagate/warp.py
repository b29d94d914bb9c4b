"""Backward warping: every pixel of the result is fetched from where the flow points."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from propagate.arrays import check_flow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import F32, Flow

LARGEST = 32766
"""OpenCV counts the pixels of a side in 16 bits when it warps."""

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
        If `interpolation` is none of the three, `image` is no picture or one with a side of 32767 pixels or
        more, or `flow` is no flow or holds NaN or infinity.
    """
    _check(image, flow)
    if interpolation not in INTERPOLATION:
        raise ValueError(f"interpolation is {interpolation!r}; expected one of {', '.join(INTERPOLATION)}")
    places = identity(flow.shape[0], flow.shape[1]) + flow
    how = INTERPOLATION[interpolation]
    remap: Any = cv2.remap  # the stubs of some versions do not know that the second map may be None
    moved: NDArray[Any] = remap(image, places, None, how, borderMode=cv2.BORDER_REPLICATE)
    return moved[..., None] if moved.ndim < image.ndim else moved


def _check(image: NDArray[Any], flow: Flow) -> None:
    kinds = (np.uint8, np.uint16, np.float32)
    if not isinstance(image, np.ndarray) or image.dtype not in kinds or image.ndim not in (2, 3):
        kind = f"{getattr(image, 'dtype', type(image).__name__)} {getattr(image, 'shape', '')}"
        raise ValueError(f"image is {kind}; expected uint8, uint16 or float32, (h, w) or (h, w, 1 to 4)")
    if image.ndim == 3 and image.shape[2] > 4:
        raise ValueError(f"image has {image.shape[2]} channels; at most 4 can be warped at once")
    size = np.shape(flow)[:2]
    if len(size) < 2 or 0 in size or 0 in image.shape:
        raise ValueError(f"image has shape {image.shape} and flow {np.shape(flow)}; neither may be empty")
    check_flow("flow", flow, (size[0], size[1]))
    if max(*size, *image.shape[:2]) > LARGEST:
        raise ValueError(f"{image.shape[:2]} to {size} cannot be warped; no side may exceed {LARGEST} pixels")
