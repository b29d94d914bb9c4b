"""Writer of exported frames: numbered images or one video."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from stylize.export.color_space import encode
from stylize.export.comp_description import Footage
from stylize.export.options import FORMATS, VIDEO_FORMATS
from stylize.media import open_writer, write_image
from stylize.media.alpha_writer import open_alpha_writer
from stylize.media.bit_depth import to_16_bits, unit_to_16_bits

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from propagate.arrays import F32, Image
    from stylize.media import ClipInfo, Writer

DIGITS = 4
"""Digits of a frame number: the custom of compositing programs, 1001."""


class FrameSequenceWriter:
    """One stream of frames: images ``NAME/NAME.1001.png``, 16 bits, or a video ``NAME.mov``.

    Parameters
    ----------
    root, name
        Folder of the export and the stream's name in it, which may contain folders.
    info
        Of the clip.
    form
        One of `stylize.export.options.FORMATS`.
    first
        Number of the first image.
    space
        Color space of images, see `stylize.export.color_space`.
    alpha
        True if frames are RGBA.
    """

    def __init__(
        self, root: Path, name: str, info: ClipInfo, form: str, *, first: int, space: str, alpha: bool
    ) -> None:
        self.root, self.name, self.space = root, name, space
        self.suffix, self.first, self.written = FORMATS[form], first, 0
        self._writer: Writer | None = None
        if form in VIDEO_FORMATS:
            place = root / f"{name}{self.suffix}"
            if alpha:
                self._writer = open_alpha_writer(place, info)
            else:
                self._writer = open_writer(place, replace(info, bit_depth=max(info.bit_depth, 10)))

    @property
    def footage(self) -> Footage:
        """The frames as footage, relative to the export's folder."""
        folder, _, name = self.name.rpartition("/")
        if self._writer is not None:
            return Footage(folder, name, 0, self.suffix, 0)
        return Footage(self.name, f"{name}.", DIGITS, self.suffix, self.first)

    def write(self, frame: Image) -> None:
        """Write the next frame: gray, RGB or RGBA."""
        if self._writer is not None:
            self._writer.write(frame)
        else:
            write_image(self.root / self.footage.file(self.written), self._stored(frame), compression=3, durable=False)
        self.written += 1

    def close(self) -> None:
        """Finish a video."""
        if self._writer is not None:
            self._writer.close()

    def abort(self) -> None:
        """Discard a video."""
        if self._writer is not None:
            self._writer.abort()

    def _stored(self, frame: Image) -> Image:
        deep = to_16_bits(frame)
        if self.space == "srgb" or frame.shape[2] < 3:
            return deep
        color = unit_to_16_bits(encode(deep[..., :3].astype(np.float32) / 65535, self.space))
        return np.concatenate([color, deep[..., 3:]], axis=2)


def rgba(color: Image, alpha: F32) -> NDArray[np.uint16]:
    """Return straight color and alpha, 0 to 1, as 16-bit RGBA."""
    return np.concatenate([to_16_bits(color), unit_to_16_bits(alpha)[..., None]], axis=2)
