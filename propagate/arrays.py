"""The array types of the project and the checks at its doors.

Images are RGB (alpha last), rows first. Flow and match fields are (dx, dy) and (x, y).
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

F32: TypeAlias = NDArray[np.float32]
I16: TypeAlias = NDArray[np.int16]
I32: TypeAlias = NDArray[np.int32]
Bool: TypeAlias = NDArray[np.bool_]
Image: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""uint8 or uint16, (H, W, C), C of 1 to 4: gray, gray + alpha, RGB, RGBA."""
Flow: TypeAlias = NDArray[np.float32]
"""float32 (H, W, 2): ``flow_ab[y, x]`` is the (dx, dy) in pixels from a pixel of *a* to its place in *b*."""


def check_image(name: str, image: NDArray[Any], channels: tuple[int, ...] = (1, 2, 3, 4)) -> None:
    """Raise ValueError unless `image` is uint8 or uint16, (H, W, C), not empty, with C among `channels`."""
    if not isinstance(image, np.ndarray) or image.dtype not in (np.uint8, np.uint16):
        kind = getattr(image, "dtype", type(image).__name__)
        raise ValueError(f"{name} is {kind}; expected a uint8 or uint16 array")
    if image.ndim != 3 or image.shape[2] not in channels:
        wanted = " or ".join(str(c) for c in channels)
        raise ValueError(f"{name} has shape {image.shape}; expected (height, width, {wanted})")
    if 0 in image.shape:
        raise ValueError(f"{name} has shape {image.shape}; it holds no pixel")


def check_map(name: str, array: NDArray[Any], size: tuple[int, int]) -> None:
    """Raise ValueError unless `array` is two-dimensional with (height, width) `size` and finite."""
    if not isinstance(array, np.ndarray) or array.shape != size:
        raise ValueError(f"{name} has shape {getattr(array, 'shape', None)}; expected {size}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinity")


def check_flow(name: str, flow: NDArray[Any], size: tuple[int, int]) -> None:
    """Raise ValueError unless `flow` is float32 (H, W, 2) of (height, width) `size` and finite."""
    if not isinstance(flow, np.ndarray) or flow.dtype != np.float32 or flow.shape != (*size, 2):
        kind = getattr(flow, "dtype", type(flow).__name__)
        raise ValueError(f"{name} is {kind} {getattr(flow, 'shape', '')}; expected float32 {(*size, 2)}")
    with np.errstate(over="ignore", invalid="ignore"):
        total = flow.sum()  # faster than to look at every number; finite only if all of them are
    if not np.isfinite(total) and not np.isfinite(flow).all():
        raise ValueError(f"{name} holds NaN or infinity")
