"""Options of shot detection, analysis and keyframe selection; light to import."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar

from annotated_types import Ge, Interval, Unit
from typing_extensions import Doc

from propagate.option_fields import OptionError, check_options, described

Share = Annotated[float, Interval(gt=0, le=1)]


@described
@dataclass(frozen=True)
class ShotOptions:
    """What counts as the end of a shot."""

    type_id: ClassVar[str] = "shot-options"
    cut: Annotated[
        Share,
        Doc("Share of the picture that must be new at a cut. Lower finds more cuts; 1 finds none."),
    ] = 0.4
    dissolve: Annotated[
        Share, Doc("How clearly frames must be a blend of two different pictures. Higher finds fewer dissolves.")
    ] = 0.7
    black: Annotated[
        Share, Doc("A fade passes through frames whose contrast is below this share of the clip's usual contrast.")
    ] = 0.12
    min_length: Annotated[
        int,
        Ge(1),
        Unit("frames"),
        Doc("Shortest shot; of cuts that are closer, the clearest stays. Stray frames at both ends may be shorter."),
    ] = 4

    def __post_init__(self) -> None:
        check_options(self)


@described
@dataclass(frozen=True)
class AnalysisOptions:
    """How closely a shot is analyzed for keyframe selection."""

    type_id: ClassVar[str] = "analysis-options"
    side: Annotated[
        int,
        Interval(ge=64, le=2048),
        Unit("pixels"),
        Doc("Long side at which flow is computed. More sees smaller things and takes proportionally longer."),
    ] = 320
    points: Annotated[
        int,
        Interval(ge=64, le=65536),
        Doc(
            "Most points followed per frame. 8192 rank choices that leave 0.5 % of the picture unexplained, 2048 those "
            "that leave 2 %."
        ),
    ] = 8192
    nodes: Annotated[
        int,
        Interval(ge=8, le=4096),
        Unit("frames"),
        Doc("Most frames of a shot that can become keys: 0.4 MiB for each; time grows with the square."),
    ] = 240
    color: Annotated[
        float,
        Interval(ge=1, le=255),
        Unit("8-bit steps"),
        Doc(
            "Largest color difference of a point that counts as found again. Lower asks for new keys as light changes."
        ),
    ] = 30.0
    gap: Annotated[
        float,
        Interval(ge=0.1, le=16),
        Unit("pixels"),
        Doc("Largest disagreement of forward and backward flow, at the size of analysis."),
    ] = 1.0

    def __post_init__(self) -> None:
        check_options(self)


@described
@dataclass(frozen=True)
class SelectOptions:
    """Which frames become keys."""

    type_id: ClassVar[str] = "select-options"
    coverage: Annotated[
        Share, Doc("Share of each shot that keys must explain. Higher: more keys; lower: more is synthesized.")
    ] = 0.97
    max_keys: Annotated[
        int | None,
        Ge(1),
        Unit("keys"),
        Doc("Most keys of the clip; no limit by default. Surface that they lack is synthesized."),
    ] = None
    min_gap: Annotated[int, Ge(1), Unit("frames"), Doc("Least distance between two keys.")] = 1
    max_gap: Annotated[
        int | None,
        Ge(1),
        Unit("frames"),
        Doc("Greatest distance between two keys, and from a shot's ends; no limit by default."),
    ] = None
    liveliness: Annotated[
        float,
        Interval(ge=0, le=1),
        Doc("0, calm: one key where one is enough, steady paint. 1, lively: many keys, the paint shimmers."),
    ] = 0.0
    min_gain: Annotated[
        float | None,
        Ge(0),
        Unit("frames"),
        Doc(
            "Amount of picture that each further key must newly explain, in frames; 3 when calm to 1.1 when lively by "
            "default. 0 reaches the coverage at any price."
        ),
    ] = None
    roi: Annotated[
        str | None,
        Doc(
            "Region that must be explained, X,Y,W,H in pixels or per cent (25%,0%,50%,100%); the full frame by default."
        ),
    ] = None

    def __post_init__(self) -> None:
        check_options(self)
        if self.max_gap is not None and self.max_gap < self.min_gap:
            raise OptionError("max_gap", self.max_gap, f"{self.min_gap} frames or more, as min_gap is {self.min_gap}")
        if self.roi is not None:
            parse_region(self.roi)

    @property
    def worth(self) -> float:
        """Frames' worth of picture that a key must newly explain."""
        return 3.0 * (1.1 / 3.0) ** self.liveliness if self.min_gain is None else self.min_gain

    @property
    def widest(self) -> float:
        """Greatest distance of keys that `max_gap` and `liveliness` allow."""
        lively = max(12 / self.liveliness, self.min_gap) if self.liveliness > 0 else math.inf
        return min(lively, self.max_gap or math.inf)


def parse_region(roi: str) -> list[tuple[float, bool]]:
    """Return left, top, width and height of a region, each with whether it is in per cent of the frame.

    Raises
    ------
    OptionError
        If it is spelled in another way, begins outside the frame or is empty.
    """
    parts = [part.strip() for part in roi.split(",")]
    try:
        found = [(float(part.removesuffix("%")), part.endswith("%")) for part in parts]
    except ValueError:
        found = []
    if len(found) != 4 or not all(math.isfinite(value) for value, _ in found):
        raise OptionError("roi", roi, "X,Y,W,H such as 100,50,320,240 or 25%,0%,50%,100%")
    if min(value for value, _ in found) < 0 or min(value for value, _ in found[2:]) <= 0:
        raise OptionError("roi", roi, "X and Y of 0 or more, W and H above 0")
    return found
