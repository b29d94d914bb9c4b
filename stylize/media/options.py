"""Options of reading clips and writing results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from typing_extensions import Doc

from propagate.option_fields import check_options, described
from stylize.media.timecode import frame_rate


@described
@dataclass(frozen=True)
class ClipOptions:
    """How the clip is read."""

    type_id: ClassVar[str] = "clip-options"
    missing: Annotated[
        Literal["error", "hold", "black"],
        Doc('Frame for a number that an image sequence lacks: "error" refuses, "hold" repeats the last, "black".'),
    ] = "error"
    rate: Annotated[
        float | str | None,
        Doc("Frames per second of an image sequence: 25, 23.976 or 24000/1001; 24 by default. Videos keep their own."),
    ] = None
    allow_truncated: Annotated[bool, Doc("Uses the readable part of a video that breaks off.")] = False
    assume_matrix: Annotated[
        Literal["bt601", "bt709", "bt2020"] | None,
        Doc("Color matrix of a video without color tags; by its size by default. The wrong one turns reds and greens."),
    ] = None

    def __post_init__(self) -> None:
        check_options(self)
        if self.rate is not None:
            frame_rate(self.rate)


@described
@dataclass(frozen=True)
class OutputOptions:
    """How the result is written."""

    type_id: ClassVar[str] = "output-options"
    quality: Annotated[
        Literal["draft", "high", "best"],
        Doc('Of a video: "draft" is small, "high" looks like the frames, "best" survives another encoding.'),
    ] = "high"
    image_format: Annotated[Literal["png", "tif", "exr"], Doc("File format of a folder of images.")] = "png"
    metadata: Annotated[bool, Doc("Embeds the recipe, how the result was made, in the output.")] = True

    def __post_init__(self) -> None:
        check_options(self)
