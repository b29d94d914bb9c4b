from __future__ import annotations

import cv2
import numpy as np
import pytest
from render_pictures import portrait

from stylize.render.oklab import rgb_to_oklab
from stylize.render.patch.structure import blur, detail_map, directions, flatten, local_contrast


@pytest.mark.parametrize("degrees", [0, 30, 60, 90, 135])
def test_directions_of_stripes(degrees):
    angle = np.radians(degrees)
    y, x = np.mgrid[0:64, 0:64].astype(np.float32)
    across = -np.sin(angle) * x + np.cos(angle) * y
    found = directions((0.5 + 0.4 * np.sin(across * 0.8)).astype(np.float32), (2, 5, 10))[20:44, 20:44]
    cosine, sine = 2 * found.reshape(-1, 2).mean(0) - 1
    assert (cosine, sine) == pytest.approx((np.cos(2 * angle), np.sin(2 * angle)), abs=0.15)


def test_plain_surface_takes_the_direction_of_the_nearest_contour():
    picture = np.full((80, 80), 0.3, np.float32)
    picture[:, 40:] = 0.7
    found = directions(picture, (2, 8, 24))
    assert found[40, 22, 0] < 0.2, "upright like the contour 18 pixels away"


def test_detail_is_eyes_and_mouth_and_not_the_wall():
    detail = detail_map(rgb_to_oklab(portrait())[..., 0], 1.0)
    assert detail.min() >= 0
    assert detail.max() <= 1
    eyes = min(detail[34, 55], detail[34, 73])
    assert eyes > 0.6
    assert detail[53, 64] > 0.5, "the mouth"
    assert detail[5:40, 5:25].mean() < 0.2, "the wall"


def test_flatten_removes_grain_and_keeps_the_border():
    rng = np.random.default_rng(2)
    lab = np.zeros((40, 60, 3), np.float32)
    lab[:, :30, 0], lab[:, 30:, 0] = 0.3, 0.8
    noisy = lab + rng.normal(0, 0.02, lab.shape).astype(np.float32)
    calm = flatten(noisy, 3)
    assert calm[5:35, 5:25].std(axis=(0, 1)).max() < 0.4 * noisy[5:35, 5:25].std(axis=(0, 1)).min()
    assert calm[20, 31, 0] - calm[20, 28, 0] > 0.45


def test_busyness_tells_calm_from_busy():
    rng = np.random.default_rng(3)
    lab = np.zeros((40, 60, 3), np.float32)
    lab[:, 30:] = rng.normal(0, 0.1, (40, 30, 3))
    busy = local_contrast(lab, 3)
    assert busy[20, 8] < 0.01
    assert busy[20, 50] > 0.1


def test_blur_keeps_shape_and_mean():
    rng = np.random.default_rng(4)
    for shape in ((20, 30), (20, 30, 1), (20, 30, 3)):
        array = rng.random(shape).astype(np.float32)
        assert blur(array, 2).shape == shape
        assert blur(array, 0) is array
    picture = cv2.GaussianBlur(rng.random((20, 30)).astype(np.float32), (0, 0), 2)
    assert blur(picture, 1).mean() == pytest.approx(picture.mean(), abs=0.02)
