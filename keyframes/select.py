"""Choose the keyframes of a shot: the fewest that explain the most.

For every number of keys the best set is found exactly (dynamic programming over all pairs of neighbouring keys, see
`keyframes._intervals`); then the smallest number is taken that reaches the asked coverage, or after which one more
key would not pay for being painted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keyframes._intervals import best_paths, interval_costs
from keyframes.reasons import alone, explain, share_of_nodes
from keyframes.weights import Weights, sum_weights, weigh

if TYPE_CHECKING:
    from keyframes.coverage import ShotAnalysis

__all__ = ["Key", "SelectOptions", "Selection", "Weights", "select_keyframes"]

F64 = NDArray[np.float64]
_BROKEN = (
    1e6  # frames left over that breaking min_gap or max_gap counts for: only where forced keys leave no way
)


@dataclass(frozen=True)
class SelectOptions:
    """What to aim for.

    Parameters
    ----------
    coverage
        Stop once this share of the shot is explained, above 0 to 1.
    max_keys
        Never more than this many, forced ones aside.  None: no limit.
    min_gap, max_gap
        Least and greatest distance of neighbouring keys in frames; `max_gap` also holds from the shot's ends.
    liveliness
        0 (calm): one key where one will do, each further one must earn its place; such a shot is steady.
        1 (lively): a key wherever anything is new and every 12 frames; such a shot shimmers.
    min_gain
        Frames' worth of picture that each further key must newly explain; below that the shot stays short of
        `coverage`, as noise and blur can be explained by nothing but themselves.  None: 3 when calm, 1.1 when
        lively.  0: reach `coverage` at any price.
    """

    coverage: float = 0.97
    max_keys: int | None = None
    min_gap: int = 1
    max_gap: int | None = None
    liveliness: float = 0.0
    min_gain: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.coverage <= 1:
            raise ValueError(f"coverage is {self.coverage}; choose a share above 0, up to 1")
        if self.max_keys is not None and self.max_keys < 1:
            raise ValueError(f"max_keys is {self.max_keys}; choose 1 or more, or leave it out")
        if self.min_gap < 1:
            raise ValueError(f"min_gap is {self.min_gap}; choose 1 or more")
        if self.max_gap is not None and self.max_gap < self.min_gap:
            raise ValueError(
                f"max_gap is {self.max_gap}, below min_gap {self.min_gap}; choose {self.min_gap} or more"
            )
        if not 0 <= self.liveliness <= 1:
            raise ValueError(f"liveliness is {self.liveliness}; choose a value from 0 (calm) to 1 (lively)")

        if self.min_gain is not None and self.min_gain < 0:
            raise ValueError(f"min_gain is {self.min_gain}; choose 0 or more frames, or leave it out")

    @property
    def worth(self) -> float:
        """Frames' worth of picture that a key must newly explain."""
        return 3.0 * (1.1 / 3.0) ** self.liveliness if self.min_gain is None else self.min_gain

    @property
    def widest(self) -> float:
        """Greatest distance of keys that `max_gap` and `liveliness` allow."""
        lively = max(12 / self.liveliness, self.min_gap) if self.liveliness > 0 else np.inf
        return min(lively, self.max_gap or np.inf)


@dataclass(frozen=True)
class Key:
    """A frame to be painted.

    Attributes
    ----------
    frame
        Frame number; counts from the start of the shot, plus the `offset` given to `select_keyframes`.
    reason
        One sentence for a person.
    coverage
        Share of the shot that this key alone explains, 0 to 1.
    kind
        "auto", "user", "locked" or "override".
    """

    frame: int
    reason: str
    coverage: float
    kind: str = "auto"


@dataclass(frozen=True)
class Selection:
    """The keys of one shot.

    Attributes
    ----------
    keys
        By frame.
    coverage
        float64 (length of the shot,): share of each frame that the keys next to it explain; 1 at the keys.
    total
        Mean of `coverage`.
    curve
        What the best 1, 2, … keys would reach in total: ``curve[k - 1]``.
    """

    keys: tuple[Key, ...]
    coverage: F64
    total: float
    curve: tuple[float, ...] = ()


