"""New surface: found where no key looks, painted from the keys, and nowhere else."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from propagate.hole_filling import (
    PreviousFrame,
    _apart,
    _gone_on,
    _less_washed,
    synthesize_fill,
    unexplained_mask,
)
from propagate.resample import detail_energy, split
from propagate.synthesis import Synthesis
from propagate.warp import warp
from tests import synthetic

SIZE = (48, 64)


def hole(size=SIZE):
    where = np.zeros(size, bool)
    where[14:34, 20:44] = True
    return where


def still(size=SIZE):
    return np.zeros((*size, 2), np.float32)


def paint(frame, where, sources, **more):
    canvas = sources[0][1].copy()
    canvas[where] = np.iinfo(canvas.dtype).max
    more = {"before": None, "usable": None, "seed": 0, "threads": 1} | more
    return synthesize_fill(frame, canvas, where, sources, [still(frame.shape[:2])] * len(sources), **more), canvas


def test_low_confidence_is_unseen_and_specks_are_not():
    confidence = np.ones(SIZE, np.float32)
    confidence[10:20, 10:20] = 0
    confidence[30, 30] = 0
    where = unexplained_mask(confidence, 0.2, None)
    assert where[11:19, 11:19].all()
    assert not where[28:33, 28:33].any()
    assert not where[:8].any()
    assert not unexplained_mask(np.ones(SIZE, np.float32), 0.2, None).any()
    assert unexplained_mask(np.zeros(SIZE, np.float32), 0.2, None).all()


def test_nothing_is_unseen_with_a_threshold_of_zero():
    assert not unexplained_mask(np.zeros(SIZE, np.float32), 0.0, None).any()


def test_nothing_is_unseen_far_outside_the_matte():
    matte = np.zeros(SIZE, np.float32)
    matte[:, :30] = 1
    where = unexplained_mask(np.zeros(SIZE, np.float32), 0.2, matte)
    assert where[:, :30].all()
    assert not where[:, 32:].any()
    assert not unexplained_mask(np.zeros(SIZE, np.float32), 0.2, np.zeros(SIZE, np.float32)).any()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_only_the_hole_is_painted_and_in_the_keys_type(dtype, channels):
    frame = synthetic.texture(1, SIZE)
    style = np.dstack([synthetic.texture(2, SIZE), synthetic.texture(3, SIZE)])[..., :channels]
    style = style.astype(dtype) * (1 if dtype == np.uint8 else 257)
    where = hole()
    made, canvas = paint(frame, where, [(frame, style)])
    assert made.dtype == dtype
    assert made.shape == style.shape
    np.testing.assert_array_equal(made[~where], canvas[~where])
    assert (made[where] != canvas[where]).any()


def test_colors_come_from_the_keys():
    """The keys hold two flat colors: whatever is painted lies between them, and mostly is one of them."""
    frame = synthetic.texture(1, SIZE)
    style = np.where(frame[..., :1] > 120, np.uint8([200, 40, 30]), np.uint8([20, 60, 160]))
    made, _ = paint(frame, hole(), [(frame, style)])
    new = made[hole()].astype(int)
    assert (new.min(0) >= style.min((0, 1)) - 1).all()
    assert (new.max(0) <= style.max((0, 1)) + 1).all()
    nearest = np.minimum(np.abs(new - [200, 40, 30]).sum(-1), np.abs(new - [20, 60, 160]).sum(-1))
    assert np.median(nearest) < 10


def test_what_the_key_shows_is_painted_as_the_key_is():
    frame, style = synthetic.texture(1, SIZE), synthetic.texture(2, SIZE)
    made, _ = paint(frame, hole(), [(frame, style)])
    assert np.abs(made.astype(int) - style)[hole()].mean() < 6


def test_the_second_key_is_used_where_it_fits_better():
    frame, other = synthetic.texture(1, SIZE), synthetic.texture(5, SIZE)
    made, _ = paint(frame, hole(), [(other, 255 - other), (frame, 255 - frame)])
    apart = np.abs((255 - other).astype(int) - (255 - frame))[hole()].mean()
    assert np.abs(made.astype(int) - (255 - frame))[hole()].mean() < 0.2 * apart


def test_only_usable_paint_is_used():
    frame = synthetic.texture(1, SIZE)
    style = np.zeros((*SIZE, 3), np.uint8)
    style[:24] = (10, 200, 10)
    style[24:] = (200, 10, 10)
    usable = np.zeros(SIZE, bool)
    usable[:24] = True
    made, _ = paint(frame, np.ones(SIZE, bool), [(frame, style)], usable=[usable])
    assert np.abs(made.astype(int) - [10, 200, 10]).max() <= 1


def test_without_usable_paint_the_canvas_stays():
    frame = synthetic.texture(1, SIZE)
    made, canvas = paint(frame, hole(), [(frame, frame)], usable=[np.zeros(SIZE, bool)])
    np.testing.assert_array_equal(made, canvas)


def test_the_frame_before_is_continued():
    """Two paintings fit a flat frame equally well; the one that was there a frame ago stays."""
    frame = np.full((*SIZE, 3), 120, np.uint8)
    style = np.zeros((*SIZE, 3), np.uint8)
    style[:, :32] = (200, 60, 40)
    style[:, 32:] = (40, 60, 200)
    for color in ((200, 60, 40), (40, 60, 200)):
        past = np.broadcast_to(np.uint8(color), style.shape).copy()
        canvas = past.copy()
        made = synthesize_fill(
            frame, canvas, hole(), [(frame, style)], [still()],
            before=PreviousFrame(past, np.zeros(SIZE, bool), still(), np.ones(SIZE, np.float32)),
            usable=None, seed=0, threads=1,
        )  # fmt: skip
        assert np.abs(made[hole()].astype(int) - color).mean() < 25


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_new_surface_goes_on_with_the_motion(dtype):
    """What the frame before made moves on; what comes in over the border or is unlike is made anew."""
    scale = 257 if dtype == np.uint16 else 1
    frame, style = synthetic.texture(1, SIZE), synthetic.texture(2, SIZE).astype(dtype) * scale
    own = synthetic.texture(5, SIZE).astype(dtype) * scale
    back = np.full((*SIZE, 2), (-3, 0), np.float32)
    made, where = np.zeros(SIZE, bool), np.zeros(SIZE, bool)
    made[:, :30] = where[:, :40] = True
    shown = np.full(SIZE, 0.7, np.float32)
    shown[:10] = 0.1
    canvas = np.zeros_like(style)
    kept, left = _gone_on(canvas, where, PreviousFrame(own, made, back, shown), warp(own, back))
    assert left[:, :2].all(), "the border is repeated"
    assert left[:10, :40].all()
    assert left[:, 34:40].all()
    assert not left[10:, 3:32].any()
    assert not left[:, 40:].any()
    gone_on = where & ~left
    np.testing.assert_array_equal(kept[~gone_on], 0)
    apart = np.abs(kept[12:, 6:30].astype(float) - own[12:, 3:27]) / scale
    assert apart.mean() < 1
    whole, _ = paint(frame, where, [(frame, style)], before=PreviousFrame(own, made, back, shown))
    np.testing.assert_array_equal(whole[gone_on], kept[gone_on])


def test_what_patches_wash_out_is_raised_again():
    style = synthetic.texture(2, SIZE)
    matches = np.full((*SIZE, 2), -1, np.int32)
    y, x = np.nonzero(hole())
    matches[y, x] = np.stack((x, y), axis=-1)
    washed = np.asarray(cv2.GaussianBlur(style, (0, 0), 1.0), np.uint8)
    raised = _less_washed(Synthesis(washed, matches, np.zeros(SIZE, np.float32)), style)

    def detail(picture):
        return detail_energy(split(picture.astype(np.float32))[1])[18:30, 24:40].mean()

    assert 1.2 * detail(washed) < detail(raised) < detail(style)
    same = _less_washed(Synthesis(style, matches, np.zeros(SIZE, np.float32)), style)
    assert np.abs(same.astype(int) - style)[18:30, 24:40].mean() < 2


def test_seed_decides_and_threads_do_not():
    frame, style = synthetic.texture(1, SIZE), synthetic.texture(2, SIZE)
    other = synthetic.texture(7, SIZE)
    one, two, three = (paint(frame, hole(), [(other, style)], threads=n)[0] for n in (1, 2, 3))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(one, three)
    again = paint(frame, hole(), [(other, style)], seed=0)[0]
    np.testing.assert_array_equal(one, again)
    assert (paint(frame, hole(), [(other, style)], seed=1)[0] != one).any()


@pytest.mark.parametrize("size", [(1, 1), (2, 30), (4, 4), (5, 5), (30, 3)])
def test_frames_smaller_than_a_patch(size):
    frame = synthetic.texture(1, (40, 40))[: size[0], : size[1]]
    made, _ = paint(frame, np.ones(size, bool), [(frame, frame)])
    assert made.shape == frame.shape
    assert made.dtype == frame.dtype


def test_a_small_hole_in_a_large_frame_is_painted_from_where_it_points():
    """Far off in the key lies what the frame shows: the flow leads there, across most of the frame."""
    size = (60, 400)
    wide = synthetic.texture(1, (60, 800))
    key, frame = wide[:, :400], wide[:, 300:700]
    style = 255 - key
    where = np.zeros(size, bool)
    where[20:32, 40:56] = True
    canvas = np.zeros_like(style)
    flow = np.zeros((*size, 2), np.float32)
    flow[..., 0] = 300
    more = {"before": None, "usable": None, "seed": 0, "threads": 1}
    made = synthesize_fill(frame, canvas, where, [(key, style)], [flow], **more)
    assert np.abs(made.astype(int) - (255 - frame))[where].mean() < 12
    np.testing.assert_array_equal(made[~where], canvas[~where])


def test_places_far_from_each_other_are_made_each_by_itself():
    where = np.zeros((300, 400), bool)
    where[5:9, 5:9] = where[290:295, 392:399] = where[40:44, 9:20] = True
    places = _apart(where)
    assert [int(place.sum()) for place in places] == [16 + 44, 35]
    np.testing.assert_array_equal(np.logical_or.reduce(places), where)
    near = where.copy()
    near[5:295, 5:399] = True
    assert len(_apart(near)) == 1
