"""Choose the keyframes of a shot: the fewest that explain the most.

For every number of keys the best set is found exactly (dynamic programming over all pairs of neighbouring
keys, see `keyframes._intervals`); then the smallest number is taken that reaches the asked coverage, or
after which one more key would not pay for being painted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keyframes._intervals import best_paths, interval_costs
from keyframes.options import SelectOptions
from keyframes.reasons import alone, explain, share_of_nodes
from keyframes.weights import sum_weights, weigh
from keyframes.words import Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from keyframes.coverage import ShotAnalysis
    from keyframes.weights import Weights

__all__ = ["Key", "Selection", "select_keyframes"]

F64 = NDArray[np.float64]
_BROKEN = (
    1e6  # frames left over that breaking min_gap or max_gap counts for: only where forced keys leave no way
)


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
        First frame of the shot in the clip.  `forced`, `banned` and the result count from the start of the
        clip then.

    Raises
    ------
    ValueError
        If a forced or banned frame is not in the shot, a frame is both, every frame is banned, or a weight
        map is out of range.
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
