from __future__ import annotations

import numpy as np
import pytest

from stylize.compositing.blend import LayerSample, composite_layers, composite_over, normalize_coverage
from stylize.compositing.spec import BLENDS
from stylize.media.color import linear_to_srgb, srgb_to_linear


def flat(value, dtype=np.uint8, size=(4, 6)):
    return np.full((*size, 3), value, dtype)


def soft(value, size=(4, 6)):
    return np.full(size, value, np.float32)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("linear", [False, True])
def test_alpha_zero_keeps_the_plate_and_alpha_one_the_layer_bit_for_bit(rng, dtype, linear):
    top = np.iinfo(dtype).max
    plate, paint = (rng.integers(0, top, (16, 16, 3), dtype) for _ in range(2))
    for blend in BLENDS:
        np.testing.assert_array_equal(composite_layers(plate, [LayerSample(paint, soft(0, (16, 16)), blend)]), plate)
    half = soft(0, (16, 16))
    half[:, 8:] = 1
    made = composite_layers(
        plate, [LayerSample(paint, half), LayerSample(plate, soft(0, (16, 16)), "plus")], linear=linear
    )
    np.testing.assert_array_equal(made[:, :8], plate[:, :8])
    np.testing.assert_array_equal(made[:, 8:], paint[:, 8:])


def test_one_layer_in_mode_over_equals_composite_over(rng):
    plate, paint = (rng.integers(0, 255, (32, 32, 3), np.uint8) for _ in range(2))
    alpha = rng.random((32, 32), np.float32)
    apart = composite_layers(plate, [LayerSample(paint, alpha)]).astype(int) - composite_over(paint, plate, alpha)
    assert np.abs(apart).max() <= 1  # halves may round either way
    assert (apart != 0).mean() < 0.01


@pytest.mark.parametrize(
    ("blend", "value"),
    [("over", 0.6), ("plus", 1.0), ("multiply", 0.3), ("screen", 0.8), ("mix", 0.55)],
)
@pytest.mark.parametrize("alpha", [1.0, 0.25])
@pytest.mark.parametrize("linear", [False, True])
def test_every_blend_mode_has_its_formula(blend, value, alpha, linear):
    """Half gray below, 0.6 above; of plus 1.1 is cut to 1 at the end only."""
    below, above = np.float32(0.5), np.float32(0.6)
    code = (lambda v: linear_to_srgb(np.float32(v))) if linear else (lambda v: v)
    full = 1.1 if blend == "plus" else value
    wanted = code(np.clip(below + alpha * (full - below), 0, 1)) * 65535
    plate, paint = (flat(round(float(code(v)) * 65535), np.uint16) for v in (below, above))
    made = composite_layers(plate, [LayerSample(paint, soft(alpha), blend)], linear=linear)
    np.testing.assert_allclose(made, wanted, atol=4)


def test_layers_are_composited_from_the_bottom():
    made = composite_layers(flat(0), [LayerSample(flat(100), soft(1)), LayerSample(flat(200), soft(0.5))])
    np.testing.assert_array_equal(made, 150)


def test_linear_light_edges_are_lighter():
    edge = [LayerSample(flat(255), soft(0.5))]
    assert composite_layers(flat(0), edge)[0, 0, 0] == 128
    light = composite_layers(flat(0), edge, linear=True)[0, 0, 0]
    assert light == 188
    np.testing.assert_allclose(srgb_to_linear(light / 255), 0.5, atol=0.005)


def test_exclusive_layers_meet_without_a_seam():
    """Two soft mattes that add up to one everywhere, of white layers over black: white everywhere."""
    a = np.linspace(0, 1, 32, dtype=np.float32)[None].repeat(4, 0)
    white = flat(255, size=(4, 32))
    seam = composite_layers(flat(0, size=(4, 32)), [LayerSample(white, 1 - a), LayerSample(white, a)])
    assert seam.min() < 200
    shared = normalize_coverage([1 - a, a], [True, True])
    made = composite_layers(flat(0, size=(4, 32)), [LayerSample(white, alpha) for alpha in shared])
    assert made.min() >= 254


def test_normalize_coverage_gives_each_layer_its_own_share(rng):
    alphas = [rng.random((8, 8), np.float32) * part for part in (0.5, 0.3, 0.9, 0.2)]
    shared = normalize_coverage(alphas, [True, True, False, True])
    np.testing.assert_array_equal(shared[2], alphas[2])
    left = np.ones((8, 8), np.float32)
    for index in (3, 1, 0):  # what a layer keeps is what those above it let through
        np.testing.assert_allclose(shared[index] * left, alphas[index], atol=1e-5)
        left = left * (1 - shared[index])


def test_normalize_coverage_of_mattes_above_one_in_sum():
    shared = normalize_coverage([soft(0.8), soft(0.7)], [True, True])
    np.testing.assert_allclose(shared[1], 0.7)
    np.testing.assert_allclose(shared[0], 1.0, atol=1e-6)
    assert normalize_coverage([soft(0.8), soft(1.0)], [True, True])[0].max() == 0


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_composite_over_is_bit_exact_where_the_matte_is_zero_or_one(rng, dtype):
    paint = rng.integers(0, np.iinfo(dtype).max, (6, 8, 3), dtype)
    frame = rng.integers(0, np.iinfo(dtype).max, (6, 8, 3), dtype)
    assert composite_over(paint, frame) is paint
    matte = np.zeros((6, 8), np.float32)
    matte[:, 4:] = 1
    mixed = composite_over(paint, frame, matte)
    assert mixed.dtype == dtype
    np.testing.assert_array_equal(mixed[:, :4], frame[:, :4])
    np.testing.assert_array_equal(mixed[:, 4:], paint[:, 4:])
    half = composite_over(paint, frame, np.full((6, 8), 0.5, np.float32))
    np.testing.assert_allclose(half, (paint.astype(float) + frame) / 2, atol=0.51)


def test_composite_over_multiplies_alpha_and_matte():
    paint = np.full((2, 2, 4), 200, np.uint8)
    paint[..., 3] = 128
    frame = np.zeros((2, 2, 3), np.uint8)
    assert composite_over(paint, frame).shape == (2, 2, 3)
    np.testing.assert_allclose(composite_over(paint, frame), 200 * 128 / 255, atol=0.51)
    np.testing.assert_allclose(
        composite_over(paint, frame, np.full((2, 2), 0.5, np.float32)), 100 * 128 / 255, atol=0.51
    )
