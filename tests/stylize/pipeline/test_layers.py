"""Several layers over one clip, the whole way through; paint and propagation cost nothing."""

from __future__ import annotations

import json

import numpy as np
import pytest

from stylize import stylize_clip
from stylize.api.composite import composite_project
from stylize.api.keys import list_keys
from stylize.errors import MediaError, UsageError
from stylize.media import open_clip, read_image, write_image
from stylize.pipeline.request import RunRequest
from stylize.pipeline.run import paint_request
from stylize.pipeline.status import dry_run
from stylize.report.run_report import write_report
from tests.stylize import fakes
from tests.stylize.world import texture


def write_mattes(folder, left, right, frames=range(10), value=255):
    for index in range(10):
        matte = np.zeros((48, 64, 1), np.uint8)
        if index in frames:
            matte[8:40, left:right] = value
        write_image(folder / f"{index:04d}.png", matte, durable=False)


LAYERS = """
[[layers]]
name = "left"
style = "../style.png"
matte = "../left"
[[layers]]
name = "right"
style = "../other.png"
matte = "../right"
"""


@pytest.fixture
def project(world, rng):
    """Two subjects, side by side, in two styles; the right one is there from frame 3 to frame 8."""
    write_image(world.root / "other.png", texture(rng, 24, 24))
    write_mattes(world.root / "left", 0, 20)
    write_mattes(world.root / "right", 40, 64, range(3, 9))
    root = world.root / "frames.stylize"
    root.mkdir()
    (root / "stylize.toml").write_text(LAYERS)
    return root


def run(world, **choices):
    choices = {"renderer": "fake", "output": world.root / "out", "overwrite": True, **choices}
    return stylize_clip(choices.pop("clip", world.frames), choices.pop("style", ()), **choices)


def pictures(folder):
    return {path.name: read_image(path) for path in sorted(folder.iterdir())}


def test_two_subjects_in_two_styles_and_the_plate_between_them(world, project):
    result = run(world)
    assert result.frames == 10
    out = pictures(world.root / "out")
    with open_clip(world.frames) as clip:
        for index, frame in enumerate(clip):
            made = out[f"{index:04d}.png"]
            np.testing.assert_array_equal(made[:, 20:40], frame[:, 20:40])
            np.testing.assert_array_equal(made[:8], frame[:8])
            assert (made[8:40, :20] != frame[8:40, :20]).mean() > 0.9
            changed = (made[:, 40:] != frame[:, 40:]).mean()
            assert changed > 0.6 if 3 <= index < 9 else changed == 0
    for name in ("left", "right"):
        own = project / "stack" / name
        assert {"project.json", "keyframes.toml", "keys", "layers"} <= {path.name for path in own.iterdir()}
        keys = list_keys(own).keys
        for key in keys:
            painted = read_image(own / "keys" / f"{key.frame:04d}.png")
            span = slice(0, 20) if name == "left" else slice(40, 64)
            np.testing.assert_array_equal(painted[8:40, span], out[f"{key.frame:04d}.png"][8:40, span])
        assert all(3 <= key.frame < 9 for key in keys) or name == "left"
    assert (project / "report" / "index.html").exists()
    facts = json.loads((project / "report" / "run.json").read_text())
    assert {key["layer"] for key in facts["keys"]} == {"left", "right"}
    assert [layer["name"] for layer in facts["recipe"]["layers"]] == ["left", "right"]


def test_the_same_again_does_nothing_and_a_changed_layer_only_its_own(world, project):
    run(world)
    before = {path: path.stat().st_mtime_ns for path in (world.root / "out").iterdir()}
    fakes.PAINTED.clear()
    fakes.CARRIED.clear()
    run(world)
    assert (fakes.PAINTED, fakes.CARRIED) == ([], [])
    assert {path: path.stat().st_mtime_ns for path in (world.root / "out").iterdir()} == before
    write_image(world.root / "other.png", np.full((24, 24, 3), 9, np.uint8))
    run(world)
    assert len(fakes.CARRIED) == 6  # the right one's
    fakes.PAINTED.clear()
    fakes.CARRIED.clear()
    (project / "stylize.toml").write_text(LAYERS + 'blend = "screen"\nstrength = 0.5\n')
    run(world)  # only laid over anew
    assert (fakes.PAINTED, fakes.CARRIED) == ([], [])
    assert {path: path.stat().st_mtime_ns for path in (world.root / "out").iterdir()} != before


