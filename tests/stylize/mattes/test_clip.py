from __future__ import annotations

import numpy as np
import pytest

from stylize.errors import MediaError
from stylize.mattes import open_matte
from stylize.media import open_clip, write_image


def make_mattes(folder, count, size=(48, 64)):
    for index in range(count):
        write_image(folder / f"{index:04d}.png", np.full((*size, 1), 20 * index, np.uint8), durable=False)
    return folder


def test_matte_of_a_range_is_the_range_of_the_matte(world):
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
def test_matte_of_another_length_or_size_is_refused(world, count, size, words):
    folder = make_mattes(world.root / "m", count, size)
    with open_clip(world.frames) as clip, pytest.raises(MediaError, match=words):
        open_matte(folder, clip.info)
