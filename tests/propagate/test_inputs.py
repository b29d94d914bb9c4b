"""The door of a shot: frames in eight bits, checked when read, small ones remembered."""

from __future__ import annotations

import numpy as np
import pytest

from propagate.inputs import Frames, Mattes, keys_in_order, thumbnail
from tests import synthetic


def test_frames_are_read_in_eight_bits():
    deep = [f.astype(np.uint16) * 257 + 3 for f in synthetic.pan(3, size=(20, 30))]
    shot = Frames(deep)
    assert len(shot) == 3
    assert shot.size == (20, 30)
    for frame, source in zip(shot, deep, strict=True):
        assert frame.dtype == np.uint8
        np.testing.assert_array_equal(frame, source >> 8)
    np.testing.assert_array_equal(shot[1:], [shot[1], shot[2]])


def test_thumbnails_keep_proportions_and_are_read_once():
    shot = Frames([synthetic.texture(1, (90, 360))])
    small = shot.thumbnail(0)
    assert small.shape == (32, 128, 3)
    assert shot.thumbnail(0) is small
    tiny = synthetic.texture(1, (20, 30))
    np.testing.assert_array_equal(thumbnail(tiny), tiny)
    assert thumbnail(np.zeros((1, 900, 3), np.uint8)).shape == (1, 128, 3)


def test_a_frame_says_which_it_is_when_it_does_not_fit():
    frame = np.zeros((8, 10, 3), np.uint8)
    shot = Frames([frame, frame[:7], frame.astype(np.int32)])
    with pytest.raises(ValueError, match="frame 1 is 10x7; frame 0 is 10x8"):
        shot[1]
    with pytest.raises(ValueError, match="frame 2 is int32"):
        shot[2]


def test_mattes_are_checked_when_read():
    matte = np.ones((8, 10), np.float32)
    mattes = Mattes([matte, matte[1:], matte * np.nan], (8, 10))
    np.testing.assert_array_equal(mattes[0], matte)
    with pytest.raises(ValueError, match="matte 1 has shape"):
        mattes[1]
    with pytest.raises(ValueError, match="matte 2 holds NaN"):
        mattes[2]


def test_keys_come_in_order():
    frame = np.zeros((8, 10, 3), np.uint8)
    assert keys_in_order([frame] * 9, {7: frame, 0: frame, 3: frame}, None) == [0, 3, 7]