def test_a_changed_matte_redoes_the_spans_that_show_it(world, project):
    only = {"propagate.distant_keys": 0, "select.max_gap": 3, "propagate.fill_threshold": 0.0}
    run(world, settings=only)
    keys = [key.frame for key in list_keys(project / "stack" / "left").keys]
    changed = read_image(world.root / "left" / "0009.png")
    changed[20, 5] = 100
    write_image(world.root / "left" / "0009.png", changed)
    fakes.PAINTED.clear()
    fakes.CARRIED.clear()
    run(world, settings=only)
    last = max(key for key in keys)
    assert 0 < len(fakes.CARRIED) <= 10 - last
    assert len(fakes.PAINTED) <= (1 if last == 9 else 0)


def test_a_layer_is_a_project_of_its_own(world, project):
    run(world)
    own = project / "stack" / "right"
    fakes.PAINTED.clear()
    notes = paint_request(RunRequest(own))
    assert fakes.PAINTED == []
    assert {note["frame"] for note in notes} == {key.frame for key in list_keys(own).keys}
    result = stylize_clip(own, output=world.root / "alone")
    assert fakes.PAINTED == []
    made = read_image(world.root / "alone" / "0004.png")
    np.testing.assert_array_equal(made[:, :40], read_image(world.frames / "0004.png")[:, :40])
    np.testing.assert_array_equal(made[:, 40:], read_image(world.root / "out" / "0004.png")[:, 40:])
    assert set(result.keys) <= set(range(3, 9))
    assert write_report(_project(own)).exists()


def _project(root):
    from stylize.project.project import Project

    return Project.open(root)


def test_a_hand_edit_of_a_key_stays_and_is_carried(world, project):
    run(world)
    own = project / "stack" / "left"
    key = list_keys(own).keys[0].frame
    path = own / "keys" / f"{key:04d}.png"
    write_image(path, np.full((48, 64, 3), 50, np.uint8))
    fakes.PAINTED.clear()
    run(world)
    assert fakes.PAINTED == []
    made = read_image(world.root / "out" / f"{key:04d}.png")
    np.testing.assert_array_equal(made[8:40, :20], 50)
    np.testing.assert_array_equal(made[:, 20:40], read_image(world.frames / f"{key:04d}.png")[:, 20:40])


@pytest.mark.parametrize(("strength", "same_as"), [("0: 2", "1"), ("0: -1", "0"), ("0: 2, 9: 3", "0: 1, 9: 1")])
def test_layer_strength_is_clamped_to_0_and_1(world, project, strength, same_as):
    write_mattes(world.root / "left", 0, 20, value=128)  # half a matte shows a strength of 2, a full one does not
    found = []
    for text in (strength, same_as):
        (project / "stylize.toml").write_text(LAYERS.replace('"../left"', f'"../left"\nstrength = "{text}"'))
        run(world)
        found.append(pictures(world.root / "out"))
    for name, image in found[0].items():
        np.testing.assert_array_equal(image, found[1][name])


def test_dry_run_tells_every_layer_and_writes_nothing(world, project):
    run(world)
    before = set(project.rglob("*"))
    steps = dry_run(RunRequest(world.frames, output=world.root / "out", renderer="fake"))
    assert set(project.rglob("*")) == before
    carried = [step.detail for step in steps if step.name == "propagate"]
    assert carried == ["left: 10 of 10 frames finished", "right: 6 of 6 frames finished"]
    assert {step.state for step in steps if step.name in ("paint", "propagate")} == {"cached"}


def test_a_range_of_what_is_finished_has_the_edges_of_the_run(world, project):
    for index in range(10):
        right = 20 + 3 * (index % 2)  # chatters
        matte = np.zeros((48, 64, 1), np.uint8)
        matte[8:40, :right] = 255
        write_image(world.root / "left" / f"{index:04d}.png", matte, durable=False)
    run(world)
    composite_project(project, world.root / "part", start=3, end=7)
    whole, part = pictures(world.root / "out"), pictures(world.root / "part")
    assert len(part) == 4
    for name, picture in part.items():
        np.testing.assert_array_equal(picture, whole[name])


