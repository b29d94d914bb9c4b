"""The exact choice of keys when each frame is explained by the keys next to it.

What a pair of neighboring keys leaves unexplained between them depends on nothing else, so the best set of
k keys is a shortest path with k + 1 steps through the table of all pairs: dynamic programming finds it
(Bellman 1957).
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from keyframes._trajectories import count_bits

_SLACKS = (1.0, 1.02, 1.045, 1.1, 1.2)  # how much worse than evenly spaced keys the worst frame may fare
_DEARER = 1.045  # how much more a set may leave over in total to spare the worst frame
_BEYOND = 3  # sets looked at after enough is reached: the curve shows what more keys would buy

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]


@njit(cache=True, nogil=True)
def left_over(seen: NDArray[np.uint64], planes: NDArray[np.uint64], heft: F32) -> float:
    """Sum the weights of the points of one node that are not in `seen`.

    A point weighs 2**i for every plane i that it is in, times the heft of its group of 64.
    """
    total = 0.0
    for word in range(seen.shape[0]):
        for i in range(planes.shape[0]):
            total += heft[word] * (count_bits(~seen[word] & planes[i, word]) << i)
    return total


@njit(cache=True, nogil=True, parallel=True)
def interval_costs(reach: NDArray[np.uint64], planes: NDArray[np.uint64], heft: F32, whole: F64) -> tuple[F64, F64]:
    """Return (M + 1, M + 1): what is left over strictly between node a (row a + 1) and node b (column b).

    Row 0 stands for no key before, column M for no key after.  The second table holds the greatest share of a
    single node that is left over; `whole` is what each node weighs.
    """
    count, words = reach.shape[0], reach.shape[2]
    cost = np.zeros((count + 1, count + 1), np.float64)
    worst = np.zeros((count + 1, count + 1), np.float64)
    for row in prange(count + 1):
        a = np.int64(row) - 1
        seen = np.zeros(words, np.uint64)
        for b in range(a + 1, count + 1):
            total, most = 0.0, 0.0
            for t in range(a + 1, b):
                for word in range(words):
                    seen[word] = np.uint64(0)
                    if a >= 0:
                        seen[word] |= reach[t, a, word]
                    if b < count:
                        seen[word] |= reach[t, b, word]
                left = left_over(seen, planes[t], heft[t])
                total += left
                if whole[t] > 0:
                    most = max(most, left / whole[t])
            cost[a + 1, b], worst[a + 1, b] = total, most
    return cost, worst


def along(table: F64, keys: list[int]) -> F64:
    """Return the entries of an interval table between the neighbors of a set of nodes, ends included."""
    steps = np.array([-1, *keys, len(table) - 1])
    return np.asarray(table[steps[:-1] + 1, steps[1:]])


def spare_the_worst(cost: F64, worst: F64, keys: list[int], even: list[int]) -> list[int]:
    """Return as many nodes that cost hardly more but leave no frame worse off than the nodes `even` do.

    The exact best under that condition; where it costs too much, under a looser one.
    """
    cap, least = float(along(worst, even).max()), float(along(cost, keys).sum())
    if not np.isfinite(least):
        return keys
    for slack in _SLACKS:
        if along(worst, keys).max() <= slack * cap:
            return keys
        total, other = best_paths(np.where(worst > slack * cap, np.inf, cost), len(keys))[-1]
        if len(other) == len(keys) and total <= _DEARER * least:
            return other
    return keys


def best_paths(cost: F64, most: int, enough: float = 0.0) -> list[tuple[float, list[int]]]:
    """Return for k = 1, 2, … the least total cost and the k nodes that reach it; infinite where none can.

    Stops at `most` keys, or a few after a cost of `enough` is reached.
    """
    count = cost.shape[0] - 1
    steps = np.where(np.tri(count, dtype=bool), np.inf, cost[1:, :count])
    best, ends, came, paths = cost[0, :count], cost[1:, count], [], []
    for k in range(1, most + 1):
        if k > 1:
            ways = best[:, None] + steps
            came.append(ways.argmin(axis=0))
            best = ways.min(axis=0)
        totals = best + ends
        node = int(totals.argmin())
        path = [node]
        for arg in reversed(came):
            path.append(int(arg[path[-1]]))
        paths.append((float(totals[node]), path[::-1]))
        if k > _BEYOND and paths[k - 1 - _BEYOND][0] <= enough:
            break
    return paths
