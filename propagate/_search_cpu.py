"""The search on the CPU, tile by tile.

Every parallel kernel works on items `first` to `last` of a list of tiles or bands and writes only there, so
the items may be dealt to any number of threads in any order: the result is the same to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from propagate._atomics import count, look
from propagate._patch_distance import patch_cost, patch_cost_modulated, random_place, reaches


@njit(cache=True, nogil=True)
def search(
    first: int,
    last: int,
    tiles: Any,
    target: Any,
    source: Any,
    factors: Any,
    modulated: bool,
    channels: int,
    pad: int,
    size: int,
    busy: Any,
    crowd: Any,
    price: Any,
    before: Any,
    matches: Any,
    cost: Any,
    fresh: bool,
    forward: bool,
    neighbors: int,
    offered: bool,
    offer: Any,
    tries: int,
    octaves: int,
    turn: int,
    seed: int,
) -> None:
    """Look for better matches inside tiles (Barnes et al. 2009, sec. 3.2), in scan order, in place.

    `tiles` (N, 4) holds (y0, x0, y1, x1).  Matches beyond the tile's edge are read from `before`.  A source
    place costs `price` times its `crowd` on top of the distance and may not be used where that is negative.
    Where `offered`, the places in `offer` (-1 for none) are tried too.
    """
    height = matches.shape[0]
    width = matches.shape[1]
    source_height = crowd.shape[0]
    source_width = crowd.shape[1]
    t_stride = (width + 2 * pad) * channels
    s_stride = (source_width + 2 * pad) * channels
    run = size * channels
    half = size // 2
    margin = pad - half
    step = 1 if forward else -1
    for tile in range(first, last):
        y0 = int(tiles[tile, 0])
        x0 = int(tiles[tile, 1])
        y1 = int(tiles[tile, 2])
        x1 = int(tiles[tile, 3])
        for row in range(y1 - y0):
            y = y0 + row if forward else y1 - 1 - row
            for column in range(x1 - x0):
                x = x0 + column if forward else x1 - 1 - column
                if not busy[y, x]:
                    continue
                at = (y + margin) * t_stride + (x + margin) * channels
                best_x = int(matches[y, x, 0])
                best_y = int(matches[y, x, 1])
                if fresh:
                    place = (best_y + margin) * s_stride + (best_x + margin) * channels
                    if modulated:
                        distance = patch_cost_modulated(
                            target, source, factors, at, place, t_stride, s_stride, run, size, 2147483647
                        )
                    else:
                        distance = patch_cost(target, source, at, place, t_stride, s_stride, run, size, 2147483647)
                    cost[y, x] = distance
                best = np.float32(cost[y, x] + np.float32(crowd[best_y, best_x]) * price)
                for trial in range(-1, 2 + tries):
                    if trial < 0:
                        if not offered or offer[y, x, 0] < 0:
                            continue
                        to_x = int(offer[y, x, 0])
                        to_y = int(offer[y, x, 1])
                    elif trial < 2:
                        if trial < 2 - neighbors:
                            continue
                        # The neighbor that this sweep has just been to: what it found, moved along by one.
                        nx = x - step if trial == 0 else x
                        ny = y if trial == 0 else y - step
                        if nx < 0 or ny < 0 or nx >= width or ny >= height:
                            continue
                        if nx < x0 or ny < y0 or nx >= x1 or ny >= y1:
                            to_x = int(before[ny, nx, 0])
                            to_y = int(before[ny, nx, 1])
                        else:
                            to_x = int(matches[ny, nx, 0])
                            to_y = int(matches[ny, nx, 1])
                        if to_x < 0:
                            continue
                        to_x += x - nx
                        to_y += y - ny
                    else:
                        to_x, to_y = random_place(
                            x, y, best_x, best_y, source_width, source_height, octaves, trial, turn, seed
                        )
                    if to_x == best_x and to_y == best_y:
                        continue
                    if not (
                        reaches(x, width, to_x, source_width, half) and reaches(y, height, to_y, source_height, half)
                    ):
                        continue
                    people = crowd[to_y, to_x]
                    extra = np.float32(people) * price
                    if people < 0 or extra >= best:
                        continue
                    limit = np.int32(min(np.float32(best - extra), np.float32(2147483520.0)))
                    place = (to_y + margin) * s_stride + (to_x + margin) * channels
                    if modulated:
                        distance = patch_cost_modulated(
                            target, source, factors, at, place, t_stride, s_stride, run, size, limit
                        )
                    else:
                        distance = patch_cost(target, source, at, place, t_stride, s_stride, run, size, limit)
                    total = np.float32(np.float32(distance) + extra)
                    if total < best:
                        best = total
                        best_x = to_x
                        best_y = to_y
                        cost[y, x] = distance
                        matches[y, x, 0] = to_x
                        matches[y, x, 1] = to_y


@njit(cache=True, nogil=True)
def list_moves(first: int, last: int, tiles: Any, before: Any, matches: Any, moves: Any, moved: Any) -> None:
    """List each tile's matches that are not as `before`: `moves` (N, most, 4), (x, y) before and (x, y) now.

    `moved` (N) becomes how many there are.
    """
    for tile in range(first, last):
        n = 0
        for y in range(tiles[tile, 0], tiles[tile, 2]):
            for x in range(tiles[tile, 1], tiles[tile, 3]):
                if before[y, x, 0] != matches[y, x, 0] or before[y, x, 1] != matches[y, x, 1]:
                    moves[tile, n, 0] = before[y, x, 0]
                    moves[tile, n, 1] = before[y, x, 1]
                    moves[tile, n, 2] = matches[y, x, 0]
                    moves[tile, n, 3] = matches[y, x, 1]
                    n += 1
        moved[tile] = n


@njit(cache=True, nogil=True)
def account(first: int, last: int, bands: int, moves: Any, moved: Any, size: int, crowd: Any) -> None:
    """Carry listed moves over to bands of rows of `crowd`: who left a place, who came.

    A match weighs on all pixels of its patch.  Whole numbers, so that the sum does not depend on the order.
    """
    height = crowd.shape[0]
    width = crowd.shape[1]
    half = size // 2
    top = height * first // bands
    bottom = height * last // bands
    for tile in range(len(moved)):
        for i in range(moved[tile]):
            for side in range(2):
                sx = moves[tile, i, 2 * side]
                sy = moves[tile, i, 2 * side + 1]
                if sx < 0:
                    continue
                sign = -1 if side == 0 else 1
                left = max(sx - half, 0)
                right = min(sx + half + 1, width)
                for v in range(max(sy - half, top), min(sy + half + 1, bottom)):
                    for u in range(left, right):
                        crowd[v, u] += sign


@njit(cache=True, nogil=True)
def publish(first: int, last: int, tiles: Any, before: Any, matches: Any) -> None:
    """Let all other tiles see what these tiles have found."""
    for tile in range(first, last):
        for y in range(tiles[tile, 0], tiles[tile, 2]):
            for x in range(tiles[tile, 1], tiles[tile, 3]):
                before[y, x, 0] = matches[y, x, 0]
                before[y, x, 1] = matches[y, x, 1]


@njit(cache=True, nogil=True)
def sweep(
    me: int,
    threads: int,
    bounds: Any,
    taken: Any,
    done: Any,
    patience: int,
    moves: Any,
    moved: Any,
    tiles: Any,
    target: Any,
    source: Any,
    factors: Any,
    modulated: bool,
    channels: int,
    pad: int,
    size: int,
    busy: Any,
    crowd: Any,
    price: Any,
    before: Any,
    matches: Any,
    cost: Any,
    fresh: bool,
    forward: bool,
    neighbors: int,
    offered: bool,
    offer: Any,
    tries: int,
    octaves: int,
    turn: int,
    seed: int,
) -> bool:
    """Search wave after wave; wave i has the tiles `bounds[i]` to `bounds[i + 1]`.

    All `threads`, or some, may call this at once, each with another `me`.  Every one has a share of each step
    of a wave (search, account, publish), always of the same part of the picture, which then stays in its own
    cache, and takes of the others' shares when it is through.  `taken` and `done`, int64 (waves, 3, threads,
    8) as vectors of zeros, count the pieces by whose they are and by who has done them, each on a cache line
    of its own.  `moves` and `moved` are for `list_moves`, of a wave.  A thread that has looked `patience`
    times in vain for the others returns False and may call again; True when everything is done.
    """
    for step in range(3 * (len(bounds) - 1)):
        wave, kind = step // 3, step % 3
        part = tiles[bounds[wave] : bounds[wave + 1]]
        listed = moved[: len(part)]
        pieces = len(part)
        if kind == 1:
            pieces = threads if price > 0 else 0
        for k in range(threads):
            owner = (me + k) % threads
            first = pieces * owner // threads
            last = pieces * (owner + 1) // threads
            counter = 8 * (step * threads + owner)
            while look(taken, counter) < last - first:
                piece = first + count(taken, counter)
                if piece >= last:
                    break
                if kind == 0:
                    search(
                        piece, piece + 1, part, target, source, factors, modulated, channels, pad, size, busy,
                        crowd, price, before, matches, cost, fresh, forward, neighbors, offered, offer,
                        tries, octaves, turn, seed,
                    )  # fmt: skip
                    if price > 0:
                        list_moves(piece, piece + 1, part, before, matches, moves, moved)
                elif kind == 1:
                    account(piece, piece + 1, threads, moves, listed, size, crowd)
                else:
                    publish(piece, piece + 1, part, before, matches)
                count(done, 8 * (step * threads + me))
        if kind == 1:
            continue  # nobody who publishes has to wait until all is accounted
        missing = pieces + (threads if kind == 2 and price > 0 else 0)
        looked = 0
        while True:
            finished = 0
            for k in range(threads):
                finished += look(done, 8 * (step * threads + k))
                if kind == 2:
                    finished += look(done, 8 * ((step - 1) * threads + k))
            if finished >= missing:
                break
            looked += 1
            if looked > patience:
                return False
    return True
