"""Kernels: the links between neighboring nodes of a shot, and whether they can be trusted.

Everything here trusts its input; the door is in `_nodes.py`.  Flow is stored at half size as int16 in steps
of 1/64 pixel of the picture, certainty as uint8 (1 = forward and backward flow agree).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from numpy.typing import NDArray

Place: TypeAlias = tuple[np.uintp, np.uintp, np.uintp, np.uintp, np.float32, np.float32]
"""Columns left and right of a place, rows above and below it, and the fractions between them."""

STEP = 64
"""Stored flow units per pixel: flows up to 512 px, an error of 1/128 px per link."""


@njit(cache=True, nogil=True)
def corners(x: np.float32, y: np.float32, width: int, height: int) -> Place:
    """Return the neighbors left, right, above and below a place, clamped, and the fractions between them.

    Unsigned, since Numba checks every signed index for being negative.
    """
    x = min(max(x, np.float32(0)), np.float32(width - 1))
    y = min(max(y, np.float32(0)), np.float32(height - 1))
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    fx, fy = x - np.float32(x0), y - np.float32(y0)
    return np.uintp(x0), np.uintp(x1), np.uintp(y0), np.uintp(y1), fx, fy


@njit(cache=True, nogil=True)
def between(picture: NDArray[Any], place: Place, channel: int) -> np.float32:
    """Return a channel of a picture or flow between its pixels, at a place that `corners` gave."""
    x0, x1, y0, y1, fx, fy = place
    k = np.uintp(channel)
    above, below = np.float32(picture[y0, x0, k]), np.float32(picture[y1, x0, k])
    above += fx * (np.float32(picture[y0, x1, k]) - above)
    below += fx * (np.float32(picture[y1, x1, k]) - below)
    return above + fy * (below - above)


@njit(cache=True, nogil=True)
def flow_at(
    link: NDArray[np.int16], sure: NDArray[np.uint8], x: np.float32, y: np.float32
) -> tuple[np.float32, np.float32]:
    """Return the flow of a link at (x, y), in pixels of the picture."""
    height, width = link.shape[0], link.shape[1]
    half = np.float32(0.5)
    place = corners(
        (x + half) * (np.float32(width) / np.float32(sure.shape[1])) - half,
        (y + half) * (np.float32(height) / np.float32(sure.shape[0])) - half,
        width,
        height,
    )
    step = np.float32(1 / STEP)
    return between(link, place, 0) * step, between(link, place, 1) * step


@njit(cache=True, nogil=True)
def sure_at(sure: NDArray[np.uint8], x: np.float32, y: np.float32) -> bool:
    """Tell whether a link can be trusted at the pixel nearest to (x, y).

    Blending the neighbors and multiplying over the links wears long chains out where nothing moves.
    """
    column = np.uintp(min(max(int(x + np.float32(0.5)), 0), sure.shape[1] - 1))
    row = np.uintp(min(max(int(y + np.float32(0.5)), 0), sure.shape[0] - 1))
    return bool(sure[row, column] > 0)


@njit(cache=True, nogil=True)
def agree(flow: NDArray[np.float32], other: NDArray[np.float32], gap: float, out: NDArray[np.uint8]) -> None:
    """Set `out` to 1 where following `flow` and returning by `other` ends within `gap` px, else to 0."""
    height, width = out.shape
    most = np.float32(gap * gap)
    for row in range(height):
        for column in range(width):
            dx, dy = flow[row, column, 0], flow[row, column, 1]
            x, y = np.float32(column) + dx, np.float32(row) + dy
            inside = x >= 0 and y >= 0 and x <= width - 1 and y <= height - 1
            if inside:
                place = corners(x, y, width, height)
                dx += between(other, place, 0)
                dy += between(other, place, 1)
            out[row, column] = np.uint8(inside and dx * dx + dy * dy < most)


@njit(cache=True, nogil=True)
def count_found(
    image: NDArray[np.uint8],
    before: NDArray[np.uint8],
    back: NDArray[np.float32],
    sure: NDArray[np.uint8],
    limit: float,
) -> int:
    """Count the pixels of `image` that a trusted `back` leads to a pixel of like color of `before`."""
    height, width = sure.shape
    found, most = 0, np.float32(limit)
    for row in range(height):
        for column in range(width):
            if sure[row, column] == 0:
                continue
            place = corners(
                np.float32(column) + back[row, column, 0],
                np.float32(row) + back[row, column, 1],
                width,
                height,
            )
            worst = np.float32(0)
            for k in range(3):
                worst = max(worst, abs(between(before, place, k) - np.float32(image[row, column, k])))
            if worst < most:
                found += 1
    return found


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
            bx, by = flow_at(then, then_sure, x + ax, y + ay)
            out[row, column, 0] = np.int16(min(max(round((ax + bx) * STEP), -32768), 32767))
            out[row, column, 1] = np.int16(min(max(round((ay + by) * STEP), -32768), 32767))
    for row in range(height):
        y = np.float32(row)
        for column in range(width):
            x = np.float32(column)
            ax, ay = flow_at(first, first_sure, x, y)
            trust = first_sure[row, column] > 0 and sure_at(then_sure, x + ax, y + ay)
            out_sure[row, column] = np.uint8(trust)
