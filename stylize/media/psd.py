"""Photoshop files: their layers laid over each other, alpha kept."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import MediaError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from propagate.arrays import Image

_HEAD = struct.Struct(">4sH6xHIIHH")  # signature, version, channels, height, width, depth, mode
_GREY, _RGB = 1, 3


def is_psd(path: Path) -> bool:
    """Whether a file begins as .psd and .psb do."""
    with path.open("rb") as file:
        return file.read(4) == b"8BPS"


def psd_size(path: Path) -> tuple[int, int]:
    """Return (width, height) from the header."""
    head = _head(path)
    return head[4], head[3]


def psd_depth(path: Path) -> int:
    """Return the bits that `read_psd` gives: 16 for deeper files of gray or RGB, else 8."""
    head = _head(path)
    return 16 if head[5] > 8 and head[6] in (_GREY, _RGB) else 8


def read_psd(path: Path) -> Image:
    """Flatten the visible layers of a Photoshop file.

    The layers themselves are composed, with their blend modes, masks and opacities, and not the flattened
    copy that the file may hold: that one is often over white, and programs other than Photoshop fill it as
    they like. A file without layers is its one picture.

    Returns
    -------
    Image
        uint8, or uint16 of a deeper file, (H, W, C): RGB or gray, with straight alpha if there are layers.
        CMYK, Lab and palettes become RGB of 8 bits, by their own profile if they have one.

    Raises
    ------
    MediaError
        If the file is damaged or holds what cannot be drawn.
    """
    from psd_tools import PSDImage
    from psd_tools.composite import composite

    head = _head(path)
    try:
        document = PSDImage.open(path)
        if head[6] not in (_GREY, _RGB):  # CMYK, Lab, palettes: Pillow knows how these become RGB
            return np.asarray(document.composite(ignore_preview=len(document) > 0).convert("RGBA"), np.uint8)
        if len(document):
            color, _, alpha = composite(document)
            picture: NDArray[Any] = np.concatenate([color, alpha], axis=2)
        else:
            picture = np.asarray(document.numpy("color"))
    except ImportError as error:
        raise MediaError(f"{path} holds shapes or texts as vectors; rasterize these layers") from error
    except Exception as error:  # the library's own errors have no common base
        reason = str(error).split(chr(10))[0]
        raise MediaError(f"{path} cannot be read as a Photoshop file ({reason}); save it as PNG") from error
    dtype = np.uint8 if head[5] <= 8 else np.uint16
    flat: Image = np.rint(np.clip(picture, 0, 1) * np.iinfo(dtype).max).astype(dtype)
    return flat


def _head(path: Path) -> tuple[Any, ...]:
    with path.open("rb") as file:
        data = file.read(_HEAD.size)
    if len(data) < _HEAD.size:
        raise MediaError(f"{path} is a Photoshop file that is cut off; save it again")
    return _HEAD.unpack(data)
