"""Kernels: following sampled points through the clip's flow, and counting what a set of keys leaves over.

Everything here trusts its input; the doors are in `coverage.py` and `select.py`.  Flow is stored at half
size as int16 in steps of 1/64 pixel of the picture, certainty as uint8 (255 = forward and backward flow
agree).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

_SHIFT = 6
STEP = 1 << _SHIFT  # stored flow units per pixel: flows up to 512 px, an error of 1/128 px per link

Nodes: TypeAlias = tuple[
    NDArray[np.uint8], NDArray[np.int16], NDArray[np.uint8], NDArray[np.int16], NDArray[np.uint8]
]
"""Images (M, H, W, 3), back (M, H / 2, W / 2, 2), how sure (M, H, W), forth, how sure."""

_ONE = np.uint64(1)
_TOGETHER = 8  # nodes traced side by side: the maps of a node are then read from memory an eighth as often


@njit(cache=True, nogil=True)
def _corners(
    x: np.float32, y: np.float32, width: int, height: int
) -> tuple[np.uintp, np.uintp, np.uintp, np.uintp, np.float32, np.float32]:
    """Return the neighbours left, right, above and below a place, clamped, and the fractions between them.

    Unsigned, since Numba checks every signed index for being negative.
    """
    x = min(max(x, np.float32(0)), np.float32(width - 1))
    y = min(max(y, np.float32(0)), np.float32(height - 1))
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    fx, fy = x - np.float32(x0), y - np.float32(y0)
    return np.uintp(x0), np.uintp(x1), np.uintp(y0), np.uintp(y1), fx, fy


@njit(cache=True, nogil=True)
def _flow_at(
    link: NDArray[np.int16], sure: NDArray[np.uint8], x: np.float32, y: np.float32
) -> tuple[np.float32, np.float32]:
    """Return the flow of a link at (x, y), in pixels of the picture."""
    height, width = link.shape[0], link.shape[1]
    half = np.float32(0.5)
    x0, x1, y0, y1, fx, fy = _corners(
        (x + half) * (np.float32(width) / np.float32(sure.shape[1])) - half,
        (y + half) * (np.float32(height) / np.float32(sure.shape[0])) - half,
        width,
        height,
    )
    one = np.float32(1)
    a, b, c, d = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
    k = np.uintp(0)
    dx = (
        a * np.float32(link[y0, x0, k])
        + b * np.float32(link[y0, x1, k])
        + c * np.float32(link[y1, x0, k])
        + d * np.float32(link[y1, x1, k])
    )
    k = np.uintp(1)
    dy = (
        a * np.float32(link[y0, x0, k])
        + b * np.float32(link[y0, x1, k])
        + c * np.float32(link[y1, x0, k])
        + d * np.float32(link[y1, x1, k])
    )
    return dx * np.float32(1 / STEP), dy * np.float32(1 / STEP)


@njit(cache=True, nogil=True)
def _sure_at(sure: NDArray[np.uint8], x: np.float32, y: np.float32) -> bool:
    """Tell whether a link can be trusted at the pixel nearest to (x, y).

    Blending the neighbours and multiplying over the links wears long chains out where nothing moves.
    """
    column = np.uintp(min(max(int(x + np.float32(0.5)), 0), sure.shape[1] - 1))
    row = np.uintp(min(max(int(y + np.float32(0.5)), 0), sure.shape[0] - 1))
    return bool(sure[row, column] > 0)


@njit(cache=True, nogil=True)
def _differs(
    image: NDArray[np.uint8], x: np.float32, y: np.float32, colour: NDArray[np.float32], limit: np.float32
) -> bool:
    """Tell whether a channel of `image` at (x, y) is `limit` or more away from `colour`."""
    x0, x1, y0, y1, fx, fy = _corners(x, y, image.shape[1], image.shape[0])
    one = np.float32(1)
    a, b, c, d = (one - fx) * (one - fy), fx * (one - fy), (one - fx) * fy, fx * fy
    for channel in range(image.shape[2]):
        k = np.uintp(channel)
        value = (
            a * np.float32(image[y0, x0, k])
            + b * np.float32(image[y0, x1, k])
            + c * np.float32(image[y1, x0, k])
            + d * np.float32(image[y1, x1, k])
        )
        if abs(value - colour[k]) >= limit:
            return True
    return False


@njit(cache=True, nogil=True)
def _advance(
    image: NDArray[np.uint8],
    link: NDArray[np.int16],
    sure: NDArray[np.uint8],
    state: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint32]],
    left: int,
    limit: np.float32,
    out: NDArray[np.uint64],
) -> int:
    """Take a node's `left` living points over one link and set the bits of those that look the same.

    Returns how many live on; they are moved to the front.
    """
    walk, colours, alive = state
    kept = 0
    for q in range(left):
        p = alive[q]
        if not _sure_at(sure, walk[p, 0], walk[p, 1]):
            continue
        dx, dy = _flow_at(link, sure, walk[p, 0], walk[p, 1])
        walk[p, 0] += dx
        walk[p, 1] += dy
        alive[kept] = p
        kept += 1
        if not _differs(image, walk[p, 0], walk[p, 1], colours[p], limit):
            out[p >> 6] |= _ONE << np.uint64(p & 63)
    return kept


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
    """Follow the points of a few neighbouring nodes one way, together, so that each map is read once."""
    images, links, sure = nodes[0], nodes[1], nodes[2]
    if step > 0:
        links, sure = nodes[3], nodes[4]
    size, count, channels = points.shape[0], points.shape[1], images.shape[3]
    walk = np.empty((size, count, 2), np.float32)  # x, y
    colours = np.empty((size, count, channels), np.float32)
    alive = np.empty((size, count), np.uint32)
    left = np.full(size, count)
    for i in range(size):
        for p in range(count):
            x, y = points[i, p, 0], points[i, p, 1]
            walk[i, p, 0], walk[i, p, 1] = x, y
            alive[i, p] = p
            for k in range(channels):
                colours[i, p, k] = images[first + i, y, x, k]
    s = first + size - 1 if step < 0 else first
    living = True
    while living and 0 <= s + step < images.shape[0]:
        link = s if step < 0 else s + 1
        s += step
        living = False
        for i in range(size):
            started = s < first + i if step < 0 else s > first + i
            if started and left[i] > fewest:
                state = (walk[i], colours[i], alive[i])
                left[i] = _advance(
                    images[s], links[link], sure[link], state, left[i], np.float32(limit), out[i, s]
                )
            living = living or left[i] > fewest


@njit(cache=True, nogil=True, parallel=True)
def trace(
    nodes: Nodes, points: NDArray[np.uint16], limit: float, fewest: int, out: NDArray[np.uint64]
) -> None:
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
                    sx = min(max(x + ((dx + half) >> _SHIFT), 0), width - 1)
                    sy = min(max(y + ((dy + half) >> _SHIFT), 0), height - 1)
                    age[new, y, x] = age[old, sy, sx] + 1
                out[t, y, x] += age[new, y, x]


@njit(cache=True, nogil=True)
def compose(
    first: NDArray[np.int16],
    first_sure: NDArray[np.uint8],
    then: NDArray[np.int16],
    then_sure: NDArray[np.uint8],
    out: NDArray[np.int16],
    out_sure: NDArray[np.uint8],
) -> None:
    """Join two links into one; one thread, as both directions are joined side by side."""
    height, width = first_sure.shape
    half = np.float32(0.5)
    for row in range(first.shape[0]):
        y = (np.float32(row) + half) * np.float32(height) / np.float32(first.shape[0]) - half
        for column in range(first.shape[1]):
            x = (np.float32(column) + half) * np.float32(width) / np.float32(first.shape[1]) - half
            ax, ay = np.float32(first[row, column, 0] / STEP), np.float32(first[row, column, 1] / STEP)
            bx, by = _flow_at(then, then_sure, x + ax, y + ay)
            out[row, column, 0] = np.int16(min(max(round((ax + bx) * STEP), -32768), 32767))
            out[row, column, 1] = np.int16(min(max(round((ay + by) * STEP), -32768), 32767))
    for row in range(height):
        y = np.float32(row)
        for column in range(width):
            x = np.float32(column)
            ax, ay = _flow_at(first, first_sure, x, y)
            trust = first_sure[row, column] > 0 and _sure_at(then_sure, x + ax, y + ay)
            out_sure[row, column] = np.uint8(trust)


@njit(cache=True, nogil=True)
def count_bits(word: np.uint64) -> int:
    """Count the ones of a 64-bit word."""
    word -= (word >> _ONE) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
