"""A key's own settings, and its takes: every painting is kept, and any of them can stand again."""

from __future__ import annotations

import json

import numpy as np
import pytest

from keyframes.edits import choose_take, set_options
from stylize import stylize_clip
from stylize.errors import UsageError
from stylize.media import probe, read_image, write_image
from stylize.pipeline.request import RunRequest
from stylize.pipeline.run import paint_request
from stylize.pipeline.status import dry_run
from stylize.project.plan_file import read_plan, save_plan
from stylize.project.project import Project
from tests.stylize import fakes


@pytest.fixture
def painted(world):
    """A project with its keys painted by the fake renderer; its plan, and how to change and paint it."""
    paint_request(RunRequest(world.frames, (world.style,), renderer="fake"))
    return LayerResult(world)


class LayerResult:
    def __init__(self, world):
        self.world, self.info = world, probe(world.frames)
        self.project = Project.open(world.root / "frames.stylize", self.info)
        self.key = self.plan().keys[0].frame
        self.name = self.info.names[self.key]

    def plan(self):
        return read_plan(self.project, self.info)

    def change(self, edit, *arguments):
        with self.project.lock():
            before = self.plan()
            now = save_plan(self.project, edit(before, self.key, *arguments))
            self.project.keys.sync_to_plan(self.info.names, before, now)

    def paint(self):
        fakes.PAINTED.clear()
        paint_request(RunRequest(self.world.frames))
        return len(fakes.PAINTED)

    def image(self):
        return read_image(self.project.keys.manual_key(self.name) or self.project.keys.path(self.name))


def test_a_keys_own_settings_paint_that_key_only(painted):
    before = painted.image()
    painted.change(set_options, {"synthesis.seed": 5})
    assert [s.state for s in dry_run(RunRequest(painted.world.frames)) if s.name == "paint"].count("to do") == 1
    assert painted.paint() == 1
    np.testing.assert_array_equal(painted.image(), before + np.uint8(5))
    assert painted.project.keys.recipe(painted.name)["settings"] == {"synthesis.seed": 5}
    assert painted.paint() == 0
    stylize_clip(painted.world.frames, output=painted.world.root / "out", overwrite=True)
    written = read_image(painted.world.root / "out" / f"{painted.name}.png")
    np.testing.assert_array_equal(written, painted.image())


def test_every_painting_is_a_take_and_an_old_one_costs_nothing(painted):
    first = painted.image()
    painted.change(set_options, {"synthesis.seed": 5})
    painted.paint()
    takes = painted.project.keys.takes.of(painted.name)
    assert [take.number for take in takes] == [1, 2]
    assert takes[1].recipe["seed"] == 5
    assert "made" in takes[1].recipe
    painted.change(set_options, {})
    assert painted.paint() == 0
    np.testing.assert_array_equal(painted.image(), first)
    assert len(painted.project.keys.takes.of(painted.name)) == 2


def test_chosen_take_is_used_whatever_the_settings(painted):
    first = painted.image()
    painted.change(set_options, {"synthesis.seed": 5})
    painted.paint()
    second = painted.image()
    painted.change(choose_take, 1)
    np.testing.assert_array_equal(painted.image(), first)
    assert painted.plan().key_at(painted.key).settings == {"synthesis.seed": 5}
    assert painted.paint() == 0
    np.testing.assert_array_equal(painted.image(), first)
    painted.change(choose_take, 0)
    assert painted.paint() == 0
    np.testing.assert_array_equal(painted.image(), second)


def test_take_named_in_the_plan_file_is_used_by_the_next_run(painted):
    painted.change(set_options, {"synthesis.seed": 5})
    painted.paint()
    first = read_image(painted.project.keys.takes.of(painted.name)[0].path)
    path = painted.project.plan_path
    marker = f"frame = {painted.key}\n"
    path.write_text(path.read_text("utf-8").replace(marker, f"{marker}take = 1  # I liked it\n", 1), "utf-8")
    assert painted.paint() == 0
    np.testing.assert_array_equal(painted.image(), first)
    assert "# I liked it" in path.read_text("utf-8")


def test_a_take_that_is_not_there_is_named(painted):
    with painted.project.lock():
        save_plan(painted.project, choose_take(painted.plan(), painted.key, 9))
    with pytest.raises(UsageError, match=r"take 9 not found, existing takes: 1; .*take = 0"):
        painted.paint()


@pytest.mark.parametrize("place", ["keys", "overrides"])
def test_manual_key_is_archived_before_another_take_is_restored(painted, place):
    machine, mine = painted.image(), np.full((48, 64, 3), 77, np.uint8)
    file = painted.project.root / place / f"{painted.name}.png"
    write_image(file, mine)
    painted.change(choose_take, 1)
    np.testing.assert_array_equal(painted.image(), machine)
    take = painted.project.keys.takes.of(painted.name)[-1]
    assert take.by_hand
    np.testing.assert_array_equal(read_image(take.path), mine)
    painted.change(lambda plan, key: choose_take(plan, key, take.number, kind="override"))
    np.testing.assert_array_equal(painted.image(), mine)
    assert painted.paint() == 0
    painted.change(choose_take, 0)
    assert painted.paint() == 0
    np.testing.assert_array_equal(painted.image(), machine)


def test_archiving_a_manual_key_loses_nothing(painted):
    assert painted.project.keys.archive_manual(painted.name) is None
    mine = painted.project.root / "overrides" / f"{painted.name}.png"
    write_image(mine, np.full((48, 64, 3), 77, np.uint8))
    data = mine.read_bytes()
    take = painted.project.keys.archive_manual(painted.name)
    assert not mine.exists()
    assert take.path.read_bytes() == data


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"synthesis.sed": 3},
            r"key \d: unknown option 'synthesis.sed' of a key; did you mean 'synthesis.seed'",
        ),
        ({"select.max_keys": 3}, r"unknown option 'select.max_keys' of a key"),
        ({"patch.style_strength": 3}, r"key \d: .*patch.*style_strength.* 3"),
        ({"patch.style_strength": "bold"}, r"key \d: invalid patch.style_strength 'bold'; use 0 to 1"),
    ],
)
def test_a_bad_setting_in_the_plan_is_refused_with_its_key(painted, settings, words):
    with painted.project.lock():
        save_plan(painted.project, set_options(painted.plan(), painted.key, settings))
    with pytest.raises(UsageError, match=words) as raised:
        painted.paint()
    assert "\n" not in str(raised.value)


def test_a_run_that_dies_between_take_and_key_leaves_one_take(painted):
    """The same painting again is the same take."""
    image = painted.image()
    recipe = painted.project.keys.recipe(painted.name)
    with painted.project.lock():
        painted.project.keys.save(painted.name, image, recipe)
    assert len(painted.project.keys.takes.of(painted.name)) == 1
    note = json.loads(painted.project.keys.path(painted.name).with_suffix(".json").read_text("utf-8"))
    assert note["take"] == 1
