"""A finished comp as other programs have to know it: sizes, times, files, and what lies over what."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from stylize.compositing.stack import LayerResult
    from stylize.media import ClipInfo


@dataclass(frozen=True)
class Footage:
    """A video, or numbered images.

    Attributes
    ----------
    folder
        Where it lies: absolute, or "" for files beside the script that names them.
    prefix, digits, suffix
        Of images: ``prefix`` + number of so many digits + ``suffix``; of a video, 0 digits.
    first
        Number of the first image; of a video, its first frame that is used.
    """

    folder: str
    prefix: str
    digits: int
    suffix: str
    first: int

    @property
    def is_sequence(self) -> bool:
        """Whether these are images."""
        return self.digits > 0

    def path(self, number: str) -> str:
        """Return the path with `number` in the frame's place: ``%04d``, ``####``, ``1001``."""
        name = f"{self.prefix}{number}{self.suffix}" if self.is_sequence else f"{self.prefix}{self.suffix}"
        return f"{self.folder}/{name}" if self.folder else name

    def file(self, index: int) -> str:
        """Return the path of the frame that is `index` after the first."""
        return self.path(f"{self.first + index:0{self.digits}d}" if self.digits else "")

    @property
    def printf(self) -> str:
        """The path as Nuke and C write it."""
        return self.path(f"%0{self.digits}d")


@dataclass(frozen=True)
class HandoffLayer:
    """A layer: its pictures with straight alpha, its matte, and how it is laid over what is below."""

    name: str
    blend: str
    footage: Footage
    matte: Footage
    keys: tuple[int, ...]


@dataclass(frozen=True)
class CompDescription:
    """A comp.

    Attributes
    ----------
    name
        Of the clip.
    size
        (width, height) in pixels.
    aspect
        Width of a pixel by its height.
    rate
        Frames a second.
    count
        Frames.
    first
        Number of the first frame in the comp.
    linear
        Whether light is mixed, or the pictures' own values.
    plate
        The clip below all layers.
    layers
        Bottom first.
    flat
        The flattened clip.
    sound
        The file whose sound belongs to it; None for a silent clip.
    """

    name: str
    size: tuple[int, int]
    aspect: Fraction
    rate: Fraction
    count: int
    first: int
    linear: bool
    plate: Footage
    layers: tuple[HandoffLayer, ...]
    flat: Footage
    sound: str | None


def plate_footage(info: ClipInfo) -> Footage:
    """Return a clip as footage."""
    place = Path(info.path).absolute()
    if not info.is_sequence:
        return Footage(place.parent.as_posix(), place.stem, 0, place.suffix, info.start)
    found = re.fullmatch(r"(.*?)(\d+)", info.names[0])
    suffix = next((p.suffix for p in place.iterdir() if p.stem == info.names[0]), ".png")
    if found is None:
        return Footage(place.as_posix(), info.names[0], 0, suffix, 0)
    return Footage(place.as_posix(), found[1], len(found[2]), suffix, int(found[2]))


def key_frames(layer: LayerResult) -> tuple[int, ...]:
    """Return the keys of a layer, counted from the first frame of the range."""
    return tuple(frame - layer.context.span[0] for frame in layer.keyed.frames)


def is_uneven(info: ClipInfo) -> bool:
    """Whether some frames stay much longer than others, which a frame count cannot tell."""
    steps = [after - before for before, after in pairwise(info.pts)]
    return bool(steps) and max(steps) > 1.5 * min(steps)
