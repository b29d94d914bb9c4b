"""A project that is moved with its clip goes on; one that is moved alone says what it lacks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from stylize import stylize_clip
from stylize.errors import MediaError
from stylize.media import read_image, write_image
from stylize.project.project import Project
from stylize.project.relocation import relocate_paths
from tests.stylize import fakes
from tests.stylize.world import make_world


@pytest.fixture
def world(tmp_path, monkeypatch, rng):
    place = tmp_path / "here"
    place.mkdir()
    world = make_world(place, monkeypatch, rng)
    shape = read_image(world.frames / "0001.png").shape[:2]
    white = world.root / "front"
    for index in range(10):
        write_image(white / f"{index + 1:04d}.png", rng.integers(0, 256, (*shape, 1), "uint8"))
    return world


def test_project_moved_with_its_inputs_resumes(world, tmp_path):
    project = world.root / "work" / "p"
    asked = {"renderer": "fake", "matte": f"not {world.root / 'front'}"}
    first = stylize_clip(world.frames, world.style, project=project, **asked)
    fakes.PAINTED.clear()
    there = tmp_path / "another disk" / "there"
    there.parent.mkdir()
    shutil.move(world.root, there)
    again = stylize_clip(there / "work" / "p")
    assert (again.keys, again.renderer) == (first.keys, first.renderer)
    assert again.output == there / "work" / "p" / "out" / first.output.name  # its own, so not asked for
    assert not fakes.PAINTED
    about = (there / "work" / "p" / "project.json").read_text(encoding="utf-8")
    assert str(world.root) not in about


def test_project_moved_alone_names_the_missing_input(world, tmp_path):
    project = world.root / "p"
    stylize_clip(world.frames, world.style, project=project, renderer="fake")
    shutil.move(project, tmp_path / "p")
    assert Project(tmp_path / "p").clip == world.frames.absolute()  # where it was is where it is
    shutil.move(world.frames, world.root / "renamed")
    with pytest.raises(MediaError, match=rf"its clip .* is missing; name the moved clip: CLIP --project {tmp_path}"):
        stylize_clip(tmp_path / "p")
    again = stylize_clip(world.root / "renamed", project=tmp_path / "p")
    assert again.frames == 10


def test_copied_project_keeps_original_inputs(world, tmp_path):
    project = world.root / "p"
    stylize_clip(world.frames, world.style, project=project, renderer="fake")
    shutil.copytree(world.root, tmp_path / "copy")
    assert Project(tmp_path / "copy" / "p").clip == world.frames.absolute()


@pytest.mark.parametrize("old", [r"D:\Film\Shot 1\work\p", r"\\server\Film\Shot 1\work\p", "/film/Shot 1/work/p"])
def test_paths_of_another_system_are_relocated(tmp_path, old):
    (tmp_path / "clip.mp4").touch()
    (tmp_path / "style.png").touch()
    split = "\\" if "\\" in old else "/"
    beside = old.rpartition(f"{split}work")[0]
    inputs = {
        "styles": [f"{beside}{split}style.png", r"E:\far.png"],
        "keys": None,
        "scenes": None,
        "matte": None,
    }
    about = {"root": old, "clip": {"path": f"{beside}{split}clip.mp4"}, "inputs": inputs}
    moved = relocate_paths(json.loads(json.dumps(about)), tmp_path / "work" / "p")
    assert moved["clip"]["path"] == str(tmp_path / "clip.mp4")
    assert [Path(path).name for path in moved["inputs"]["styles"]] == ["style.png", Path(r"E:\far.png").name]
    assert moved["inputs"]["styles"][0] == str(tmp_path / "style.png")
