"""Reading still images into the one form that the rest of the project knows."""

from __future__ import annotations

import threading
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import MediaError
from stylize.media.bit_depth import unit_to_16_bits
from stylize.media.psd import is_psd, psd_depth, psd_size, read_psd
from stylize.media.sniff import what_is

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import Image

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".exr", ".webp", ".bmp")
"""What a frame or key in a folder ends with; `read_image` itself looks at the content."""
MAX_PIXELS = 1 << 28
_EXIF_ORIENTATION = 0x0112
_LIMIT = threading.Lock()  # Pillow's limit is a global


def image_size(path: str | Path, most: int | None = None) -> tuple[int, int]:
    """Return an image's (width, height) as `read_image` would deliver it, from its header.

    Parameters
    ----------
    most
        Pixels that it may have, `MAX_PIXELS` by default; nothing of a larger one is unpacked.

    Raises
    ------
    MediaError
        If the file is missing, no image, or larger than `most`.
    """
    place = _checked(path)
    if _is_exr(place):
        from stylize.media.exr import exr_size, exr_stored_size

        _bounded(place, *exr_stored_size(place), most)
        return _bounded(place, *exr_size(place), most)
    if is_psd(place):
        wide, tall = psd_size(place)
        return _bounded(place, wide, tall, most)
    with _opened(place) as image, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        width, height = image.size
        _bounded(place, width, height, most)
        if image.format == "TIFF":  # of which Pillow turns the size already, in some versions
            width, height = image.tag_v2[256], image.tag_v2[257]
        try:  # of a PNG it may stand behind the pixels, which may break off
            turned = image.getexif().get(_EXIF_ORIENTATION, 1) in (5, 6, 7, 8)
        except (OSError, SyntaxError, ValueError) as error:
            raise MediaError(f"{place} is damaged: {str(error).split(chr(10))[0]}; save it again") from error
        return (height, width) if turned else (width, height)


def image_depth(path: str | Path) -> int:
    """Return 16 for an image that `read_image` delivers as uint16, else 8; from the header alone."""
    place = _checked(path)
    if _is_exr(place):
        return 16
    if is_psd(place):
        return psd_depth(place)
    with _opened(place) as image:
        return 16 if image.mode.startswith(("I", "F")) or _is_deep(place, image) else 8


def image_has_alpha(path: str | Path) -> bool:
    """Whether an image file has an alpha channel, from its header; of a Photoshop file, not looked at."""
    place = _checked(path)
    if _is_exr(place):
        from stylize.media.exr import exr_has_alpha

        return exr_has_alpha(place)
    if is_psd(place):
        return False
    with _opened(place) as image:
        return image.mode in ("LA", "La", "RGBA", "RGBa", "PA") or "transparency" in image.info


def read_image(path: str | Path, channels: int | None = None) -> Image:
    """Read an image file.

    PNG, JPEG, TIFF, WebP and BMP come as they are stored, EXR (linear light) is encoded as sRGB, the layers
    of a Photoshop file are laid over each other. EXIF orientation is applied, palettes are expanded, CMYK
    becomes RGB, floats in [0, 1] become 16 bits. Alpha is straight.

    Parameters
    ----------
    path
        The file; its content decides, not its name.
    channels
        None for the channels that the file has: 1 gray, 2 gray and alpha, 3 RGB, 4 RGBA. 3 makes RGB of any
        of them and leaves alpha out, 4 makes RGBA, opaque where there is no alpha.

    Returns
    -------
    Image
        uint8, or uint16 of a deeper file, (H, W, C).

    Raises
    ------
    MediaError
        If the file is missing, no image, damaged, animated, or larger than `MAX_PIXELS` (268 megapixels).
    ValueError
        If `channels` is none of None, 3 and 4.
    """
    if channels not in (None, 3, 4):
        raise ValueError(f"channels is {channels}; expected 3, 4 or None")
    place = _checked(path)
    if _is_exr(place):
        from stylize.media.exr import read_exr

        _bounded(place, *image_size(place))
        image = read_exr(place)
    elif is_psd(place):
        _bounded(place, *psd_size(place))
        image = read_psd(place)
    else:
        image = _read(place)
    return image if channels is None else _with_channels(image, channels)


def _checked(path: str | Path) -> Path:
    place = Path(path)
    if not place.exists():
        raise MediaError(f"{place} does not exist; check the path")
    if not place.is_file():
        raise MediaError(f"{place} is no image but a folder; give an image file")
    if not place.stat().st_size:
        raise MediaError(f"{place} is empty (0 bytes); save or copy it again")
    return place


