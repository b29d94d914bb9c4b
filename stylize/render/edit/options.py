"""Options of the renderer that edits pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from annotated_types import Interval, Unit
from typing_extensions import Doc

from propagate.option_fields import check_options, described

Share = Annotated[float, Interval(ge=0, le=1)]


@described
@dataclass(frozen=True)
class EditOptions:
    """How an image editor paints keys."""

    type_id: ClassVar[str] = "edit-options"
    model: Annotated[
        str,
        Doc("Image editor that takes several pictures: FLUX.2-klein, FLUX.2, Qwen-Image-Edit-Plus; auto: a preset."),
    ] = "auto"
    prompt: Annotated[
        str, Doc("Instruction in place of the usual request to repaint the frame in the style; may be a schedule.")
    ] = ""
    steps: Annotated[
        int | None, Interval(ge=1, le=200), Doc("More is finer and slower; the model's own by default, 4 if distilled.")
    ] = None
    guidance: Annotated[
        float | None,
        Interval(ge=0, le=20),
        Doc("Higher obeys the prompt more; the model's own by default. Distilled models ignore it."),
    ] = None
    megapixels: Annotated[
        float, Interval(ge=0, le=4), Unit("megapixels"), Doc("Size to paint at; 0: the models' own, one megapixel.")
    ] = 0.0
    align: Annotated[
        bool, Doc("Shifts, turns and scales the painting back onto the frame's outlines, since editors let it drift.")
    ] = True
    hold: Annotated[Share, Doc("How far surface of finished keys is kept; 1 copies it.")] = 0.0
    match_colors: Annotated[Share, Doc("How far a key's colors are brought to those of the keys that it follows.")] = (
        1.0
    )
    edges: Annotated[Share, Doc("How far edges of the enlarged painting follow the full-size frame.")] = 1.0
    device: Annotated[Literal["auto", "cuda", "mps", "cpu"], Doc("Device that runs models.")] = "auto"

    def __post_init__(self) -> None:
        check_options(self)
