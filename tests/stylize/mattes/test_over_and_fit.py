from __future__ import annotations

import numpy as np
import pytest

from stylize.compositing.over import over
from stylize.errors import MediaError
from stylize.mattes import open_matte
from stylize.media import open_clip, write_image


def make_mattes(folder, count, size=(48, 64)):
    for index in range(count):
        write_image(folder / f"{index:04d}.png", np.full((*size, 1), 20 * index, np.uint8), durable=False)
    return folder


def test_a_matte_follows_the_range(world):
    folder = make_mattes(world.root / "m", 10)
    with open_clip(world.frames, start=2, end=5) as clip, open_matte(folder, clip.info) as matte:
        assert len(matte) == 3
        assert matte[0].dtype == np.float32
        assert matte[0].shape == (48, 64)
        np.testing.assert_allclose(matte[1], 60 / 255, rtol=1e-6)
        np.testing.assert_allclose(matte[1:][1], 80 / 255, rtol=1e-6)


@pytest.mark.parametrize(
    ("count", "size", "words"), [(5, (48, 64), "5 frames, but the clip has 10"), (10, (24, 32), "32x24")]
)
def test_a_matte_that_does_not_fit_is_refused(world, count, size, words):
    folder = make_mattes(world.root / "m", count, size)
    with open_clip(world.frames) as clip, pytest.raises(MediaError, match=words):
        open_matte(folder, clip.info)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_over_is_exact_where_nothing_is_blended(rng, dtype):
    paint = rng.integers(0, np.iinfo(dtype).max, (6, 8, 3), dtype)
    frame = rng.integers(0, np.iinfo(dtype).max, (6, 8, 3), dtype)
    assert over(paint, frame) is paint
    matte = np.zeros((6, 8), np.float32)
    matte[:, 4:] = 1
    mixed = over(paint, frame, matte)
    assert mixed.dtype == dtype
    np.testing.assert_array_equal(mixed[:, :4], frame[:, :4])
    np.testing.assert_array_equal(mixed[:, 4:], paint[:, 4:])
    half = over(paint, frame, np.full((6, 8), 0.5, np.float32))
    np.testing.assert_allclose(half, (paint.astype(float) + frame) / 2, atol=0.51)


def test_alpha_and_matte_multiply():
    paint = np.full((2, 2, 4), 200, np.uint8)
    paint[..., 3] = 128
    frame = np.zeros((2, 2, 3), np.uint8)
    assert over(paint, frame).shape == (2, 2, 3)
    np.testing.assert_allclose(over(paint, frame), 200 * 128 / 255, atol=0.51)
    np.testing.assert_allclose(over(paint, frame, np.full((2, 2), 0.5, np.float32)), 100 * 128 / 255, atol=0.51)
