"""OKLab (Ottosson 2020): equal steps look about equal, and a hue stays a hue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from propagate.arrays import F32, Image

_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)
_FROM_LMS = np.linalg.inv(_TO_LMS.astype(np.float64)).astype(np.float32)
_FROM_LAB = np.linalg.inv(_TO_LAB.astype(np.float64)).astype(np.float32)


def rgb_to_oklab(image: Image) -> F32:
    """OKLab of sRGB uint8 or uint16 (H, W, 3): float32, lightness 0 to 1, a and b about -0.4 to 0.4."""
    top = np.iinfo(image.dtype).max
    steps = np.arange(top + 1, dtype=np.float32) / top
    linear = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4).astype(np.float32)
    lms = np.cbrt(linear[image].reshape(-1, 3) @ _TO_LMS.T)
    return np.asarray((lms @ _TO_LAB.T).reshape(image.shape), np.float32)


def oklab_to_rgb(lab: F32, dtype: DTypeLike = np.uint8) -> Image:
    """SRGB uint8 or uint16 (H, W, 3) of OKLab (H, W, 3); what sRGB cannot show is clipped."""
    deep = np.dtype(dtype) == np.uint16
    top = 65535 if deep else 255
    lms = lab.reshape(-1, 3).astype(np.float32) @ _FROM_LAB.T
    linear = np.clip((lms * lms * lms) @ _FROM_LMS.T, 0, 1)
    encoded = np.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear ** (1 / 2.4) - 0.055)
    whole: F32 = np.rint(encoded * top).reshape(lab.shape)
    return whole.astype(np.uint16) if deep else whole.astype(np.uint8)
