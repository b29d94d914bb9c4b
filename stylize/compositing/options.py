"""Options of compositing layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from typing_extensions import Doc

from propagate.option_fields import check_options, described


@described
@dataclass(frozen=True)
class ComposeOptions:
    """How layers are composited."""

    type_id: ClassVar[str] = "compose-options"
    light: Annotated[
        Literal["display", "linear"],
        Doc("Mixes edges and blends in display values, as paint programs do, or in linear light, as compositors do."),
    ] = "display"

    def __post_init__(self) -> None:
        check_options(self)
