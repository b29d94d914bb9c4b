"""The choice of keys when any key may explain any frame of its shot.

What a set of keys explains is then a union of sets of points: the gain of one more key shrinks as others
are taken (it is submodular), so taking the best key again and again reaches at least 1 - 1/e, 63 %, of the
best possible (Nemhauser, Wolsey and Fisher 1978); exchanging single keys afterwards can only improve on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from keyframes._trajectories import count_bits
from keyframes.importance import ALL_BITS, amount

if TYPE_CHECKING:
    from keyframes.importance import Measure

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]
U64 = NDArray[np.uint64]

_ROUNDS = 3
_CLOSE = 0.85  # a node that explains this much of its anchor is taken to explain what the anchor does


class AnyKey:
    """What sets of keys explain of a shot's anchors, be it by returning content.

    Attributes
    ----------
    anchors
        (A,) the observed nodes.
    reach
        uint64 (A, M, groups): which points of each anchor are explained by each node.
    """

    def __init__(self, measure: Measure) -> None:
        self.analysis = analysis = measure.analysis
        self.anchors = analysis.anchors.astype(np.int64)
        self.planes = measure.planes[self.anchors]
        nodes = np.arange(len(analysis.nodes))
        cell = np.abs(nodes[:, None] - self.anchors).argmin(axis=1)
        each = measure.heft.sum(axis=1)
        times = np.bincount(cell, weights=each, minlength=len(self.anchors)) / each[self.anchors]
        self.heft = (measure.heft[self.anchors] * times[:, None]).astype(np.float32)
        self.reach = analysis.reach[self.anchors]
        own = self.anchors[cell]
        part = (np.bitwise_count(analysis.reach[own, nodes]) * measure.heft[own]).sum(axis=1)
        close = part >= _CLOSE * 64 * each[own]
        self.reach[:, close] |= analysis.again[:, cell[close]]

    def sets(self, allowed: NDArray[np.bool_], fixed: list[int], most: int) -> dict[int, list[int]]:
        """Return a good set of nodes for each number of keys up to `most`.

        Anchors are no candidates: a key at the place of measurement would look better than it is.
        """
        free = allowed.copy()
        free[self.anchors] = False
        sets = greedy_sets(self.reach, self.planes, self.heft, free, fixed, most)
        return {len(chosen): sorted(chosen) for chosen in sets}

    def left(self, keys: list[int], neighbors: F64) -> tuple[F64, float]:
        """Return what any key explains beyond the neighboring ones.

        Parameters
        ----------
        neighbors
            (M,) share of each node that the keys next to it explain.

        Returns
        -------
        extra
            (A,) share of each anchor that only farther keys explain.
        ratio
            Of what the neighbors leave over, the part that is still unexplained, 0 to 1.
        """
        skip = np.isin(self.anchors, keys)
        before = 1 - neighbors[self.anchors]
        now = np.minimum(_unexplained(self.reach, self.planes, self.heft, keys), before)
        now = np.where(skip, before, now)
        weight = self.heft.sum(axis=1) * ~skip
        total = float((weight * before).sum())
        return before - now, float((weight * now).sum()) / total if total > 0 else 1.0


@njit(cache=True, nogil=True, parallel=True)
def _gains(reach: U64, seen: U64, planes: U64, heft: F32) -> F64:
    """Return for each candidate (A, M, groups) the weight of what it adds to `seen`."""
    gains = np.zeros(reach.shape[1], np.float64)
    for candidate in prange(reach.shape[1]):
        total = 0.0
        for t in range(reach.shape[0]):
            for word in range(reach.shape[2]):
                new = reach[t, candidate, word] & ~seen[t, word]
                if new != 0:
                    for i in range(planes.shape[1]):
                        total += heft[t, word] * (count_bits(new & planes[t, i, word]) << i)
        gains[candidate] = total
    return gains


def greedy_sets(
    reach: U64, planes: U64, heft: F32, allowed: NDArray[np.bool_], fixed: list[int], most: int
) -> list[list[int]]:
    """Return good sets of len(fixed), … `most` candidates (at least one), each grown from the one before.

    Parameters
    ----------
    reach
        uint64 (A, M, groups): what of A observed nodes each of M candidates explains.
    allowed
        (M,) candidates that may be taken; those in `fixed` are in every set.
    """
    chosen = list(fixed)
    sets = [list(chosen)] if chosen else []
    while len(chosen) < most:
        gains = np.where(allowed, _gains(reach, _union(reach, chosen), planes, heft), -1.0)
        gains[chosen] = -1.0
        best = int(gains.argmax())
        if gains[best] <= 0:
            break
        chosen = _exchange(reach, planes, heft, allowed, [*chosen, best], len(fixed))
        sets.append(list(chosen))
    return sets


def _exchange(
    reach: U64, planes: U64, heft: F32, allowed: NDArray[np.bool_], chosen: list[int], fixed: int
) -> list[int]:
    """Replace single keys by better ones until none is."""
    for _ in range(_ROUNDS):
        changed = False
        for i in range(fixed, len(chosen)):
            others = chosen[:i] + chosen[i + 1 :]
            gains = np.where(allowed, _gains(reach, _union(reach, others), planes, heft), -1.0)
            gains[others] = -1.0
            best = int(gains.argmax())
            if gains[best] > gains[chosen[i]] * (1 + 1e-6) + 1e-9:
                chosen = [*chosen[:i], best, *chosen[i + 1 :]]
                changed = True
        if not changed:
            break
    return chosen


def _union(reach: U64, chosen: list[int]) -> U64:
    if not chosen:
        return np.zeros((reach.shape[0], reach.shape[2]), np.uint64)
    return np.asarray(np.bitwise_or.reduce(reach[:, chosen], axis=1), np.uint64)


def _unexplained(reach: U64, planes: U64, heft: F32, chosen: list[int]) -> F64:
    """Return the share of each observed node that no key explains; 0 where all weighs 0."""
    left, whole = amount(~_union(reach, chosen), planes, heft), amount(ALL_BITS, planes, heft)
    return np.where(whole > 0, left / np.maximum(whole, 1e-12), 0.0)
