"""Edits at the page are revisions of keyframes.toml: at once, in order, or not at all."""

from __future__ import annotations

import base64
import io
import json
import os
import socket
import subprocess
import sys
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keyframes import parse_plan
from stylize.media import read_image, write_image
from stylize.pipeline.request import RunRequest
from stylize.review.history import History, Step
from stylize.review.plan_editor import PlanEditor
from tests.stylize.review.review_client import OpenVisit

ROOT = Path(__file__).parents[3]


def frames(visit):
    return [key["frame"] for key in visit.state()["keys"]]


def text(visit):
    return visit.plan_path.read_text("utf-8")


def png(size=(64, 48), color=(200, 10, 10), kind="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def send(visit, frame, data, name="mine.png"):
    return visit.write("upload", frame=frame, name=name, data=base64.b64encode(data).decode())


def free(visit):
    return next(frame for frame in range(1, 6) if frame not in frames(visit))


def test_every_edit_is_in_the_file_at_once_and_comments_stay(visit):
    visit.plan_path.write_text("# mine\n" + text(visit), "utf-8")
    frame = free(visit)
    assert visit.edit("add", frame).status_code == 200
    assert frame in frames(visit)
    assert parse_plan(text(visit)).key_at(frame).kind == "user"
    assert visit.edit("lock", frame).json()["keys"][frames(visit).index(frame)]["kind"] == "locked"
    assert visit.edit("remove", frame).status_code == 422
    assert visit.edit("unlock", frame).status_code == 200
    to = next(other for other in range(1, 6) if other not in frames(visit))
    assert visit.edit("move", frame, to=to).status_code == 200
    assert to in frames(visit)
    assert frame not in frames(visit)
    assert visit.edit("remove", to).status_code == 200
    assert text(visit).startswith("# mine\n")


def test_undo_goes_back_text_by_text_and_redo_comes_again(visit):
    texts, frame = [text(visit)], free(visit)
    bare = [parse_plan(texts[0]).keys]
    for action, more in [
        ("add", {}),
        ("lock", {}),
        ("unlock", {}),
        ("settings", {"settings": {"synthesis.seed": 4}}),
    ]:
        assert visit.edit(action, frame, **more).status_code == 200
        bare.append(parse_plan(text(visit)).keys)
    revision = parse_plan(text(visit)).revision
    for keys in bare[-2::-1]:
        assert visit.state()["can"]["undo"]
        assert visit.write("undo").status_code == 200
        assert parse_plan(text(visit)).keys == keys
        assert parse_plan(text(visit)).revision > revision
        revision = parse_plan(text(visit)).revision
    assert visit.state()["can"]["undo"] is None
    assert visit.write("undo").status_code == 422
    for keys in bare[1:]:
        assert visit.write("redo").status_code == 200
        assert parse_plan(text(visit)).keys == keys
    assert visit.write("redo").status_code == 422
    visit.write("undo")
    visit.edit("lock", frame)
    assert visit.state()["can"]["redo"] is None


def test_an_edit_on_an_old_plan_is_refused_and_changes_nothing(visit):
    old = visit.state()["revision"]
    assert visit.edit("add", free(visit)).status_code == 200
    before = text(visit)
    answer = visit.write("edit", action="add", frame=free(visit), revision=old)
    assert answer.status_code == 409
    assert "nothing was overwritten" in answer.json()["error"]
    for path in ("undo", "redo"):
        assert visit.write(path, revision=old).status_code == 409
    assert text(visit) == before


def test_a_hand_edit_is_seen_and_undo_stops_there(visit):
    assert visit.edit("add", free(visit)).status_code == 200
    old = visit.state()["revision"]
    visit.plan_path.write_text(text(visit) + "\n# by hand\n", "utf-8")
    assert visit.state()["revision"] != old
    answer = visit.write("undo")
    assert answer.status_code == 409
    assert "earlier edits cannot be undone" in answer.json()["error"]
    assert visit.state()["can"] == {"undo": None, "redo": None}


def test_undo_outlives_the_server_and_stops_at_a_hand_edit(visit):
    first, frame = text(visit), free(visit)
    visit.edit("add", frame)
    visit.edit("lock", frame)
    visit.write("undo")
    visit.session.plan_editor = PlanEditor(visit.session.context)  # as after a restart of the server
    assert visit.state()["can"] == {"undo": f"add {frame}", "redo": f"lock {frame}"}
    assert visit.write("redo").status_code == 200
    visit.session.plan_editor = PlanEditor(visit.session.context)
    visit.write("undo")
    assert visit.write("undo").status_code == 200
    assert parse_plan(text(visit)).keys == parse_plan(first).keys
    visit.plan_path.write_text(text(visit) + "\n# by hand\n", "utf-8")
    visit.session.plan_editor = PlanEditor(visit.session.context)
    assert visit.state()["can"] == {"undo": None, "redo": None}
    (visit.session.context.project.root / "undo.json").write_text(
        '{"texts": [], "done": [["a", 0, 1]], "undone": []}', "utf-8"
    )
    visit.session.plan_editor = PlanEditor(visit.session.context)
    assert visit.state()["can"] == {"undo": None, "redo": None}
    assert visit.edit("add", frame).status_code == 200


def test_what_undo_remembers_is_bounded(tmp_path):
    history = History(tmp_path / "undo.json", str)
    history.save([Step(str(at), f"{at}", f"{at + 1}") for at in range(500)], [])
    assert len(history.steps_around("500")[0]) == 50
    history.save([Step(str(at), f"{at}" * 400_000, f"{at + 1}" * 400_000) for at in range(5)], [])
    assert (tmp_path / "undo.json").stat().st_size < 2_100_000
    done, undone = history.steps_around("5" * 400_000)
    assert [step.words for step in done] == ["3", "4"]
    assert undone == []


KILLED = """
import sys
from pathlib import Path
from stylize.pipeline.context import open_run
from stylize.pipeline.request import RunRequest
from stylize.review.plan_editor import PlanEditor
with open_run(RunRequest(Path(sys.argv[1]))) as work:
    editor, frames, at = PlanEditor(work), (1, 2, 3, 4), 0
    print("begun", flush=True)
    while True:
        frame = frames[at % 4]
        editor.edit(editor.revision, "remove" if editor.plan().key_at(frame) else "add", {"frame": frame})
        at += 1
"""


@pytest.mark.slow
def test_a_server_killed_in_an_edit_leaves_a_whole_plan_and_undo_goes_on(world):
    with OpenVisit(world, RunRequest(world.frames, (world.style,), renderer="patch")) as visit:
        visit.edit("add", 0)
    history = world.frames.with_suffix(".stylize") / "undo.json"
    for wait in (0.0, 0.013, 0.041, 0.087):
        history.unlink()
        editing = subprocess.Popen(
            [sys.executable, "-c", KILLED, str(world.frames)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert editing.stdout.readline() == "begun\n"
        time.sleep(0.05 + wait)
        editing.kill()
        editing.wait()
        editing.stdout.close()
        with OpenVisit(world, RunRequest(world.frames)) as visit:
            plan = parse_plan(text(visit))
            assert plan.key_at(0) is not None
            if visit.state()["can"]["undo"]:
                assert visit.write("undo").status_code == 200
                assert len(parse_plan(text(visit)).keys) in (len(plan.keys) - 1, len(plan.keys) + 1)
            assert visit.edit("lock", 0).status_code == 200
            assert visit.edit("unlock", 0).status_code == 200


def test_a_damaged_plan_is_shown_and_never_overwritten(visit):
    broken = text(visit) + "\n[[key]]\nframe = 999\n"
    visit.plan_path.write_text(broken, "utf-8")
    state = visit.state()
    assert "key.frame is 999; choose 0 to 9" in state["problem"]
    assert visit.details()["problem"]
    assert visit.edit("add", 3).status_code == 422
    assert text(visit) == broken


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"action": "add"}, 422),
        ({"action": "add", "frame": 99}, 422),
        ({"action": "add", "frame": -1}, 422),
        ({"action": "add", "frame": "3"}, 422),
        ({"action": "add", "frame": True}, 422),
        ({"action": "add", "frame": 1.5}, 422),
        ({"action": "explode", "frame": 3}, 422),
        ({"action": "__init__", "frame": 3}, 422),
        ({"action": "move", "frame": 0}, 422),
        ({"action": "move", "frame": 0, "to": 4000}, 422),
        ({"action": "take", "frame": 0, "take": 77}, 422),
        ({"action": "settings", "frame": 0, "settings": {"synthesis.sed": 1}}, 422),
        ({"action": "settings", "frame": 0, "settings": {"output.quality": "best"}}, 422),
        ({"action": "settings", "frame": 0, "settings": {"patch.style_strength": 7}}, 422),
        ({"action": "settings", "frame": 0, "settings": []}, 422),
        ({"action": "add", "frame": 3, "file": "/etc/passwd"}, 422),
        ([], 422),
        (None, 422),
        ("add", 422),
    ],
)
def test_bad_bodies_are_refused_and_the_plan_stays(shared, body, status):
    before = text(shared)
    if isinstance(body, dict):
        body = {"revision": shared.state()["revision"], **body}
    answer = shared.client.post("/api/edit", content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert "\n" not in answer.json()["error"]
    assert text(shared) == before


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"action": "add"', b"[" * 100_000])
def test_what_is_no_json_is_refused(shared, data):
    answer = shared.client.post("/api/edit", content=data, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)


def test_a_hundred_writers_leave_a_whole_plan(visit):
    revision = visit.state()["revision"]
    spots = [frame for frame in range(10) if frame not in frames(visit)]

    def write(number):
        body = {"revision": revision, "action": "add", "frame": spots[number % len(spots)]}
        return visit.client.post("/api/edit", json=body).status_code

    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(write, range(100)))
    assert sorted(set(answers)) == [200, 409]
    assert answers.count(200) == 1
    plan = parse_plan(text(visit))
    assert len(plan.keys) == len(frames(visit))


