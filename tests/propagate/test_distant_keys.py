"""Other keys: a view that comes back finds its key, and nothing else is followed."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from propagate.distant_keys import DistantKeys
from propagate.inputs import Frames
from propagate.threads import ThreadTeam
from tests import synthetic
from tests.propagate import moves

SIZE = (96, 128)
LOST, EXPLAINED = np.full(SIZE, 40, np.float32), np.full(SIZE, 1, np.float32)


@pytest.fixture
def crew():
    with ThreadTeam(1) as crew:
        yield crew


@pytest.fixture
def frames():
    """Four views; the last two are the first, moved."""
    frame, key, _ = moves.pan(2.0, 1.0)
    further = moves.pan(3.0, 1.5)[0]
    return [key, synthetic.texture(50, SIZE), synthetic.texture(51, SIZE), frame, further]


def others(frames, crew, keys=(0, 1, 2), most=1):
    return DistantKeys(Frames(frames), keys, most, crew, "fine")


def test_a_view_that_comes_back_finds_its_key(frames, crew):
    found = others(frames, crew).find(frames[3], LOST, None)
    assert list(found) == [0]
    assert np.median(np.linalg.norm(found[0] - (2, 1), axis=-1)) < 0.1


def test_keys_are_read_once_and_only_when_they_may_be_needed(frames, crew):
    asked = []

    class Watched(list):
        def __getitem__(self, t):
            asked.append(t)
            return super().__getitem__(t)

    shot = Frames(Watched(frames))
    asked.clear()
    for _ in range(3):
        seeker = DistantKeys(shot, (1, 2), 1, crew, "fine")
        seeker.find(frames[3], EXPLAINED, None)
        assert asked == []
    for _ in range(3):
        DistantKeys(shot, (1, 2), 1, crew, "fine").find(frames[3], LOST / 3, None)
    assert sorted(asked) == [1, 2]


def test_what_neighbors_explain_needs_no_other_key(frames, crew):
    assert others(frames, crew).find(frames[3], EXPLAINED, None) == {}


def test_a_view_that_no_key_shows_finds_none(frames, crew):
    assert others(frames, crew, keys=(1, 2)).find(frames[3], LOST / 3, None) == {}


def test_none_are_looked_for_if_none_are_wanted(frames, crew):
    assert others(frames, crew, most=0).find(frames[3], LOST, None) == {}
    assert others(frames, crew, keys=()).find(frames[3], LOST, None) == {}


def test_never_more_than_wanted(frames, crew):
    frames[1] = frames[0].copy()
    assert len(others(frames, crew, most=1).find(frames[3], LOST, None)) == 1
    assert sorted(others(frames, crew, most=2).find(frames[3], LOST, None)) == [0, 1]


def test_a_followed_key_is_followed_on_along_the_motion(frames, crew):
    seeker = others(frames, crew)
    seeker.find(frames[3], LOST, None)
    back = np.broadcast_to(np.float32([1, 0.5]), (*SIZE, 2)).copy()
    found = seeker.find(frames[4], LOST, back)
    assert list(found) == [0]
    assert np.median(np.linalg.norm(found[0] - (3, 1.5), axis=-1)) < 0.1


def test_large_frames_are_compared_small(frames, crew):
    """At three times the compared size the flow comes back in whole-size pixels."""
    large = [cv2.resize(f, (384, 288), interpolation=cv2.INTER_CUBIC) for f in frames]
    found = others(large, crew).find(large[3], cv2.resize(LOST, (384, 288)), None)
    assert list(found) == [0]
    assert np.median(np.linalg.norm(found[0] - (6, 3), axis=-1)) < 0.2


@pytest.mark.parametrize("size", [(1, 1), (2, 200), (300, 3)])
def test_odd_sizes(crew, size):
    frames = [np.full((*size, 3), value, np.uint8) for value in (10, 200, 12)]
    left = np.full(size, 50, np.float32)
    for flow in others(frames, crew, keys=(0, 1)).find(frames[2], left, None).values():
        assert flow.shape == (*size, 2)
        assert np.isfinite(flow).all()
