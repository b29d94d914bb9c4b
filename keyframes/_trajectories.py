"""Kernels: following sampled points through the clip's flow, and counting what a set of keys leaves over.

Everything here trusts its input; the doors are in `coverage.py` and `select.py`.  How flow is stored is said
in `_links.py`.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

from keyframes._flow_kernels import STEP, between, corners, flow_at

Nodes: TypeAlias = tuple[NDArray[np.uint8], NDArray[np.int16], NDArray[np.uint8], NDArray[np.int16], NDArray[np.uint8]]
"""Images (M, H, W, 3), back (M, H / 2, W / 2, 2), how sure (M, H, W), forth, how sure."""
Points: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32], NDArray[np.uint32]]
"""Points on their way: x, y, the colors (3, P) that they began with, and their numbers; the living first."""

_ONE = np.uint64(1)
_TOGETHER = 16  # nodes traced side by side: the maps of a node are then read from memory a 16th as often


@njit(cache=True, nogil=True)
def _keep_sure(sure: NDArray[np.uint8], points: Points, left: int) -> int:
    """Move the points that a link can be trusted at to the front; return how many there are."""
    x, y, colors, names = points
    half, kept = np.float32(0.5), 0
    height, width = sure.shape
    for q in range(left):
        # the nearest pixel: blending neighbors over many links would wear chains out where nothing moves
        column = np.uintp(min(max(np.int32(x[q] + half), 0), width - 1))
        row = np.uintp(min(max(np.int32(y[q] + half), 0), height - 1))
        x[kept], y[kept], names[kept] = x[q], y[q], names[q]
        for k in range(3):
            colors[k, kept] = colors[k, q]
        kept += sure[row, column] > 0  # without a branch, which would be guessed wrong too often
    return kept


@njit(cache=True, nogil=True)
def _move(link: NDArray[np.int16], sure: NDArray[np.uint8], points: Points, left: int) -> None:
    """Take the living points over a link."""
    x, y = points[0], points[1]
    for q in range(left):
        dx, dy = flow_at(link, sure, x[q], y[q])
        x[q] += dx
        y[q] += dy


@njit(cache=True, nogil=True)
def _compare(image: NDArray[np.uint8], points: Points, left: int, limit: np.float32, out: NDArray[np.uint64]) -> None:
    """Set the bits of the living points whose color is found where they are, each channel within `limit`."""
    x, y, colors, names = points
    height, width = image.shape[0], image.shape[1]
    for q in range(left):
        place = corners(x[q], y[q], width, height)
        worst = np.float32(0)
        for k in range(3):
            worst = max(worst, abs(between(image, place, k) - colors[k, q]))
        point = np.uint64(names[q])
        out[point >> np.uint64(6)] |= np.uint64(worst < limit) << (point & np.uint64(63))


@njit(cache=True, nogil=True)
def _trace_block(
    nodes: Nodes,
    first: int,
    step: int,
    points: NDArray[np.uint16],
    limit: float,
    fewest: int,
    out: NDArray[np.uint64],
) -> None:
    """Follow the points of a few neighboring nodes one way, together, so that each map is read once."""
    images, links, sure = nodes[0], nodes[1], nodes[2]
    if step > 0:
        links, sure = nodes[3], nodes[4]
    size, count = points.shape[0], points.shape[1]
    xs, ys = np.empty((size, count), np.float32), np.empty((size, count), np.float32)
    colors = np.empty((size, 3, count), np.float32)
    names = np.empty((size, count), np.uint32)
    left = np.full(size, count)
    for i in range(size):
        for p in range(count):
            x, y = points[i, p, 0], points[i, p, 1]
            xs[i, p], ys[i, p], names[i, p] = x, y, p
            for k in range(3):
                colors[i, k, p] = images[first + i, y, x, k]
    s = first + size - 1 if step < 0 else first
    living = True
    while living and 0 <= s + step < images.shape[0]:
        link = s if step < 0 else s + 1
        s += step
        living = False
        for i in range(size):
            started = s < first + i if step < 0 else s > first + i
            if started and left[i] > fewest:
                walking = (xs[i], ys[i], colors[i], names[i])
                left[i] = _keep_sure(sure[link], walking, left[i])
                _move(links[link], sure[link], walking, left[i])
                _compare(images[s], walking, left[i], np.float32(limit), out[i, s])
            living = living or left[i] > fewest


@njit(cache=True, nogil=True, parallel=True)
def trace(nodes: Nodes, points: NDArray[np.uint16], limit: float, fewest: int, out: NDArray[np.uint64]) -> None:
    """Fill `out[t, s]`, bits over the points of node t: which are found again in node s.

    `nodes` holds the images, the links to the node before with their certainty, and the links from it with
    theirs: ``back[i]`` leads from node i to i - 1, ``forth[i]`` from node i - 1 to i; index 0 is unused.
    A chain ends once no more than `fewest` of its points are left.
    """
    count = nodes[0].shape[0]
    for t in range(count):
        out[t, t] = ~np.uint64(0)
    for block in prange((count + _TOGETHER - 1) // _TOGETHER):
        first = int(np.int64(block)) * _TOGETHER  # prange counts in uint64; uint64 - int64 is a float
        stop = min(first + _TOGETHER, count)
        _trace_block(nodes, first, -1, points[first:stop], limit, fewest, out[first:stop])
        _trace_block(nodes, first, 1, points[first:stop], limit, fewest, out[first:stop])


@njit(cache=True, nogil=True)
def add_ages(links: NDArray[np.int16], sure: NDArray[np.uint8], step: int, out: NDArray[np.int16]) -> None:
    """Add to `out` for every pixel how many nodes it can be followed, back (`step` -1) or on (+1)."""
    count, height, width = out.shape
    half = STEP // 2
    age = np.zeros((2, height, width), np.int16)
    for turn in range(1, count):
        t = turn if step < 0 else count - 1 - turn
        link = t if step < 0 else t + 1
        new, old = turn & 1, 1 - (turn & 1)
        for y in range(height):
            for x in range(width):
                age[new, y, x] = 0
                if sure[link, y, x] > 0:
                    dx, dy = (
                        np.int64(links[link, y >> 1, x >> 1, 0]),
                        np.int64(links[link, y >> 1, x >> 1, 1]),
                    )
                    sx = min(max(x + ((dx + half) // STEP), 0), width - 1)
                    sy = min(max(y + ((dy + half) // STEP), 0), height - 1)
                    age[new, y, x] = age[old, sy, sx] + 1
                out[t, y, x] += age[new, y, x]


@njit(cache=True, nogil=True)
def count_bits(word: np.uint64) -> int:
    """Count the ones of a 64-bit word."""
    word -= (word >> _ONE) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
