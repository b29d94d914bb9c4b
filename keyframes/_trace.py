"""Kernels: following sampled points through the clip's flow, and counting what a set of keys leaves over.

Everything here trusts its input; the doors are in `coverage.py` and `select.py`.  Flow is stored as int16
in steps of 1/64 pixel, certainty as uint8 (255 = forward and backward flow agree).
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

STEP = 64  # stored flow units per pixel: flows up to 512 px, an error of 1/128 px per link

Nodes: TypeAlias = tuple[
    NDArray[np.uint8], NDArray[np.int16], NDArray[np.uint8], NDArray[np.int16], NDArray[np.uint8]
]
"""Images (M, H, W, 3), back (M, H, W, 2), how sure (M, H, W), forth, how sure."""

_ONE = np.uint64(1)


@njit(cache=True, nogil=True)
def _corner(x: float, y: float, width: int, height: int) -> tuple[int, int, float, float]:
    """Return the top left neighbour of a place and the fractions towards the next one, clamped inside."""
    x = min(max(x, 0.0), width - 1.0)
    y = min(max(y, 0.0), height - 1.0)
    x0 = max(min(int(x), width - 2), 0)
    y0 = max(min(int(y), height - 2), 0)
    return x0, y0, x - x0, y - y0


@njit(cache=True, nogil=True)
def _walk(link: NDArray[np.int16], sure: NDArray[np.uint8], x: float, y: float) -> tuple[float, float, float]:
    """Follow one link from (x, y): the new place and how sure the link is there, 0 to 1."""
    height, width = sure.shape
    x0, y0, fx, fy = _corner(x, y, width, height)
    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    a, b, c, d = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    dx = a * link[y0, x0, 0] + b * link[y0, x1, 0] + c * link[y1, x0, 0] + d * link[y1, x1, 0]
    dy = a * link[y0, x0, 1] + b * link[y0, x1, 1] + c * link[y1, x0, 1] + d * link[y1, x1, 1]
    ok = a * sure[y0, x0] + b * sure[y0, x1] + c * sure[y1, x0] + d * sure[y1, x1]
    return x + dx / STEP, y + dy / STEP, ok / 255.0


@njit(cache=True, nogil=True)
def _differs(image: NDArray[np.uint8], x: float, y: float, colour: NDArray[np.int16], limit: float) -> bool:
    """Tell whether a channel of `image` at (x, y) is `limit` or more away from `colour`."""
    height, width = image.shape[0], image.shape[1]
    x0, y0, fx, fy = _corner(x, y, width, height)
    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    a, b, c, d = (1 - fx) * (1 - fy), fx * (1 - fy), (1 - fx) * fy, fx * fy
    for k in range(image.shape[2]):
        value = a * image[y0, x0, k] + b * image[y0, x1, k] + c * image[y1, x0, k] + d * image[y1, x1, k]
        if abs(value - colour[k]) >= limit:
            return True
    return False


@njit(cache=True, nogil=True)
def _trace_one(
    nodes: Nodes,
    start: int,
    step: int,
    points: NDArray[np.uint16],
    limit: float,
    stop_share: float,
    out: NDArray[np.uint64],
) -> None:
    """Follow all points of node `start` in one direction; set in `out[s]` the bits that node s explains."""
    images, links, sure = nodes[0], nodes[1], nodes[2]
    if step > 0:
        links, sure = nodes[3], nodes[4]
    count, channels = points.shape[0], images.shape[3]
    x, y = points[:, 0].astype(np.float64), points[:, 1].astype(np.float64)
    trust = np.ones(count, np.float64)
    alive = np.arange(count)
    left = count
    colours = np.empty((count, channels), np.int16)
    for p in range(count):
        for k in range(channels):
            colours[p, k] = images[start, points[p, 1], points[p, 0], k]
    s = start
    while 0 <= s + step < images.shape[0] and left > stop_share * count:
        link = s if step < 0 else s + 1
        s += step
        kept = 0
        for q in range(left):
            p = alive[q]
            x[p], y[p], ok = _walk(links[link], sure[link], x[p], y[p])
            trust[p] *= ok
            if trust[p] <= 0.5:
                continue
            alive[kept] = p
            kept += 1
            if not _differs(images[s], x[p], y[p], colours[p], limit):
                out[s, p >> 6] |= _ONE << np.uint64(p & 63)
        left = kept


@njit(cache=True, nogil=True, parallel=True)
def trace(
    nodes: Nodes, points: NDArray[np.uint16], limit: float, stop_share: float, out: NDArray[np.uint64]
) -> None:
    """Fill `out[t, s]`, bits over the points of node t: which are found again in node s.

    `nodes` holds the images, the links to the node before with their certainty, and the links from it with
    theirs: ``back[i]`` leads from node i to i - 1, ``forth[i]`` from node i - 1 to i; index 0 is unused.
    """
    for index in prange(nodes[0].shape[0]):
        t = np.int64(index)  # prange counts in uint64, and uint64 - int64 is a float
        for word in range(out.shape[2]):
            out[t, t, word] = ~np.uint64(0)
        _trace_one(nodes, t, -1, points[t], limit, stop_share, out[t])
        _trace_one(nodes, t, 1, points[t], limit, stop_share, out[t])


@njit(cache=True, nogil=True, parallel=True)
def add_ages(links: NDArray[np.int16], sure: NDArray[np.uint8], step: int, out: NDArray[np.int16]) -> None:
    """Add to `out` for every pixel of every node how many nodes it can be followed back (`step` -1) or on (+1)."""
    count, height, width = out.shape
    age = np.zeros((2, height, width), np.int16)
    for turn in range(1, count):
        t = turn if step < 0 else count - 1 - turn
        link = t if step < 0 else t + 1
        new, old = turn & 1, 1 - (turn & 1)
        for row in prange(height):
            y = np.int64(row)
            for x in range(width):
                age[new, y, x] = 0
                if sure[link, y, x] > 127:
                    sx = min(max(x + round(links[link, y, x, 0] / STEP), 0), width - 1)
                    sy = min(max(y + round(links[link, y, x, 1] / STEP), 0), height - 1)
                    age[new, y, x] = age[old, sy, sx] + 1
                out[t, y, x] += age[new, y, x]


@njit(cache=True, nogil=True, parallel=True)
def compose(
    first: NDArray[np.int16],
    first_sure: NDArray[np.uint8],
    then: NDArray[np.int16],
    then_sure: NDArray[np.uint8],
    out: NDArray[np.int16],
    out_sure: NDArray[np.uint8],
) -> None:
    """Join two links into one."""
    for row in prange(first.shape[0]):
        y = np.int64(row)
        for x in range(first.shape[1]):
            ax, ay = x + first[y, x, 0] / STEP, y + first[y, x, 1] / STEP
            bx, by, ok = _walk(then, then_sure, ax, ay)
            out[y, x, 0] = np.int16(min(max(round((bx - x) * STEP), -32768), 32767))
            out[y, x, 1] = np.int16(min(max(round((by - y) * STEP), -32768), 32767))
            out_sure[y, x] = np.uint8(round(ok * first_sure[y, x]))


@njit(cache=True, nogil=True)
def count_bits(word: np.uint64) -> int:
    """Count the ones of a 64-bit word."""
    word -= (word >> _ONE) & np.uint64(0x5555555555555555)
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return int((word * np.uint64(0x0101010101010101)) >> np.uint64(56))
