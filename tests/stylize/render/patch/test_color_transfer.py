from __future__ import annotations

import numpy as np
import pytest
from render_pictures import BLUE, ORANGE, portrait, strokes

from stylize.render.oklab import oklab_to_rgb, rgb_to_oklab
from stylize.render.patch.color_transfer import Palette, extract_palette, fit_colors, transport


def lab_of(color):
    return rgb_to_oklab(np.array([[color]], np.uint8))[0, 0]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_oklab_and_back_gives_the_same_picture(rng, dtype):
    image = rng.integers(0, np.iinfo(dtype).max, (20, 30, 3), endpoint=True).astype(dtype)
    again = oklab_to_rgb(rgb_to_oklab(image), dtype)
    assert again.dtype == dtype
    tolerance = 1 if dtype == np.uint8 else 24
    assert np.abs(again.astype(int) - image).max() <= tolerance


def test_known_colors_in_oklab():
    assert lab_of((255, 255, 255)) == pytest.approx([1, 0, 0], abs=1e-3)
    assert lab_of((0, 0, 0)) == pytest.approx([0, 0, 0], abs=1e-3)
    # Ottosson's figures for pure sRGB red
    assert lab_of((255, 0, 0)) == pytest.approx([0.628, 0.225, 0.126], abs=2e-3)


def test_palette_finds_the_colors_and_their_shares():
    image = np.zeros((40, 40, 3), np.uint8)
    image[:30], image[30:] = ORANGE, BLUE
    found = extract_palette(rgb_to_oklab(image))
    order = np.argsort(-found.mass)
    assert found.mass[order] == pytest.approx([0.75, 0.25])
    assert found.colors[order[0]] == pytest.approx(lab_of(ORANGE), abs=1e-4)
    assert found.colors[order[1]] == pytest.approx(lab_of(BLUE), abs=1e-4)


def test_a_rare_accent_gets_its_own_color():
    image = np.full((100, 100, 3), 128, np.uint8)
    image += np.arange(100, dtype=np.uint8)[:, None, None] // 4
    image[50, 50:54] = (250, 20, 20)
    found = extract_palette(rgb_to_oklab(image), count=8)
    assert np.abs(found.colors - lab_of((250, 20, 20))).sum(1).min() < 0.02


def test_a_palette_carried_to_itself_stays():
    paint = extract_palette(rgb_to_oklab(strokes()))
    goals = transport(paint, paint, evenness=0.005)
    assert np.abs(goals - paint.colors).mean() < 0.03


def test_evenness_uses_more_of_the_goal():
    frame = Palette(np.array([[0.5, 0, 0], [0.52, 0, 0]], np.float32), np.array([0.5, 0.5], np.float32))
    goal = Palette(np.array([[0.5, 0, 0], [0.9, 0, 0]], np.float32), np.array([0.3, 0.7], np.float32))
    near = transport(frame, goal, evenness=1e-4)[:, 0].mean()
    even = transport(frame, goal, evenness=0.5)[:, 0].mean()
    assert near == pytest.approx(0.5, abs=0.03)
    assert even > near + 0.1


def test_carried_colors_lie_within_the_styles():
    style = rgb_to_oklab(strokes())
    frame = rgb_to_oklab(portrait())
    out = fit_colors(frame, style)(frame, frame)
    for c in range(3):
        assert out[..., c].min() > style[..., c].min() - 0.06
        assert out[..., c].max() < style[..., c].max() + 0.06


def test_a_gray_style_gives_a_gray_picture():
    style = rgb_to_oklab(np.repeat(strokes()[..., :1], 3, axis=2))
    frame = rgb_to_oklab(portrait())
    out = fit_colors(frame, style)(frame, frame)
    assert np.hypot(out[..., 1], out[..., 2]).mean() < 0.4 * np.hypot(frame[..., 1], frame[..., 2]).mean()


def test_lighter_stays_lighter_and_night_stays_dark():
    style = rgb_to_oklab(strokes())
    ramp = np.linspace(10, 240, 64).astype(np.uint8)
    frame = rgb_to_oklab(np.repeat(np.repeat(ramp[None, :, None], 16, 0), 3, 2))
    curve = fit_colors(frame, style).tone
    assert (np.diff(curve[1]) >= 0).all()
    day, night = rgb_to_oklab(portrait()), rgb_to_oklab(portrait() // 5)
    means = [fit_colors(lab, style)(lab, lab)[..., 0].mean() for lab in (day, night)]
    assert means[1] < means[0] - 0.1


def test_no_blue_of_a_shirt_on_a_face():
    picture = portrait()
    frame = rgb_to_oklab(picture)
    out = fit_colors(frame, rgb_to_oklab(strokes()))(frame, frame)
    face = out[36:46, 58:70].reshape(-1, 3).mean(0)
    shirt = out[80:94, 40:90].reshape(-1, 3).mean(0)
    assert face[2] > 0.02, "the face is warm"
    assert shirt[2] < -0.02, "the shirt is blue"
