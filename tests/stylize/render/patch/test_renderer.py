from __future__ import annotations

import json

import numpy as np
import pytest
from render_pictures import portrait, strokes

from stylize.errors import MediaError, UsageError
from stylize.render import Anchor, make_renderer
from stylize.render.oklab import rgb_to_oklab
from stylize.render.options import PatchOptions
from stylize.render.patch.finishing import correct_tones, patchiness
from stylize.render.patch.renderer import PatchRenderer


def paint(frame, style=None, anchors=(), seed=0, **options):
    renderer = PatchRenderer([strokes() if style is None else style], PatchOptions(**options))
    return renderer.paint(frame, anchors, seed=seed).image


def distance(a, b):
    return float(np.sqrt(((rgb_to_oklab(a) - rgb_to_oklab(b)) ** 2).sum(2)).mean())


def structure(image):
    """Lightness with its mean and spread taken out."""
    light = rgb_to_oklab(image)[..., 0]
    return (light - light.mean()) / light.std()


@pytest.fixture(scope="module")
def painted():
    return paint(portrait())


def test_size_and_type(painted):
    assert painted.shape == portrait().shape
    assert painted.dtype == np.uint8


def test_the_frame_is_recognized(painted):
    assert (structure(painted) * structure(portrait())).mean() > 0.75


def test_eyes_and_mouth_survive(painted):
    light = rgb_to_oklab(painted)[..., 0]
    skin = light[42:48, 58:70].mean()
    for y, x in ((34, 55), (34, 73)):
        assert light[y - 1 : y + 2, x - 1 : x + 2].mean() < skin - 0.15
    assert light[52:55, 61:68].mean() < skin - 0.05


def test_the_palette_is_the_styles(painted):
    style = rgb_to_oklab(strokes()).reshape(-1, 3)[::5]
    pixels = rgb_to_oklab(painted).reshape(-1, 3)[::11]
    nearest = np.sqrt(((pixels[:, None] - style) ** 2).sum(2)).min(1)
    assert nearest.mean() < 0.04
    assert distance(painted, portrait()) > 0.05, "and it is not the frame's"


def test_style_equal_to_frame_gives_back_the_frame():
    frame = strokes(size=(96, 128))
    again = paint(frame, frame, style_strength=0.3)
    assert distance(again, frame) < 0.05


def test_same_seed_same_picture_other_seed_another(painted):
    assert (paint(portrait()) == painted).all()
    assert (paint(portrait(), seed=5) != painted).any()


def test_anchors_are_held_where_they_are_sure():
    frame = portrait()
    other = np.full_like(frame, (90, 160, 90))
    confidence = np.zeros(frame.shape[:2], np.float32)
    confidence[:, :60] = 1
    made = paint(frame, anchors=[Anchor(other, confidence)])
    assert np.abs(made[:, :58].astype(int) - other[:, :58]).max() <= 2
    assert distance(made[:, 66:], other[:, 66:]) > 0.1


def test_the_surest_anchor_wins():
    frame = portrait()
    one, two = np.full_like(frame, 60), np.full_like(frame, 200)
    left = np.zeros(frame.shape[:2], np.float32)
    left[:, :64] = 1
    made = paint(frame, anchors=[Anchor(one, left), Anchor(two, 1 - left)])
    assert np.abs(made[:, :60].astype(int) - 60).max() <= 2
    assert np.abs(made[:, 70:].astype(int) - 200).max() <= 2


def test_style_strength_leaves_the_frame():
    frame = portrait()
    close, free = ((structure(paint(frame, style_strength=s)) * structure(frame)).mean() for s in (0.0, 1.0))
    assert close > free + 0.02


def test_keep_colors_keeps_the_hues():
    frame = portrait()
    hues = rgb_to_oklab(frame)[..., 1:]
    away = [float(np.abs(rgb_to_oklab(paint(frame, keep_colors=k))[..., 1:] - hues).mean()) for k in (0.0, 0.5, 1.0)]
    assert away[0] > away[1] > away[2]
    assert away[2] < 0.5 * away[0]


def test_gray_style_paints_gray():
    made = rgb_to_oklab(paint(portrait(), strokes()[..., :1]))
    assert np.hypot(made[..., 1], made[..., 2]).mean() < 0.02


