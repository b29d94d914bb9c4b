"""Choose the keyframes of a shot: the fewest that explain the most.

For every number of keys the set that is best when frames are explained by the keys next to them is found
exactly (dynamic programming over all pairs, see `keyframes._dynamic_programming`).  Where content
returns, a set in which any key may explain any frame takes its place if that saves a key (greedy choice and
exchange, at least 63 % of the best, see `keyframes._nonadjacent`).  Then the smallest number is taken that
reaches the asked coverage, or after which one more key would not pay for being painted.  Last, if a frame
would fare worse than with evenly spaced keys, a set is taken that spares it and leaves hardly more
unexplained in total.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from keyframes._dynamic_programming import along, best_paths, interval_costs, spare_the_worst
from keyframes._nonadjacent import AnyKey
from keyframes.explanations import alone, explain, returns, share_of_nodes
from keyframes.importance import ALL_BITS, weigh
from keyframes.model import Key
from keyframes.options import SelectOptions

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from keyframes.coverage import ShotAnalysis
    from keyframes.importance import Measure, Weights

F64 = NDArray[np.float64]
_Path: TypeAlias = tuple[float, list[int]]  # what a set of nodes leaves over, in frames, and the nodes
_SAVED = 0.75  # of what one more key would bring, to count as a key saved
_WHOLE = 0.4  # of what neighbors leave over may still be missing: else it is likeness, no return
_UNSURE = 0.02  # returns are measured at a few frames: so much of what they explain is not counted
_FAR = 24  # sets that rely on returns are sought up to this many keys
_BROKEN = 1e6  # frames left over that breaking a gap counts for: only where forced keys leave no other way


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
        From `keyframes.coverage.analyze`.
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
    measure = weigh(analysis, weights)
    allowed, fixed = _allowed(analysis, given, shut)
    rules = _rules(analysis, options, allowed, fixed)
    cost, worst = interval_costs(analysis.reach, measure.planes, measure.heft, measure.amount(ALL_BITS))
    cost += rules
    total = measure.total
    goal = (1 - options.coverage) * total
    most = min(max(options.max_keys or len(allowed), len(fixed)), int(allowed.sum()))
    paths = best_paths(cost, most, enough=goal)
    near = paths
    anykey = AnyKey(measure) if len(analysis.anchors) else None
    if anykey is not None:
        sets = anykey.sets(allowed, fixed, min(len(paths), _FAR))
        paths = _use_returns(measure, anykey, cost, paths, sets, options.worth)
    chosen = _how_many([c for c, _ in paths], goal, options.worth, max(len(fixed), 1))
    nodes = paths[chosen][1]
    if nodes == near[chosen][1]:
        nodes = spare_the_worst(cost, worst, nodes, _evenly(analysis, len(nodes)))
    shares = share_of_nodes(measure, nodes)
    if anykey is not None:
        extra, _ = anykey.left(nodes, shares)
        shares = shares + np.interp(np.arange(len(shares)), anykey.anchors, extra)
    frames = np.interp(np.arange(analysis.length), analysis.nodes, np.minimum(shares, 1.0))
    own = {_nearest(analysis, frame) for frame in given}
    named = [(int(analysis.nodes[n]), int(n)) for n in nodes if n not in own]
    named += [(frame, _nearest(analysis, frame)) for frame in given]  # two may be at one node of a long shot
    keys = []
    for frame, node in sorted(named):
        kind = kinds.get(frame + offset, "auto")
        reason = explain(measure, nodes, node, kind, offset)
        if anykey is not None and (again := returns(anykey, nodes, node, offset)):
            reason = f"{reason}; a return: also explains {again}"
        keys.append(Key(frame + offset, reason, alone(measure, node), kind))
        frames[frame] = 1.0
    curve = tuple(1 - min(c / max(total, 1e-12), 1.0) for c, _ in paths)
    return Selection(tuple(keys), frames, float(frames.mean()), curve)


def _use_returns(
    measure: Measure,
    anykey: AnyKey,
    cost: F64,
    paths: list[_Path],
    sets: dict[int, list[int]],
    worth: float,
) -> list[_Path]:
    """Let any key explain any frame: lower the costs by what returns, and take sets that make use of it.

    The set that is best between neighbors is given up for one that relies on returns only if that saves a
    key.
    """

    def judge(keys: list[int]) -> float:
        plain = float(along(cost, keys).sum())
        if not np.isfinite(plain):
            return plain
        _, ratio = anykey.left(keys, share_of_nodes(measure, keys))
        return plain - plain % _BROKEN + plain % _BROKEN * max(ratio, _UNSURE)

    near = [(judge(keys) if np.isfinite(c) else c, keys) for c, keys in paths]
    for k in range(1, len(near)):  # measured at few frames, but one key more never explains less
        if near[k][0] < _BROKEN:
            near[k] = (min(near[k][0], near[k - 1][0] * (1 - 1e-4)), near[k][1])
    out = []
    for k, entry in enumerate(near, start=1):
        rival = (judge(sets[k]), sets[k]) if k in sets else entry
        gain = entry[0] - rival[0]
        another = near[k][0] if k < len(near) else 0.0
        saves = gain >= max(worth, _SAVED * (entry[0] - another)) and rival[0] <= _WHOLE * entry[0]
        out.append(rival if saves else entry)
    return out


def _inside(frames: Iterable[int], length: int, offset: int, what: str) -> set[int]:
    for frame in (numbers := [int(f) for f in frames]):
        if not 0 <= frame - offset < length:
            raise ValueError(f"{what} frame {frame} is outside the shot; choose {offset} to {offset + length - 1}")
    return {frame - offset for frame in numbers}


def _evenly(analysis: ShotAnalysis, count: int) -> list[int]:
    """Return evenly spaced nodes."""
    return [_nearest(analysis, (i + 0.5) * analysis.length / count - 0.5) for i in range(count)]


def _nearest(analysis: ShotAnalysis, frame: float) -> int:
    return int(np.abs(analysis.nodes - frame).argmin())


def _allowed(analysis: ShotAnalysis, given: set[int], shut: set[int]) -> tuple[NDArray[np.bool_], list[int]]:
    fixed = sorted({_nearest(analysis, frame) for frame in given})
    allowed = np.array([int(frame) not in shut for frame in analysis.nodes])
    allowed[fixed] = True
    if not allowed.any():
        raise ValueError("every frame of the shot is banned; leave at least one")
    return allowed, fixed


def _rules(analysis: ShotAnalysis, options: SelectOptions, allowed: NDArray[np.bool_], fixed: list[int]) -> F64:
    """Return what neighbors (a, b) cost on top, laid out as `interval_costs`: inf where impossible."""
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


def _how_many(costs: Sequence[float], goal: float, worth: float, least: int) -> int:
    """Return the index of the set to take: reaching the goal, or the last whose keys pay for themselves."""
    array = np.array(costs)
    array[: least - 1] = np.inf
    broken = np.floor(array / _BROKEN)
    usable = np.isfinite(array) & (broken <= broken.min())
    array[~usable] = np.inf
    array[usable] %= _BROKEN
    paying = int(np.argmin(array + worth * np.arange(len(array))))
    reached = np.flatnonzero(array <= goal + 1e-9)
    return min(paying, int(reached[0])) if len(reached) else paying


def distribute_keys(
    lengths: Sequence[int], selections: Sequence[Selection], fewest: Sequence[int], budget: int
) -> list[int]:
    """Return how many keys each shot gets when all shots together may have only `budget`.

    Parameters
    ----------
    lengths
        Of the shots, in frames.
    selections
        The keys of each shot without a limit.
    fewest
        The number of keys that each shot has in any case; more than `budget` together are kept.
    budget
        The number of keys of all shots together.

    Notes
    -----
    Keys are given out one by one, each to the shot in which it explains the most frames more.
    """
    counts = list(fewest)
    while sum(counts) < budget:
        gains = [
            length * (selection.curve[count] - selection.curve[count - 1])
            if count < min(len(selection.keys), len(selection.curve))
            else -1.0
            for length, selection, count in zip(lengths, selections, counts, strict=True)
        ]
        best = max(range(len(gains)), key=gains.__getitem__)
        if gains[best] < 0:
            break
        counts[best] += 1
    return counts
