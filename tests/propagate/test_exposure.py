"""Light that changes everywhere is taken over; other pictures are not recolored into likeness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propagate.exposure import match_exposure
from tests import synthetic

SIZE = (96, 128)


def lit(picture, gain, offset):
    return np.clip(picture * np.float32(gain) + np.float32(offset), 0, 255).astype(np.uint8)


def test_even_light_is_left_alone():
    frame = synthetic.texture(1, SIZE)
    assert match_exposure(frame, frame) is frame
    noisy = synthetic.noise([frame], 3.0)[0]
    assert match_exposure(frame, noisy) is frame


@pytest.mark.parametrize(("gain", "offset"), [(1.3, 0), (0.6, 0), (1, 40), (0.3, 170), ((1.2, 1, 0.7), (0, 10, 20))])
def test_a_change_of_light_is_taken_over(gain, offset):
    key = synthetic.texture(1, SIZE)
    frame = lit(key, gain, offset)
    inside = (frame > 2) & (frame < 253)
    assert np.abs(match_exposure(key, frame).astype(int) - frame)[inside].mean() < 2


def test_a_third_of_new_surface_does_not_mislead():
    key = synthetic.texture(1, SIZE)
    frame = lit(key, 0.7, 10)
    frame[:, :42] = synthetic.texture(2, SIZE)[:, :42]
    assert np.abs(match_exposure(key, frame).astype(int) - frame)[:, 42:].mean() < 3


def test_another_picture_is_not_made_alike():
    key, frame = synthetic.texture(1, SIZE), synthetic.texture(2, SIZE)
    alike = (np.abs(match_exposure(key, frame).astype(int) - frame) < 10).all(-1).mean()
    assert alike < 0.15


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 24), st.integers(1, 24), st.integers(0, 255), st.integers(0, 99))
def test_any_pictures(h, w, flat, seed):
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 256, (h, w, 3), np.uint8)
    b = np.full_like(a, flat)
    for one, other in ((a, b), (b, a), (a, a[::-1])):
        made = match_exposure(one, other)
        assert made.dtype == np.uint8
        assert made.shape == a.shape
