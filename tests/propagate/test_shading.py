"""Paint follows the light of a frame where the keys' own paint does, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from propagate import span as spans
from propagate.shading import ShadingTransfer, answer, half_light
from propagate.span import PropagateOptions, propagate_keyframes
from tests import synthetic
from tests.propagate.moves import psnr

SIZE = (96, 128)
COUNT = 7


def lamp(t):
    """A soft lamp that wanders over the picture, float32 (H, W, 1), 8-bit steps."""
    y, x = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    far = np.hypot(x - 16 - 16 * t, y - 20 - 9 * t)
    return (14 * np.exp(-np.square(far / 30)))[..., None].astype(np.float32)


def lit(picture, t, share=1.0):
    return np.rint(np.clip(picture.astype(np.float32) + share * lamp(t), 0, 255)).astype(np.uint8)


def even(seed):
    """A texture of little contrast, so that nothing is clipped."""
    return (60 + synthetic.texture(seed, SIZE) * 0.4).astype(np.uint8)


def pictures(frames, painted, **options):
    return [f.image for f in propagate_keyframes(frames, painted, PropagateOptions(**options))]


@pytest.fixture
def unshaded(monkeypatch):
    """`pictures` as they are without this step."""

    def run(*inputs):
        with monkeypatch.context() as patch:
            patch.setattr(spans.ShadingTransfer, "apply", lambda _self, joined, *_: joined.picture)
            return pictures(*inputs)

    return run


def test_half_a_picture_holds_every_second_pixel():
    for h, w in ((1, 1), (5, 8), (6, 7)):
        assert half_light(np.zeros((h, w, 3), np.uint8)).shape == np.zeros((h, w))[::2, ::2].shape
    assert half_light(np.full((4, 4, 3), 77, np.uint8)) == pytest.approx(77)


def test_the_answer_is_the_slope_of_paint_over_light():
    frame = synthetic.texture(3, SIZE)
    frame[...] = frame[..., :1]
    for slope in (0.25, 0.5, 1.0):
        found = answer(frame, frame.astype(np.float32) * slope + 9)
        assert np.median(found) == pytest.approx(slope, rel=0.1)
    assert not answer(frame, 255 - frame.astype(np.float32)).any()
    np.testing.assert_allclose(answer(frame, np.full((*SIZE, 3), 80, np.float32)), 0, atol=1e-4)
    gray = np.full((*SIZE, 3), 90, np.uint8)
    np.testing.assert_allclose(answer(gray, frame.astype(np.float32)), 0, atol=1e-3)


@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_answers_to_no_light(channels):
    frame = synthetic.texture(3, SIZE)
    frame[...] = frame[..., :1]
    paint = np.dstack([frame, frame[..., :1]])[..., -channels:].astype(np.float32)
    found = answer(frame, paint)
    assert found.shape == (SIZE[0] // 2, SIZE[1] // 2, channels)
    assert found[..., 0].mean() > 0.3
    assert not found[..., -1].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_paint_that_follows_the_light_follows_it_between_keys(unshaded, dtype):
    picture = even(5)
    frames = [lit(picture, t) for t in range(COUNT)]
    scale = 257 if dtype == np.uint16 else 1
    truth = [(40 + f * 0.7).astype(np.uint8).astype(dtype) * scale for f in frames]
    painted = {0: truth[0], COUNT - 1: truth[-1]}

    def worst(made):
        return min(psnr(m, t) for m, t in zip(made[1:-1], truth[1:-1], strict=True))

    made = pictures(frames, painted)
    assert worst(made) > worst(unshaded(frames, painted)) + 2
    for key, paint in painted.items():
        np.testing.assert_array_equal(made[key], paint)


def test_grain_is_no_light(unshaded):
    grain = np.random.default_rng(1)
    clean = [lit(even(5), t) for t in range(COUNT)]
    frames = [np.clip(f + grain.normal(0, 2.5, f.shape), 0, 255).astype(np.uint8) for f in clean]
    painted = {t: (40 + clean[t] * 0.7).astype(np.uint8) for t in (0, COUNT - 1)}
    made, plain = pictures(frames, painted), unshaded(frames, painted)
    truth = (40 + clean[3] * 0.7).astype(np.uint8)
    assert psnr(made[3], truth) > psnr(plain[3], truth) + 1
    dark = lamp(3)[..., 0] < 0.2
    moved = (made[3].astype(float) - plain[3])[dark]
    assert moved.std() < 0.33  # it is 0.4 where grain counts as light


def test_paint_that_keeps_its_own_light_is_left_alone(unshaded):
    picture, paint = even(5), even(6)
    frames = [lit(picture, t) for t in range(COUNT)]
    painted = {0: paint, COUNT - 1: paint}
    np.testing.assert_array_equal(pictures(frames, painted), unshaded(frames, painted))


def test_one_key_tells_nothing(unshaded):
    picture = even(5)
    frames = [lit(picture, t) for t in range(4)]
    np.testing.assert_array_equal(pictures(frames, {0: frames[0]}), unshaded(frames, {0: frames[0]}))


def test_light_is_the_same_on_any_number_of_threads():
    frames = [lit(even(5), t) for t in range(COUNT)]
    painted = {0: frames[0], COUNT - 1: frames[-1]}
    one, two = (pictures(frames, painted, threads=n) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_nothing_seen_is_nothing_followed():
    assert ShadingTransfer([], lambda _key: np.zeros((1, 1, 3), np.float32)).follows == 0
