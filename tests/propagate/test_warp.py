"""Warping: exact where it can be, kept in type and shape, and it never goes out of bounds."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import propagate
from propagate.warp import INTERPOLATION, identity, warp

KINDS = [np.uint8, np.uint16, np.float32]


def still(height, width):
    return np.zeros((height, width, 2), np.float32)


@pytest.mark.parametrize("how", INTERPOLATION)
@pytest.mark.parametrize("dtype", KINDS)
@pytest.mark.parametrize("channels", [None, 1, 2, 3, 4])
def test_whole_steps_are_exact(rng, how, dtype, channels):
    shape = (21, 30) if channels is None else (21, 30, channels)
    picture = rng.integers(0, 256, shape).astype(dtype)
    flow = still(21, 30)
    flow[...] = (3, -2)
    moved = warp(picture, flow, interpolation=how)
    assert moved.dtype == dtype
    assert moved.shape == shape
    np.testing.assert_array_equal(moved[2:, :-3], picture[:-2, 3:])


def test_beyond_the_border_its_nearest_pixel_is_seen(rng):
    picture = rng.integers(0, 256, (9, 12, 3), np.uint8)
    flow = still(9, 12)
    flow[..., 0] = 500
    np.testing.assert_array_equal(warp(picture, flow), np.repeat(picture[:, -1:], 12, axis=1))


def test_result_has_the_size_of_the_flow(rng):
    picture = rng.integers(0, 256, (9, 12, 3), np.uint8)
    np.testing.assert_array_equal(warp(picture, still(4, 5)), picture[:4, :5])
    assert warp(picture, still(20, 30)).shape == (20, 30, 3)


def test_half_a_pixel_is_the_mean_of_two(rng):
    picture = rng.integers(0, 256, (9, 12)).astype(np.float32)
    flow = still(9, 12)
    flow[..., 0] = 0.5
    moved = warp(picture, flow, interpolation="linear")
    np.testing.assert_allclose(moved[:, :-1], (picture[:, :-1] + picture[:, 1:]) / 2)


def test_nearest_never_mixes(rng):
    picture = np.where(rng.random((20, 20)) < 0.5, np.uint8(7), np.uint8(250))
    flow = rng.normal(0, 3, (20, 20, 2)).astype(np.float32)
    assert set(np.unique(warp(picture, flow, interpolation="nearest"))) <= {7, 250}


def test_linear_never_overshoots(rng):
    picture = (rng.random((20, 20)) < 0.5).astype(np.float32)
    moved = warp(picture, rng.normal(0, 3, (20, 20, 2)).astype(np.float32), interpolation="linear")
    assert moved.min() >= 0
    assert moved.max() <= 1


def test_unknown_interpolation_is_refused():
    with pytest.raises(ValueError, match="interpolation is 'lanczos'; expected one of nearest"):
        warp(np.zeros((3, 3), np.uint8), still(3, 3), interpolation="lanczos")


def test_coordinates_are_x_then_y_and_shared_safely():
    assert tuple(identity(4, 6)[3, 5]) == (5, 3)
    with pytest.raises(ValueError, match="read-only"):
        identity(4, 6)[0, 0] = 1


@settings(deadline=None, max_examples=60)
@given(
    st.integers(1, 24), st.integers(1, 24), st.sampled_from([None, 1, 2, 3, 4]), st.sampled_from(KINDS),
    st.sampled_from(sorted(INTERPOLATION)), st.floats(-1e9, 1e9), st.integers(1, 2), st.integers(0, 99),
)  # fmt: skip
def test_any_picture_and_any_flow_give_a_picture(h, w, channels, dtype, how, far, stride, seed):
    rng = np.random.default_rng(seed)
    shape = (h * stride, w) if channels is None else (h * stride, w, channels)
    picture = rng.integers(0, 256, shape).astype(dtype)[::stride]
    flow = (rng.normal(0, 1, (w, h, 2)) * far).astype(np.float32).transpose(1, 0, 2)
    before = picture.copy()
    moved = warp(picture, flow, interpolation=how)
    assert moved.shape == picture.shape
    assert moved.dtype == dtype
    assert np.isfinite(moved).all()
    np.testing.assert_array_equal(picture, before)


def test_a_name_at_the_front_door_is_never_a_module():
    for _, name, _ in pkgutil.iter_modules(propagate.__path__):
        if name != "_cuda":
            importlib.import_module(f"propagate.{name}")
    for name in propagate.__all__:
        assert not isinstance(getattr(propagate, name), ModuleType), name