def select_keyframes(
    analysis: ShotAnalysis,
    options: SelectOptions | None = None,
    *,
    forced: Iterable[int] | dict[int, str] = (),
    banned: Iterable[int] = (),
    weights: Weights | None = None,
    offset: int = 0,
) -> Selection:
    """Choose the keys of a shot.

    Parameters
    ----------
    analysis
        From `keyframes.coverage.analyse`.
    forced
        Frames that are keys in any case, or a mapping from frame to kind ("user", "locked", …).
    banned
        Frames that must not become keys.
    weights
        See `Weights`: a matte or region of interest; only what it shows has to be explained.
    offset
        First frame of the shot in the clip.  `forced`, `banned` and the result count from the start of the clip then.

    Raises
    ------
    ValueError
        If a forced or banned frame is not in the shot, a frame is both, every frame is banned, or a weight map is
        out of range.
    """
    options = options or SelectOptions()
    kinds = dict(forced) if isinstance(forced, dict) else dict.fromkeys(forced, "user")
    given = _inside(kinds, analysis.length, offset, "forced")
    shut = _inside(banned, analysis.length, offset, "banned")
    if clash := sorted(given & shut):
        raise ValueError(f"frame {clash[0] + offset} is both forced and banned; take it out of one of them")
    planes, heft = weigh(analysis, weights)
    allowed, fixed = _allowed(analysis, given, shut)
    cost = interval_costs(analysis.reach, planes, heft) + _rules(analysis, options, allowed, fixed)
    total = sum_weights(planes, heft)
    most = min(max(len(fixed), options.max_keys or len(allowed), 1), int(allowed.sum()))
    paths = best_paths(cost, most, enough=(1 - options.coverage) * total)
    chosen = _how_many([c for c, _ in paths], total, options, max(len(fixed), 1))
    shares = share_of_nodes(analysis, paths[chosen][1], planes, heft)
    frames = np.interp(np.arange(analysis.length), analysis.nodes, shares)
    nodes = paths[chosen][1]
    named = {int(n): int(analysis.nodes[n]) for n in nodes}
    named.update({_nearest(analysis, frame): frame for frame in sorted(given)})
    for frame in named.values():
        frames[frame] = 1.0
    keys = tuple(
        Key(
            frame + offset,
            explain(analysis, nodes, node, planes, heft, kinds.get(frame + offset, "auto"), offset),
            alone(analysis, node, planes, heft),
            kinds.get(frame + offset, "auto"),
        )
        for node, frame in sorted(named.items())
    )
    curve = tuple(1 - min(c / max(total, 1e-12), 1.0) for c, _ in paths)
    return Selection(keys, frames, 1 - paths[chosen][0] % _BROKEN / max(total, 1e-12), curve)


def _inside(frames: Iterable[int], length: int, offset: int, what: str) -> set[int]:
    for frame in (numbers := [int(f) for f in frames]):
        if not 0 <= frame - offset < length:
            raise ValueError(
                f"{what} frame {frame} is outside the shot; choose {offset} to {offset + length - 1}"
            )
    return {frame - offset for frame in numbers}


def _nearest(analysis: ShotAnalysis, frame: int) -> int:
    return int(np.abs(analysis.nodes - frame).argmin())


def _allowed(analysis: ShotAnalysis, given: set[int], shut: set[int]) -> tuple[NDArray[np.bool_], list[int]]:
    fixed = sorted({_nearest(analysis, frame) for frame in given})
    allowed = np.array([int(frame) not in shut for frame in analysis.nodes])
    allowed[fixed] = True
    if not allowed.any():
        raise ValueError("every frame of the shot is banned; leave at least one")
    return allowed, fixed


def _rules(
    analysis: ShotAnalysis, options: SelectOptions, allowed: NDArray[np.bool_], fixed: list[int]
) -> F64:
    """Return what neighbours (a, b) cost on top, laid out as `interval_costs`: inf where impossible."""
    count = len(allowed)
    place = np.arange(-1, count + 1)
    before, after = place[:-1, None], place[None, 1:]
    extra = np.zeros((count + 1, count + 1))
    for node in fixed:
        extra[(before < node) & (node < after)] = np.inf
    extra[1:][~allowed] = np.inf
    extra[:, :count][:, ~allowed] = np.inf
    frames = np.concatenate([[-1], analysis.nodes, [analysis.length]])
    gap = frames[None, 1:] - frames[:-1, None]
    inner = (before >= 0) & (after < count)
    extra[inner & (gap < options.min_gap)] += _BROKEN
    if np.isfinite(options.widest):
        # the ends of a shot are no keys: the first frame may be `widest` away from one
        room = gap - (~inner)
        extra += np.where(room > options.widest, _BROKEN * np.ceil(room / options.widest), 0)
    return extra


def _how_many(costs: Sequence[float], total: float, options: SelectOptions, least: int) -> int:
    """Return the index of the set to take: reaching the coverage, or the last one whose keys pay for themselves."""
    array = np.array(costs)
    array[: least - 1] = np.inf
    broken = np.floor(array / _BROKEN)
    array = np.where(broken > broken.min(), np.inf, array % _BROKEN)
    paying = int(np.argmin(array + options.worth * np.arange(len(array))))
    reached = np.flatnonzero(array <= (1 - options.coverage) * total + 1e-9)
    return min(paying, int(reached[0])) if len(reached) else paying
