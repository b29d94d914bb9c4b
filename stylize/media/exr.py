"""EXR through the reference library: FFmpeg writes it without linear light, OpenCV's wheels have none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import MediaError
from stylize.media.colour import linear_to_srgb, srgb_to_linear
from stylize.media.depth import unit_to_16_bits
from stylize.media.stdout import stdout_aside

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from propagate.arrays import Image

__all__ = ["exr_has_alpha", "exr_peak", "exr_size", "read_exr", "write_exr"]


def exr_size(path: Path) -> tuple[int, int]:
    """Return (width, height) of the data window, from the header."""
    first, last = _open(path, header_only=True).header()["dataWindow"]
    return int(last[0] - first[0]) + 1, int(last[1] - first[1]) + 1


def exr_has_alpha(path: Path) -> bool:
    """Whether the first part has an alpha channel, in its header."""
    channels = _open(path, header_only=True).header()["channels"]
    return any(channel.name.rsplit(".", 1)[-1].upper() == "A" for channel in channels)


def exr_peak(path: Path) -> float:
    """Return the brightest light of an EXR, 1 for white: what is above is clipped by `read_exr`."""
    channels, names, _ = _pixels(path)
    light = np.stack([np.asarray(channels[name], np.float32) for name in names])
    return float(np.max(light, initial=0, where=np.isfinite(light)))


def read_exr(path: Path) -> Image:
    """Read an EXR as sRGB: uint16, (H, W, C); light outside [0, 1] is clipped, alpha made straight.

    Channels are R, G, B, A or Y, A of the first part; a layer's ("beauty.R") where there are no plain ones.

    Raises
    ------
    MediaError
        If the file is damaged or has none of these channels.
    """
    channels, names, alpha_name = _pixels(path)
    light = np.nan_to_num(np.stack([np.asarray(channels[name], np.float32) for name in names], axis=2))
    if alpha_name is None:
        return unit_to_16_bits(linear_to_srgb(light))
    alpha = np.clip(np.nan_to_num(np.asarray(channels[alpha_name], np.float32)), 0, 1)[..., None]
    straight = np.where(alpha > 0, light / np.maximum(alpha, 1e-6), 0)
    return unit_to_16_bits(np.concatenate([linear_to_srgb(straight), alpha], axis=2))


def write_exr(path: Path, image: Image, text: str | None = None) -> None:
    """Write sRGB values as linear half floats, ZIP-compressed; alpha is multiplied in."""
    import OpenEXR

    values = image.astype(np.float32) / np.iinfo(image.dtype).max
    has_alpha = image.shape[2] in (2, 4)
    colour = srgb_to_linear(values[..., :-1] if has_alpha else values)
    names = ["Y"] if colour.shape[2] == 1 else ["R", "G", "B"]
    channels: dict[str, NDArray[np.float16]] = {}
    for at, name in enumerate(names):
        plane = colour[..., at] * values[..., -1] if has_alpha else colour[..., at]
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


def _pixels(path: Path) -> tuple[dict[str, Any], list[str], str | None]:
    """Return the channels of the first part, and the names of those for colour and for alpha."""
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
    return channels, [plain[name] for name in names], plain.get("A")


def _open(path: Path, *, header_only: bool = False) -> Any:
    import OpenEXR

    try:
        with stdout_aside():
            return OpenEXR.File(str(path), separate_channels=True, header_only=header_only)
    except (RuntimeError, ValueError, TypeError) as error:
        raise MediaError(f"{path} is damaged or no EXR: {error}; render or save it again") from error
