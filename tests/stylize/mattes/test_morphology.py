from __future__ import annotations

import numpy as np
import pytest

from stylize.mattes import MatteOptions
from stylize.mattes.morphology import apply_options, choke, feather, levels, signed_distance

ROWS, COLUMNS = np.mgrid[0:120, 0:160].astype(np.float32)


def disc(radius, softness=1.5):
    away = radius - np.hypot(COLUMNS - 80.2, ROWS - 59.7)
    return np.clip(away / softness + 0.5, 0, 1).astype(np.float32)


@pytest.mark.parametrize("pixels", [-12.0, -1.0, -0.5, -0.25, 0.25, 0.5, 1.0, 3.3, 20.0])
@pytest.mark.parametrize("softness", [1.5, 4.0])
def test_choke_moves_the_edge_by_subpixels_and_keeps_its_softness(pixels, softness):
    moved, wanted = choke(disc(40, softness), pixels), disc(40 - pixels, softness)
    assert moved.sum() == pytest.approx(wanted.sum(), rel=2e-3)
    np.testing.assert_allclose(moved, wanted, atol=0.26 / softness)


def test_choke_is_continuous_in_pixels():
    areas = [choke(disc(40), step / 8).sum() for step in range(-16, 17)]
    steps = -np.diff(areas)
    assert (steps > 0).all()
    assert steps.max() < 1.3 * steps.min()


def test_choke_removes_thin_parts_and_closes_narrow_gaps():
    line = np.clip(1.5 - np.abs(ROWS - 60), 0, 1).astype(np.float32)
    assert choke(line, 4)[:, 20:140].max() < 0.05
    assert choke(1 - line, -4)[:, 20:140].min() > 0.95
    spread = choke(line, -6)
    assert spread[55:66].min() > 0.88
    assert spread[:50].max() < 0.02


def test_feather_has_the_given_width_centered_on_the_edge():
    for width in (3.0, 8.0, 20.0):
        soft = feather(disc(40, 1), width)
        np.testing.assert_allclose(soft, disc(40, width), atol=0.14)
        assert soft.sum() == pytest.approx(disc(40).sum(), rel=0.03)
    np.testing.assert_allclose(feather(disc(40), 0.01), disc(40), atol=0.02)


def test_signed_distance_has_subpixel_precision():
    wanted = 40 - np.hypot(COLUMNS - 80.2, ROWS - 59.7)
    near = np.abs(wanted) < 15
    off = np.abs(signed_distance(disc(40, 1)) - wanted)[near]
    assert off.mean() < 0.15
    assert off.max() < 1
    assert signed_distance(np.zeros((4, 5), np.float32)).max() < -6
    assert signed_distance(np.ones((4, 5), np.float32)).min() > 6


def test_levels_stretch_opacity_and_defaults_change_nothing():
    ramp = np.linspace(0, 1, 11, dtype=np.float32)[None]
    np.testing.assert_allclose(levels(ramp, 0.2, 0.7)[0, [0, 2, 7, 10]], [0, 0, 1, 1])
    np.testing.assert_allclose(levels(ramp, 0.2, 0.7)[0, 4], 0.4)
    assert apply_options(disc(40), MatteOptions()) is not None
    np.testing.assert_array_equal(apply_options(disc(40), MatteOptions()), disc(40))


def test_empty_and_full_mattes_are_unchanged():
    options = MatteOptions(choke=2, feather=3, levels="0.1,0.9")
    for value in (0, 1):
        flat = np.full((20, 30), value, np.float32)
        np.testing.assert_array_equal(apply_options(flat, options), flat)
    np.testing.assert_array_equal(
        apply_options(np.zeros((4, 4), np.float32), MatteOptions(invert=True)), np.ones((4, 4))
    )
