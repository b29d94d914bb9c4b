"""The whole way through, with a painter and a propagation that cost nothing (see tests/stylize/fakes.py)."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import propagate
from stylize import stylize_clip
from stylize.errors import DeviceError, MediaError, ModelError, UsageError
from stylize.media import open_clip, probe, read_image, write_image
from stylize.pipeline.request import RunRequest
from stylize.pipeline.run import paint_request
from stylize.pipeline.status import dry_run
from tests.stylize import fakes
from tests.stylize.world import make_frames


def run(world, **choices):
    choices = {"renderer": "fake", "output": world.root / "out", "overwrite": True, **choices}
    return stylize_clip(choices.pop("clip", world.frames), choices.pop("style", world.style), **choices)


def pictures(folder):
    return {path.name: path.read_bytes() for path in sorted(Path(folder).iterdir())}


def test_stylize_clip_runs_end_to_end(world):
    result = run(world)
    assert result.frames == 10
    assert result.renderer == "fake"
    assert len(result.keys) >= 2
    assert {"shots", "analysis", "keys", "paint", "propagate", "write", "report", "total"} <= set(result.seconds)
    assert sorted(pictures(world.root / "out")) == [f"{i:04d}.png" for i in range(10)]
    project = world.root / "frames.stylize"
    assert {"project.json", "keyframes.toml", "keys", "layers", "report", "logs"} <= {p.name for p in project.iterdir()}
    for key in result.keys:
        painted = project / "keys" / f"{key:04d}.png"
        np.testing.assert_array_equal(read_image(painted), read_image(world.root / "out" / f"{key:04d}.png"))
        assert json.loads(painted.with_suffix(".json").read_text())["renderer"] == "fake"


def test_every_shot_has_a_key_and_nothing_crosses_the_cut(world):
    result = run(world)
    assert any(key < 6 for key in result.keys)
    assert any(key >= 6 for key in result.keys)


def test_the_same_again_does_nothing(world):
    first = run(world)
    before, stamp = pictures(world.root / "out"), (world.root / "out" / "0000.png").stat().st_mtime_ns
    fakes.PAINTED.clear()
    fakes.CARRIED.clear()
    second = run(world)
    assert second.keys == first.keys
    assert (fakes.PAINTED, fakes.CARRIED) == ([], [])
    assert pictures(world.root / "out") == before
    assert (world.root / "out" / "0000.png").stat().st_mtime_ns == stamp


def test_an_output_that_somebody_changed_is_written_again(world):
    run(world)
    target = world.root / "out" / "0003.png"
    good = target.read_bytes()
    write_image(target, np.zeros((48, 64, 3), np.uint8))
    run(world)
    assert target.read_bytes() == good


def test_another_style_paints_again_and_another_seed_too(world):
    run(world)
    painted = len(fakes.PAINTED)
    write_image(world.style, np.full((20, 20, 3), 3, np.uint8))
    run(world)
    assert len(fakes.PAINTED) == 2 * painted
    run(world, settings={"synthesis.seed": 4})
    assert len(fakes.PAINTED) == 3 * painted


def test_a_key_painted_over_is_kept_and_only_its_shot_is_carried_again(world):
    keys = run(world).keys
    late = next(key for key in keys if key >= 6)
    mine = np.full((48, 64, 3), 77, np.uint8)
    path = world.root / "frames.stylize" / "keys" / f"{late:04d}.png"
    write_image(path, mine)
    fakes.PAINTED.clear()
    fakes.CARRIED.clear()
    run(world)
    assert fakes.PAINTED == []
    assert len(fakes.CARRIED) == 4
    np.testing.assert_array_equal(read_image(path), mine)
    np.testing.assert_array_equal(read_image(world.root / "out" / f"{late:04d}.png"), mine)


def test_an_override_is_an_input(world):
    keys = run(world).keys
    mine = np.full((48, 64, 3), 99, np.uint8)
    override = world.root / "frames.stylize" / "overrides" / f"{keys[0]:04d}.png"
    write_image(override, mine)
    before = override.read_bytes()
    fakes.PAINTED.clear()
    run(world, settings={"synthesis.seed": 9})
    assert len(fakes.PAINTED) == len(keys) - 1
    assert override.read_bytes() == before
    np.testing.assert_array_equal(read_image(world.root / "out" / f"{keys[0]:04d}.png"), mine)


def test_a_key_added_by_hand_leaves_the_others_as_they_are(world):
    from keyframes import edits
    from stylize.api.keys import change_plan

    keys = run(world).keys
    free = next(frame for frame in range(6) if frame not in keys)
    change_plan(world.frames, lambda plan: edits.add(plan, free))
    fakes.PAINTED.clear()
    assert set(run(world).keys) == {*keys, free}
    assert len(fakes.PAINTED) == 1


def test_a_key_taken_out_by_hand_stays_out(world):
    from keyframes import edits
    from stylize.api.keys import change_plan, list_keys

    keys = run(world).keys
    gone = next(key for key in keys if key < 6)
    change_plan(world.frames, lambda plan: edits.remove(plan, gone))
    assert gone not in run(world).keys
    listing = list_keys(world.frames)
    assert gone in listing.banned
    assert listing.shots == ((0, 6), (6, 10))
    assert 0 < listing.coverage <= 1


def test_comments_in_the_plan_survive(world):
    run(world)
    plan = world.root / "frames.stylize" / "keyframes.toml"
    plan.write_text(plan.read_text() + "\n# ask Ida about the hat\n")
    run(world, settings={"select.max_gap": 2})
    assert "# ask Ida about the hat" in plan.read_text()


def test_max_keys_is_for_the_whole_clip(world):
    assert len(run(world, settings={"select.max_gap": 1, "select.max_keys": 4}).keys) <= 4
    with pytest.raises(UsageError, match="--max-keys 1 is too few: each of the 2 shots needs a key"):
        run(world, settings={"select.max_keys": 1})


def test_max_keys_counts_the_keys_set_by_hand_too(world):
    from keyframes import edits
    from stylize.api.keys import change_plan

    run(world)
    change_plan(world.frames, lambda plan: edits.lock(edits.lock(plan, 1), 4))
    lively = {"select.max_gap": 1, "select.max_keys": 3}
    keys = run(world, settings=lively).keys
    assert len(keys) == 3
    assert {1, 4} <= set(keys)


def test_keys_painted_by_hand_are_carried_and_nothing_is_painted(world):
    folder = world.keys("0001.png", "7.png")
    result = run(world, style=(), keys=folder, renderer=None)
    assert (result.keys, result.renderer, fakes.PAINTED) == ((1, 7), "files", [])
    np.testing.assert_array_equal(read_image(world.root / "out" / "0007.png"), read_image(folder / "7.png"))


def test_shot_without_key_is_refused_before_work(world):
    with pytest.raises(MediaError, match=r"no painted key for the shot of frames 0006 to 0009; paint one of them"):
        run(world, style=(), keys=world.keys("0001.png"), renderer=None)
    assert fakes.CARRIED == []


def test_the_project_remembers_style_and_renderer(world):
    run(world)
    again = stylize_clip(world.root / "frames.stylize", output=world.root / "out", overwrite=True)
    assert again.renderer == "fake"


def test_a_range_works_on_the_same_project_and_keeps_the_rest(world):
    whole = run(world)
    part = run(world, start=1, end="4", output=world.root / "part")
    assert part.frames == 3
    assert sorted(pictures(world.root / "part")) == ["0001.png", "0002.png", "0003.png"]
    assert {key for key in whole.keys if key >= 6} <= {key.frame for key in _plan(world).keys}


def _plan(world):
    from stylize.api.keys import list_keys

    return list_keys(world.frames)


def test_sixteen_bits_go_through(world):
    frames = make_frames(world.root / "deep", 5, depth=16)
    run(world, clip=frames)
    image = read_image(world.root / "out" / "0001.png")
    assert image.dtype == np.uint16
    assert (image % 257 != 0).mean() > 0.9  # eight bits, widened, are multiples of 257


def test_a_video_comes_back_with_its_frames_and_times(world):
    clip = world.video()
    run(world, clip=clip, output=world.root / "o.mp4")
    a, b = probe(clip), probe(world.root / "o.mp4")
    assert (a.count, a.rate, a.width, a.height) == (b.count, b.rate, b.width, b.height)


def test_images_at_another_rate_are_written_again_and_not_painted_again(world):
    out = world.root / "o.mp4"
    run(world, output=out, settings={"clip.rate": 25})
    assert probe(out).rate == 25
    fakes.PAINTED.clear()
    run(world, output=out, settings={"clip.rate": "23.976"})
    assert probe(out).rate == Fraction(24000, 1001)
    assert not fakes.PAINTED


def test_the_recipe_is_in_the_output(world):
    import av

    clip = world.video()
    run(world, clip=clip, output=world.root / "o.mp4")
    with av.open(str(world.root / "o.mp4")) as file:
        recipe = json.loads(file.metadata["comment"])
    assert recipe["renderer"] == "fake"
    assert recipe["settings"]["select"]["coverage"] > 0
    run(world, clip=clip, output=world.root / "o.mp4", settings={"output.metadata": False})
    with av.open(str(world.root / "o.mp4")) as file:
        assert "comment" not in file.metadata


def test_default_output_is_in_the_project_and_is_overwritten_by_its_own_run(world):
    result = run(world, output=None, overwrite=False)
    assert result.output == world.root / "frames.stylize" / "out" / "frames"
    assert run(world, output=None, overwrite=False, settings={"synthesis.seed": 1}).output == result.output
    write_image(result.output / "0000.png", np.zeros((48, 64, 3), np.uint8))
    with pytest.raises(UsageError, match="-y"):
        run(world, output=None, overwrite=False)


def test_a_matte_keeps_the_clip_outside(world):
    for index in range(10):
        matte = np.zeros((48, 64, 1), np.uint8)
        matte[:, 32:] = 255
        write_image(world.root / "matte" / f"{index:04d}.png", matte, durable=False)
    every = {"select.max_gap": 1}  # so that both have the same keys
    run(world, matte=world.root / "matte", output=world.root / "a", settings=every)
    run(world, output=world.root / "b", settings=every)
    with open_clip(world.frames) as clip:
        for index in range(10):
            a, b = (read_image(world.root / side / f"{index:04d}.png") for side in "ab")
            np.testing.assert_array_equal(a[:, :32], clip[index][:, :32])
            np.testing.assert_array_equal(a[:, 32:], b[:, 32:])


def test_settings_shape_the_matte_and_the_next_run_knows_it(world):
    left = np.zeros((48, 64, 1), np.uint8)
    left[:, :32] = 255
    write_image(world.root / "left.png", left, durable=False)
    write_image(world.root / "none.png", np.zeros_like(left), durable=False)
    spec = f"{world.root / 'left.png'} - {world.root / 'none.png'}:luma"
    run(world, matte=spec, settings={"matte.invert": True, "matte.choke": -4.0})
    with open_clip(world.frames) as clip:
        painted = (read_image(world.root / "out" / "0003.png") != clip[3]).any(axis=(0, 2))
    assert not painted[:34].any()
    assert painted[38:].all()
    first = pictures(world.root / "out")
    run(world, style=(), settings={"matte.invert": True, "matte.choke": -4.0})
    assert pictures(world.root / "out") == first


def test_progress_reports_every_stage_to_its_end(world):
    seen = {}
    run(world, on_progress=lambda stage, share: seen.update({stage: share}))
    assert list(seen) == ["shots", "analysis", "keys", "paint", "propagate", "write", "report"]
    assert set(seen.values()) == {1.0}


def test_dry_run_writes_nothing_and_says_what_is_there(world):
    job = RunRequest(world.frames, (world.style,), world.root / "out", renderer="fake")
    steps = {step.name: step for step in dry_run(job)}
    assert not (world.root / "frames.stylize").exists()
    assert {steps[name].state for name in ("shots", "paint", "propagate", "write")} == {"to do"}
    run(world)
    steps = {step.name: step for step in dry_run(job)}
    made = ("shots", "analysis", "keys", "paint", "propagate", "write")
    assert {steps[name].state for name in made} == {"cached"}
    assert steps["propagate"].detail == "10 of 10 frames finished"
    next((world.root / "out").glob("*.png")).unlink()
    assert dry_run(job)[-1].state == "to do"


def test_painting_only_one_key(world):
    notes = paint_request(RunRequest(world.frames, (world.style,), renderer="fake"), only=None)
    frames = [note["frame"] for note in notes]
    assert len(fakes.PAINTED) == len(frames)
    late = frames[-1]
    (world.root / "frames.stylize" / "keys" / f"{late:04d}.png").unlink()
    shutil.rmtree(world.root / "frames.stylize" / "takes" / f"{late:04d}")
    assert [n["frame"] for n in paint_request(RunRequest(world.frames, (world.style,), renderer="fake"), only=late)]
    assert len(fakes.PAINTED) == len(frames) + 1
    free = next(frame for frame in range(10) if frame not in frames)
    with pytest.raises(UsageError, match=f"frame {free} is not a key; make it one with: stylize keys add"):
        paint_request(RunRequest(world.frames, (world.style,), renderer="fake"), only=free)


def test_sd_without_models_and_unknown_renderers(world):
    with pytest.raises(ModelError, match=r"stylize models fetch sd15.*--renderer patch"):
        run(world, renderer="sd")
    with pytest.raises(UsageError, match="did you mean 'patch'"):
        run(world, renderer="pach")
    with pytest.raises(UsageError, match="name an image with --style"):
        run(world, style=())
    assert not (world.root / "frames.stylize").exists()


@pytest.mark.parametrize("failing", [0, 1, 5, 8])
def test_interrupted_run_resumes_to_the_same_result(world, monkeypatch, failing):
    """Broken after any number of carried frames, the next run ends with the very same files."""
    run(world, output=world.root / "undisturbed", project=world.root / "p1")

    def breaking(*args, **kwargs):
        for count, made in enumerate(fakes.fake_propagate(*args, **kwargs)):
            if count == failing % 4:
                raise DeviceError("the disk is full")
            yield made

    monkeypatch.setitem(vars(propagate), "propagate_keyframes", breaking)
    with pytest.raises(DeviceError):
        run(world, project=world.root / "p2")
    assert not (world.root / "out").exists()
    monkeypatch.setitem(vars(propagate), "propagate_keyframes", fakes.fake_propagate)
    fakes.PAINTED.clear()
    run(world, project=world.root / "p2")
    assert fakes.PAINTED == []
    assert pictures(world.root / "out") == pictures(world.root / "undisturbed")


PROGRAM = """
import sys, time
from pathlib import Path
import propagate
from stylize import stylize_clip
from stylize.render import consistency, register_renderer
from tests.stylize import fakes

