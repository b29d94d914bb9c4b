"""Kernels of joining: what several pictures agree on, and their mixture.

They trust their input; `propagate.blend` checks and allocates. `pictures` is (N, H, W, C), `shares` is
(N, H, W).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from propagate.arrays import F32


@njit(cache=True, nogil=True, error_model="numpy")
def normalize(first: int, last: int, shares: F32) -> None:
    """Make the shares of every pixel add up to 1, in place."""
    count = shares.shape[0]
    for y in range(first, last):
        for x in range(shares.shape[2]):
            total = np.float32(0)
            for i in range(count):
                total += shares[i, y, x]
            inverse = np.float32(1) / total
            for i in range(count):
                shares[i, y, x] *= inverse


@njit(cache=True, nogil=True, error_model="numpy")
def apart(first: int, last: int, pictures: F32, shares: F32, out: F32) -> None:
    """How far the pictures lie from their mean, by their shares: the mean over channels of the difference."""
    count, channels = pictures.shape[0], pictures.shape[3]
    scale = np.float32(1) / np.float32(channels)
    for y in range(first, last):
        for x in range(pictures.shape[2]):
            total = np.float32(0)
            for c in range(channels):
                mean = np.float32(0)
                for i in range(count):
                    mean += pictures[i, y, x, c] * shares[i, y, x]
                for i in range(count):
                    total += abs(pictures[i, y, x, c] - mean) * shares[i, y, x]
            out[y, x] = total * scale


@njit(cache=True, nogil=True, error_model="numpy")
def mix(
    first: int,
    last: int,
    pictures: F32,
    slow: F32,
    energies: F32,
    shares: F32,
    hard: F32,
    out: F32,
    energy: F32,
) -> None:
    """Mix fine detail by the `hard` shares and what is `slow` by the soft ones; `energies` by the hard ones.

    `slow` is (N, H, W, C); without any, (0, H, W, C), all is mixed by the hard ones.
    """
    count, channels = pictures.shape[0], pictures.shape[3]
    banded = slow.shape[0] == count
    for y in range(first, last):
        for x in range(pictures.shape[2]):
            for c in range(channels):
                value = np.float32(0)
                for i in range(count):
                    value += pictures[i, y, x, c] * hard[i, y, x]
                    if banded:
                        value += slow[i, y, x, c] * (shares[i, y, x] - hard[i, y, x])
                out[y, x, c] = value
            total = np.float32(0)
            for i in range(count):
                total += energies[i, y, x] * hard[i, y, x]
            energy[y, x] = total


@njit(cache=True, nogil=True, error_model="numpy")
def crispen(first: int, last: int, slow: F32, gain: F32, picture: F32) -> None:
    """Raise fine detail, `picture` less `slow`, by `gain`, (H, W), in place."""
    for y in range(first, last):
        for x in range(picture.shape[1]):
            for c in range(picture.shape[2]):
                picture[y, x, c] = slow[y, x, c] + (picture[y, x, c] - slow[y, x, c]) * gain[y, x]
