"""Keys handed out: as images, as a project of the EbSynth application, and as a contact sheet."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from stylize.api.key_sheet import key_sheet
from stylize.api.keys import change_plan, choose_keys, import_keys
from stylize.api.keys_export import export_keys
from stylize.errors import UsageError
from stylize.export.ebsynth import ROWS, EbsRow, ebs_project, rows_between
from stylize.media import open_clip, read_image, write_image


class Reader:
    """Reads an .ebs as the other programs do: field by field."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        found = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return found[0] if len(found) == 1 else found

    def text(self):
        length = self.take("i")
        self.at += length
        return self.data[self.at - length : self.at].decode("utf-8")

    def project(self):
        assert self.take("6s") == b"EBS05\0"
        found = {name: self.text() for name in ("video", "mask", "keys")}
        found["masked"] = self.take("?")
        found["weights"] = self.take("6f")
        found["rows"] = [(*self.take("i??ii"), self.text()) for _ in range(self.take("i"))]
        assert self.take("4s") == b"V02\0"
        found["end"] = self.take("i?fi")
        assert self.at == len(self.data)
        return found


def test_a_project_of_the_application_is_laid_out_as_others_read_it():
    rows = [EbsRow(10, 0, 30, "out_010/[###].png"), EbsRow(30, 10, 47, "ü/[###].png")]
    found = Reader(ebs_project("video/[###].png", "keys/[###].png", rows, rate=24.0)).project()
    assert found["video"] == "video/[###].png"
    assert (found["mask"], found["masked"]) == ("", False)
    assert found["weights"] == (1.0, 4.0, 1.0, 10.0, 1.0, 3500.0)
    assert found["rows"] == [
        (10, True, True, 0, 30, "out_010/[###].png"),
        (30, True, True, 10, 47, "ü/[###].png"),
    ]
    assert found["end"] == (1, True, 24.0, 704)
    with pytest.raises(ValueError, match="21 keys are more than the 20"):
        ebs_project("a", "b", rows[:1] * (ROWS + 1))


def test_keys_are_carried_to_their_neighbors_and_not_over_cuts():
    assert rows_between([3, 8, 20], [(0, 12), (12, 30)]) == [(3, 0, 8), (8, 3, 11), (20, 12, 29)]


def test_everything_that_the_application_needs_is_written(world):
    choose_keys(world.frames)
    import_keys(world.frames, world.keys("0002.png"))
    place = world.root / "eb" / "shot.ebs"
    written = export_keys(world.frames, place)
    found = Reader(place.read_bytes()).project()
    assert found["video"] == "video/[####].png"
    assert sorted(p.name for p in (place.parent / "video").iterdir()) == [f"{i:04d}.png" for i in range(10)]
    keys = [row[0] for row in found["rows"]]
    assert 2 in keys
    assert {f"{key:04d}.png" for key in keys} == {p.name for p in written.files if p.suffix == ".png"}
    assert {(row[3] < 6) == (row[4] < 6) for row in found["rows"]} == {True}  # none over the cut before 6
    with open_clip(world.frames) as clip:
        np.testing.assert_array_equal(read_image(place.parent / "video" / "0007.png"), clip[7])
    painted = read_image(world.root / "keys" / "0002.png")
    np.testing.assert_array_equal(read_image(place.parent / "keys" / "0002.png"), painted)
    with pytest.raises(UsageError, match=r"shot\.ebs: exists; pass -y"):
        export_keys(world.frames, place)


def test_more_keys_than_the_application_takes_make_more_projects(world, monkeypatch):
    monkeypatch.setattr("stylize.api.keys_export.ROWS", 2)
    choose_keys(world.frames, settings={"select.max_gap": 1})
    place = world.root / "eb" / "shot.ebs"
    export_keys(world.frames, place)
    files = sorted(place.parent.glob("*.ebs"))
    assert [file.name for file in files][:2] == ["shot.ebs", "shot_2.ebs"]
    rows = [row for file in files for row in Reader(file.read_bytes()).project()["rows"]]
    assert len({row[0] for row in rows}) == len(rows) >= 5


def test_the_matte_comes_along(world):
    for index in range(10):
        write_image(world.root / "m" / f"{index:04d}.png", np.full((48, 64, 1), 200, np.uint8), durable=False)
    choose_keys(world.frames)
    from stylize import stylize_clip

    stylize_clip(world.frames, world.style, world.root / "out", renderer="fake", matte=world.root / "m")
    place = world.root / "eb" / "shot.ebs"
    export_keys(world.frames, place)
    assert Reader(place.read_bytes()).project()["mask"] == "mask/[####].png"
    assert read_image(place.parent / "mask" / "0004.png")[5, 5, 0] == 200


def test_a_sheet_shows_the_plan_as_it_is(world):
    choose_keys(world.frames)
    change_plan(world.frames, lambda plan: plan)
    before = (world.root / "frames.stylize" / "keyframes.toml").read_text()
    sheet = key_sheet(world.frames).sheet
    assert sheet == world.root / "frames.stylize" / "report" / "keys.png"
    assert read_image(sheet).shape[1] == 1600
    assert (world.root / "frames.stylize" / "keyframes.toml").read_text() == before
    key_sheet(world.frames, world.root / "s.png")
    with pytest.raises(UsageError, match="exists"):
        key_sheet(world.frames, world.root / "s.png")


def test_without_a_plan_there_is_nothing_to_hand_out(world):
    for call in (lambda: export_keys(world.frames, world.root / "x"), lambda: key_sheet(world.frames)):
        with pytest.raises(UsageError, match="no plan yet"):
            call()
