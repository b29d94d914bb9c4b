"""Between 8 and 16 bits: 255 is 65535, and there and back changes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def to_8_bits(image: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a uint8 or uint16 image as uint8, rounded."""
    if image.dtype == np.uint8:
        return image
    return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)


def to_16_bits(image: NDArray[Any]) -> NDArray[np.uint16]:
    """Return a uint8 or uint16 image as uint16."""
    return image if image.dtype == np.uint16 else image.astype(np.uint16) * np.uint16(257)


def unit_to_16_bits(values: NDArray[Any]) -> NDArray[np.uint16]:
    """Return floats as uint16: 0 to 1 fills the range, what lies outside is clipped, NaN is 0."""
    scaled: NDArray[np.uint16] = np.round(np.clip(np.nan_to_num(values), 0, 1) * 65535).astype(np.uint16)
    return scaled


def swscale_white(bits: int, full_range: bool) -> int:
    """Return the 16-bit RGB code that swscale has for the white of deep YUV, both ways.

    It shifts where it should scale: white is 255 times 256, or the file's largest code shifted up. Left
    alone, whites would be gray by 0.4 %, and clips that are written from true whites brighter by as much.
    """
    return ((1 << bits) - 1) << (16 - bits) if full_range else 255 << 8
