"""Why a key is where it is, in words for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keyframes.coverage import ShotAnalysis
    from propagate.arrays import F32, Bool

__all__ = ["alone", "explain", "share_of_nodes"]

F64 = NDArray[np.float64]
_WORTH_TELLING = 0.02  # less new than this at the key itself: tell of the frames around it


def alone(analysis: ShotAnalysis, node: int, planes: NDArray[np.uint64], heft: F32) -> float:
    """Return the share of the shot that one key explains."""
    return _share(
        _weight(analysis.reach[:, node], planes, heft).sum(), _weight(~_NOTHING, planes, heft).sum()
    )


def share_of_nodes(analysis: ShotAnalysis, keys: Sequence[int], planes: NDArray[np.uint64], heft: F32) -> F64:
    """Return for each node the share that the keys before and after it explain; 1 at keys and where all weighs 0."""
    seen = _seen(analysis, keys)
    part, whole = _weight(seen, planes, heft), _weight(~_NOTHING, planes, heft)
    return np.where(whole > 0, part / np.maximum(whole, 1e-12), 1.0)


def explain(
    analysis: ShotAnalysis,
    keys: Sequence[int],
    node: int,
    planes: NDArray[np.uint64],
    heft: F32,
    kind: str,
    offset: int,
) -> str:
    """Return one sentence: why `node`, one of the nodes `keys`, is a key."""
    share = _percent(alone(analysis, node, planes, heft))
    if kind != "auto":
        return f"{'locked' if kind == 'locked' else 'chosen'} by hand: explains {share} of the shot"
    order = sorted(keys)
    place = order.index(node)
    if len(order) == 1:
        return f"the only key of the shot: explains {share} of it"
    if place == 0:
        return f"first key of the shot: explains {share} of it"
    before = order[place - 1]
    new = ~analysis.reach[node, before]
    amount = _weight(new, planes[node], heft[node]).sum()
    whole = _weight(~_NOTHING, planes[node], heft[node]).sum()
    if (part := _share(amount, whole)) >= _WORTH_TELLING:
        since = int(analysis.nodes[before]) + offset
        where = _where(analysis, node, new)
        return f"{_percent(part)} of the frame is new since {since}{where}"
    without = [key for key in order if key != node]
    lost = share_of_nodes(analysis, order, planes, heft) - share_of_nodes(analysis, without, planes, heft)
    worst = int(lost.argmax())
    touched = np.flatnonzero(lost > lost[worst] / 4)
    first, last = (int(analysis.nodes[i]) + offset for i in (touched[0], touched[-1]))
    return f"explains {_percent(float(lost[worst]))} more of {int(analysis.nodes[worst]) + offset}, in {first}-{last}"


_NOTHING = np.uint64(0)


def _seen(analysis: ShotAnalysis, keys: Sequence[int]) -> NDArray[np.uint64]:
    order = np.array(sorted(keys))
    count = len(analysis.nodes)
    nodes = np.arange(count)
    after = np.searchsorted(order, nodes)  # the first key at or after each node
    seen = np.zeros((count, analysis.reach.shape[2]), np.uint64)
    has = after < len(order)
    seen[has] |= analysis.reach[nodes[has], order[after[has]]]
    has = after > 0
    seen[has] |= analysis.reach[nodes[has], order[after[has] - 1]]
    return seen


def _weight(seen: NDArray[np.uint64] | np.uint64, planes: NDArray[np.uint64], heft: F32) -> F64:
    """Sum the weights of the points in `seen` (…, groups) per node."""
    bits = np.expand_dims(seen, -2) if isinstance(seen, np.ndarray) else seen
    ones = np.bitwise_count(planes & bits) * (2.0 ** np.arange(planes.shape[-2]))[:, None]
    return np.asarray((ones.sum(axis=-2) * heft).sum(axis=-1))


def _where(analysis: ShotAnalysis, node: int, new: NDArray[np.uint64]) -> str:
    """Name the part of the picture where most of the new points are; nothing if they are all over."""
    bits: Bool = np.unpackbits(new.view(np.uint8), bitorder="little").astype(bool)
    heft = np.repeat(analysis.heft[node], 64)[bits]
    height, width = analysis.size
    x = (analysis.points[node, bits, 0] + 0.5) / width
    y = (analysis.points[node, bits, 1] + 0.5) / height
    total = heft.sum()
    parts = {
        "at the left": x < 1 / 3,
        "at the right": x > 2 / 3,
        "at the top": y < 1 / 3,
        "at the bottom": y > 2 / 3,
        "in the middle": (np.abs(x - 0.5) < 0.25) & (np.abs(y - 0.5) < 0.25),
    }
    best = max(parts, key=lambda name: float(heft[parts[name]].sum()))
    return f", mostly {best}" if heft[parts[best]].sum() > total / 2 else ""


def _share(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else 1.0


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.095 else f"{100 * share:.1f} %"
