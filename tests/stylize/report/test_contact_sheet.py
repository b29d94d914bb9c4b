"""The contact sheet shows every key where it is, and says no to what it cannot draw."""

from __future__ import annotations

import numpy as np
import pytest

from keyframes import Key, Shot
from stylize.report.contact_sheet import contact_sheet, structural_similarity
from tests.synthetic import pan

BLUE = (104, 178, 235)


def frame_at(index):
    return np.full((36, 64, 3), (250, 4 * index, 10), np.uint8)


def sheet(keys, coverage=None, **options):
    coverage = np.linspace(1, 0.7, 40) if coverage is None else coverage
    return contact_sheet(frame_at, keys, coverage, [Shot(0, 25, "start"), Shot(25, 40)], **options)


def holds(picture, color):
    return bool((np.abs(picture.astype(int) - color).max(axis=-1) <= 1).any())


def test_keys_are_shown_with_their_frames():
    picture = sheet([Key(3, "first key", 0.5), Key(30, "new since 3", 0.4, "locked", "mind the hat")], title="a clip")
    assert picture.dtype == np.uint8
    assert picture.shape[1:] == (1600, 3)
    assert holds(picture, (250, 12, 10))
    assert holds(picture, (250, 120, 10))
    assert holds(picture, BLUE)
    assert holds(picture, (240, 137, 62))
    assert holds(picture, (250, 4 * 39, 10))  # the worst frame


def test_painted_keys_take_the_place_of_frames():
    painted = {3: np.full((72, 128, 4), 65535, np.uint16) // 2}
    picture = sheet([Key(3, "x", 0.5)], painted=painted)
    assert holds(picture, (127, 127, 127))
    assert not holds(picture, (250, 12, 10))


def test_structural_similarity_falls_with_lost_shapes_and_not_with_other_colors():
    frame = pan(1, (0.0, 0.0))[0]
    repainted = (frame[..., ::-1].astype(np.uint16) * 257)[::2, ::2]  # other colors, deep, half the size
    noise = np.random.default_rng(2).integers(0, 256, frame.shape, np.uint8)
    assert structural_similarity(frame, frame) == 1
    assert structural_similarity(repainted, frame) > 0.7
    assert structural_similarity(noise, frame) < 0.2
    assert structural_similarity(np.zeros_like(frame[:3, :3]), frame[:3, :3]) < 1  # below the window


def test_it_grows_with_the_keys_and_not_without_bound():
    few, many = sheet([Key(i, "x") for i in range(4)]), sheet([Key(i, "x" * 200) for i in range(40)])
    assert many.shape[0] > few.shape[0]
    short = contact_sheet(frame_at, [], [1.0], [Shot(0, 1, "start")], width=640)
    assert short.shape[1] == 640


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda: sheet([], width=100), "width is 100"),
        (lambda: sheet([Key(40, "x")]), "frame 40 is outside"),
        (lambda: contact_sheet(frame_at, [], [1.0], [Shot(0, 2)]), "frame 2 is outside"),
    ],
)
def test_bad_input_is_named(call, what):
    with pytest.raises(ValueError, match=what):
        call()