def _is_exr(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x76\x2f\x31\x01"


def _bounded(path: Path, width: int, height: int, most: int | None = None) -> tuple[int, int]:
    most = MAX_PIXELS if most is None else most
    if width * height > most:
        raise MediaError(f"{path} is {width}x{height}, more than {most / 1e6:.3g} million pixels; make it smaller")
    return width, height


def _opened(path: Path) -> Any:
    """Open with Pillow, header only; its own limit on size gives way to ours."""
    from PIL import Image as Pillow

    with _LIMIT, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        limit, Pillow.MAX_IMAGE_PIXELS = Pillow.MAX_IMAGE_PIXELS, None
        try:
            return Pillow.open(path)
        except (OSError, ValueError, SyntaxError) as error:
            raise MediaError(f"{path} {_instead(path)}") from error
        finally:
            Pillow.MAX_IMAGE_PIXELS = limit


def _instead(path: Path) -> str:
    phrase = what_is(path) or ""
    if "TIFF" in phrase:
        return "is a TIFF that is cut off or of a rare kind; save it again, or as 16-bit PNG"
    if " image; " in phrase:
        return "is damaged at its beginning or cut off; save it again"
    if not phrase or "no video" in phrase:
        return "is no image: neither PNG, JPEG, TIFF, EXR, WebP nor BMP; save it as PNG"
    return f"is no image: {phrase.replace('a video file', 'an image')}"


def _is_deep(path: Path, image: Any) -> bool:
    """Whether a color image has 16 bits, which Pillow would cut to 8."""
    if image.format == "PNG":
        with path.open("rb") as file:
            head = file.read(26)
        return head[24] == 16
    if image.format == "TIFF":
        bits = image.tag_v2.get(258, (8,))
        return bool(max(bits if isinstance(bits, tuple) else (bits,)) > 8)
    return False


def _read(path: Path) -> Image:
    from PIL import ImageOps

    with _opened(path) as image, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of Pillow, on metadata that it cannot read
        _bounded(path, *image.size)
        if getattr(image, "n_frames", 1) > 1 and image.format in ("GIF", "PNG", "WEBP"):
            raise MediaError(f"{path} is an animation of {image.n_frames} frames; save the one that is meant as PNG")
        try:
            if image.format == "PNG":
                _check_png(path.read_bytes())
            if _is_deep(path, image) and image.mode not in ("I;16", "I;16B", "I;16L", "F"):
                # Pillow checks the file, OpenCV reads all 16 bits of it, and turns TIFF by itself.
                orientation = 1 if image.format == "TIFF" else image.getexif().get(_EXIF_ORIENTATION, 1)
                image.load()
                return _oriented(_read_deep(path), orientation)
            return _as_array(path, ImageOps.exif_transpose(image))
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise MediaError(f"{path} is damaged: {str(error).split(chr(10))[0]}; save it again") from error


def _check_png(data: bytes) -> None:
    """Raise ValueError unless every chunk is whole: decoders let a wrong byte in the pixels pass."""
    at = 8
    while data[at + 4 : at + 8] != b"IEND":
        length = int.from_bytes(data[at : at + 4], "big")
        body, check = data[at + 4 : at + 8 + length], data[at + 8 + length : at + 12 + length]
        if len(check) < 4:
            raise ValueError("it breaks off")
        if zlib.crc32(body) != int.from_bytes(check, "big"):
            raise ValueError(f"chunk {body[:4].decode('latin-1')} has a wrong checksum")
        at += 12 + length


def _as_array(path: Path, image: Any) -> Image:
    """Turn any mode of Pillow's into gray, gray + alpha, RGB or RGBA."""
    mode = image.mode
    if mode in ("P", "PA") or (mode in ("L", "RGB", "1") and "transparency" in image.info):
        image = image.convert("RGBA" if "transparency" in image.info or mode == "PA" else "RGB")
    elif mode == "1":
        image = image.convert("L")
    elif mode == "La":
        image = image.convert("LA")
    elif mode == "RGBa":
        image = image.convert("RGBA")
    elif mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
        image = image.convert("RGB")
    array = np.array(image)
    if array.dtype.kind == "f":
        array = unit_to_16_bits(array)
    elif array.dtype not in (np.uint8, np.uint16):
        if array.min() < 0 or array.max() > 65535:
            raise MediaError(f"{path} has 32-bit integers, which cannot be scaled; save it with 16 bits")
        array = array.astype(np.uint16)
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("=")).reshape(*array.shape[:2], -1))


def _read_deep(path: Path) -> NDArray[Any]:
    import cv2

    # imdecode takes bytes, so names that OpenCV's own file reading cannot open on Windows are no matter.
    data = np.frombuffer(path.read_bytes(), np.uint8)
    array: NDArray[Any] | None = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    if array is None:
        raise MediaError(f"{path} is a 16-bit image of a kind that cannot be read; save it as 16-bit PNG")
    if array.dtype.kind == "f":
        array = unit_to_16_bits(array)
    if array.dtype not in (np.uint8, np.uint16):
        raise MediaError(f"{path} has {array.dtype} samples; save it with 8 or 16 bits")
    array = array if array.ndim == 3 else array[..., None]
    order = {1: [0], 3: [2, 1, 0], 4: [2, 1, 0, 3]}[array.shape[2]]
    return np.ascontiguousarray(array[..., order])


def _oriented(image: NDArray[Any], orientation: int) -> Image:
    """Apply an EXIF orientation (CIPA DC-008, tag 0x0112)."""
    if orientation in (2, 4, 5, 7):
        image = image[:, ::-1]
    turns = {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0)
    return np.ascontiguousarray(np.rot90(image, turns))


def _with_channels(image: Image, channels: int) -> Image:
    color: NDArray[Any] = image[..., :1] if image.shape[2] < 3 else image[..., :3]
    if color.shape[2] == 1:
        color = np.repeat(color, 3, axis=2)
    if channels == 3:
        return np.ascontiguousarray(color)
    opaque = np.full_like(image[..., :1], np.iinfo(image.dtype).max)
    alpha = image[..., -1:] if image.shape[2] in (2, 4) else opaque
    return np.concatenate([color, alpha], axis=2)
