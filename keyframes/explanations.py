"""Why a key is where it is, in words for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keyframes.importance import ALL_BITS, amount

if TYPE_CHECKING:
    from collections.abc import Sequence

    from keyframes._nonadjacent import AnyKey
    from keyframes.coverage import ShotAnalysis
    from keyframes.importance import Measure
    from propagate.arrays import Bool

F64 = NDArray[np.float64]
_RETURN = 0.15  # share of a frame that is worth calling a return
_WORTH_TELLING = 0.02  # less new than this at the key itself: tell of the frames around it


def alone(measure: Measure, node: int) -> float:
    """Return the share of the shot that one key explains."""
    return _share(float(measure.amount(measure.analysis.reach[:, node]).sum()), measure.total)


def share_of_nodes(measure: Measure, keys: Sequence[int]) -> F64:
    """Return per node the share that the keys beside it explain; 1 at keys and where all weighs 0."""
    part, whole = measure.amount(_seen(measure.analysis, keys)), measure.amount(ALL_BITS)
    return np.where(whole > 0, part / np.maximum(whole, 1e-12), 1.0)


def explain(measure: Measure, keys: Sequence[int], node: int, kind: str, offset: int) -> str:
    """Return one sentence: why `node`, one of the nodes `keys`, is a key."""
    analysis = measure.analysis
    share = _percent(alone(measure, node))
    if kind != "auto":
        how = {"locked": "locked", "override": "painted"}.get(kind, "chosen")
        return f"{how} by hand: explains {share} of the shot"
    order = sorted(keys)
    place = order.index(node)
    if len(order) == 1:
        return f"the only key of the shot: explains {share} of it"
    if place == 0:
        return f"first key of the shot: explains {share} of it"
    before = order[place - 1]
    new = ~analysis.reach[node, before]
    found, whole = (float(amount(bits, measure.planes[node], measure.heft[node])) for bits in (new, ALL_BITS))
    if (part := _share(found, whole)) >= _WORTH_TELLING:
        since = int(analysis.nodes[before]) + offset
        where = _where(analysis, node, new)
        return f"{_percent(part)} of the frame is new since {since}{where}"
    without = [key for key in order if key != node]
    lost = share_of_nodes(measure, order) - share_of_nodes(measure, without)
    worst = int(lost.argmax())
    touched = np.flatnonzero(lost > lost[worst] / 4)
    first, last = (int(analysis.nodes[i]) + offset for i in (touched[0], touched[-1]))
    most = int(analysis.nodes[worst]) + offset
    return f"keeps {first}-{last} explained: {_percent(float(lost[worst]))} more of {most}"


def returns(anykey: AnyKey, keys: Sequence[int], node: int, offset: int) -> str:
    """Name the frames that `node` explains though no flow leads there from the keys beside them."""
    analysis, order = anykey.analysis, sorted(keys)
    seen = _seen(analysis, order)[anykey.anchors]
    more = amount(anykey.reach[:, node] & ~seen, anykey.planes, anykey.heft)
    whole = amount(ALL_BITS, anykey.planes, anykey.heft)
    found = (more >= _RETURN * whole) & (whole > 0)
    if not found.any():
        return ""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], found, [False]]).astype(np.int8)))
    frames = analysis.nodes[anykey.anchors] + offset
    spans = zip(edges[::2], edges[1::2], strict=True)
    named = [f"{frames[a]}-{frames[b - 1]}" if b - a > 1 else f"{frames[a]}" for a, b in spans]
    return ", ".join(named[:3])


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
