"""Options of mattes: how a given matte is fitted, stabilized and shaped, and how one is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Interval, Unit
from typing_extensions import Doc

from propagate.option_fields import OptionError, check_options, described


@described
@dataclass(frozen=True)
class MatteOptions:
    """How a matte is fitted to its clip, stabilized and shaped, in this order."""

    type_id: ClassVar[str] = "matte-options"
    fit: Annotated[
        Literal["error", "scale", "crop"],
        Doc(
            'Matte of another size than the clip: "error" refuses, "scale" stretches, "crop" keeps its scale, centered.'
        ),
    ] = "error"
    missing: Annotated[
        Literal["error", "hold", "black"],
        Doc('Frames without a matte: "error" refuses, "hold" repeats the last one, "black" leaves the clip untouched.'),
    ] = "error"
    match: Annotated[
        Literal["auto", "number", "time"],
        Doc('Which matte belongs to a frame: by its number, by its time (another rate), or "auto".'),
    ] = "auto"
    stabilize: Annotated[
        float,
        Interval(ge=0, le=1),
        Doc("Amount of edge chatter that is removed along the motion; 0 takes every matte as it is."),
    ] = 1.0
    radius: Annotated[
        int,
        Interval(ge=0, le=8),
        Unit("frames"),
        Doc("Neighbors on each side that stabilize an edge. More is calmer and softens edges that change form."),
    ] = 2
    levels: Annotated[
        str,
        Doc('Opacities "BLACK,WHITE" that become 0 and 1; 0.1,0.9 clips weak remains of the background, harder edges.'),
    ] = "0,1"
    choke: Annotated[
        float,
        Interval(ge=-200, le=200),
        Unit("pixels"),
        Doc("Moves the edge inwards and removes a rim of background; negative values spread it."),
    ] = 0.0
    feather: Annotated[
        float,
        Interval(ge=0, le=200),
        Unit("pixels"),
        Doc("Width over which the edge is softened, half inside and half outside."),
    ] = 0.0
    invert: Annotated[bool, Doc("Styles the background and keeps the subject.")] = False

    def __post_init__(self) -> None:
        check_options(self)
        parse_levels(self.levels)


@described
@dataclass(frozen=True)
class MakingOptions:
    """How a subject is segmented and its edges are refined; sam2 and vitmatte need models."""

    type_id: ClassVar[str] = "making-options"
    maker: Annotated[
        Literal["color", "sam2"],
        Doc(
            '"color" segments by color and motion, without weights; "sam2" is SAM 2 (Ravi et al. 2024): it finds '
            "subjects again after they were hidden, and takes points."
        ),
    ] = "color"
    edges: Annotated[
        Literal["color", "vitmatte", "none"],
        Doc('Opacity near the edge by colors, by ViTMatte (Yao et al. 2023; hair, blur), or "none": raw sam2.'),
    ] = "color"
    segmenter: Annotated[
        str, Doc("SAM 2 model: preset, repository or folder. Larger ones are slower and more certain.")
    ] = "sam2-small"
    matter: Annotated[str, Doc("ViTMatte model: preset, repository or folder.")] = "vitmatte-small"
    device: Annotated[Literal["auto", "cuda", "mps", "cpu"], Doc("Device that runs models.")] = "auto"
    dtype: Annotated[
        Literal["auto", "float16", "bfloat16", "float32"],
        Doc('Number format of models; "auto" is half precision on GPUs.'),
    ] = "auto"

    def __post_init__(self) -> None:
        check_options(self)


def parse_levels(text: str) -> tuple[float, float]:
    """Return (black, white) of ``"BLACK,WHITE"``, each 0 to 1.

    Raises
    ------
    OptionError
        If there are not two numbers, or black is not below white.
    """
    try:
        black, white = (float(part) for part in text.split(","))
    except ValueError:
        raise OptionError("levels", text, "BLACK,WHITE such as 0.1,0.9") from None
    if not 0 <= black < white <= 1:
        raise OptionError("levels", text, "BLACK,WHITE with 0 <= BLACK < WHITE <= 1")
    return black, white
