from __future__ import annotations

import numpy as np
import pytest

from stylize.compositing.bounds import measure_bounds
from stylize.compositing.shot_view import MattedView
from stylize.media import open_clip, read_image, write_image
from stylize.project.project import Project
from tests.stylize.world import texture

SIZE = (120, 200)


@pytest.fixture
def made(tmp_path, rng):
    """A soft disc of one texture that crosses another one; returns project, frames, disc and mattes."""
    back, disc = texture(rng, *SIZE), texture(rng, *SIZE) // 8 + np.uint8(180)
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    mattes = []
    for index in range(4):
        matte = np.clip((30 - np.hypot(x - 60 - 20 * index, y - 60)) / 6 + 0.5, 0, 1).astype(np.float32)
        mattes.append(matte if index != 2 else np.zeros_like(matte))
        frame = back + matte[..., None] * (disc.astype(np.float32) - back)
        write_image(tmp_path / "frames" / f"{index:04d}.png", np.rint(frame).astype(np.uint8), durable=False)
    with open_clip(tmp_path / "frames") as clip:
        yield Project(tmp_path / "p", clip.info), clip, disc, mattes


def subject(made, first=0):
    project, clip, _, mattes = made
    return MattedView(clip[first:], mattes[first:], measure_bounds(mattes), first, project.keys.rendered)


def test_matted_view_crops_frames_and_removes_the_background(made):
    _, clip, disc, mattes = made
    seen = subject(made)
    wide, tall = seen.windows.size
    assert (wide, tall) < (100, 100)
    for index in (0, 1, 3):
        frame, matte = seen[index], seen.mattes[index]
        assert frame.shape == (tall, wide, 3)
        assert matte.shape == (tall, wide)
        assert matte.sum() == pytest.approx(mattes[index].sum(), rel=1e-6)
        truth, solid = seen.cut(disc, index).astype(int), matte >= 1
        np.testing.assert_array_equal(frame[solid], seen.cut(clip[index], index)[solid])
        band = (matte > 0.1) & (matte < 0.9)
        before = np.abs(seen.cut(clip[index], index).astype(int) - truth)[band].mean()
        assert np.abs(frame.astype(int) - truth)[band].mean() < 0.5 * before


def test_painted_crop_is_placed_back_in_the_frame(made):
    seen = subject(made)
    clip = made[1]
    whole = seen.place(seen.cut(clip[1], 1), 1, onto=clip[1])
    np.testing.assert_array_equal(whole, clip[1])
    bare = seen.place(np.full((*seen[1].shape[:2], 1), 255, np.uint8), 1)
    assert bare.shape == (*SIZE, 1)
    left, top = seen.windows.corners[1]
    assert (bare > 0).sum() == seen[1].shape[0] * seen[1].shape[1]
    assert bare[top, left, 0] == 255


def test_background_is_removed_from_manual_keys_and_not_from_rendered_ones(made, tmp_path):
    project, clip, disc, _ = made
    seen = subject(made)
    mine = tmp_path / "0001.png"
    write_image(mine, clip[1])
    hand = seen.keys({1: mine})[1]
    band = (seen.mattes[1] > 0.1) & (seen.mattes[1] < 0.9)
    truth = seen.cut(disc, 1).astype(int)
    shows = seen.mattes[1][band][:, None]  # of an error at the edge as much is seen as the matte lets through
    apart, before, frame = (
        (np.abs(image.astype(int) - truth)[band] * shows).mean() for image in (hand, seen.cut(clip[1], 1), seen[1])
    )
    assert apart < 0.5 * before
    assert apart < frame  # more care than for a frame
    inside = seen.mattes[1] > 0
    np.testing.assert_array_equal(seen.key(mine, 1)[inside], hand[inside])
    assert (seen.carried[1][inside] == seen[1][inside]).all()
    assert (seen.carried[1][0, 0] == 128).all()  # far from the subject there is nothing to follow
    kept = project.keys.save("0001", clip[1], {})
    np.testing.assert_array_equal(seen.key(kept, 1), seen.cut(clip[1], 1))
    write_image(kept, clip[1][::-1].copy())  # painted over
    assert (seen.key(kept, 1) != seen.cut(read_image(kept), 1)).any()


def test_frame_with_an_empty_matte_is_unchanged(made):
    seen, clip = subject(made), made[1]
    np.testing.assert_array_equal(seen[2], seen.cut(clip[2], 2))


def test_view_fingerprint_depends_on_the_matte(made):
    project, clip, _disc, mattes = made
    before = subject(made)
    assert before.mark([0, 1]) == subject(made).mark([0, 1])
    changed = [*mattes[:3], mattes[3] * np.float32(0.5)]
    after = MattedView(clip, changed, measure_bounds(changed), 0, project.keys.rendered)
    assert before.mark([0, 1]) == after.mark([0, 1])
    assert before.mark([2, 3]) != after.mark([2, 3])


def test_view_of_a_later_shot_counts_from_its_first_frame(made):
    late, whole = subject(made, 1), subject(made)
    assert late.mark([0]) == whole.mark([1])
    np.testing.assert_array_equal(late[0], whole[1])
