"""Joining's kernels against plain sums, in parts as in one go."""

from __future__ import annotations

import numpy as np
import pytest

from propagate import _blend_kernels as kernels

N, H, W = 3, 11, 13


def in_parts(kernel, *arguments):
    for first in range(0, H, 4):
        kernel(first, min(first + 4, H), *arguments)


@pytest.fixture
def shares(rng):
    shares = rng.random((N, H, W)).astype(np.float32) + np.float32(0.01)
    return shares / shares.sum(0)


def pictures_of(rng, channels):
    return rng.uniform(0, 255, (N, H, W, channels)).astype(np.float32)


def test_normalize(rng):
    raw = rng.random((N, H, W)).astype(np.float32)
    shares = raw.copy()
    in_parts(kernels.normalize, shares)
    np.testing.assert_allclose(shares, raw / raw.sum(0), rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_apart(rng, shares, channels):
    pictures = pictures_of(rng, channels)
    out = np.full((H, W), np.nan, np.float32)
    in_parts(kernels.apart, pictures, shares, out)
    mean = (pictures * shares[..., None]).sum(0)
    np.testing.assert_allclose(out, (np.abs(pictures - mean).mean(-1) * shares).sum(0), rtol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("banded", [False, True])
def test_mix(rng, shares, channels, banded):
    pictures, slow = pictures_of(rng, channels), pictures_of(rng, channels)
    energies = rng.uniform(0, 50, (N, H, W)).astype(np.float32)
    hard = shares**4 / (shares**4).sum(0)
    out, energy = np.full((H, W, channels), np.nan, np.float32), np.full((H, W), np.nan, np.float32)
    in_parts(kernels.mix, pictures, slow if banded else slow[:0], energies, shares, hard, out, energy)
    expected = (pictures * hard[..., None]).sum(0)
    if banded:
        expected += (slow * (shares - hard)[..., None]).sum(0)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(energy, (energies * hard).sum(0), rtol=1e-4)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_crispen(rng, channels):
    picture, slow = pictures_of(rng, channels)[:2]
    gain = rng.uniform(1, 2, (H, W)).astype(np.float32)
    made = picture.copy()
    in_parts(kernels.crispen, slow, gain, made)
    np.testing.assert_allclose(made, slow + (picture - slow) * gain[..., None], rtol=1e-4, atol=1e-3)
