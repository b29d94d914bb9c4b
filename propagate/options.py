"""Options of propagation and synthesis, and the record of one propagated frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Interval, Unit
from typing_extensions import Doc

from propagate.option_fields import OptionError, check_options, described

if TYPE_CHECKING:
    from propagate.arrays import F32, I32, Image

Seed = Annotated[int, Interval(ge=0, le=2**32 - 1)]


@described
@dataclass(frozen=True)
class PropagateOptions:
    """How painted keys are carried to the other frames."""

    type_id: ClassVar[str] = "propagate-options"
    blend_limit: Annotated[
        float,
        Gt(0),
        Unit("8-bit steps"),
        Doc(
            "Difference between two keys' paint from which one key's strokes are shown instead of a mix. "
            "Lower: crisper strokes; higher: softer changes from key to key."
        ),
    ] = 12.0
    steadiness: Annotated[
        float,
        Interval(ge=0, le=1),
        Doc("Higher: steadier choice between keys along the motion, which follows a turning head a little later."),
    ] = 0.5
    color_match: Annotated[
        bool, Doc("Lets the slow colors of two keys drift into each other; off keeps each key's own tones.")
    ] = True
    distant_keys: Annotated[
        int,
        Ge(0),
        Unit("keys"),
        Doc(
            "Keys beyond the two neighbors that may explain a frame, for a view that comes back. 0: faster, and a "
            "changed key concerns only its two spans."
        ),
    ] = 1
    fill_threshold: Annotated[
        float,
        Interval(ge=0, le=1),
        Doc(
            "Confidence below which a place is painted by synthesis in the style. 0: never, the nearest key's colors "
            "stay there."
        ),
    ] = 0.2
    quality: Annotated[
        Literal["medium", "fine"],
        Doc('"fine" matches at full size; "medium" at half: a seventh less work, thin things may swim.'),
    ] = "fine"
    seed: Annotated[Seed, Doc("Another seed gives other strokes on synthesized surface.")] = 0
    threads: Annotated[
        int | None, Ge(1), Unit("threads"), Doc("All processors by default. The result does not depend on it.")
    ] = None

    def __post_init__(self) -> None:
        check_options(self)


@described
@dataclass(frozen=True)
class SynthesisOptions:
    """How patch synthesis searches, and for how long; the names of EbSynth's options where it has them."""

    type_id: ClassVar[str] = "synthesis-options"
    patch_size: Annotated[
        int,
        Ge(3),
        Unit("pixels"),
        Doc("Side of the compared squares. Larger keeps bigger strokes intact, with more seams and time."),
    ] = 5
    uniformity: Annotated[
        float,
        Interval(ge=0, le=1e6),
        Doc(
            "Higher uses all parts of the style evenly; 0 lets flat parts repeat until they look washed out. 0 is "
            "right for repairs that start from given matches."
        ),
    ] = 3500.0
    pyramid_levels: Annotated[
        int | None,
        Ge(1),
        Unit("levels"),
        Doc("Sizes from coarse to fine; as many as fit by default. 1 only repairs a given start."),
    ] = None
    search_vote_iters: Annotated[
        int,
        Ge(1),
        Unit("rounds"),
        Doc("Rounds of search and vote on each level, half of them at full size. More sharpens the picture."),
    ] = 6
    patchmatch_iters: Annotated[
        int, Ge(1), Unit("sweeps"), Doc("Sweeps in each search, half of them at full size. More finds better patches.")
    ] = 4
    stop_threshold: Annotated[
        float,
        Ge(0),
        Unit("8-bit steps"),
        Doc("A pixel that changes by less in a round is skipped in the next. 0 never stops."),
    ] = 5.0
    extra_pass_3x3: Annotated[
        bool, Doc("Ends with a pass of 3x3 patches without uniformity: closer to the guides, finer noise.")
    ] = False
    vote: Annotated[
        Literal["weighted", "plain"],
        Doc('"weighted" gives better matches more weight until the last vote (crisper); "plain" is EbSynth\'s mean.'),
    ] = "weighted"
    seed: Annotated[Seed, Doc("Another seed gives another, equally good picture.")] = 0
    threads: Annotated[
        int | None, Ge(1), Unit("threads"), Doc("All processors by default. The result does not depend on it.")
    ] = None
    backend: Annotated[
        Literal["auto", "cpu", "cuda"], Doc('Processor that searches; "auto" takes a CUDA device if there is one.')
    ] = "auto"

    def __post_init__(self) -> None:
        check_options(self)
        if self.patch_size % 2 == 0:
            raise OptionError("patch_size", self.patch_size, "an odd number, 3 or more")


@dataclass(frozen=True)
class CarriedFrame:
    """One finished frame.

    Attributes
    ----------
    index : int
        Its number within the shot.
    image : Image, (H, W, C)
        In the painted keys' type and channels; on a key's own frame the very key.
    confidence : float32 (H, W)
        0 to 1, how surely some key shows each place.
    error : float32 (H, W)
        Color difference left between the frame and the key that explains it best, 8-bit steps.
    quality : float
        Mean confidence.
    source : int32 (H, W)
        The key, by its number within the shot, whose paint each place shows most; -1 where the style was
        synthesized.
    others : tuple of int, or None
        Keys beyond the two neighbors that were followed here; None where none was asked for, so that the
        frame would be the same whichever other keys there are. How keys are painted decides nothing of it.
    """

    index: int
    image: Image
    confidence: F32
    error: F32
    quality: float
    source: I32
    others: tuple[int, ...] | None = None
