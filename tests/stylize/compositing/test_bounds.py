from __future__ import annotations

import numpy as np

from keyframes import Shot
from stylize.compositing.bounds import LEAST, MARGIN, measure_bounds, track_crop

SIZE = (640, 360)


def matte(left=0, top=0, right=0, bottom=0, value=1.0):
    made = np.zeros(SIZE[::-1], np.float32)
    made[top:bottom, left:right] = value
    return made


def test_bounds_have_box_fingerprint_and_area():
    mattes = [matte(), matte(10, 20, 110, 80, 0.25), matte(10, 20, 110, 80), matte(10, 20, 110, 80)]
    outline = measure_bounds(mattes)
    np.testing.assert_array_equal(outline.boxes, [[0, 0, 0, 0], *[[10, 20, 110, 80]] * 3])
    assert [outline.shown(i) for i in range(4)] == [False, True, True, True]
    assert len(set(outline.marks)) == 3
    np.testing.assert_allclose(outline.area, 2.25 * 6000 / (4 * 640 * 360), rtol=1e-5)


def test_shots_are_cut_to_frames_with_a_visible_matte():
    shown = [0, 1, 0, 1, 0, 0, 0, 1]
    outline = measure_bounds([matte(0, 0, 9 * s, 9 * s) for s in shown])
    shots = [Shot(100, 105), Shot(105, 107), Shot(107, 108)]
    assert [(s.start, s.stop) for s in outline.pieces(shots, 100)] == [(101, 104), (107, 108)]


def test_crop_track_follows_and_contains_every_box(rng):
    at = rng.integers(0, 400, (12, 2)) * [1, 0.5]
    boxes = np.concatenate([at, at + rng.integers(20, 160, (12, 2))], 1).astype(np.int32)
    boxes[[3, 4]] = 0
    windows = track_crop(boxes, SIZE)
    wide, tall = windows.size
    margin = round(MARGIN * 640)
    for box, (left, top) in zip(boxes, windows.corners, strict=True):
        assert 0 <= left <= 640 - wide
        assert 0 <= top <= 360 - tall
        if box[2]:
            assert left <= max(box[0] - margin + 1, 0)
            assert left + wide >= min(box[2] + margin - 1, 640)
            assert top <= max(box[1] - margin + 1, 0)
            assert top + tall >= min(box[3] + margin - 1, 360)
    assert wide * tall < 0.5 * 640 * 360


def test_crop_track_stays_within_the_frame():
    assert track_crop(np.array([[5, 5, 7, 7]], np.int32), SIZE).size == (LEAST, LEAST)
    assert track_crop(np.array([[0, 0, 640, 360]], np.int32), SIZE).size == SIZE
    assert track_crop(np.array([[0, 0, 9, 9]], np.int32), (40, 30)).size == (40, 30)
    assert track_crop(np.zeros((2, 4), np.int32), SIZE).size == SIZE
