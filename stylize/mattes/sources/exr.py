"""Channels of an EXR as mattes: by layer and channel, over the display window."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import MediaError
from stylize.media.exr import on_display
from stylize.media.stdout_guard import stdout_aside

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from propagate.arrays import F32


@dataclass(frozen=True)
class ExrFile:
    """An opened EXR.

    Attributes
    ----------
    path
        The file.
    parts
        Of the reference library, each with header and channels.
    """

    path: Path
    parts: tuple[Any, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the display window: the picture, however much of it the channels fill."""
        first, last = self.parts[0].header["displayWindow"]
        return int(last[0] - first[0]) + 1, int(last[1] - first[1]) + 1

    def names(self) -> list[str]:
        """Every channel, with its part's name before it where that tells more."""
        return [name for name, _, _ in self._named()]

    def brightness(self) -> F32:
        """Return the mean of the plain colors, or Y, float32 (H, W)."""
        names = self.names()
        plain = "RGB" if "R" in names else "Y"
        found = [name for name in plain if name in names]
        if not found:
            raise MediaError(f"{self.path} has no colors; name a channel of it: {self.path}:{names[0]}")
        return np.asarray(np.mean([self.plane(name) for name in found], axis=0, dtype=np.float32), np.float32)

    def pick(self, select: str) -> str:
        """Return the one channel that is meant by a channel's or a layer's name.

        Raises
        ------
        MediaError
            If there is none, with the names that there are, or a layer has several and none is its alpha.
        """
        names = self.names()
        if select in names:
            return select
        inside = [name for name in names if name.startswith(f"{select}.")]
        for channel in ("A", "a", "alpha", "Y"):
            if f"{select}.{channel}" in inside:
                return f"{select}.{channel}"
        if len(inside) == 1:
            return inside[0]
        if inside:
            raise MediaError(
                f"{self.path}: the layer {select} has {_listed(inside)}; name one of them: {self.path}:{inside[0]}"
            )
        near = difflib.get_close_matches(select, names, n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        if not near and any(key.startswith("cryptomatte/") for part in self.parts for key in part.header):
            hint = f"an object of its cryptomatte is {self.path.name}:crypto={select}; "
        raise MediaError(f"{self.path} has no channel {select}; {hint}it has {_listed(names)}")

    def plane(self, name: str) -> F32:
        """Return a channel over the display window, float32 (H, W): 0 where it has no data.

        Values are taken as they are, neither clipped nor made sRGB. A channel at a fraction of the size
        (sub-sampled) is enlarged.

        Raises
        ------
        MediaError
            If its pixels are missing or damaged.
        """
        for known, part, channel in self._named():
            if known == name:
                return self._spread(part, channel)
        raise MediaError(f"{self.path} has no channel {name}; it has {_listed(self.names())}")

    def _named(self) -> Iterator[tuple[str, Any, Any]]:
        seen: set[str] = set()
        for part in self.parts:
            part_name = str(part.header.get("name", ""))
            channels = part.channels or {one.name: one for one in part.header.get("channels", ())}
            for name, channel in channels.items():
                # "hero" with a channel A is hero.A to a person, as in a file of one part
                spelled = name
                if len(self.parts) > 1 and part_name and (name in seen or "." not in name):
                    spelled = f"{part_name}.{name}" if part is not self.parts[0] or name in seen else name
                seen.add(name)
                yield spelled, part, channel

    def _spread(self, part: Any, channel: Any) -> F32:
        pixels = channel.pixels
        if pixels is None:
            raise MediaError(f"{self.path}: the pixels of {channel.name} are missing; render it again")
        found = on_display(pixels, part.header["dataWindow"], self.parts[0].header["displayWindow"])
        return np.nan_to_num(found, posinf=1.0, neginf=0.0)


def open_exr(path: Path, *, header_only: bool = False) -> ExrFile:
    """Open an EXR of one or more parts.

    Parameters
    ----------
    header_only
        Read no pixels: for sizes and names.

    Raises
    ------
    MediaError
        If it is missing, none, deep, or breaks off.
    """
    import OpenEXR

    if not path.is_file():
        raise MediaError(f"{path} does not exist; check the path")
    again = "render or save it again"
    try:
        with stdout_aside():
            file = OpenEXR.File(str(path), separate_channels=True, header_only=header_only)
        parts = tuple(file.parts)
    except (RuntimeError, ValueError, TypeError) as error:
        raise MediaError(f"{path} is damaged or no EXR: {error}; {again}") from error
    if not parts:
        raise MediaError(f"{path} breaks off or has a damaged part; {again}")
    for part in parts:
        if part.type() in (OpenEXR.deepscanline, OpenEXR.deeptile):
            raise MediaError(f"{path} is a deep EXR; flatten it (DeepToImage) and write it again")
    return ExrFile(path, parts)


def _listed(names: list[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
