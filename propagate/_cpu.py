"""Loops over tiles and rows on the CPU.

Every kernel works on items `first` to `last` of a list of tiles or rows and writes only there, so the items may
be dealt to any number of threads in any order: the result is the same to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from propagate._patch import between, hash3, patch_cost, patch_cost_modulated

__all__ = ["TILE_HEIGHT", "TILE_WIDTH", "halve", "search", "vote"]

TILE_HEIGHT = 32
TILE_WIDTH = 64


@njit(cache=True, nogil=True)
def halve(first: int, last: int, fine: Any, coarse: Any, pad: int) -> None:
    """Average 2 x 2 pixels inside a border of `pad`; an odd last row or column is averaged with itself."""
    height = fine.shape[0] - 2 * pad
    width = fine.shape[1] - 2 * pad
    for y in range(first, last):
        y0 = pad + 2 * y
        y1 = pad + min(2 * y + 1, height - 1)
        for x in range(coarse.shape[1] - 2 * pad):
            x0 = pad + 2 * x
            x1 = pad + min(2 * x + 1, width - 1)
            for c in range(fine.shape[2]):
                total = np.int32(fine[y0, x0, c]) + np.int32(fine[y0, x1, c])
                total += np.int32(fine[y1, x0, c]) + np.int32(fine[y1, x1, c])
                coarse[y + pad, x + pad, c] = (total + 2) >> 2


@njit(cache=True, nogil=True)
def search(
    first: int,
    last: int,
    tiles: Any,
    target: Any,
    source: Any,
    modulation: Any,
    modulated: bool,
    channels: int,
    pad: int,
    size: int,
    busy: Any,
    penalty: Any,
    before: Any,
    matches: Any,
    cost: Any,
    fresh: bool,
    forward: bool,
    propagate: bool,
    reach: int,
    tries: int,
    turn: int,
    seed: int,
) -> None:
    """Look for better matches inside tiles (Barnes et al. 2009, sec. 3.2), in scan order, in place.

    Matches beyond the tile's edge are read from `before`, the field as it was when the sweep began.
    `penalty` (Hs, Ws) is what a source place costs on top of the distance, infinite where it may not be used.
    """
    height = matches.shape[0]
    width = matches.shape[1]
    source_height = penalty.shape[0]
    source_width = penalty.shape[1]
    t_stride = (width + 2 * pad) * channels
    s_stride = (source_width + 2 * pad) * channels
    run = size * channels
    margin = pad - size // 2
    step = 1 if forward else -1
    for tile in range(first, last):
        y0 = tiles[tile, 0]
        x0 = tiles[tile, 1]
        y1 = min(y0 + TILE_HEIGHT, height)
        x1 = min(x0 + TILE_WIDTH, width)
        for row in range(y1 - y0):
            y = y0 + row if forward else y1 - 1 - row
            for column in range(x1 - x0):
                x = x0 + column if forward else x1 - 1 - column
                if not busy[y, x]:
                    continue
                at = (y + margin) * t_stride + (x + margin) * channels
                best_x = matches[y, x, 0]
                best_y = matches[y, x, 1]
                if fresh:
                    place = (best_y + margin) * s_stride + (best_x + margin) * channels
                    if modulated:
                        distance = patch_cost_modulated(
                            target, source, modulation, at, place, t_stride, s_stride, run, size, 2147483647
                        )
                    else:
                        distance = patch_cost(
                            target, source, at, place, t_stride, s_stride, run, size, 2147483647
                        )
                    cost[y, x] = distance
                best = np.float32(cost[y, x] + penalty[best_y, best_x])
                moved = False
                for trial in range(0 if propagate else 2, 2 + tries):
                    if trial < 2:
                        # The neighbour that this sweep has just been to: what it found, moved along by one.
                        nx = x - step if trial == 0 else x
                        ny = y if trial == 0 else y - step
                        if nx < 0 or ny < 0 or nx >= width or ny >= height:
                            continue
                        if nx < x0 or ny < y0 or nx >= x1 or ny >= y1:
                            to_x = before[ny, nx, 0]
                            to_y = before[ny, nx, 1]
                        else:
                            to_x = matches[ny, nx, 0]
                            to_y = matches[ny, nx, 1]
                        if to_x < 0:
                            continue
                        to_x += x - nx
                        to_y += y - ny
                        if to_x < 0 or to_y < 0 or to_x >= source_width or to_y >= source_height:
                            continue
                    else:
                        radius = max(reach >> (trial - 2), 1)
                        bits = hash3(x, y, turn * 64 + trial, seed)
                        to_x = between(
                            max(best_x - radius, 0), min(best_x + radius, source_width - 1), bits & 0xFFFF
                        )
                        to_y = between(
                            max(best_y - radius, 0), min(best_y + radius, source_height - 1), bits >> 16
                        )
                    if to_x == best_x and to_y == best_y:
                        continue
                    extra = penalty[to_y, to_x]
                    if extra >= best:
                        continue
                    limit = np.int32(min(best - extra, np.float32(2147483520.0)))
                    place = (to_y + margin) * s_stride + (to_x + margin) * channels
                    if modulated:
                        distance = patch_cost_modulated(
                            target, source, modulation, at, place, t_stride, s_stride, run, size, limit
                        )
                    else:
                        distance = patch_cost(target, source, at, place, t_stride, s_stride, run, size, limit)
                    total = np.float32(np.float32(distance) + extra)
                    if total < best:
                        best = total
                        best_x = to_x
                        best_y = to_y
                        cost[y, x] = distance
                        moved = True
                if moved:
                    matches[y, x, 0] = best_x
                    matches[y, x, 1] = best_y


@njit(cache=True, nogil=True)
def vote(
    first: int,
    last: int,
    matches: Any,
    weight: Any,
    style: Any,
    usable: Any,
    wanted: Any,
    size: int,
    canvas: Any,
    target: Any,
    gain: Any,
    pad: int,
    threshold: float,
    changed: Any,
) -> None:
    """Paint rows: each pixel is the mean of what the patches covering it hold there (Wexler et al. 2007).

    Writes the picture (`canvas`), its channels in the features (`target`) and which pixels `changed` by at
    least `threshold` in some channel.
    """
    height = matches.shape[0]
    width = matches.shape[1]
    channels = style.shape[2]
    half = size // 2
    total = np.zeros(4, np.float32)
    for y in range(first, last):
        for x in range(width):
            changed[y, x] = 0
            if not wanted[y, x]:
                continue
            for c in range(channels):
                total[c] = 0.0
            mass = np.float32(0.0)
            for qy in range(max(y - half, 0), min(y + half, height - 1) + 1):
                for qx in range(max(x - half, 0), min(x + half, width - 1) + 1):
                    sx = matches[qy, qx, 0]
                    if sx < 0:
                        continue
                    sx += x - qx
                    sy = matches[qy, qx, 1] + y - qy
                    if sx < 0 or sy < 0 or sx >= style.shape[1] or sy >= style.shape[0]:
                        continue
                    if not usable[sy, sx]:
                        continue
                    w = weight[qy, qx]
                    mass += w
                    for c in range(channels):
                        total[c] += w * np.float32(style[sy, sx, c])
            largest = np.float32(0.0)
            for c in range(channels):
                value = np.float32(total[c] / mass)
                largest = max(largest, abs(value - np.float32(canvas[y, x, c])))
                canvas[y, x, c] = np.uint16(value + np.float32(0.5))
                target[y + pad, x + pad, c] = np.int16(value * gain[c] + np.float32(0.5))
            if largest >= threshold:
                changed[y, x] = 1
