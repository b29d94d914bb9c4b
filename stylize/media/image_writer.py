"""Writing still images, each whole or not at all."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from propagate.arrays import check_image
from stylize.errors import UsageError
from stylize.media.bit_depth import to_8_bits
from stylize.storage.partial import placed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import Image

WRITABLE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr")


def write_image(
    path: str | Path,
    image: Image,
    *,
    compression: int = 6,
    quality: int = 95,
    text: str | None = None,
    durable: bool = True,
) -> None:
    """Write an image file; the suffix says which kind.

    PNG and TIFF hold 8 and 16 bits and alpha, JPEG 8 bits and no alpha (deeper images are rounded), EXR half
    floats: values are taken as sRGB and stored as linear light, alpha premultiplied as its readers expect.

    Parameters
    ----------
    path
        Ends with .png, .jpg, .jpeg, .tif, .tiff or .exr. The folder is made if need be.
    image
        uint8 or uint16, (H, W, C).
    compression
        Of PNG, 0 to 9. 1 is two to three times as fast as 6 and a tenth larger: for frames that are read
        again.
    quality
        Of JPEG, 1 to 100.
    text
        Stored in the file's metadata: PNG "Comment", TIFF and JPEG description, EXR "comments".
    durable
        Wait until the file is on the disk, so that it survives a power cut. A killed program never leaves
        half a file either way.

    Raises
    ------
    UsageError
        If the suffix names none of these kinds, or the image has alpha and the kind has none.
    ValueError
        If `image` is no image, or a number is out of its range.
    DeviceError
        If the disk is full or the folder cannot be written.
    """
    place = Path(path)
    check_image("image", image)
    if not 0 <= compression <= 9:
        raise ValueError(f"compression is {compression}; expected 0 to 9")
    if not 1 <= quality <= 100:
        raise ValueError(f"quality is {quality}; expected 1 to 100")
    suffix = place.suffix.lower()
    if suffix not in WRITABLE_SUFFIXES:
        raise UsageError(
            f"{place} has no suffix that images are written with; use one of {', '.join(WRITABLE_SUFFIXES)}"
        )
    with placed(place, durable=durable) as partial:
        place.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".exr":
            from stylize.media.exr import write_exr

            write_exr(partial, image, text)
        else:
            partial.write_bytes(encode_image(image, suffix, compression=compression, quality=quality, text=text))


def encode_image(
    image: Image, suffix: str, *, compression: int = 6, quality: int = 95, text: str | None = None
) -> bytes:
    """Return an image as the bytes of a PNG, JPEG or TIFF file."""
    if suffix == ".png":
        data = _encode_png(image, compression)
        return _with_png_text(data, text) if text else data
    if suffix in (".jpg", ".jpeg"):
        if image.shape[2] in (2, 4):
            raise UsageError("JPEG holds no transparency; write .png or .tif")
        return _encode_pillow(to_8_bits(image), "JPEG", text, quality=quality, subsampling=0)
    return _encode_tiff(image, text)


def _encode_png(image: Image, compression: int) -> bytes:
    import cv2

    if image.shape[2] == 2:
        if image.dtype == np.uint8:
            return _encode_pillow(image, "PNG", None, compress_level=compression)
        image = np.concatenate([np.repeat(image[..., :1], 3, axis=2), image[..., 1:]], axis=2)
    done, data = cv2.imencode(".png", _to_bgr(image), [cv2.IMWRITE_PNG_COMPRESSION, compression])
    if not done:
        raise ValueError(f"an image of {image.shape} cannot be encoded as PNG")
    return data.tobytes()


def _encode_tiff(image: Image, text: str | None) -> bytes:
    import cv2

    if image.dtype == np.uint8:
        return _encode_pillow(image, "TIFF", text, compression="tiff_adobe_deflate")
    if image.shape[2] == 2:
        image = np.concatenate([np.repeat(image[..., :1], 3, axis=2), image[..., 1:]], axis=2)
    options = [cv2.IMWRITE_TIFF_COMPRESSION, cv2.IMWRITE_TIFF_COMPRESSION_ADOBE_DEFLATE]
    done, data = cv2.imencode(".tif", _to_bgr(image), options)
    if not done:
        raise ValueError(f"an image of {image.shape} cannot be encoded as TIFF")
    return data.tobytes()


def _encode_pillow(image: NDArray[Any], kind: str, text: str | None, **options: Any) -> bytes:
    from PIL import Image as Pillow

    if text:
        exif = Pillow.Exif()
        exif[0x010E] = text  # ImageDescription
        options["exif"] = exif
    buffer = io.BytesIO()
    Pillow.fromarray(image[..., 0] if image.shape[2] == 1 else image).save(buffer, kind, **options)
    return buffer.getvalue()


def _to_bgr(image: Image) -> Image:
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[image.shape[2]]
    turned: Image = np.ascontiguousarray(image[..., order])  # type: ignore[assignment]
    return turned


def _with_png_text(data: bytes, text: str) -> bytes:
    """Insert an iTXt chunk after the header (PNG, third edition, 11.3.3.4)."""
    body = b"iTXt" + b"Comment\0\0\0\0\0" + text.encode()
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return data[:33] + chunk + data[33:]
