"""Where in the style a guide has the value that a target pixel wants: places for the search to try.

A search by chance rarely comes upon a small part of the style that a large part of the target asks for.
The guides alone tell where it is: a tree halves the range of the source's guide values, so that even a few
odd pixels get a leaf of their own, and a target pixel is offered places out of the leaf of its own value.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import njit

from propagate._patch_distance import hash3

if TYPE_CHECKING:
    from propagate.arrays import I32
    from propagate.pyramid import Level
    from propagate.threads import ThreadTeam

_DEPTH, _LEAVES, _LEAST = 16, 256, 32
"""How deep the tree may be, the share of a picture (1 / leaves) and the pixels that need no more halving."""


class GuideIndex:
    """The places of a level's source by their guides, and the leaf of each active target pixel."""

    def __init__(self, level: Level, first: int, pad: int, tolerance: int, crew: ThreadTeam) -> None:
        height, width = level.centers.shape
        source = level.source[pad : pad + height, pad : pad + width]
        self._crew = crew
        self._places = np.argwhere(level.centers).astype(np.int32)
        count = len(self._places)
        enough = max(_LEAST, count // _LEAVES)
        # so many nodes of one depth, at most, hold enough to be halved
        nodes = np.empty((2 * (count // enough + 1) * _DEPTH + 1, 6), np.int32)
        used = grow(source, first, self._places, max(tolerance, 1), enough, _DEPTH, nodes)
        self._nodes = nodes[:used]
        self._leaf: I32 = np.empty(level.active.shape, np.int32)
        rows = level.active.shape[0]
        crew.run(find_leaves, rows, level.target, pad, level.active, self._nodes, self._leaf)

    def offer(self, turn: int, seed: int) -> I32:
        """Return (x, y) per target pixel out of its leaf, another in each `turn`; -1 where not active."""
        field = np.empty((*self._leaf.shape, 2), np.int32)
        rows, pixels = self._leaf.shape[0], self._leaf.size // 4
        self._crew.run(draw_places, rows, self._leaf, self._nodes, self._places, turn, seed, field, pixels=pixels)
        return field


@njit(cache=True, nogil=True)
def grow(source: Any, first: int, places: Any, tolerance: int, enough: int, deepest: int, nodes: Any) -> int:
    """Order `places` (N, 2), (y, x), by the leaves of a tree over `source`'s channels from `first` on.

    Fills `nodes` (start, count, axis, cut, child, depth) and returns how many there are.  The second child
    follows the first; a leaf has child -1.  Nodes of at most `enough` places and ranges of at most
    `tolerance` are not halved.
    """
    channels = source.shape[2]
    low = np.empty(channels, np.int32)
    high = np.empty(channels, np.int32)
    aside = np.empty_like(places)
    nodes[0] = 0
    nodes[0, 1] = len(places)
    used = 1
    at = 0
    while at < used:
        start, count, depth = nodes[at, 0], nodes[at, 1], nodes[at, 5]
        nodes[at, 4] = -1
        if count > enough and depth < deepest:
            low[:] = 32767
            high[:] = -32768
            for i in range(start, start + count):
                y, x = places[i, 0], places[i, 1]
                for c in range(first, channels):
                    value = np.int32(source[y, x, c])
                    low[c] = min(low[c], value)
                    high[c] = max(high[c], value)
            axis = first
            for c in range(first, channels):
                if high[c] - low[c] > high[axis] - low[axis]:
                    axis = c
            if high[axis] - low[axis] > tolerance:
                cut = (low[axis] + high[axis]) >> 1
                few, rest = start, 0
                for i in range(start, start + count):
                    y, x = places[i, 0], places[i, 1]
                    if source[y, x, axis] <= cut:
                        places[few, 0], places[few, 1] = y, x
                        few += 1
                    else:
                        aside[rest, 0], aside[rest, 1] = y, x
                        rest += 1
                places[few : few + rest] = aside[:rest]
                nodes[at, 2], nodes[at, 3], nodes[at, 4] = axis, cut, used
                for child in range(2):
                    nodes[used + child, 0] = start if child == 0 else few
                    nodes[used + child, 1] = few - start if child == 0 else rest
                    nodes[used + child, 5] = depth + 1
                used += 2
        at += 1
    return used


@njit(cache=True, nogil=True)
def find_leaves(first: int, last: int, target: Any, pad: int, active: Any, nodes: Any, leaf: Any) -> None:
    """Write rows of `leaf`: the node of `nodes` that the values of `target` lead to, -1 off `active`."""
    for y in range(first, last):
        for x in range(leaf.shape[1]):
            leaf[y, x] = -1
            if active[y, x]:
                at = 0
                while nodes[at, 4] >= 0:
                    at = nodes[at, 4] + (target[y + pad, x + pad, nodes[at, 2]] > nodes[at, 3])
                leaf[y, x] = at


@njit(cache=True, nogil=True)
def draw_places(first: int, last: int, leaf: Any, nodes: Any, places: Any, turn: int, seed: int, field: Any) -> None:
    """Write rows of `field`: for each pixel one of the places of its leaf as (x, y), -1 without a leaf."""
    for y in range(first, last):
        for x in range(leaf.shape[1]):
            field[y, x, 0] = -1
            field[y, x, 1] = -1
            if leaf[y, x] >= 0:
                start, count = int(nodes[leaf[y, x], 0]), int(nodes[leaf[y, x], 1])
                place = start + hash3(x, y, turn * 64 + 63, seed) % count
                field[y, x, 0] = places[place, 1]
                field[y, x, 1] = places[place, 0]
