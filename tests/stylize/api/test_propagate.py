"""Depth and alpha of painted keys come out of a folder of carried frames, for real."""

from __future__ import annotations

import numpy as np
import pytest

from stylize.api.propagate import propagate_clip
from stylize.media import read_image, write_image
from tests import synthetic

SIZE, COUNT = (32, 48), 3


@pytest.fixture
def clip(tmp_path):
    wide = synthetic.texture(1, (SIZE[0], SIZE[1] + COUNT))
    for t in range(COUNT):
        write_image(tmp_path / "clip" / f"{t:04d}.png", wide[:, t : t + SIZE[1]])
    return tmp_path / "clip"


def key(clip, rng, suffix, dtype, channels):
    image = rng.integers(0, np.iinfo(dtype).max, (*SIZE, channels), dtype, endpoint=True)
    write_image(clip.parent / "keys" / f"0001.{suffix}", image)
    return read_image(clip.parent / "keys" / f"0001.{suffix}")


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [3, 4])
def test_a_key_comes_out_bit_for_bit_and_its_neighbors_in_its_form(clip, rng, suffix, dtype, channels):
    painted = key(clip, rng, suffix, dtype, channels)
    propagate_clip(clip, clip.parent / "keys", clip.parent / "out")
    made = [read_image(clip.parent / "out" / f"{t:04d}.png") for t in range(COUNT)]
    np.testing.assert_array_equal(made[1], painted)
    assert {(image.dtype, image.shape) for image in made} == {(painted.dtype, painted.shape)}
    assert dtype == np.uint8 or any((image % 257).any() for image in (made[0], made[2]))


def test_light_of_a_key_is_carried_with_16_bits(clip, rng):
    painted = key(clip, rng, "exr", np.uint16, 4)
    propagate_clip(clip, clip.parent / "keys", clip.parent / "out")
    np.testing.assert_array_equal(read_image(clip.parent / "out" / "0001.png"), painted)


def test_with_a_matte_the_clip_shows_where_paint_is_clear(clip, rng):
    painted = key(clip, rng, "png", np.uint16, 4)
    painted[..., 3] = 0
    write_image(clip.parent / "keys" / "0001.png", painted)
    white = np.full((*SIZE, 1), 255, np.uint8)
    for t in range(COUNT):
        write_image(clip.parent / "matte" / f"{t:04d}.png", white)
    propagate_clip(clip, clip.parent / "keys", clip.parent / "out", matte=clip.parent / "matte")
    for t in range(COUNT):
        shown = read_image(clip / f"{t:04d}.png")
        made = read_image(clip.parent / "out" / f"{t:04d}.png")
        np.testing.assert_array_equal(made, shown.astype(np.uint16) * 257)
