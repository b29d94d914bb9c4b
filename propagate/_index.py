"""Where in the style a guide has the value that a target pixel wants: places for the search to try.

A search by chance rarely comes upon a small part of the style that a large part of the target asks for.
The guides alone tell where it is: a tree halves the range of the source's guide values, so that even a few
odd pixels get a leaf of their own, and a target pixel is offered places out of the leaf of its own value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from propagate._patch import hash3

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import I32
    from propagate.pyramid import Level

__all__ = ["GuideIndex"]

_DEPTH, _LEAVES, _LEAST = 16, 256, 32
"""How deep the tree may be, the share of a picture (1 / leaves) and the pixels that need no more halving."""


class GuideIndex:
    """The places of a level's source by their guides, and the leaf of each active target pixel."""

    def __init__(self, level: Level, first: int, pad: int, tolerance: int) -> None:
        height, self.width = level.centres.shape
        size = level.active.shape
        source = level.source[pad : pad + height, pad : pad + self.width, first:]
        target = level.target[pad : pad + size[0], pad : pad + size[1], first:]
        places = np.flatnonzero(level.centres)
        tree = _grow(source.reshape(-1, source.shape[2])[places], max(tolerance, 1))
        order, self._start, self._count, axis, cut, child = tree
        self._places = places[order]
        self.ys, self.xs = np.nonzero(level.active)
        self._size = size
        values = target[self.ys, self.xs]
        node, rows = np.zeros(len(values), np.int64), np.arange(len(values))
        while len(rows):
            rows = rows[child[node[rows]] >= 0]
            at = node[rows]
            node[rows] = child[at] + (values[rows, axis[at]] > cut[at])
        self._leaf = node

    def offer(self, turn: int, seed: int) -> I32:
        """Return (x, y) per target pixel out of its leaf, another in each `turn`; -1 where not active."""
        field = np.full((*self._size, 2), -1, np.int32)
        mix: Any = getattr(hash3, "py_func", hash3)  # whole arrays at once
        bits = mix(self.xs, self.ys, turn * 64 + 63, seed)
        place = self._places[self._start[self._leaf] + bits % self._count[self._leaf]]
        field[self.ys, self.xs] = np.stack((place % self.width, place // self.width), axis=-1)
        return field


def _grow(values: NDArray[np.int16], tolerance: int) -> tuple[NDArray[np.int64], ...]:
    """Return the order of `values` (N, F) by leaf and, per node, its start and count, axis, cut and child.

    The second child follows the first; a leaf has child -1.
    """
    order, planes = np.arange(len(values)), np.ascontiguousarray(values.T)
    enough = max(_LEAST, len(values) // _LEAVES)
    nodes = [[0, len(values), 0, 0, -1]]
    depth = [0]
    for i, node in enumerate(nodes):  # grows as it goes
        start, count = node[:2]
        if count <= enough or depth[i] == _DEPTH:
            continue
        mine = order[start : start + count]
        held = planes[:, mine]
        low, high = held.min(axis=1).astype(np.int64), held.max(axis=1).astype(np.int64)
        axis = int((high - low).argmax())
        if high[axis] - low[axis] <= tolerance:
            continue
        cut = int(low[axis] + high[axis]) >> 1
        left = held[axis] <= cut
        order[start : start + count] = np.concatenate((mine[left], mine[~left]))
        few = int(np.count_nonzero(left))
        node[2:] = axis, cut, len(nodes)
        nodes += [[start, few, 0, 0, -1], [start + few, count - few, 0, 0, -1]]
        depth += [depth[i] + 1] * 2
    return (order, *np.array(nodes, np.int64).T)
