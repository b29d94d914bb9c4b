"""Mattes from images: a numbered sequence, or one image for all frames."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import numpy as np

from stylize.errors import MediaError
from stylize.mattes.sources.channels import (
    PLAIN,
    expand_limited_range,
    extract_channel,
    is_limited_range,
    sample_indices,
)
from stylize.mattes.sources.exr import open_exr
from stylize.media import read_image
from stylize.media.image_sequence import numbered_images
from stylize.storage.fingerprint import file_hash, fingerprint

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path

    from propagate.arrays import F32

log = logging.getLogger(__name__)


class ImageMattes:
    """Alpha, or another channel, of images as mattes; see `MatteSource`.

    A folder is a numbered sequence; so is one image of such a sequence. Any other image applies to all frames.
    """

    times: tuple[Fraction, ...] | None = None

    def __init__(self, path: Path, select: str, *, gaps: bool) -> None:
        self.path, self._gaps = path, gaps
        self._files = _files_of(path)
        self.still = not path.is_dir() and len(self._files) == 1
        first = min(self._files)
        self.numbers = None if self.still else tuple(range(first, max(self._files) + 1))
        self._exr = self._files[first].suffix.lower() == ".exr"
        samples = [file for place in sample_indices(len(self)) if (file := self._file(place)) is not None]
        self._channel = _exr_channel(samples, select) if self._exr else _plain_channel(samples, select)
        shallow = not self._exr and self._channel != "alpha" and read_image(samples[0]).dtype == np.uint8
        self._limited = shallow and is_limited_range(path, [self._values(file) for file in samples])
        contents = [(number, file_hash(file)) for number, file in sorted(self._files.items())]
        self.fingerprint = fingerprint("images", contents, self._channel, self._limited)

    def __len__(self) -> int:
        return 1 if self.numbers is None else len(self.numbers)

    def read(self, place: int) -> F32 | None:
        """Return the matte at `place`; None for a missing or damaged frame, if gaps are allowed."""
        try:
            values = self._values(self._existing(place))
        except MediaError:
            if self._gaps:
                return None
            raise
        return expand_limited_range(values) if self._limited else values

    def close(self) -> None:
        """Do nothing: no file is open between two reads."""

    def _file(self, place: int) -> Path | None:
        return self._files.get(min(self._files) + place)

    def _existing(self, place: int) -> Path:
        file = self._file(place)
        if file is None:
            number = place if self.numbers is None else self.numbers[place]
            raise MediaError(f"{self.path}: frame {number} is missing; add it, or pass --matte-missing hold or black")
        return file

    def _values(self, file: Path) -> F32:
        if not self._exr:
            return extract_channel(read_image(file), self._channel)
        opened = open_exr(file)
        if self._channel.startswith("crypto"):
            from stylize.mattes.sources.cryptomatte import crypto_matte

            return crypto_matte(opened, self._channel)
        plane = opened.brightness() if self._channel == "luma" else opened.plane(opened.pick(self._channel))
        return np.asarray(np.clip(plane, 0, 1), np.float32)


def _files_of(path: Path) -> dict[int, Path]:
    """Return files by frame number."""
    if path.is_dir():
        return numbered_images(path)
    series = numbered_images(path.parent, like=path) if re.search(r"\d\D*$", path.stem) else {}
    return series if len(series) > 1 else {0: path}


def _exr_channel(samples: list[Path], select: str) -> str:
    """Return the channel to read of every file; the first file must have it."""
    if select.startswith("crypto"):
        return select
    plain = {"alpha": "A", "red": "R", "green": "G", "blue": "B"}
    if select == "luma":
        return select
    if select:
        return open_exr(samples[0], header_only=True).pick(plain.get(select, select))
    if "A" not in open_exr(samples[0], header_only=True).names():
        return "luma"
    opaque = all((open_exr(file).plane("A") >= 1).all() for file in samples)
    return _brightness_for(samples[0]) if opaque else "A"


def _plain_channel(samples: list[Path], select: str) -> str:
    if select and select not in PLAIN:
        raise MediaError(f"{samples[0]}: unknown channel {select}; choose one of {', '.join(PLAIN)}")
    if select:
        return select
    images = [read_image(file) for file in samples]
    if not all(image.shape[2] in (2, 4) for image in images):
        return "luma"
    opaque = all((image[..., -1] == np.iinfo(image.dtype).max).all() for image in images)
    return _brightness_for(samples[0]) if opaque else "alpha"


def _brightness_for(file: Path) -> str:
    log.warning("%s: alpha is opaque everywhere; brightness is used", file.name)
    return "luma"
