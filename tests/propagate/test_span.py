"""A shot carried: keys stay what they are, motion is followed, new surface is painted, nothing is random."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import pairwise

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propagate.flow import estimate_flow
from propagate.span import PropagateOptions, propagate_keyframes
from propagate.warp import warp
from tests import synthetic
from tests.propagate.moves import psnr

SIZE = (64, 96)
STEP = (2.4, 1.0)
INNER = (slice(8, -12), slice(8, -20))


def carry(frames, painted, **more):
    own = {"mattes", "done", "on_progress", "on_stage"} & set(more)
    rest = {name: more.pop(name) for name in own}
    return list(propagate_keyframes(frames, painted, PropagateOptions(**more), **rest))


def pictures(made):
    return [frame.image for frame in made]


def keys_of(clip, *numbers):
    return {k: clip[k] for k in numbers}


@pytest.fixture(scope="module")
def pan():
    return synthetic.pan(7, STEP, size=SIZE)


@pytest.fixture(scope="module")
def paint():
    """What a painter who never errs would have painted for every frame of `pan`."""
    return synthetic.pan(7, STEP, seed=77, size=SIZE)


@pytest.fixture(scope="module")
def carried(pan, paint):
    return carry(pan, keys_of(paint, 0, 6), threads=1)


def as_kind(picture, dtype, channels):
    wide = np.dstack([picture, picture[..., :1]])
    chosen = {1: wide[..., :1], 2: wide[..., [0, 3]], 3: picture, 4: wide}[channels]
    return np.ascontiguousarray(chosen).astype(dtype) * (257 if dtype == np.uint16 else 1)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_keys_stay_and_a_still_clip_shows_them_everywhere(dtype, channels):
    key = as_kind(synthetic.texture(9, SIZE), dtype, channels)
    if channels in (2, 4):
        key[..., -1] = np.maximum(key[..., -1], np.iinfo(dtype).max // 3)
    still = synthetic.still(4, size=SIZE)
    for frame in carry(still, {0: key, 3: key}):
        np.testing.assert_array_equal(frame.image, key)
    still[1][0, 0] ^= 1  # a pixel, and it has to be carried
    still[2][5, 5] ^= 1
    made = carry(still, {0: key, 3: key})
    assert [f.index for f in made] == [0, 1, 2, 3]
    step = 257 if dtype == np.uint16 else 1
    for frame in made:
        assert frame.image.dtype == dtype
        assert frame.image.shape == key.shape
        if frame.index in (0, 3):
            np.testing.assert_array_equal(frame.image, key)
        else:
            assert np.abs(frame.image.astype(int) - key).max() <= step
        assert frame.confidence.shape == frame.error.shape == SIZE
        assert frame.quality > 0.999


def test_a_pan_is_carried_as_if_painted(carried, paint):
    assert min(psnr(f.image, p) for f, p in zip(carried, paint, strict=True)) > 30
    assert min(psnr(f.image[INNER], p[INNER]) for f, p in zip(carried, paint, strict=True)) > 42
    assert min(f.quality for f in carried) > 0.95


def test_one_key_reaches_both_ways(pan, paint):
    made = carry(pan, keys_of(paint, 3))
    np.testing.assert_array_equal(made[3].image, paint[3])
    both = (slice(8, -8), slice(12, -12))
    assert min(psnr(f.image[both], p[both]) for f, p in zip(made, paint, strict=True)) > 36
    assert min(psnr(f.image, p) for f, p in zip(made, paint, strict=True)) > 22
    assert made[0].quality < made[2].quality < made[3].quality == 1


def test_a_zoom_is_carried_as_if_painted():
    frames, truth = (synthetic.zoom(6, 1.03, seed=s, size=SIZE) for s in (2, 77))
    made = carry(frames, keys_of(truth, 0, 5))
    assert min(psnr(f.image[4:-4, 4:-4], p[4:-4, 4:-4]) for f, p in zip(made, truth, strict=True)) > 36


def weathered(frames, how):
    """The same shot as a camera may have seen it."""
    if how == "grain":
        return synthetic.noise(frames, 5.0)
    if how == "flicker":
        return synthetic.flicker(frames, 0.06)
    if how == "cloud":
        return [(f * (1 - 0.06 * t)).astype(np.uint8) for t, f in enumerate(frames)]
    if how == "night":
        return [f // 6 for f in frames]
    return [(f // 4 + 96).astype(np.uint8) for f in frames]


@pytest.mark.parametrize("how", ["grain", "flicker", "cloud", "night", "fog"])
def test_weather_does_not_move_the_paint(pan, paint, how):
    made = carry(weathered(pan, how), keys_of(paint, 0, 6))
    assert min(psnr(f.image[INNER], p[INNER]) for f, p in zip(made, paint, strict=True)) > 34
    assert min(f.quality for f in made) > 0.6


def test_a_flash_is_no_new_surface(pan, paint):
    made = carry(synthetic.flash(pan, [3], 0.4), keys_of(paint, 0, 6))
    assert min(psnr(f.image[INNER], p[INNER]) for f, p in zip(made, paint, strict=True)) > 40
    assert min(f.quality for f in made) > 0.6


def test_a_fast_pan_is_carried_as_if_painted():
    """Each key shows a part that the other does not reach; nothing of that other's border is mixed in."""
    frames, truth = (synthetic.pan(5, (9.0, 0.0), seed=s, size=(64, 120)) for s in (1, 77))
    made = carry(frames, keys_of(truth, 0, 4))
    assert min(psnr(f.image[INNER], p[INNER]) for f, p in zip(made, truth, strict=True)) > 50


