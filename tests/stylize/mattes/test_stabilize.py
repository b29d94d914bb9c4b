from __future__ import annotations

import numpy as np
import pytest

from stylize.mattes import stabilize
from stylize.mattes.temporal.edge_shift import edge_distance, shift_edge
from tests.stylize.mattes import motion


@pytest.fixture(scope="module")
def scene():
    return motion.moving_subject(9)


class Counted:
    """A sequence that notes what is read of it."""

    def __init__(self, things):
        self.things, self.read = things, []

    def __len__(self):
        return len(self.things)

    def __getitem__(self, index):
        self.read.append(index)
        return self.things[index]


def test_stabilize_removes_chatter_and_reduces_edge_error(scene):
    frames, truth = scene
    shaken = motion.jittered(truth)
    calm = list(stabilize(frames, shaken))
    assert motion.chatter(calm, truth, frames) <= 0.45 * motion.chatter(shaken, truth, frames)
    assert motion.edge_error(calm, truth) < motion.edge_error(shaken, truth)


def test_stabilize_keeps_correct_mattes(scene):
    frames, truth = scene
    calm = list(stabilize(frames, truth))
    assert motion.edge_error(calm, truth) < 0.003
    for at in (0, -1):  # the ends, with neighbors on one side only
        assert motion.edge_error([calm[at]], [truth[at]]) < 0.004
    assert motion.chatter(calm, truth, frames) <= motion.chatter(truth, truth, frames)


def test_stabilize_keeps_zero_and_one_of_correct_mattes_bit_for_bit(scene):
    frames, truth = scene
    for calm, true in zip(stabilize(frames, truth), truth, strict=True):
        assert (calm[true == 0] == 0).all()
        assert (calm[true == 1] == 1).all()


def test_shift_edge_moves_by_the_given_pixels_and_keeps_softness():
    rows, columns = np.mgrid[0:80, 0:80].astype(np.float32)
    away = 25 - np.hypot(columns - 40, rows - 40)
    for softness in (1.0, 4.0):
        matte = np.clip(away / softness + 0.5, 0, 1).astype(np.float32)
        for pixels in (-1.5, 0.4, 2.0):
            shift = np.full_like(matte, pixels)
            moved = shift_edge(matte, edge_distance(matte), shift, np.zeros_like(matte))
            wanted = np.clip((away + pixels) / softness + 0.5, 0, 1)
            assert np.abs(moved - wanted).max() < 0.3
            assert np.abs(moved - wanted)[np.abs(away) < 6].mean() < 0.02
    np.testing.assert_array_equal(shift_edge(matte, edge_distance(matte), 0 * shift, 1 - matte), matte)
    np.testing.assert_array_equal(shift_edge(matte, edge_distance(matte), shift + 9, 1 - matte), 1 - matte)


def test_strength_interpolates_between_the_matte_and_the_mean(scene):
    frames, truth = scene
    shaken = motion.jittered(truth)
    np.testing.assert_array_equal(stabilize(frames, shaken, strength=0)[4], shaken[4])
    np.testing.assert_array_equal(stabilize(frames, shaken, radius=0)[4], shaken[4])
    none, half, whole = (edge_distance(stabilize(frames, shaken, strength=s)[4]) for s in (0, 0.5, 1))
    near = (np.abs(none) < 3) & (np.abs(whole - none) < 2.5)
    way, gone = (whole - none)[near], (half - none)[near]
    assert np.abs(way).mean() > 0.3
    assert 0.42 < (way * gone).sum() / (way**2).sum() < 0.58


def test_empty_and_full_mattes_are_bit_identical(scene):
    frames, truth = scene
    for value in (0, 1):
        plain = [np.full_like(truth[0], value)] * len(frames)
        np.testing.assert_array_equal(stabilize(frames, plain)[3], plain[3])
    calm = stabilize(frames, motion.jittered(truth))[4]
    assert calm[0, -1] == 0
    assert calm[48, 58] == 1


def test_static_mattes_and_wipes_are_kept(scene):
    frames, truth = scene
    still = stabilize(frames, [truth[4]] * len(frames))
    for at in range(len(frames)):
        np.testing.assert_allclose(still[at], truth[4], atol=1e-3)
    columns = np.arange(128, dtype=np.float32)
    wipe = [np.tile(np.clip(10 * t - columns + 20.5, 0, 1), (96, 1)).astype(np.float32) for t in range(9)]
    moved = stabilize(frames, wipe)
    for at in range(1, 8):
        np.testing.assert_allclose(moved[at], wipe[at], atol=0.1)


def test_parts_that_appear_or_vanish_do_not_fade(scene):
    frames, truth = scene
    blinking = [matte if 3 <= at < 7 else np.zeros_like(matte) for at, matte in enumerate(truth)]
    calm, alone = stabilize(frames, blinking), stabilize(frames[3:7], truth[3:7])
    for at in range(3, 7):
        np.testing.assert_array_equal(calm[at], alone[at - 3])
    assert max(calm[2].max(), calm[7].max()) == 0


def test_stabilize_does_not_mix_across_a_cut(scene):
    frames, truth = scene
    other, theirs = motion.moving_subject(4, seed=11)
    cut = [*frames[:4], *[255 - np.roll(image, 40, axis=1) for image in other]]
    mattes = [*truth[:4], *[np.roll(matte, 40, axis=1) for matte in theirs]]
    calm, alone = stabilize(cut, mattes), [*stabilize(frames[:4], truth[:4]), *stabilize(cut[4:], mattes[4:])]
    for at in range(8):  # up to rounding: the window reaches over the cut, and places count from its corner
        np.testing.assert_allclose(calm[at], alone[at], atol=2e-5)


def test_mattes_are_read_lazily_and_once_in_order(scene):
    frames, truth = scene
    pictures, mattes = Counted(frames), Counted(truth)
    calm = stabilize(pictures, mattes)
    assert not pictures.read
    assert len(calm) == len(frames)
    _ = calm[0]
    assert max(mattes.read) == 3
    for at in range(1, len(frames)):
        _ = calm[at]
    assert sorted(mattes.read) == list(range(len(frames)))
    assert sorted(pictures.read) == list(range(len(frames)))


def test_result_does_not_depend_on_the_order_of_reading(scene):
    frames, truth = scene
    shaken = motion.jittered(truth)
    after_others = [stabilize(frames, shaken)[at] for at in (2, 5)]
    straight = stabilize(frames, shaken)
    np.testing.assert_array_equal(straight[5], after_others[1])
    np.testing.assert_array_equal(straight[2], after_others[0])


@pytest.mark.parametrize(
    ("options", "words"),
    [({"radius": -1}, "radius is -1"), ({"strength": 1.5}, "strength is 1.5"), ({}, "9 frames")],
)
def test_invalid_stabilize_arguments_are_errors(scene, options, words):
    frames, truth = scene
    with pytest.raises(ValueError, match=words):
        stabilize(frames, truth if options else truth[:3], **options)