def test_while_another_process_works_the_page_only_looks(visit):
    lock = visit.session.context.project.root / ".lock"
    lock.write_text(json.dumps({"pid": os.getppid(), "host": socket.gethostname(), "since": 0}), "utf-8")
    before = text(visit)
    assert f"process {os.getppid()}" in visit.state()["busy"]
    for answer in (visit.edit("add", 3), visit.write("run", what="run"), send(visit, 3, png())):
        assert answer.status_code in (422, 423)
    assert visit.edit("add", 3).status_code == 423
    assert text(visit) == before
    assert visit.client.get("/api/frame/source/3").status_code == 200
    lock.unlink()
    assert visit.state()["busy"] == ""
    assert visit.edit("add", free(visit)).status_code == 200


def test_an_upload_stands_is_kept_and_can_be_taken_back(visit):
    project, frame = visit.session.context.project, frames(visit)[0]
    name = visit.session.context.whole.info.names[frame]
    machine = project.keys.path(name).read_bytes()
    assert send(visit, frame, png()).status_code == 200
    mine = project.keys.manual_key(name)
    assert (read_image(mine) == (200, 10, 10)).all()
    detail = visit.details()["keys"][str(frame)]
    assert detail["state"] == "hand"
    assert [take["hand"] for take in detail["takes"]] == [False, True]
    assert detail["takes"][1]["from"] == "mine.png"
    assert visit.write("undo").status_code == 200
    assert project.keys.manual_key(name) is None
    assert project.keys.path(name).read_bytes() == machine
    assert visit.write("redo").status_code == 200
    assert (read_image(project.keys.manual_key(name)) == (200, 10, 10)).all()
    assert visit.edit("revert", frame).status_code == 200
    assert project.keys.manual_key(name) is None
    assert visit.edit("take", frame, take=2).status_code == 200
    assert (read_image(project.keys.manual_key(name)) == (200, 10, 10)).all()