def test_deep_frames_are_carried_alike(pan, paint, carried):
    deep = [f.astype(np.uint16) * 257 for f in pan[:4]]
    made = carry(deep, keys_of(paint, 0))
    plain = carry(pan[:4], keys_of(paint, 0))
    for one, other in zip(made, plain, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


def test_sixteen_bit_paint_keeps_its_fine_steps():
    """A ramp of single 16-bit steps: carried over stillness, neighbors still differ."""
    ramp = (30000 + np.arange(SIZE[0] * SIZE[1]).reshape(*SIZE, 1) % 200).astype(np.uint16)
    still = synthetic.still(3, size=SIZE)
    still[1][5, 5] ^= 1
    made = carry(still, {0: ramp, 2: ramp})
    assert np.abs(made[1].image.astype(int) - ramp).max() <= 2


def test_no_pop_next_to_a_key():
    """Two keys of unlike strokes on a still picture: beside each key the clip looks like that key."""
    one, other = synthetic.texture(9, SIZE), synthetic.texture(10, SIZE)
    made = pictures(carry(synthetic.still(9, size=SIZE), {0: one, 8: other}))
    assert psnr(made[1], one) > 25
    assert psnr(made[7], other) > 24
    change = [np.abs(a.astype(float) - b).mean() for a, b in pairwise(made)]
    assert change[0] < 0.6 * max(change[1:-1])
    assert change[-1] < 0.7 * max(change[1:-1])


def test_no_pop_next_to_a_key_in_motion(pan, paint):
    other = synthetic.pan(7, STEP, seed=78, size=SIZE)
    made = pictures(carry(pan, {0: paint[0], 6: other[6]}))
    for key, near, truth in ((0, 1, paint), (6, 5, other)):
        moved = warp(truth[key], estimate_flow(pan[near], pan[key], quality="fine"))
        apart = np.abs(paint[near].astype(float) - other[near])[INNER].mean()
        assert np.abs(made[near].astype(float) - moved)[INNER].mean() < 0.25 * apart


def painted(frames):
    """The frames in other colors under strokes that stay where they are."""
    strokes = cv2.GaussianBlur(np.random.default_rng(4).normal(0, 1, SIZE), (0, 0), 3.0, sigmaY=0.8)
    strokes *= 16 / strokes.std()
    return [np.clip(230 - f * 0.8 + strokes[..., None], 0, 255).astype(np.uint8) for f in frames]


@pytest.fixture(scope="module")
def uncovered():
    """Something leaves from before a wall of like stones; the only key is from when it stood there."""
    stone, front = synthetic.texture(21, (22, 24)), synthetic.texture(1006, SIZE)
    wall = np.tile(stone, (3, 4, 1))[: SIZE[0], : SIZE[1]]
    frames = []
    for x in (28, 40, 60, 96, 96, 96):
        frame = wall.copy()
        frame[:, x : x + 36] = front[:, : max(0, min(36, SIZE[1] - x))]
        frames.append(frame)
    return frames, painted(frames), (frames[0] != frames[-1]).any(-1)


def detail(picture, where):
    picture = picture.astype(np.float32)
    return float((picture - cv2.GaussianBlur(picture, (0, 0), 2.0))[where].std())


def test_new_surface_is_painted_in_the_style(uncovered):
    frames, paint, new = uncovered
    last = carry(frames, keys_of(paint, 0))[-1]
    assert last.confidence[new].mean() < 0.7 * last.confidence[~new].mean()
    assert psnr(last.image[new], paint[-1][new]) > 17
    assert 0.85 < detail(last.image, new) / detail(paint[-1], new) < 1.15


def test_surface_that_no_paint_resembles_is_not_smeared():
    frames = synthetic.occluder(6, -3, 2, size=SIZE, width=40)
    paint = painted(frames)
    new = (frames[0] != frames[-1]).any(-1)
    image = carry(frames, keys_of(paint, 0))[-1].image
    assert np.abs(image[new].mean(0) - paint[-1][new].mean(0)).max() < 25
    assert 0.6 < detail(image, new) / detail(paint[-1], new) < 1.4


def test_new_surface_holds_still(uncovered):
    frames, paint, new = uncovered
    made = carry(frames, keys_of(paint, 0))
    assert np.abs(made[5].image.astype(float) - made[4].image)[new].mean() < 8


def test_new_surface_may_be_left_alone_or_sown_anew(uncovered):
    frames, paint, _ = uncovered
    frames, paint = frames[:4], paint[:4]
    one, other = (pictures(carry(frames, keys_of(paint, 0), seed=s)) for s in (0, 1))
    assert (one[-1] != other[-1]).any()
    without = [pictures(carry(frames, keys_of(paint, 0), seed=s, fill_threshold=0.0)) for s in (0, 1)]
    np.testing.assert_array_equal(without[0], without[1])


def test_outside_the_matte_nothing_is_invented(uncovered):
    frames, paint, _ = uncovered
    frames, paint = frames[:4], paint[:4]
    left = np.zeros(SIZE, np.float32)
    left[:, :30] = 1
    without = pictures(carry(frames, keys_of(paint, 0), fill_threshold=0.0))
    first = pictures(carry(frames, keys_of(paint, 0), mattes=[left] * 4))
    for one, other in zip(first, without, strict=True):
        np.testing.assert_array_equal(one[:, 34:], other[:, 34:])
    nothing = pictures(carry(frames, keys_of(paint, 0), mattes=[left * 0] * 4))
    np.testing.assert_array_equal(nothing, without)


def test_a_view_that_comes_back_finds_its_key():
    frames = synthetic.there_and_back((2, 2, 3))
    frames = [f[:64, :96].copy() for f in frames]
    paint = [255 - f for f in frames]
    with_others = carry(frames, {0: paint[0], 3: paint[3]}, distant_keys=1)
    alone = carry(frames, {0: paint[0], 3: paint[3]}, distant_keys=0)
    assert min(psnr(f.image, p) for f, p in zip(with_others, paint, strict=True)) > 40
    assert psnr(with_others[-1].image, paint[-1]) > psnr(alone[-1].image, paint[-1]) + 10
    assert with_others[-1].quality > alone[-1].quality


def test_done_frames_are_left_out_and_the_others_stay_the_same(pan, paint):
    keys = keys_of(paint, 0, 3, 6)
    whole = carry(pan, keys)
    for done in ({1}, {3, 4, 5}, {0, 1, 2}, set(range(7)), {6, 99}):
        part = carry(pan, keys, done=done)
        assert [f.index for f in part] == [t for t in range(7) if t not in done]
        for frame in part:
            np.testing.assert_array_equal(frame.image, whole[frame.index].image)
            np.testing.assert_array_equal(frame.confidence, whole[frame.index].confidence)


def test_threads_and_repetition_change_nothing(pan, paint, carried, uncovered):
    for threads in (1, 2):
        for frame, before in zip(carry(pan, keys_of(paint, 0, 6), threads=threads), carried, strict=True):
            np.testing.assert_array_equal(frame.image, before.image)
            np.testing.assert_array_equal(frame.confidence, before.confidence)
            np.testing.assert_array_equal(frame.error, before.error)
    frames, paint, _ = uncovered
    one, two = (pictures(carry(frames[:4], keys_of(paint, 0), threads=n)) for n in (1, 2))
    np.testing.assert_array_equal(one, two)


def test_the_given_pictures_stay_as_they_were(pan, paint):
    frames, keys = [f.copy() for f in pan[:3]], {0: paint[0].copy()}
    made = carry(frames, keys)
    np.testing.assert_array_equal(frames, pan[:3])
    made[0].image[...] = 0
    np.testing.assert_array_equal(keys[0], paint[0])


class MatteBuffer(Sequence):
    """Frames that are handed out one by one, read-only, and counted."""

    def __init__(self, frames):
        self.frames, self.asked = frames, []

    def __len__(self):
        return len(self.frames)

    def __getitem__(self, t):
        assert isinstance(t, (int, np.integer))
        assert 0 <= t < len(self.frames)
        self.asked.append(t)
        frame = self.frames[t].copy()
        frame.flags.writeable = False
        return frame


def test_any_sequence_will_do_and_only_what_is_needed_is_read(pan, paint, carried):
    shelf = MatteBuffer(pan)
    for frame, other in zip(carry(shelf, keys_of(paint, 0, 6)), carried, strict=True):
        np.testing.assert_array_equal(frame.image, other.image)
    shelf = MatteBuffer(pan)
    carry(shelf, keys_of(paint, 0, 3), done={0, 1, 2, 3})
    assert set(shelf.asked) <= {0, 3, 4, 5, 6}
    shelf = MatteBuffer(pan)
    first = next(propagate_keyframes(shelf, keys_of(paint, 0)))
    assert first.index == 0
    assert set(shelf.asked) <= {0}


def test_progress_rises_to_one(pan, paint):
    for keys, done in (((1,), ()), ((0, 3), ()), ((0, 3), {1, 2}), ((3,), {3})):
        told = []
        carry(pan[:4], keys_of(paint, *keys), done=done, on_progress=told.append)
        assert told == sorted(told)
        assert told[0] >= 0
        assert told[-1] == 1


def test_stages_report_the_seconds_that_the_caller_waits(uncovered):
    frames, paint, _ = uncovered
    seconds = dict.fromkeys(("flow", "join", "synthesis"), 0.0)

    def on_stage(name, value):
        seconds[name] += value

    started = time.perf_counter()
    carry(frames, keys_of(paint, 0), on_stage=on_stage)
    total = time.perf_counter() - started
    assert min(seconds.values()) > 0
    assert 0.5 * total < sum(seconds.values()) <= total


def test_stopping_half_way_is_clean(pan, paint):
    steps = propagate_keyframes(pan, keys_of(paint, 0, 6), PropagateOptions(threads=2))
    next(steps)
    next(steps)
    steps.close()


@pytest.mark.parametrize("size", [(1, 1), (2, 30), (4, 4), (31, 7)])
def test_small_frames(size):
    frames = [f[: size[0], : size[1]] for f in synthetic.pan(4, STEP, size=SIZE)]
    key = np.ascontiguousarray(255 - frames[0])
    for frame in carry(frames, {0: key, 3: key}) + carry(frames, {2: key}):
        assert frame.image.shape == key.shape
        assert np.isfinite(frame.confidence).all()
        assert 0 <= frame.quality <= 1


def test_one_frame():
    frames = synthetic.still(1, size=SIZE)
    (made,) = carry(frames, {0: frames[0]})
    np.testing.assert_array_equal(made.image, frames[0])
    assert made.quality == 1


def test_a_flat_color_stays_flat():
    flat = [np.full((*SIZE, 3), 90, np.uint8)] * 4
    key = np.full((*SIZE, 3), 17, np.uint8)
    for frame in carry(flat, {1: key}):
        np.testing.assert_array_equal(frame.image, key)


def test_extremes_stay_within_bounds(rng):
    """Black and white noise, new on every frame: nothing wraps around, nothing is undefined."""
    frames = list(rng.choice(np.uint8([0, 255]), (4, 24, 30, 3)))
    for dtype in (np.uint8, np.uint16):
        key = rng.choice([0, np.iinfo(dtype).max], (24, 30, 4)).astype(dtype)
        for frame in carry(frames, {0: key, 3: key[::-1].copy()}):
            assert np.isfinite(frame.error).all()
            assert frame.confidence.min() >= 0
            assert frame.confidence.max() <= 1


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 24), st.integers(1, 24), st.integers(1, 4), st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from([np.uint8, np.uint16]), st.sets(st.integers(0, 3), min_size=1), st.booleans(),
    st.fixed_dictionaries({
        "blend_limit": st.sampled_from([1e-3, 12.0, 1e9]), "steadiness": st.sampled_from([0.0, 0.5, 1.0]),
        "color_match": st.booleans(), "distant_keys": st.sampled_from([0, 1, 9]),
        "fill_threshold": st.sampled_from([0.0, 0.2, 1.0]), "quality": st.sampled_from(["medium", "fine"]),
    }),
    st.integers(0, 99),
)  # fmt: skip
def test_any_shot_is_carried(h, w, channels, dtype, paint_type, keys, matted, options, seed):
    rng = np.random.default_rng(seed)
    top, bright = np.iinfo(dtype).max, np.iinfo(paint_type).max
    frames = rng.choice(np.array([0, top // 2, top], dtype), (4, w, h, 3)).transpose(0, 2, 1, 3)
    painted = {k: rng.choice(np.array([0, bright], paint_type), (h, w, channels)) for k in keys}
    mattes = list(rng.choice(np.float32([0, 0.5, 1]), (4, h, w))) if matted else None
    made = carry(frames, painted, mattes=mattes, **options)
    assert [f.index for f in made] == [0, 1, 2, 3]
    for frame in made:
        assert frame.image.dtype == paint_type
        assert frame.image.shape == (h, w, channels)
        assert np.isfinite(frame.error).all()
        assert frame.error.min() >= 0
        assert frame.confidence.min() >= 0
        assert frame.confidence.max() <= 1
        if frame.index in keys:
            np.testing.assert_array_equal(frame.image, painted[frame.index])


BLANK = np.zeros((8, 10, 3), np.uint8)


@pytest.mark.parametrize(
    ("painted", "words"),
    [
        ({}, "no painted key"),
        ({2: BLANK}, "a key is painted for frame 2; the shot has frames 0 to 1"),
        ({-1: BLANK}, "a key is painted for frame -1"),
        ({0: BLANK[:7]}, "painted key 0 is 10x7; the frames are 10x8"),
        ({0: BLANK[..., 0]}, "painted key 0 has shape"),
        ({0: BLANK.astype(np.float32)}, "painted key 0 is float32"),
        ({0: BLANK, 1: BLANK.astype(np.uint16)}, "all keys need one type"),
        ({0: BLANK, 1: BLANK[..., :1]}, "all keys need one type"),
    ],
)
def test_keys_that_do_not_fit_are_refused(painted, words):
    with pytest.raises(ValueError, match=words):
        carry([BLANK, BLANK], painted)


def test_frames_and_mattes_that_do_not_fit_are_refused():
    for frame in (BLANK.astype(np.float32), BLANK[..., :1], BLANK[..., 0]):
        with pytest.raises(ValueError, match="frame 0"):
            carry([frame], {0: BLANK})
    with pytest.raises(ValueError, match="there are 1 mattes for 2 frames"):
        carry([BLANK, BLANK], {0: BLANK}, mattes=[np.ones((8, 10), np.float32)])


@pytest.mark.parametrize("wrong", [BLANK[:7], BLANK.astype(np.float32), BLANK[..., :1]])
def test_a_later_frame_that_does_not_fit_is_refused(wrong):
    with pytest.raises(ValueError, match="frame"):
        carry([BLANK, wrong], {0: BLANK})


@pytest.mark.parametrize("wrong", [np.ones((7, 10), np.float32), np.full((8, 10), np.nan, np.float32)])
def test_a_matte_that_does_not_fit_is_refused(wrong):
    with pytest.raises(ValueError, match="matte"):
        carry([BLANK, BLANK], {0: BLANK}, mattes=[np.ones((8, 10), np.float32), wrong])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("blend_limit", 0.0), ("blend_limit", float("nan")), ("blend_limit", float("inf")), ("steadiness", -0.1),
        ("steadiness", 1.1), ("fill_threshold", 2.0), ("fill_threshold", float("nan")), ("distant_keys", -1),
        ("quality", "fast"), ("threads", 0), ("seed", -1),
    ],
)  # fmt: skip
def test_options_out_of_bounds_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        PropagateOptions(**{name: value})


def test_every_place_names_the_key_that_shows_it(carried):
    for made in carried:
        assert made.source.dtype == np.int32
        assert made.source.shape == SIZE
        assert set(np.unique(made.source)) <= {-1, 0, 6}
        if made.index in (0, 6):
            assert (made.source == made.index).all()
    assert (carried[1].source[INNER] == 0).mean() > 0.9
    assert (carried[5].source[INNER] == 6).mean() > 0.9
