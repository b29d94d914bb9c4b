"""Options of painting keys: agreement between keys, and the renderer without weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar

from annotated_types import Interval, Unit
from typing_extensions import Doc

from propagate.option_fields import check_options, described, option_fields
from stylize.errors import UnknownOptionError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

Share = Annotated[float, Interval(ge=0, le=1)]
T = TypeVar("T")


def make_options(kind: type[T], given: Mapping[str, Any], renderer: str) -> T:
    """Make a renderer's options by name.

    Raises
    ------
    UsageError
        If an option is unknown or its value invalid.
    """
    known = {one.name for one in option_fields(kind)}
    for name in given:
        if name not in known:
            raise UnknownOptionError(
                f"unknown option {name!r} of renderer {renderer}; use one of {', '.join(sorted(known))}"
            )
    try:
        return kind(**given)
    except ValueError as error:
        raise UsageError(str(error)) from error


@described
@dataclass(frozen=True)
class AgreementOptions:
    """How far a key follows the keys that were painted before it."""

    type_id: ClassVar[str] = "agreement-options"
    level: Annotated[
        Literal["off", "weak", "strong"],
        Doc(
            '"off": every key is painted alone. "weak": shared surface starts from the finished key. "strong": it is '
            "held until shortly before the end, and attention looks at finished keys."
        ),
    ] = "strong"
    anchors: Annotated[
        int,
        Interval(ge=1, le=8),
        Unit("keys"),
        Doc("Most finished keys that one follows, those that share most with it. More takes more memory."),
    ] = 2
    min_overlap: Annotated[
        Share, Doc("Keys that share less than this part of the picture do not follow each other.")
    ] = 0.02

    def __post_init__(self) -> None:
        check_options(self)


@described
@dataclass(frozen=True)
class PatchOptions:
    """How the renderer without weights paints."""

    type_id: ClassVar[str] = "patch-options"
    style_strength: Annotated[
        Share, Doc("0: the frame's own forms, recolored; 1: bold strokes, small features go.")
    ] = 0.6
    keep_colors: Annotated[Share, Doc("0: the style's colors; 1: the clip's hues under the style's strokes.")] = 0.0
    stroke_scale: Annotated[
        float,
        Interval(ge=0.25, le=4),
        Doc("0.5: finer strokes, more of the frame shows; 2: strokes twice as large, less detail."),
    ] = 1.0
    palette_reach: Annotated[
        Share, Doc("0: only the nearest of the style's colors; 1: more of its palette, further from the frame.")
    ] = 0.5

    def __post_init__(self) -> None:
        check_options(self)