def test_a_painting_put_into_the_folder_by_hand_is_not_lost_by_a_revert(visit):
    project, frame = visit.session.context.project, frames(visit)[0]
    name = visit.session.context.whole.info.names[frame]
    mine = project.root / "overrides" / f"{name}.png"
    write_image(mine, np.full((48, 64, 3), 55, np.uint8))
    assert visit.edit("revert", frame).status_code == 200
    assert not mine.exists()
    assert visit.write("undo").status_code == 200
    assert (read_image(mine) == 55).all()


def test_an_upload_makes_a_frame_a_key(visit):
    frame = free(visit)
    assert send(visit, frame, png(kind="JPEG"), "mine.jpg").status_code == 200
    assert frame in frames(visit)


def bomb(width, height):
    """A PNG that says it is huge and is a few bytes."""

    def chunk(kind, body):
        return len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")

    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    data = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"GIF89a", "mine.png"),
        (png()[:100], "mine.png"),
        (png(size=(64, 64)), "the clip is 64x48"),
        (png(size=(640, 480)), "is 640x480, more than"),
        (bomb(64_000, 48_000), "mine.png is 64000x48000"),
        (bomb(4_000, 3_000), "is 4000x3000, more than"),
        (bomb(1 << 30, 3 << 28), "mine.png"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "mine.png"),
        (b"#!/bin/sh\necho\n", "mine.png"),
    ],
)
def test_bad_uploads_are_refused_by_name_and_leave_nothing(shared, data, words):
    before = text(shared)
    answer = send(shared, 3, data)
    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert str(shared.session.context.project.root) not in answer.json()["error"]
    assert text(shared) == before
    cache = shared.session.context.project.root / "cache"
    assert not list(cache.glob("upload-*"))
    assert not (shared.session.context.project.root / "takes" / "0003").exists()


def test_what_is_no_base64_is_refused(shared):
    assert shared.write("upload", frame=3, name="a", data="@@@").status_code == 422


@pytest.mark.parametrize("name", ["../../evil.png", "/etc/passwd", "a\0b\n", "x" * 5000, "CON", "..\\..\\evil"])
def test_the_name_of_an_upload_names_no_file(visit, name):
    assert send(visit, 3, png(), name).status_code == 200
    files = [path.name for path in (visit.session.context.project.root / "overrides").iterdir()]
    assert files == ["0003.png"]
    assert not list(visit.world.root.rglob("*evil*"))


def test_a_clip_without_a_project_can_be_planned_by_hand(world):
    with OpenVisit(world, RunRequest(world.frames, (world.style,), renderer="fake")) as visit:
        assert visit.state()["planned"] is False
        assert visit.edit("add", 4).status_code == 200
        assert frames(visit) == [4]
        assert visit.write("undo").status_code == 200
        assert visit.state()["planned"] is False