class Slow(fakes.FakeRenderer):
    def paint(self, *args, **kwargs):
        time.sleep(0.02)
        return super().paint(*args, **kwargs)

def slow(*args, **kwargs):
    for made in fakes.fake_propagate(*args, **kwargs):
        time.sleep(0.02)
        yield made

consistency.anchors_for = lambda *_: []
register_renderer("fake", Slow)
vars(propagate)["propagate_keyframes"] = slow
print("ready", flush=True)
stylize_clip(sys.argv[1], sys.argv[2], sys.argv[3], renderer="fake", project=sys.argv[4], overwrite=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_killed_at_any_point_the_next_run_ends_the_same(world):
    arguments = [sys.executable, "-c", PROGRAM, str(world.frames), str(world.style)]
    quiet = {"cwd": Path(__file__).parents[3], "stdout": subprocess.PIPE, "env": {**os.environ}}
    subprocess.run([*arguments, str(world.root / "whole"), str(world.root / "p0")], check=True, **quiet)
    for turn in range(6):
        child = subprocess.Popen([*arguments, str(world.root / "o"), str(world.root / "p")], **quiet)
        assert child.stdout.readline() == b"ready\n"
        time.sleep(0.15 + 0.12 * turn)
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
    subprocess.run([*arguments, str(world.root / "o"), str(world.root / "p")], check=True, **quiet)
    assert pictures(world.root / "o") == pictures(world.root / "whole")
