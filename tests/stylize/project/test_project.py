from __future__ import annotations

import errno
import json
import socket
from dataclasses import replace

import numpy as np
import pytest

from stylize.errors import DeviceError, MediaError, ProjectBusyError, UsageError
from stylize.media import probe, write_image
from stylize.project.project import SCHEMA, Project, default_project_folder
from stylize.storage.fingerprint import step


@pytest.fixture
def info(world):
    return probe(world.frames)


@pytest.fixture
def project(world, info):
    with Project.open(world.root / "p", info).lock() as opened:
        yield opened


def test_place_is_beside_the_clip(tmp_path):
    video, folder = tmp_path / "my clip.mp4", tmp_path / "frames.v2"
    video.touch()
    folder.mkdir()
    assert default_project_folder(video) == tmp_path / "my clip.stylize"
    assert default_project_folder(folder) == tmp_path / "frames.v2.stylize"


def test_opening_writes_nothing_and_locking_does(world, info):
    project = Project.open(world.root / "p", info)
    assert not project.root.exists()
    with project.lock():
        about = json.loads((world.root / "p" / "project.json").read_text())
    assert about["schema"] == SCHEMA
    assert about["clip"]["fingerprint"] == info.fingerprint
    assert Project.open(world.root / "p", info).clip == world.frames


@pytest.mark.parametrize("left", [".lock", ".lock.4321", ".lock.stale.4321", ".project.partial.json"])
def test_project_opens_after_a_killed_first_run(world, info, left):
    root = world.root / "p"
    root.mkdir()
    held = {"pid": 2**22 + 1, "host": socket.gethostname(), "since": 0}  # no such process: numbers end before
    (root / left).write_text(json.dumps(held))
    with Project.open(root, info).lock() as project:
        assert project.clip == world.frames


def test_a_moved_clip_is_still_the_same(project, info):
    moved = Project.open(project.root, replace(info, path=info.path.parent / "elsewhere"))
    assert moved.about()["clip"]["fingerprint"] == info.fingerprint


def test_a_clip_that_changed_in_its_place_is_not_called_another_one(project, info):
    with pytest.raises(UsageError, match=r"frames: its content changed since .*--keys .*keys reuses"):
        Project.open(project.root, replace(info, fingerprint="of other frames"))


def test_unwritable_project_error_names_the_project_option(world, info):
    (world.root / "file").touch()
    with (
        pytest.raises(DeviceError, match=r"p cannot be written: .*; choose another folder with --project DIR"),
        Project.open(world.root / "file" / "p", info).lock(),
    ):
        pass


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"schema": "stylize-project.2"}, "made by a newer version .stylize-project.2.; update"),
        ({"schema": "other.1"}, "newer version"),
        (
            {"clip": {"fingerprint": "0", "path": "/other.mp4"}},
            "made from another clip ./other.mp4., not from",
        ),
        ({"clip": None}, "damaged"),
        ({"schema": "stylize-project.x"}, "damaged"),
    ],
)
def test_project_of_another_clip_or_version_is_refused(project, info, change, words):
    path = project.root / "project.json"
    text = json.dumps({**project.about(), **change})
    path.write_text(text)
    with pytest.raises(UsageError, match=words) as raised:
        Project.open(project.root, info)
    assert "\n" not in str(raised.value)
    assert path.read_text() == text


def test_foreign_folder_is_not_used_as_project(tmp_path, info):
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "holiday.jpg").touch()
    with pytest.raises(UsageError, match="not a project folder"):
        Project.open(tmp_path / "p", info)
    with pytest.raises(UsageError, match="not a project; make one"):
        Project.open(tmp_path / "nothing")


def test_two_runs_on_one_project(project, info):
    with (
        pytest.raises(ProjectBusyError, match="is working on this project"),
        Project.open(project.root, info).lock(),
    ):
        pass


def test_step_cache_recomputes_on_changed_inputs_or_version(project, rng):
    calls = []

    @step(version=1)
    def blur(image, width, note=None):
        calls.append((width, note))
        return {"sum": int(image.sum()), "width": width}

    image = rng.integers(0, 255, (4, 4, 3), np.uint8)
    first = project.cache.recall("blur", blur, image, 3, note="unread")
    assert project.cache.recall("blur", blur, image.copy(), 3, note="other") == first
    assert calls == [(3, "unread")]
    project.cache.recall("blur", blur, image, 5)
    image[0, 0, 0] ^= 1
    project.cache.recall("blur", blur, image, 5)
    assert len(calls) == 3
    blur.version = 2
    project.cache.recall("blur", blur, image, 5)
    assert len(calls) == 4


def test_step_cache_recomputes_a_damaged_result(project):
    assert project.cache.recall("one", lambda: 1) == 1
    path = next((project.root / "cache").iterdir())
    path.write_bytes(path.read_bytes()[:30])
    assert project.cache.recall("one", lambda: 1) == 1


def test_full_disk_leaves_no_partial_file(project, monkeypatch):
    from pathlib import Path

    real = Path.write_bytes

    def full(self, data):
        real(self, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DeviceError, match="full"):
        project.cache.recall("one", lambda: 1)
    monkeypatch.undo()
    assert list((project.root / "cache").iterdir()) == []


def test_changed_rendered_key_becomes_a_manual_key(project, rng):
    image = rng.integers(0, 255, (8, 8, 3), np.uint8)
    path = project.keys.save("0003", image, {"fingerprint": "f"})
    assert project.keys.recipe("0003")["fingerprint"] == "f"
    assert project.keys.manual_key("0003") is None
    write_image(path, 255 - image)
    assert project.keys.recipe("0003") is None
    assert project.keys.manual_key("0003") == path


def test_new_file_in_keys_is_a_manual_key(project, rng):
    write_image(project.keys.path("0004"), rng.integers(0, 255, (8, 8, 3), np.uint8))
    assert project.keys.manual_key("0004") == project.keys.path("0004")


def test_run_killed_between_recipe_and_key_makes_no_manual_key(project, rng, monkeypatch):
    image = rng.integers(0, 255, (8, 8, 3), np.uint8)
    project.keys.save("0003", image, {"fingerprint": "old"})
    from pathlib import Path

    def killed(self, target):
        if target == project.keys.path("0003"):
            raise KeyboardInterrupt
        return real(self, target)

    real = Path.replace
    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        project.keys.save("0003", 255 - image, {"fingerprint": "new"})
    assert project.keys.manual_key("0003") is None
    assert project.keys.recipe("0003") is None


def test_override_has_precedence_and_two_are_refused(project, rng):
    image = rng.integers(0, 255, (8, 8, 3), np.uint8)
    project.keys.save("0003", image, {})
    override = project.root / "overrides" / "0003.tif"
    write_image(override, image)
    assert project.keys.manual_key("0003") == override
    write_image(override.with_suffix(".png"), image)
    with pytest.raises(MediaError, match="second file for frame 0003"):
        project.keys.manual_key("0003")


def test_changed_settings_are_reported(project):
    assert project.record_settings({"select": {"max_keys": None, "coverage": 0.9}}) == []
    changes = project.record_settings({"select": {"max_keys": 4, "coverage": 0.9}})
    assert changes == ["select.max_keys None → 4"]
    assert project.record_settings({"select": {"max_keys": 4, "coverage": 0.9}}) == []
