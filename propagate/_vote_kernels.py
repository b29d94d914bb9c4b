"""Pictures and features on the CPU, row by row: encode, halve, vote.

Every kernel works on rows `first` to `last` and writes only there, so that rows may be dealt to any number of
threads: the result is the same to the bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def encode_channels(first: int, last: int, image: Any, gain: Any, channel: int, features: Any, pad: int) -> None:
    """Write rows of `image` times `gain`, rounded, into `features` from `channel` on."""
    for y in range(first, last):
        for x in range(image.shape[1]):
            for c in range(image.shape[2]):
                value = np.float32(image[y, x, c]) * gain[c] + np.float32(0.5)
                features[y + pad, x + pad, channel + c] = np.int16(value)


@njit(cache=True, nogil=True)
def halve(first: int, last: int, fine: Any, coarse: Any, pad: int) -> None:
    """Make rows of half the size inside a border of `pad`: half a 2 x 2 mean, half its top left pixel."""
    # The mean alone washes grain and strokes away before they can be matched, and the picture stays washed;
    # the pixel alone turns them into noise.
    height = fine.shape[0] - 2 * pad
    width = fine.shape[1] - 2 * pad
    for y in range(first, last):
        y0 = pad + 2 * y
        y1 = pad + min(2 * y + 1, height - 1)
        for x in range(coarse.shape[1] - 2 * pad):
            x0 = pad + 2 * x
            x1 = pad + min(2 * x + 1, width - 1)
            for c in range(fine.shape[2]):
                total = np.int32(5 * np.int32(fine[y0, x0, c]) + np.int32(fine[y0, x1, c]) + 4)
                total = np.int32(total + np.int32(fine[y1, x0, c]) + np.int32(fine[y1, x1, c]))
                coarse[y + pad, x + pad, c] = total >> 3


@njit(cache=True, nogil=True)
def double(first: int, last: int, coarse: Any, height: int, width: int, fine: Any) -> None:
    """Fill rows of a field twice as fine: matches twice as far, inside a source of `height` x `width`."""
    for y in range(first, last):
        for x in range(fine.shape[1]):
            sx = coarse[y // 2, x // 2, 0]
            sy = coarse[y // 2, x // 2, 1]
            fine[y, x, 0] = -1 if sx < 0 else min(2 * sx + x % 2, width - 1)
            fine[y, x, 1] = -1 if sx < 0 else min(2 * sy + y % 2, height - 1)


@njit(cache=True, nogil=True)
def weigh(first: int, last: int, cost: Any, unit: Any, weight: Any) -> None:
    """Rows of `weight` become 1 / (1 + cost / unit); 1 where `unit` is 0."""
    for y in range(first, last):
        for x in range(cost.shape[1]):
            weight[y, x] = np.float32(1.0)
            if unit > 0:
                weight[y, x] = np.float32(1.0) / (np.float32(1.0) + cost[y, x] / unit)


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
            changed[y, x] = False
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
                changed[y, x] = True