def test_nothing_comes_from_transparent_paint():
    style = strokes()
    style[60:] = (0, 255, 0)
    alpha = np.full(style.shape[:2], 255, np.uint8)
    alpha[60:] = 0
    made = paint(portrait(), np.dstack([style, alpha])).astype(int)
    green = made[..., 1] - np.maximum(made[..., 0], made[..., 2])
    assert green.max() < 60


def test_deep_frames_stay_deep():
    frame = portrait().astype(np.uint16) * 257
    made = paint(frame)
    assert made.dtype == np.uint16
    assert np.abs(made / 257 - paint(portrait())).mean() < 1.5


def test_a_frame_above_working_size_is_enlarged_from_the_style(monkeypatch):
    from stylize.render.patch import renderer as patch

    monkeypatch.setattr(patch, "_WORK_PIXELS", 60 * 80)
    made = paint(portrait())
    assert made.shape == portrait().shape
    assert (structure(made) * structure(portrait())).mean() > 0.7


def test_progress_rises_to_one():
    seen = []
    PatchRenderer([strokes()]).paint(portrait(), on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_fingerprint_and_recipe_are_json_and_tell_styles_and_options_apart():
    one, two = PatchRenderer([strokes()]), PatchRenderer([strokes(1)])
    three = PatchRenderer([strokes()], PatchOptions(keep_colors=0.5))
    prints = [json.dumps(r.fingerprint(), sort_keys=True) for r in (one, two, three)]
    assert len(set(prints)) == 3
    assert json.dumps(PatchRenderer([strokes()]).fingerprint(), sort_keys=True) == prints[0]
    recipe = one.paint(portrait()).recipe
    assert json.loads(json.dumps(recipe))["seed"] == 0


@pytest.mark.parametrize("name", ["style_strength", "keep_colors", "stroke_scale", "palette_reach"])
def test_bounds(name):
    for value in (-0.1, 99, float("nan")):
        with pytest.raises(ValueError, match=name):
            PatchOptions(**{name: value})


def test_options_by_name():
    made = make_renderer("patch", [strokes()], {"style_strength": 0.2})
    assert made.fingerprint()["options"]["style_strength"] == 0.2
    with pytest.raises(UsageError, match="style_strenth"):
        make_renderer("patch", [strokes()], {"style_strenth": 0.2})
    with pytest.raises(UsageError, match="invalid keep_colors 7; use 0 to 1"):
        make_renderer("patch", [strokes()], {"keep_colors": 7})


def test_frames_that_cannot_be_painted():
    renderer = PatchRenderer([strokes()])
    with pytest.raises(MediaError, match="1x1"):
        renderer.paint(np.zeros((1, 1, 3), np.uint8))
    with pytest.raises(MediaError, match="64x3"):
        renderer.paint(np.zeros((3, 64, 3), np.uint8))
    with pytest.raises(ValueError, match="frame"):
        renderer.paint(np.zeros((64, 64), np.uint8))


def test_flat_frame_and_flat_style_are_painted():
    flat = np.full((64, 80, 3), 128, np.uint8)
    assert paint(flat).shape == flat.shape
    made = paint(portrait(), np.full((64, 64, 3), (200, 120, 60), np.uint8))
    assert made.shape == portrait().shape


def checks(size=12):
    """Patches of two hues, as a painter without gray would make gray of; OKLab."""
    rows, columns = np.mgrid[0:120, 0:160]
    lab = np.full((120, 160, 3), 0.5, np.float32)
    lab[..., 1] = np.where((rows // size + columns // size) % 2, 0.06, -0.06)
    lab[..., 2] = 0
    return lab


def test_patchiness_is_of_the_paint_alone():
    plain = checks() * np.float32((1, 0, 0))
    tint = np.float32((0, 0.05, 0))
    assert patchiness(checks(), plain, 1.0).min() == 1
    assert patchiness(checks(), checks(), 1.0).max() == 0
    assert patchiness(np.add(plain, tint), plain, 1.0).max() == 0, "another color all over is a choice"


def test_a_color_that_the_style_lacks_holds_together():
    plain = checks() * np.float32((1, 0, 0))
    none = np.zeros(plain.shape[:2], np.float32)
    patched, whole = (
        np.abs(correct_tones(painted, plain, plain[..., 0], none, 0.6, 0.5)[..., 1]).mean()
        for painted in (checks(30), np.add(plain, np.float32((0, 0.06, 0))))
    )
    assert whole > 0.03, "the palette's own hue stays"
    assert patched < 0.6 * whole