def test_holdout_strength_map_and_exclusive(world, project):
    write_mattes(world.root / "right", 10, 64)
    ramp = np.zeros((48, 64, 1), np.uint8)
    ramp[24:] = 255
    for index in range(10):
        write_image(world.root / "fade" / f"{index:04d}.png", ramp, durable=False)
    extra = 'holdout = "left"\nstrength_map = "../fade"\n'
    (project / "stylize.toml").write_text(LAYERS + extra)
    run(world)
    with open_clip(world.frames) as clip:
        for index, frame in enumerate(clip):
            made = read_image(world.root / "out" / f"{index:04d}.png")
            np.testing.assert_array_equal(made[:24, 20:], frame[:24, 20:])  # the map is black there
            assert (made[24:40, 20:] != frame[24:40, 20:]).mean() > 0.9
        write_image(world.root / "fade" / "0003.png", ramp * 0, durable=False)
        job = RunRequest(world.frames, output=world.root / "out", renderer="fake")
        assert [step.name for step in dry_run(job) if step.state == "to do"] == ["write"]
        run(world)
        np.testing.assert_array_equal(read_image(world.root / "out" / "0003.png")[:, 20:], clip[3][:, 20:])
    (project / "stylize.toml").write_text(LAYERS)
    run(world, output=world.root / "over")
    changed = read_image(world.root / "out" / "0000.png") != read_image(world.root / "over" / "0000.png")
    assert changed[:, 10:20].any()  # held out: the left one stands in front


def test_a_stack_takes_no_style_of_its_own(world, project):
    with pytest.raises(UsageError, match="leave out --style, --keys and --matte"):
        run(world, style=world.style)
    with pytest.raises(UsageError, match=r"paint one of them: .*left"):
        paint_request(RunRequest(world.frames, renderer="fake"))


def test_a_mistake_in_a_layer_leaves_nothing_behind(world, project):
    (project / "stylize.toml").write_text(LAYERS.replace("../right", "../rigth"))
    before = set(world.root.rglob("*"))
    with pytest.raises(MediaError, match="rigth"):
        run(world)
    (project / "stylize.toml").write_text(LAYERS.replace("../other", "../otter"))
    with pytest.raises(UsageError, match="does not exist"):
        run(world)
    assert set(world.root.rglob("*")) == before


def test_an_empty_matte_changes_nothing(world):
    write_mattes(world.root / "none", 0, 0)
    result = run(world, style=world.style, matte=world.root / "none")
    assert (result.keys, fakes.PAINTED, fakes.CARRIED) == ((), [], [])
    with open_clip(world.frames) as clip:
        for index, frame in enumerate(clip):
            np.testing.assert_array_equal(read_image(world.root / "out" / f"{index:04d}.png"), frame)


def test_outside_the_matte_deep_frames_stay_bit_for_bit(world):
    from tests.stylize.world import make_frames

    deep = make_frames(world.root / "deep", 10, depth=16)
    write_mattes(world.root / "half", 20, 50, value=128)
    run(world, clip=deep, style=world.style, matte=world.root / "half")
    with open_clip(deep) as clip:
        for index, frame in enumerate(clip):
            made = read_image(world.root / "out" / f"{index:04d}.png")
            assert made.dtype == np.uint16
            outside = np.ones((48, 64), bool)
            outside[8:40, 20:50] = False
            np.testing.assert_array_equal(made[outside], frame[outside])
            assert (made[~outside] != frame[~outside]).any()


def test_strength_runs_along_the_clip(world, project):
    (project / "stylize.toml").write_text(LAYERS.replace('"../left"\n', '"../left"\nstrength = "0: 0, 8: 1"\n'))
    run(world)
    (project / "stylize.toml").write_text(LAYERS)
    run(world, output=world.root / "full")
    for index in (0, 4, 8, 9):
        made, full, plate = (
            read_image(folder / f"{index:04d}.png")[8:40, :20].astype(int)
            for folder in (world.root / "out", world.root / "full", world.frames)
        )
        share = min(index / 8, 1)
        np.testing.assert_allclose(made, plate + share * (full - plate), atol=0.51)
