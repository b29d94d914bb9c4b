"""Channels of an EXR, by layer and channel name, over its display window."""

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
    """An opened EXR file.

    Attributes
    ----------
    path
        The file.
    parts
        Parts as OpenEXR reads them, each with header and channels.
    """

    path: Path
    parts: tuple[Any, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the display window; the data window may be smaller or larger."""
        first, last = self.parts[0].header["displayWindow"]
        return int(last[0] - first[0]) + 1, int(last[1] - first[1]) + 1

    def names(self) -> list[str]:
        """Return the names of all channels, with the name of the part before it if the channel alone is ambiguous."""
        return [name for name, _, _ in self._named()]

    def brightness(self) -> F32:
        """Return the mean of R, G and B, or Y, float32 (H, W)."""
        names = self.names()
        plain = "RGB" if "R" in names else "Y"
        found = [name for name in plain if name in names]
        if not found:
            raise MediaError(f"{self.path}: color channels not found; name a channel: {self.path}:{names[0]}")
        return np.asarray(np.mean([self.plane(name) for name in found], axis=0, dtype=np.float32), np.float32)

    def pick(self, select: str) -> str:
        """Return the channel that the name of a channel or a layer selects.

        Raises
        ------
        MediaError
            If it is unknown, or a layer has several channels and no alpha.
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
        raise MediaError(f"{self.path}: unknown channel {select}; {hint}it has {_listed(names)}")

    def plane(self, name: str) -> F32:
        """Return a channel over the display window, float32 (H, W), 0 outside of the data window.

        Values are neither clipped nor converted to sRGB. A sub-sampled channel is enlarged.

        Raises
        ------
        MediaError
            If the channel is unknown, or its pixels are missing.
        """
        for known, part, channel in self._named():
            if known == name:
                return self._spread(part, channel)
        raise MediaError(f"{self.path}: unknown channel {name}; it has {_listed(self.names())}")

    def _named(self) -> Iterator[tuple[str, Any, Any]]:
        seen: set[str] = set()
        for part in self.parts:
            part_name = str(part.header.get("name", ""))
            channels = part.channels or {one.name: one for one in part.header.get("channels", ())}
            for name, channel in channels.items():
                # channel A of part "hero" is hero.A, as in a file of one part
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
        Read sizes and names only, no pixels.

    Raises
    ------
    MediaError
        If it is missing, damaged, truncated, deep, or no EXR.
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
        raise MediaError(f"{path}: truncated, or a part is damaged; {again}")
    for part in parts:
        if part.type() in (OpenEXR.deepscanline, OpenEXR.deeptile):
            raise MediaError(f"{path} is a deep EXR; flatten it (DeepToImage) and write it again")
    return ExrFile(path, parts)


def _listed(names: list[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
