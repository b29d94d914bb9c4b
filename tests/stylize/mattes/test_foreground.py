from __future__ import annotations

import numpy as np
import pytest

from stylize.mattes import estimate_foreground


def soft_disc(size=(80, 100), radius=24, softness=6.0):
    rows, columns = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    away = radius - np.hypot(columns - 50, rows - 40)
    return np.clip(away / softness + 0.5, 0, 1).astype(np.float32)


def mixed(matte, subject, ground):
    image = ground * (1 - matte[..., None]) + subject * matte[..., None]
    return np.rint(image).astype(np.uint8)


def test_foreground_estimate_removes_the_background_from_the_edge(rng):
    matte = soft_disc()
    subject = np.broadcast_to(np.array([200.0, 60, 40]), (*matte.shape, 3))
    ground = np.broadcast_to(np.array([20.0, 90, 220]), (*matte.shape, 3)) + rng.normal(0, 8, (80, 100, 3))
    image = mixed(matte, subject, np.clip(ground, 0, 255))
    found = estimate_foreground(image, matte)
    band = (matte > 0.1) & (matte < 0.9)
    before = np.abs(image.astype(float) - subject)[band].mean()
    after = np.abs(found.astype(float) - subject)[band].mean()
    assert after < before / 8


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_foreground_is_exact_inside_and_continued_outside(rng, dtype):
    matte = soft_disc()
    image = rng.integers(0, np.iinfo(dtype).max, (*matte.shape, 3), dtype)
    found = estimate_foreground(image, matte)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[matte >= 1], image[matte >= 1])
    warm = mixed(matte, np.array([200.0, 60, 40]), np.array([20.0, 90, 220]))
    for corner in (estimate_foreground(warm, matte)[0, 0], estimate_foreground(warm, matte)[-1, -1]):
        np.testing.assert_allclose(corner, (200, 60, 40), atol=12)


def test_empty_and_full_mattes_return_the_image_unchanged(rng):
    image = rng.integers(0, 255, (20, 30, 3), np.uint8)
    for value in (0, 1):
        found = estimate_foreground(image, np.full((20, 30), value, np.float32))
        np.testing.assert_array_equal(found, image)
        assert found is not image


def test_image_and_matte_of_different_sizes_are_an_error(rng):
    with pytest.raises(ValueError, match="give both one size"):
        estimate_foreground(np.zeros((4, 5, 3), np.uint8), np.zeros((5, 4), np.float32))


def test_fine_foreground_is_as_accurate_as_the_closed_form(rng):
    """The twin is Levin's closed form, exact and slow."""
    from pymatting.foreground.estimate_foreground_cf import estimate_foreground_cf

    matte = soft_disc()
    subject = 160 + 30 * np.sin(np.mgrid[0:80, 0:100][1] / 7)[..., None] * (1, -1, 0.5)
    ground = np.broadcast_to(np.array([20.0, 90, 120]), subject.shape) + rng.normal(0, 8, (80, 100, 3))
    image = mixed(matte, subject, ground)
    closed = 255 * estimate_foreground_cf(image / 255, matte.astype(float), rtol=1e-7)
    soft = (matte > 0.02) & (matte < 0.98)
    quick, fine, twin = (
        (np.abs(found.astype(float) - subject) * matte[..., None])[soft].mean()
        for found in (estimate_foreground(image, matte), estimate_foreground(image, matte, fine=True), closed)
    )
    assert fine < 1.2 * twin  # a smooth subject is what the closed form is best at
    assert fine < quick
