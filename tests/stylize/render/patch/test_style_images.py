from __future__ import annotations

import numpy as np
import pytest
from render_pictures import strokes

from stylize.errors import MediaError
from stylize.render.patch.style_images import LARGEST_SIDE, build_style_atlas, check_styles


def test_gray_alpha_and_deep_styles_come_out_as_rgb():
    rgb = strokes()
    plain = build_style_atlas([rgb], (96, 128), 1.0)
    deep = build_style_atlas([rgb.astype(np.uint16) * 257], (96, 128), 1.0)
    assert np.abs(plain.image.astype(int) - deep.image).max() <= 1
    gray = build_style_atlas([rgb[..., :1]], (96, 128), 1.0)
    assert gray.image.shape == plain.image.shape
    assert (gray.image[..., 0] == gray.image[..., 2]).all()
    opaque = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    assert (build_style_atlas([opaque], (96, 128), 1.0).image == plain.image).all()
    for channels in (gray.valid, plain.valid):
        assert channels.all()


def test_transparent_pixels_are_no_source_and_do_not_bleed():
    rgb = np.full((120, 150, 3), 200, np.uint8)
    rgb[:, 75:] = 0
    alpha = np.zeros((120, 150), np.uint8)
    alpha[:, :75] = 255
    sheet = build_style_atlas([np.dstack([rgb, alpha])], (60, 60), 1.0)
    assert 0.4 < sheet.valid.mean() < 0.55
    assert np.abs(sheet.image[sheet.valid].astype(int) - 200).max() <= 1


def test_several_styles_lie_side_by_side_with_a_gap():
    one, two = strokes(), np.full((200, 100, 3), 90, np.uint8)
    sheet = build_style_atlas([one, two], (96, 128), 1.0)
    assert not sheet.valid.all()
    columns = sheet.valid.any(axis=0)
    assert (~columns).sum() == 8
    assert not sheet.image[~sheet.valid].any()


def test_stroke_scale_scales():
    small, large = (build_style_atlas([strokes()], (96, 128), scale).image.shape[0] for scale in (1.0, 1.5))
    assert large == pytest.approx(1.5 * small, abs=2)


def test_a_huge_style_is_reduced_and_says_so():
    huge = np.zeros((40, LARGEST_SIDE + 100, 3), np.uint8)
    sheet = build_style_atlas([huge], (96, 128), 4.0)
    assert max(sheet.image.shape) <= LARGEST_SIDE
    assert "reduced" in sheet.notices[0]


@pytest.mark.parametrize(
    ("style", "says"),
    [
        (np.zeros((8, 8, 3), np.uint8), "8x8"),
        (np.zeros((500, 31, 3), np.uint8), "31x500"),
        (np.zeros((64, 64, 4), np.uint8), "transparent"),
        (np.zeros((64, 64, 3), np.float32), "float32"),
        (np.zeros((64, 64), np.uint8), "shape"),
    ],
)
def test_styles_that_cannot_be_painted_from(style, says):
    with pytest.raises(MediaError, match=says) as caught:
        check_styles([style])
    assert "\n" not in str(caught.value)


def test_no_style_at_all():
    with pytest.raises(MediaError, match="no style"):
        check_styles([])
