"""Description of a comp for other programs: size, times, footage and order of the layers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

    from stylize.media import ClipInfo


@dataclass(frozen=True)
class Footage:
    """A video, or numbered images.

    Attributes
    ----------
    folder
        Absolute, or "" for files beside the script that names them.
    prefix, digits, suffix
        Of images: ``prefix`` + number of that many digits + ``suffix``; a video has 0 digits.
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
        """True for images, False for a video."""
        return self.digits > 0

    def path(self, number: str) -> str:
        """Return the path with `number` as the frame's number: ``%04d``, ``####``, ``1001``."""
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
class CompLayer:
    """A layer: its images with straight alpha, its matte, its blend mode, and the frames of its keys."""

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
        True blends linear light, False the images' display values.
    plate
        The clip below all layers.
    layers
        Bottom first.
    flat
        The flattened clip.
    sound
        The file with the clip's sound; None for a silent clip.
    """

    name: str
    size: tuple[int, int]
    aspect: Fraction
    rate: Fraction
    count: int
    first: int
    linear: bool
    plate: Footage
    layers: tuple[CompLayer, ...]
    flat: Footage
    sound: str | None


def plate_footage(info: ClipInfo) -> Footage:
    """Return a clip as footage."""
    place = info.path.absolute()
    if not info.is_sequence:
        return Footage(place.parent.as_posix(), place.stem, 0, place.suffix, info.start)
    found = re.fullmatch(r"(.*?)(\d+)", info.names[0])
    suffix = next((p.suffix for p in place.iterdir() if p.stem == info.names[0]), ".png")
    if found is None:
        return Footage(place.as_posix(), info.names[0], 0, suffix, 0)
    return Footage(place.as_posix(), found[1], len(found[2]), suffix, int(found[2]))


def plate_name(info: ClipInfo) -> str:
    """Return the name of a clip without a suffix, from which exported files get theirs."""
    return info.path.name if info.is_sequence else info.path.stem


def is_uneven(info: ClipInfo) -> bool:
    """Return whether some frames stay much longer than others, which a frame count cannot express."""
    steps = [after - before for before, after in pairwise(info.pts)]
    return bool(steps) and max(steps) > 1.5 * min(steps)
