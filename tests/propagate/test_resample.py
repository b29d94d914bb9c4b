"""Fetching paint: a warp where the flow is smooth, a vote where it is torn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from propagate import _flow_kernels as kernels
from propagate.resample import detail_energy, resample, split
from propagate.threads import ThreadTeam
from propagate.warp import warp
from tests import reference, synthetic
from tests.propagate import moves

SIZE = (48, 64)


@pytest.fixture
def crew():
    with ThreadTeam(1) as crew:
        yield crew


def sure(size=SIZE):
    return np.zeros(size, np.float32)


def test_a_smooth_flow_is_a_plain_warp(crew):
    key = synthetic.texture(2, SIZE).astype(np.float32)
    flow = moves.wave(2.0, size=SIZE)[2]
    np.testing.assert_array_equal(resample(key, flow, sure(), crew)[0], warp(key, flow))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_torn_flow_is_mended(rng, crew, channels):
    """Every fifth pixel's flow is wild: a warp would be grains, a vote is near the truth."""
    key = np.dstack([synthetic.texture(2, SIZE)] * 2)[..., :channels].astype(np.float32)
    flow = np.zeros((*SIZE, 2), np.float32)
    wild = rng.random(SIZE) < 0.2
    flow[wild] = rng.normal(0, 15, (wild.sum(), 2))
    left = np.where(wild, np.float32(20), np.float32(0.5))
    made, energy = resample(key, flow, left, crew)
    assert energy.shape == SIZE
    assert made.shape == key.shape
    assert made.dtype == np.float32
    assert np.abs(made - key).mean() < 0.35 * np.abs(warp(key, flow) - key).mean()


def test_the_key_stays_as_it_was(rng, crew):
    key = synthetic.texture(2, SIZE).astype(np.float32)
    kept = key.copy()
    resample(key, rng.normal(0, 9, (*SIZE, 2)).astype(np.float32), sure(), crew)
    np.testing.assert_array_equal(key, kept)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_vote(rng, channels):
    picture = rng.uniform(0, 255, (9, 11, channels)).astype(np.float32)
    flow = rng.normal(0, 4, (9, 11, 2)).astype(np.float32)
    left = rng.uniform(0, 12, (9, 11)).astype(np.float32)
    where = rng.random((9, 11)) < 0.7
    out = np.full_like(picture, -1)
    lined = np.zeros((10, 48), np.float32)
    for first in (0, 5):
        kernels.four_channels(first, first + 5, picture, lined)
    for first in (0, 5):
        kernels.vote(first, min(first + 5, 9), lined, flow, np.exp(left / -4), where, out)
    expected = reference.flow_vote(picture, flow, left, where)
    np.testing.assert_allclose(out[where], expected[where], rtol=1e-4, atol=1e-2)
    assert (out[~where] == -1).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 2), (3, 30)])
def test_small_pictures(rng, crew, size):
    key = rng.uniform(0, 255, (*size, 3)).astype(np.float32)
    flow = rng.normal(0, 1e4, (*size, 2)).astype(np.float32)
    made, energy = resample(key, flow, sure(size), crew)
    assert np.isfinite(energy).all()
    assert np.isfinite(made).all()
    assert made.min() >= key.min() - 30
    assert made.max() <= key.max() + 30


def test_threads_change_nothing(rng):
    key = synthetic.texture(2, SIZE).astype(np.float32)
    flow = rng.normal(0, 6, (*SIZE, 2)).astype(np.float32)
    made = []
    for threads in (1, 2, 3):
        with ThreadTeam(threads) as crew:
            made.append(resample(key, flow, sure(), crew)[0])
    np.testing.assert_array_equal(made[0], made[1])
    np.testing.assert_array_equal(made[0], made[2])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_two_bands_add_up(rng, channels):
    picture = rng.uniform(0, 255, (*SIZE, channels)).astype(np.float32)
    slow, detail = split(picture)
    assert slow.shape == detail.shape == picture.shape
    np.testing.assert_allclose(slow + detail, picture, atol=1e-3)
    assert np.abs(cv2.GaussianBlur(detail, (0, 0), 6.0)).max() < 8


def test_energy_is_the_mean_square_of_detail(rng):
    assert not detail_energy(np.zeros((*SIZE, 3), np.float32)).any()
    noise = rng.normal(0, 10, (200, 200, 3)).astype(np.float32)
    assert abs(detail_energy(noise).mean() - 100) < 5
