"""EXR through the reference library: FFmpeg writes it without linear light, OpenCV's wheels have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import MediaError
from stylize.media.bit_depth import unit_to_16_bits
from stylize.media.color import linear_to_srgb, srgb_to_linear
from stylize.media.stdout_guard import stdout_aside

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from propagate.arrays import F32, Image


def exr_size(path: Path) -> tuple[int, int]:
    """Return (width, height) of the display window, the picture, from the header."""
    return _extent(_open(path, header_only=True).header()["displayWindow"])


def exr_stored_size(path: Path) -> tuple[int, int]:
    """Return (width, height) of the data window, what is stored, from the header."""
    return _extent(_open(path, header_only=True).header()["dataWindow"])


def on_display(pixels: Any, data_window: Any, display_window: Any) -> F32:
    """Return a channel over the display window, float32 (H, W): 0 where it has no data.

    A channel at a fraction of the size (sub-sampled) is enlarged; its samples lie on every n-th pixel.
    """
    data, (width, height) = np.asarray(pixels, np.float32), _extent(display_window)
    size = _extent(data_window)
    if data.shape != size[::-1]:
        data = _enlarged(data, size)
    left, top = (int(a - b) for a, b in zip(data_window[0], display_window[0], strict=True))
    if (left, top, *size) == (0, 0, width, height):
        return data
    found = np.zeros((height, width), np.float32)
    rows = slice(max(0, top), min(height, top + size[1]))
    columns = slice(max(0, left), min(width, left + size[0]))
    if rows.start < rows.stop and columns.start < columns.stop:
        inner = data[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        found[rows, columns] = inner
    return found


def exr_has_alpha(path: Path) -> bool:
    """Whether the first part has an alpha channel, in its header."""
    channels = _open(path, header_only=True).header()["channels"]
    return any(channel.name.rsplit(".", 1)[-1].upper() == "A" for channel in channels)


def exr_peak(path: Path) -> float:
    """Return the brightest light of an EXR, 1 for white: what is above is clipped by `read_exr`."""
    channels, names, _ = _pixels(path)
    light = np.stack([channels[name] for name in names])
    return float(np.max(light, initial=0, where=np.isfinite(light)))


def read_exr(path: Path) -> Image:
    """Read an EXR as sRGB: uint16, (H, W, C); light outside [0, 1] is clipped, alpha made straight.

    The picture is the display window; what is stored beyond it is left out, what it lacks is black and clear.
    Channels are R, G, B, A or Y, A of the first part; a layer's ("beauty.R") where there are no plain ones.

    Raises
    ------
    MediaError
        If the file is damaged or has none of these channels.
    """
    channels, names, alpha_name = _pixels(path)
    light = np.nan_to_num(np.stack([channels[name] for name in names], axis=2))
    if alpha_name is None:
        return unit_to_16_bits(linear_to_srgb(light))
    alpha = np.clip(np.nan_to_num(channels[alpha_name]), 0, 1)[..., None]
    straight = np.where(alpha > 0, light / np.maximum(alpha, 1e-6), 0)
    return unit_to_16_bits(np.concatenate([linear_to_srgb(straight), alpha], axis=2))


def write_exr(path: Path, image: Image, text: str | None = None) -> None:
    """Write sRGB values as linear half floats, ZIP-compressed; alpha is multiplied in."""
    import OpenEXR

    values = image.astype(np.float32) / np.iinfo(image.dtype).max
    has_alpha = image.shape[2] in (2, 4)
    color = srgb_to_linear(values[..., :-1] if has_alpha else values)
    names = ["Y"] if color.shape[2] == 1 else ["R", "G", "B"]
    channels: dict[str, NDArray[np.float16]] = {}
    for at, name in enumerate(names):
        plane = color[..., at] * values[..., -1] if has_alpha else color[..., at]
        channels[name] = np.ascontiguousarray(plane, np.float16)
    if has_alpha:
        channels["A"] = np.ascontiguousarray(values[..., -1], np.float16)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    if text:
        header["comments"] = text
    try:
        OpenEXR.File(header, channels).write(str(path))
    except RuntimeError as error:
        raise OSError(0, f"OpenEXR failed ({error}); is the disk full?") from error


def _pixels(path: Path) -> tuple[dict[str, F32], list[str], str | None]:
    """Return color and alpha of the first part, and the names of the channels for color and for alpha."""
    file = _open(path)
    try:
        with stdout_aside():
            channels: dict[str, Any] = {name: part.pixels for name, part in file.channels().items()}
    except (ValueError, RuntimeError) as error:
        raise MediaError(f"{path} is damaged: its pixels cannot be read; render or save it again") from error
    plain = {name.rsplit(".", 1)[-1].upper(): name for name in sorted(channels, reverse=True)}
    plain |= {name: name for name in channels if name in ("R", "G", "B", "A", "Y")}
    names = ["R", "G", "B"] if {"R", "G", "B"} <= plain.keys() else ["Y"]
    if names[0] not in plain:
        raise MediaError(f"{path} has the channels {', '.join(sorted(channels))}; expected R, G, B or Y")
    found, header = [plain[name] for name in names], file.header()
    windows = header["dataWindow"], header["displayWindow"]
    used = {name: on_display(channels[name], *windows) for name in (*found, plain.get("A")) if name}
    return used, found, plain.get("A")


def _extent(window: Any) -> tuple[int, int]:
    """Return (width, height) of a window, whose last pixel is within."""
    first, last = window
    return int(last[0] - first[0]) + 1, int(last[1] - first[1]) + 1


def _enlarged(data: F32, size: tuple[int, int]) -> F32:
    import cv2

    (width, height), (rows, columns) = size, data.shape
    steps = np.array([[round(width / columns), 0, 0], [0, round(height / rows), 0]], np.float32)
    return np.asarray(
        cv2.warpAffine(data, steps, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32
    )


def _open(path: Path, *, header_only: bool = False) -> Any:
    import OpenEXR

    try:
        with stdout_aside():
            return OpenEXR.File(str(path), separate_channels=True, header_only=header_only)
    except (RuntimeError, ValueError, TypeError) as error:
        raise MediaError(f"{path} is damaged or no EXR: {error}; render or save it again") from error
