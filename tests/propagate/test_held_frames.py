"""Held frames: what is shown again comes out again, bit for bit, and costs nothing."""

from __future__ import annotations

import numpy as np
import pytest

from propagate.held_frames import find_held_frames, motion_progress
from propagate.inputs import Frames, Mattes
from propagate.span import PropagateOptions, propagate_keyframes
from tests import synthetic
from tests.propagate.moves import psnr

SIZE = (48, 64)
PAN = synthetic.pan(6, (1.8, 0.6), size=SIZE)
PAINT = synthetic.pan(6, (1.8, 0.6), seed=77, size=SIZE)


def held(clip, *counts):
    """Each frame of `clip` so many times."""
    return [frame for frame, count in zip(clip, counts, strict=True) for _ in range(count)]


def carry(frames, painted, done=(), **more):
    return list(propagate_keyframes(frames, painted, PropagateOptions(**more), done=done))


def again(frames, ends, painted, mattes=None):
    inner = range(0 if ends[0] is None else ends[0] + 1, len(frames) if ends[1] is None else ends[1])
    checked = None if mattes is None else Mattes(mattes, SIZE)
    return find_held_frames(Frames(frames), inner, ends, painted, checked)


def test_every_repetition_is_named():
    frames = held(PAN[:4], 3, 2, 1, 3)
    painted = {0: PAINT[0], 8: PAINT[3]}
    assert again(frames, (0, 8), painted) == {1: 0, 2: 0, 4: 3, 6: 8, 7: 8}
    assert again(frames, (0, None), painted) == {1: 0, 2: 0, 4: 3, 7: 6, 8: 6}
    assert again(frames, (None, 5), painted) == {1: 0, 2: 0, 4: 3}


def test_one_pixel_makes_another_picture():
    frames = [PAN[0].copy() for _ in range(3)]
    frames[1][SIZE[0] - 2, 5, 2] ^= 1
    assert again(frames, (None, None), {}) == {}


def test_a_picture_that_comes_back_to_its_key_is_the_key():
    frames = [PAN[0], PAN[1], PAN[0], PAN[2], PAN[5], PAN[3], PAN[5]]
    painted = {0: PAINT[0], 6: PAINT[5]}
    assert again(frames, (0, 6), painted) == {2: 0, 4: 6}
    made = carry(frames, painted)
    np.testing.assert_array_equal(made[2].image, PAINT[0])
    np.testing.assert_array_equal(made[4].image, PAINT[5])


def test_other_mattes_are_other_frames():
    white, black = np.ones(SIZE, np.float32), np.zeros(SIZE, np.float32)
    frames = held(PAN[:2], 1, 4)
    assert again(frames, (0, None), {}, [white, white, white, black, black]) == {2: 1, 4: 3}


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("threads", [1, 2])
def test_a_held_clip_is_its_keys_and_then_moves(dtype, threads):
    """Stillness, motion, stillness again: only motion is carried, and as if nothing were held."""
    frames = held(PAN, 40, 1, 1, 1, 1, 20)
    paint = [p.astype(dtype) * (257 if dtype == np.uint16 else 1) for p in PAINT]
    made = carry(frames, {0: paint[0], 63: paint[5]}, threads=threads)
    plain = carry(PAN, {0: paint[0], 5: paint[5]}, threads=threads)
    assert [f.index for f in made] == list(range(64))
    for frame in made[:40]:
        np.testing.assert_array_equal(frame.image, paint[0])
        assert frame.quality == 1
        assert (frame.source == 0).all()
        assert not frame.error.any()
    for frame in made[44:]:
        np.testing.assert_array_equal(frame.image, paint[5])
        assert (frame.source == 63).all()
    for frame, same in zip(made[40:44], plain[1:5], strict=True):
        np.testing.assert_array_equal(frame.image, same.image)
        np.testing.assert_array_equal(frame.confidence, same.confidence)


@pytest.mark.parametrize("keys", [(0, 17), (0,), (9,)])
def test_on_threes_every_picture_is_made_once(keys):
    frames = held(PAN, *[3] * 6)
    made = carry(frames, {k: PAINT[k // 3] for k in keys})
    once = carry(PAN, {k // 3: PAINT[k // 3] for k in keys})
    assert [f.index for f in made] == list(range(18))
    for t, frame in enumerate(made):
        np.testing.assert_array_equal(frame.image, once[t // 3].image)
        np.testing.assert_array_equal(frame.error, once[t // 3].error)
        assert frame.quality == once[t // 3].quality


def test_what_is_done_is_left_out_and_changes_nothing():
    frames = held(PAN, 2, 3, 1, 2, 3, 2)
    painted = {0: PAINT[0], 12: PAINT[5]}
    whole = carry(frames, painted)
    for done in ({2}, {2, 3}, {0, 1, 4, 11, 12}):
        part = carry(frames, painted, done)
        assert [f.index for f in part] == [t for t in range(13) if t not in done]
        for frame in part:
            np.testing.assert_array_equal(frame.image, whole[frame.index].image)


def test_who_changes_a_frame_changes_no_other():
    frames = held(PAN[:2], 1, 4)
    expected = [f.image for f in carry(frames, {0: PAINT[0]})]
    for frame, right in zip(propagate_keyframes(frames, {0: PAINT[0]}, PropagateOptions()), expected, strict=True):
        np.testing.assert_array_equal(frame.image, right)
        frame.image[...] = 0
        frame.error[...] = 0


def test_two_paintings_of_one_held_picture_go_over_into_each_other():
    frames = held(PAN[:1], 9)
    made = carry(frames, {0: PAINT[0], 8: PAINT[3]})
    first, last = (np.array([psnr(f.image, p) for f in made]) for p in (PAINT[0], PAINT[3]))
    assert (np.diff(first) <= 0).all()
    assert (np.diff(last) >= 0).all()
    assert first[1] > last[1]
    assert last[7] > first[7]


def test_the_way_is_that_of_motion():
    one, three = (np.full((*SIZE, 2), x, np.float32) * (1, 0) for x in (1.0, 3.0))
    still = np.zeros((*SIZE, 2), np.float32)
    assert motion_progress((still, 5), (still, 15)) == pytest.approx(0.25)
    assert motion_progress((one, 4), (three, 12)) == pytest.approx(0.25)
    assert motion_progress((still, 40), (three, 10)) < 0.3
    assert motion_progress((three, 10), (still, 40)) > 0.7


def test_stillness_under_grain_is_all_but_its_key():
    """Coded stillness is never the same twice; the key's paint holds, and goes over with the motion."""
    frames = synthetic.noise(held(PAN, 10, 1, 1, 1, 1, 1), 1.0)
    painted = {0: PAINT[0], 14: PAINT[5]}
    made = carry(frames, painted)
    assert min(psnr(f.image, PAINT[0]) for f in made[1:10]) > 50
    assert min(psnr(f.image[8:-8, 12:-12], p[8:-8, 12:-12]) for f, p in zip(made[10:], PAINT[1:], strict=True)) > 36
