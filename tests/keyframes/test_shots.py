"""Cuts, dissolves and fades are found; flashes, flicker, grain, shake and motion are none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from keyframes.model import Shot
from keyframes.options import ShotOptions
from keyframes.scene_csv import parse_scene_csv
from keyframes.shots import detect_shots, shots_from_scores
from tests import synthetic


def starts(frames, options=None):
    return [shot.start for shot in detect_shots(frames, options).shots]


@pytest.mark.parametrize("seed", range(6))
def test_a_cut_is_found_where_it_is(seed):
    at = 9 + seed
    frames = synthetic.cut(synthetic.pan(at, seed=seed), synthetic.pan(14, (-1.0, 0.7), seed=seed + 50))
    assert starts(frames) == [0, at]
    disturbed = synthetic.noise(synthetic.flicker(synthetic.flash(frames, [4, at + 5]), seed=seed), seed=seed)
    assert starts(disturbed) == [0, at]


@pytest.mark.parametrize(
    "frames",
    [
        synthetic.still(20),
        synthetic.pan(24, (6.0, 1.0)),
        synthetic.zoom(24, 1.04),
        synthetic.shake(24, 4.0),
        synthetic.flash(synthetic.pan(24), [5, 11, 12, 18]),
        synthetic.flicker(synthetic.pan(24), 0.12),
        synthetic.noise(synthetic.pan(24), 12.0),
        synthetic.occluder(30, 8, 20),
        synthetic.reveal(24, 8),
    ],
    ids=["still", "pan", "zoom", "shake", "flashes", "flicker", "grain", "occluder", "reveal"],
)
def test_nothing_is_invented(frames):
    assert starts(frames) == [0]


@pytest.mark.parametrize("length", [6, 12, 20])
def test_a_dissolve_is_found_near_its_middle(length):
    frames = synthetic.dissolve(synthetic.pan(40, (0.7, 0.0), seed=1), synthetic.pan(40, (0.4, 0.3), seed=60), length)
    shots = detect_shots(frames).shots
    assert [shot.begins for shot in shots] == ["start", "dissolve"]
    assert abs(shots[1].start - (40 - length / 2)) <= max(3, length / 4)


def test_a_fade_through_black_is_one_boundary_in_the_black():
    frames = synthetic.fade(synthetic.pan(40, seed=1), synthetic.pan(40, seed=60), 10, black=4)
    shots = detect_shots(frames).shots
    assert [shot.begins for shot in shots] == ["start", "fade"]
    assert 38 <= shots[1].start <= 46


def test_a_dissolve_names_its_mixed_frames_and_shares_them():
    frames = synthetic.dissolve(synthetic.pan(40, (0.7, 0.0), seed=1), synthetic.pan(40, (0.4, 0.3), seed=60), 12)
    before, after = detect_shots(frames).shots
    assert abs(before.stop - before.fade_out - 28) <= 3
    assert abs(after.start + after.fade_in - 40) <= 3
    assert before.clear.stop == before.stop - before.fade_out
    assert after.clear.start == after.start + after.fade_in


def test_long_dissolves_between_still_pictures_are_found():
    frames = synthetic.dissolve(synthetic.still(70, seed=1), synthetic.still(70, seed=61), 44)
    assert [shot.begins for shot in detect_shots(frames).shots] == ["start", "dissolve"]


@pytest.mark.parametrize("length", [6, 12, 24])
def test_a_fade_names_its_dark_frames(length):
    frames = synthetic.fade(synthetic.pan(60, seed=1), synthetic.pan(60, seed=60), length, black=3)
    before, after = detect_shots(frames).shots
    assert after.begins == "fade"
    assert abs(before.stop - before.fade_out - (60 - length)) <= 2
    assert abs(after.start + after.fade_in - (63 + length)) <= 2


def test_a_clip_that_comes_up_from_black_is_one_shot_with_a_fade():
    frames = [(f * min(t / 10, 1)).astype(np.uint8) for t, f in enumerate(synthetic.pan(40))]
    (up,) = detect_shots(frames).shots
    (down,) = detect_shots(frames[::-1]).shots
    assert 8 <= up.fade_in <= 12
    assert up.fade_out == 0
    assert 8 <= down.fade_out <= 12


def test_a_part_of_a_shot_keeps_what_of_its_mixed_frames_is_in_it():
    shot = Shot(10, 50, "dissolve", 8, 6)
    assert shot.within(12, 100) == Shot(12, 50, "dissolve", 6, 6)
    assert shot.within(20, 40) == Shot(20, 40, "dissolve", 0, 0)
    assert shot.within(0, 47) == Shot(10, 47, "dissolve", 8, 3)
    assert Shot(0, 5, "cut", 3, 3).clear == range(5)
    assert shot.moved(-10) == Shot(0, 40, "dissolve", 8, 6)


def test_scores_are_enough_to_try_other_options():
    frames = synthetic.cut(synthetic.pan(10, seed=1), synthetic.pan(10, seed=2))
    found = detect_shots(frames)
    assert shots_from_scores(found.scores) == found.shots
    assert shots_from_scores(found.scores, ShotOptions(cut=1.0)) == (Shot(0, 20, "start"),)
    assert found.boundary[10] > 0.7
    assert np.delete(found.boundary, 10).max() < 0.3


def test_shots_cover_the_clip_and_short_ones_are_joined():
    frames = [f for seed in range(6) for f in synthetic.still(3, seed=seed)]
    shots = detect_shots(frames, ShotOptions(min_length=5)).shots
    assert shots[0].start == 0
    assert shots[-1].stop == 18
    assert all(a.stop == b.start for a, b in itertools.pairwise(shots))
    assert min(shot.stop - shot.start for shot in shots) >= 5


@pytest.mark.parametrize("count", [1, 2, 3])
def test_very_short_clips_are_one_shot(count):
    assert detect_shots(synthetic.pan(count)).shots == (Shot(0, count, "start"),)


def test_tiny_and_deep_frames_are_taken():
    assert len(detect_shots([np.zeros((1, 1, 3), np.uint8)] * 3).shots) == 1
    deep = [f.astype(np.uint16) * 257 for f in synthetic.cut(synthetic.still(8, seed=1), synthetic.still(8, seed=2))]
    assert starts(deep) == [0, 8]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="no frame"):
        detect_shots([])
    with pytest.raises(ValueError, match="frame 0"):
        detect_shots([np.zeros((4, 4), np.uint8)])
    with pytest.raises(ValueError, match="expected \\(frames"):
        shots_from_scores(np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match="invalid cut 0"):
        ShotOptions(cut=0)


SCENES = """Timecode List:,00:00:02.000
Scene Number,Start Frame,Start Timecode,Start Time (seconds),End Frame,End Timecode
1,1,00:00:00.000,0.000,50,00:00:02.000
2,51,00:00:02.000,2.000,90,00:00:03.600
"""


def test_a_scene_list_is_read():
    assert parse_scene_csv(SCENES) == [Shot(0, 50, "start"), Shot(50, 90, "cut")]
    assert parse_scene_csv(SCENES.split("\n", 1)[1]) == [Shot(0, 50, "start"), Shot(50, 90, "cut")]


def test_scene_lists_of_other_versions_and_programs_are_read():
    old = "Scene Number,Start Frame,End Frame\n1,0,50\n2,50,90\n"  # counted from 0, ends left out
    assert parse_scene_csv(old) == parse_scene_csv(SCENES)
    for comma in (";", "\t"):
        assert parse_scene_csv(SCENES.replace(",", comma)) == parse_scene_csv(SCENES)
    assert parse_scene_csv("\ufeff" + SCENES.replace("\n", "\r\n").lower()) == parse_scene_csv(SCENES)
    assert parse_scene_csv(SCENES, 91)[-1] == Shot(50, 91, "cut")
    with pytest.raises(ValueError, match="ends after 90 frames, but the clip has 95"):
        parse_scene_csv(SCENES, 95)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "no columns"),
        (SCENES[: SCENES.index("1,1,")], "holds no scenes"),
        (SCENES.replace("51", "60"), "line 4"),
        (SCENES.replace(",90,", ",x,"), "line 4"),
    ],
)
def test_a_bad_scene_list_is_named(text, what):
    with pytest.raises(ValueError, match=what):
        parse_scene_csv(text)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(50))
def test_every_cut_and_none_besides(seed):
    at = 8 + seed % 9
    frames = synthetic.cut(synthetic.pan(at, seed=seed), synthetic.pan(16, (-1.0, 0.6), seed=seed + 500))
    assert starts(frames) == [0, at]
    disturbed = synthetic.flicker(synthetic.flash(frames, [3, at + 5]), seed=seed)
    assert starts(synthetic.noise(disturbed, seed=seed)) == [0, at]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("stray", [1, 2])
def test_frames_of_another_shot_left_at_an_end_are_a_shot(seed, stray):
    frames, other = synthetic.pan(16, seed=seed), synthetic.pan(stray, seed=seed + 40)
    assert [shot.start for shot in detect_shots([*frames, *other]).shots] == [0, 16]
    assert [shot.start for shot in detect_shots([*other, *frames]).shots] == [0, stray]
    noisy = synthetic.noise(synthetic.flicker([*frames, *other], seed=seed), seed=seed)
    assert [shot.start for shot in detect_shots(noisy).shots] == [0, 16]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("at", [0, 15])
def test_a_flash_or_a_black_frame_at_an_end_is_no_shot(seed, at):
    frames = synthetic.pan(16, seed=seed)
    black = [np.zeros_like(f) if t == at else f for t, f in enumerate(frames)]
    for clip in (synthetic.flash(frames, [at]), synthetic.flash(frames, [at], strength=1.0), black):
        assert [shot.start for shot in detect_shots(clip).shots] == [0]


@pytest.mark.parametrize("seed", [31, 32, 33])
@pytest.mark.parametrize("kind", ["fire", "crowd", "strobe", "whip_pan", "sport"])
def test_new_content_in_every_frame_is_no_cut(kind, seed):
    make = getattr(synthetic, kind)
    assert starts(make(seed=seed) if kind == "whip_pan" else make(40, seed=seed)) == [0]


@pytest.mark.parametrize("kind", ["fire", "crowd", "sport"])
def test_a_cut_out_of_unrest_is_found(kind):
    frames = getattr(synthetic, kind)(16, seed=41)
    assert starts([*frames, *synthetic.pan(16, seed=42)]) == [0, 16]


def test_a_jump_cut_within_one_scene_is_found():
    frames = synthetic.pan(60, (4.0, 0.0), seed=43)
    assert starts([*frames[:14], *frames[40:54]]) == [0, 14]


@pytest.mark.parametrize("size", [(20, 96), (96, 20), (1, 96), (7, 5), (272, 1280)])
def test_narrow_and_tiny_frames_are_measured(size):
    frames = [synthetic.texture(seed, size) for seed in (1, 1, 1, 1, 1, 9, 9, 9, 9, 9)]
    assert starts(frames)[0] == 0
