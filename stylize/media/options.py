"""How clips are read and results written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from stylize.media.timecode import frame_rate


@dataclass(frozen=True)
class ClipOptions:
    """How the clip is read.

    Attributes
    ----------
    missing
        What stands for a number that an image sequence lacks: ``error`` refuses, ``hold`` repeats the frame
        before, ``black`` is black.
    rate
        Frames per second of an image sequence, which does not say: ``25``, ``23.976``, ``24000/1001``; None
        takes 24. Videos keep their own. It times videos, timelines and seconds, and moves no pixel.
    allow_truncated
        Use what there is of a video that breaks off.
    assume_matrix
        ``bt601``, ``bt709`` or ``bt2020`` for a video that does not tag its colors; the wrong one turns reds
        and greens.
    """

    missing: Literal["error", "hold", "black"] = "error"
    rate: float | str | None = None
    allow_truncated: bool = False
    assume_matrix: Literal["bt601", "bt709", "bt2020"] | None = None

    def __post_init__(self) -> None:
        if self.missing not in ("error", "hold", "black"):
            raise ValueError(f"missing is {self.missing!r}; choose 'error', 'hold' or 'black'")
        if self.rate is not None:
            frame_rate(self.rate)
        if self.assume_matrix not in (None, "bt601", "bt709", "bt2020"):
            raise ValueError(f"assume_matrix is {self.assume_matrix!r}; choose 'bt601', 'bt709' or 'bt2020'")


@dataclass(frozen=True)
class OutputOptions:
    """How the result is written.

    Attributes
    ----------
    quality
        Of a video file: ``draft`` is small, ``high`` looks like the frames, ``best`` also survives another
        encoding.
    image_format
        Of a folder of images.
    metadata
        Embed the recipe (how the result was made) in the output.
    """

    quality: Literal["draft", "high", "best"] = "high"
    image_format: Literal["png", "tif", "exr"] = "png"
    metadata: bool = True

    def __post_init__(self) -> None:
        if self.quality not in ("draft", "high", "best"):
            raise ValueError(f"quality is {self.quality!r}; choose 'draft', 'high' or 'best'")
        if self.image_format not in ("png", "tif", "exr"):
            raise ValueError(f"image_format is {self.image_format!r}; choose 'png', 'tif' or 'exr'")
