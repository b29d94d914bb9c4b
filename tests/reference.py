"""Slow twins of the kernels: NumPy and plain Python that a reader believes at sight."""

from __future__ import annotations

import numpy as np

M32 = 0xFFFFFFFF


def hash3(x: int, y: int, turn: int, seed: int) -> int:
    h = x * 0x9E3779B1 % 2**32
    h = (h ^ y) * 0x85EBCA6B % 2**32
    h = (h ^ (h >> 15) ^ turn) * 0xC2B2AE35 % 2**32
    h = (h ^ (h >> 13) ^ seed) * 0x27D4EB2F % 2**32
    h = (h ^ (h >> 16)) * 0x85EBCA6B % 2**32
    return h ^ (h >> 13)


def patch(features: np.ndarray, x: int, y: int, size: int, pad: int) -> np.ndarray:
    """The size x size patch around pixel (x, y) of features that have a border of `pad`."""
    half = size // 2
    rows = slice(y + pad - half, y + pad + half + 1)
    return features[rows, x + pad - half : x + pad + half + 1].astype(np.int64)


def patch_cost(target, source, factors, here, there, size, pad) -> int:
    """Squared differences of two patches; `factors` (or None) as multipliers in 65536ths."""
    difference = patch(target, *here, size, pad) - patch(source, *there, size, pad)
    if factors is not None:
        difference = (difference * patch(factors, *here, size, pad)) >> 16
    return int((difference**2).sum())


def field_costs(target, source, factors, matches, busy, size, pad) -> np.ndarray:
    costs = np.zeros(matches.shape[:2], np.float32)
    for y, x in np.argwhere(busy):
        costs[y, x] = patch_cost(target, source, factors, (x, y), matches[y, x], size, pad)
    return costs


def crowd(matches: np.ndarray, shape: tuple[int, int], size: int) -> np.ndarray:
    """How many matched patches cover each source pixel."""
    half = size // 2
    wide = np.zeros((shape[0] + 2 * half, shape[1] + 2 * half), np.int32)
    for x, y in matches[matches[..., 0] >= 0]:
        wide[y : y + size, x : x + size] += 1
    return wide[half : half + shape[0], half : half + shape[1]]


def halve(fine: np.ndarray) -> np.ndarray:
    """Half the size: half a 2 x 2 mean, half its top left pixel, rounded; odd edges repeat."""
    height, width = fine.shape[:2]
    even = np.pad(fine.astype(np.float64), ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    mean = (even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4
    return np.floor((mean + even[::2, ::2]) / 2 + 0.5).astype(fine.dtype)


def vote(matches, weight, style, usable, size) -> np.ndarray:
    """Every pixel the weighted mean of what the patches covering it hold there; NaN where none does."""
    height, width = matches.shape[:2]
    half = size // 2
    picture = np.full((height, width, style.shape[2]), np.nan)
    for y in range(height):
        for x in range(width):
            colours, masses = [], []
            for v in range(max(y - half, 0), min(y + half + 1, height)):
                for u in range(max(x - half, 0), min(x + half + 1, width)):
                    if matches[v, u, 0] < 0:
                        continue
                    sx, sy = matches[v, u, 0] + x - u, matches[v, u, 1] + y - v
                    if 0 <= sx < style.shape[1] and 0 <= sy < style.shape[0] and usable[sy, sx]:
                        colours.append(style[sy, sx].astype(np.float64))
                        masses.append(float(weight[v, u]))
            if masses:
                picture[y, x] = np.average(colours, axis=0, weights=masses)
    return picture


def best_costs(target, source, size, pad) -> np.ndarray:
    """The least cost that any source place gives each target pixel, by trying them all."""
    height, width = target.shape[0] - 2 * pad, target.shape[1] - 2 * pad
    s_height, s_width = source.shape[0] - 2 * pad, source.shape[1] - 2 * pad
    costs = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            costs[y, x] = min(
                patch_cost(target, source, None, (x, y), (u, v), size, pad)
                for v in range(s_height)
                for u in range(s_width)
            )
    return costs
