"""What every backend agrees on, pixel by pixel: the hash, the patch distance, where to look next.

Plain scalar functions without loops over the picture: `_cpu` calls them from tiles, `_cuda` from a grid,
and with NUMBA_DISABLE_JIT=1 they are ordinary Python.  Pictures come flat, as one int16 vector with the
channels of a pixel side by side; a place in them is an index, so that a patch row is one run of numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def hash3(x: int, y: int, turn: int, seed: int) -> int:
    """32 well-mixed bits from a place, a turn and a seed (xorshift-multiply finalizer of MurmurHash3)."""
    # Masked after every product: Numba wraps at 64 bits, Python does not, CUDA must agree with both.
    h = (x * 0x9E3779B1) & 0xFFFFFFFF
    h = ((h ^ y) * 0x85EBCA6B) & 0xFFFFFFFF
    h = ((h ^ (h >> 15) ^ turn) * 0xC2B2AE35) & 0xFFFFFFFF
    h = ((h ^ (h >> 13) ^ seed) * 0x27D4EB2F) & 0xFFFFFFFF
    h = ((h ^ (h >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    return h ^ (h >> 13)


@njit(cache=True, nogil=True)
def between(low: int, high: int, bits: int) -> int:
    """Spread 16 random `bits` evenly over the integers from `low` to `high`, both included."""
    return low + ((bits * (high - low + 1)) >> 16)


@njit(cache=True, nogil=True)
def reaches(at: int, size: int, to: int, source_size: int, half: int) -> bool:
    """Tell whether a patch at `to` lies no further beyond an edge of the source than one at `at` does.

    What lies beyond an edge is made up (the border goes on), so a patch of the target's inside is not held
    against it; on an edge of the target it stands for the same edge of the source.
    """
    return to >= min(at, half) and source_size - 1 - to >= min(size - 1 - at, half)


@njit(cache=True, nogil=True)
def random_place(
    x: int,
    y: int,
    at_x: int,
    at_y: int,
    width: int,
    height: int,
    octaves: int,
    trial: int,
    turn: int,
    seed: int,
) -> tuple[int, int]:
    """Return a place around (`at_x`, `at_y`), for pixel (`x`, `y`) and this `trial` always the same one.

    Any distance up to 2 ** `octaves` is tried as often as twice that distance: near ones mend, far ones find.
    """
    bits = hash3(x, y, turn * 64 + trial, seed)
    radius = 1 << between(0, octaves, hash3(bits, trial, turn, seed) & 0xFFFF)
    to_x = between(max(at_x - radius, 0), min(at_x + radius, width - 1), bits & 0xFFFF)
    to_y = between(max(at_y - radius, 0), min(at_y + radius, height - 1), bits >> 16)
    return to_x, to_y


@njit(cache=True, nogil=True)
def patch_cost(a: Any, b: Any, at: int, bt: int, a_stride: int, b_stride: int, run: int, rows: int, limit: Any) -> Any:
    """Sum of squared differences of `rows` runs of `run` numbers; stops after a row once past `limit`."""
    # LLVM makes packed multiply-adds of this only if every step stays 32 bits wide (int32 + int32 is 64 bits
    # in Numba) and indices are unsigned (no wrap-around): 36 ns for 5 x 5 x 12 instead of 440.
    total = np.int32(0)
    i = np.uint64(at)
    j = np.uint64(bt)
    for _ in range(rows):
        for k in range(np.uint64(run)):
            d = np.int16(a[i + k] - b[j + k])
            total = np.int32(total + np.int32(np.int32(d) * np.int32(d)))
        if total >= limit:
            break
        i += np.uint64(a_stride)
        j += np.uint64(b_stride)
    return total


@njit(cache=True, nogil=True)
def patch_cost_modulated(
    a: Any, b: Any, w: Any, at: int, bt: int, a_stride: int, b_stride: int, run: int, rows: int, limit: Any
) -> Any:
    """Like `patch_cost`, each difference first multiplied by `w` / 65536 (w of 32767 halves it)."""
    total = np.int32(0)
    i = np.uint64(at)
    j = np.uint64(bt)
    for _ in range(rows):
        for k in range(np.uint64(run)):
            d = np.int16(a[i + k] - b[j + k])
            e = np.int16(np.int32(np.int32(d) * np.int32(w[i + k])) >> 16)
            total = np.int32(total + np.int32(np.int32(e) * np.int32(e)))
        if total >= limit:
            break
        i += np.uint64(a_stride)
        j += np.uint64(b_stride)
    return total
