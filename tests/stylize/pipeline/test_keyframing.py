"""Shots and keys of a project: where they come from, what steers them, and what is not looked at twice."""

from __future__ import annotations

import numpy as np
import pytest

from keyframes import SelectOptions, parse_plan
from stylize import stylize_clip
from stylize.api.keys import choose_keys, import_keys
from stylize.errors import UsageError
from stylize.media import open_clip, write_image
from stylize.media.clip import Clip
from tests import synthetic

SCENES = "Scene Number,Start Frame,End Frame\n1,1,4\n2,5,10\n"


def auto(world, settings=None, **job):
    return choose_keys(job.pop("clip", world.frames), settings=settings, **job)


def run(world, **choices):
    choices = {"renderer": "fake", "output": world.root / "out", "overwrite": True, **choices}
    return stylize_clip(world.frames, choices.pop("style", world.style), **choices)


def clip_of(folder, frames):
    for index, frame in enumerate(frames):
        write_image(folder / f"{index:04d}.png", frame, durable=False)
    return folder


@pytest.fixture
def scenes(world):
    path = world.root / "scenes.csv"
    path.write_text(SCENES)
    return path


def test_another_threshold_is_tried_without_reading_a_frame(world, monkeypatch):
    assert auto(world).shots == ((0, 6), (6, 10))
    read = []
    small = Clip.small
    monkeypatch.setattr(Clip, "small", lambda clip, *a: read.append(a) or small(clip, *a))
    assert auto(world).shots == ((0, 6), (6, 10))
    assert read == []
    assert auto(world, {"shots.cut": 1.0}).shots == ((0, 10),)
    assert {side for _, side in read} == {320}  # the joined shot is looked at, cuts are not sought again


def test_a_scene_list_says_where_the_shots_are_and_is_remembered(world, scenes):
    assert auto(world, scenes=scenes).shots == ((0, 4), (4, 10))
    assert auto(world).shots == ((0, 4), (4, 10))
    scenes.unlink()
    result = run(world)
    assert any(key < 4 for key in result.keys)
    assert parse_plan((world.root / "frames.stylize" / "keyframes.toml").read_text()).shots[0].stop == 4


def test_a_scene_list_goes_with_keys_painted_by_hand(world, scenes):
    keys = world.keys("0000.png", "0005.png")
    run(world, style=(), keys=keys, scenes=scenes, renderer=None)
    assert run(world, style=(), renderer=None).keys == (0, 5)  # with its cut after 6, 0006 on would have none


@pytest.mark.parametrize(
    ("text", "words"),
    [(SCENES.replace("10", "9000"), "ends after 9000 frames, but the clip has 10"),
     ("a,b\n1,2\n", "no columns"), (None, "No such file")],
)  # fmt: skip
def test_a_scene_list_that_does_not_fit(world, scenes, text, words):
    scenes.unlink() if text is None else scenes.write_text(text)
    with pytest.raises(UsageError, match=words):
        auto(world, scenes=scenes)


def test_a_scene_list_of_a_spreadsheet(world, scenes):
    scenes.write_bytes(SCENES.replace(",", "\t").encode("utf-16"))
    assert auto(world, scenes=scenes).shots == ((0, 4), (4, 10))


def test_shots_changed_by_hand_stay_over_many_runs(world, caplog):
    auto(world)
    plan = world.root / "frames.stylize" / "keyframes.toml"
    plan.write_text(plan.read_text().replace("stop = 6", "stop = 5").replace("start = 6", "start = 5"))
    for _ in range(3):
        assert auto(world).shots == ((0, 5), (5, 10))
    assert not caplog.records
    auto(world, {"shots.cut": 0.2})
    assert "set by hand" in caplog.text


def test_importing_into_a_fresh_project_does_not_hide_the_cuts(world):
    keys = world.keys("0000.png", "0008.png")
    import_keys(world.frames, keys)
    run(world)
    assert auto(world).shots == ((0, 6), (6, 10))


def test_no_key_is_in_a_dissolve(world):
    frames = synthetic.dissolve(synthetic.pan(26, (3.0, 0.0)), synthetic.pan(26, (-3.0, 0), seed=60), 12)
    clip = clip_of(world.root / "melt", frames)
    found = auto(world, {"select.max_keys": 8, "select.min_gain": 0.0, "select.coverage": 1.0}, clip=clip)
    assert len(found.shots) == 2
    assert len(found.keys) == 8
    assert not [key.frame for key in found.keys if 14 <= key.frame < 25]


def test_selection_is_weighted_by_matte_and_region(world):
    frames = synthetic.reveal(24, 10)
    clip = clip_of(world.root / "door", frames)
    veil = np.zeros((*frames[0].shape[:2], 3), np.uint8)
    veil[:, :60] = 255  # where nothing happens
    matte = clip_of(world.root / "matte", [veil] * 24)
    assert len(auto(world, clip=clip).keys) == 2
    assert len(auto(world, clip=clip, matte=matte).keys) == 1
    assert len(auto(world, {"select.roi": "0,0,35%,100%"}, clip=clip).keys) == 1
    assert len(auto(world, {"select.roi": "50%,0,50%,100%"}, clip=clip).keys) == 2
    with pytest.raises(UsageError, match="roi 900,0,5,5 is outside the frame of 160x90"):
        auto(world, {"select.roi": "900,0,5,5"}, clip=clip)


def test_changed_matte_selects_keys_again(world):
    run(world)
    plan = world.root / "frames.stylize" / "keyframes.toml"
    before = plan.read_text()
    on, off = np.full((48, 64, 3), 255, np.uint8), np.zeros((48, 64, 3), np.uint8)
    matte = clip_of(world.root / "matte", [on, off] * 5)
    run(world, matte=matte)
    assert plan.read_text() != before
    changed = plan.read_text()
    run(world, matte=matte)
    assert plan.read_text() == changed


def test_max_keys_and_keys_set_by_hand(world, caplog):
    auto(world)
    plan = world.root / "frames.stylize" / "keyframes.toml"
    plan.write_text(plan.read_text() + "".join(f"\n[[key]]\nframe = {f}\n" for f in (1, 2, 5)))
    found = auto(world, {"select.max_keys": 3, "select.max_gap": 1})
    assert {1, 2, 5} <= {key.frame for key in found.keys}
    assert "4 keys were set by hand" in caplog.text  # three, and one for the second shot
    assert len(found.keys) == 4
    assert len(auto(world, {"select.max_keys": 5, "select.max_gap": 1}).keys) <= 5


def test_region_is_saved_in_the_plan(world):
    auto(world, {"select.roi": "0,0,32,48"})
    text = (world.root / "frames.stylize" / "keyframes.toml").read_text()
    assert parse_plan(text).options == SelectOptions(roi="0,0,32,48")
    with open_clip(world.frames) as clip:
        assert len(clip) == 10
