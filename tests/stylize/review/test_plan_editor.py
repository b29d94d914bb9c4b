"""Plan editor: edits, undo, conflicts and uploads."""

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
from tests.stylize.review.review_client import OpenReview

ROOT = Path(__file__).parents[3]


def frames(review):
    return [key["frame"] for key in review.state()["keys"]]


def text(review):
    return review.plan_path.read_text("utf-8")


def png(size=(64, 48), color=(200, 10, 10), kind="PNG"):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind)
    return buffer.getvalue()


def send(review, frame, data, name="mine.png"):
    return review.write("upload", frame=frame, name=name, data=base64.b64encode(data).decode())


def free(review):
    return next(frame for frame in range(1, 6) if frame not in frames(review))


def test_every_edit_is_saved_at_once_and_keeps_comments(review):
    review.plan_path.write_text("# mine\n" + text(review), "utf-8")
    frame = free(review)
    assert review.edit("add", frame).status_code == 200
    assert frame in frames(review)
    assert parse_plan(text(review)).key_at(frame).kind == "user"
    assert review.edit("lock", frame).json()["keys"][frames(review).index(frame)]["kind"] == "locked"
    assert review.edit("remove", frame).status_code == 422
    assert review.edit("unlock", frame).status_code == 200
    to = next(other for other in range(1, 6) if other not in frames(review))
    assert review.edit("move", frame, to=to).status_code == 200
    assert to in frames(review)
    assert frame not in frames(review)
    assert review.edit("remove", to).status_code == 200
    assert text(review).startswith("# mine\n")


def test_undo_and_redo_restore_each_plan(review):
    texts, frame = [text(review)], free(review)
    bare = [parse_plan(texts[0]).keys]
    for action, more in [
        ("add", {}),
        ("lock", {}),
        ("unlock", {}),
        ("settings", {"settings": {"synthesis.seed": 4}}),
    ]:
        assert review.edit(action, frame, **more).status_code == 200
        bare.append(parse_plan(text(review)).keys)
    revision = parse_plan(text(review)).revision
    for keys in bare[-2::-1]:
        assert review.state()["can"]["undo"]
        assert review.write("undo").status_code == 200
        assert parse_plan(text(review)).keys == keys
        assert parse_plan(text(review)).revision > revision
        revision = parse_plan(text(review)).revision
    assert review.state()["can"]["undo"] is None
    assert review.write("undo").status_code == 422
    for keys in bare[1:]:
        assert review.write("redo").status_code == 200
        assert parse_plan(text(review)).keys == keys
    assert review.write("redo").status_code == 422
    review.write("undo")
    review.edit("lock", frame)
    assert review.state()["can"]["redo"] is None


def test_an_edit_of_an_old_revision_is_a_conflict(review):
    old = review.state()["revision"]
    assert review.edit("add", free(review)).status_code == 200
    before = text(review)
    answer = review.write("edit", action="add", frame=free(review), revision=old)
    assert answer.status_code == 409
    assert "nothing was overwritten" in answer.json()["error"]
    for path in ("undo", "redo"):
        assert review.write(path, revision=old).status_code == 409
    assert text(review) == before


def test_undo_stops_at_a_hand_edit(review):
    assert review.edit("add", free(review)).status_code == 200
    old = review.state()["revision"]
    review.plan_path.write_text(text(review) + "\n# by hand\n", "utf-8")
    assert review.state()["revision"] != old
    answer = review.write("undo")
    assert answer.status_code == 409
    assert "earlier edits cannot be undone" in answer.json()["error"]
    assert review.state()["can"] == {"undo": None, "redo": None}


def test_undo_outlives_the_server_and_stops_at_a_hand_edit(review):
    first, frame = text(review), free(review)
    review.edit("add", frame)
    review.edit("lock", frame)
    review.write("undo")
    review.session.plan_editor = PlanEditor(review.session.context)  # as after a restart of the server
    assert review.state()["can"] == {"undo": f"add {frame}", "redo": f"lock {frame}"}
    assert review.write("redo").status_code == 200
    review.session.plan_editor = PlanEditor(review.session.context)
    review.write("undo")
    assert review.write("undo").status_code == 200
    assert parse_plan(text(review)).keys == parse_plan(first).keys
    review.plan_path.write_text(text(review) + "\n# by hand\n", "utf-8")
    review.session.plan_editor = PlanEditor(review.session.context)
    assert review.state()["can"] == {"undo": None, "redo": None}
    (review.session.context.project.root / "undo.json").write_text(
        '{"texts": [], "done": [["a", 0, 1]], "undone": []}', "utf-8"
    )
    review.session.plan_editor = PlanEditor(review.session.context)
    assert review.state()["can"] == {"undo": None, "redo": None}
    assert review.edit("add", frame).status_code == 200


def test_undo_history_is_bounded(tmp_path):
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
with open_run(RunRequest(Path(sys.argv[1]))) as context:
    editor, frames, at = PlanEditor(context), (1, 2, 3, 4), 0
    print("begun", flush=True)
    while True:
        frame = frames[at % 4]
        editor.edit(editor.revision, "remove" if editor.plan().key_at(frame) else "add", {"frame": frame})
        at += 1
"""


@pytest.mark.slow
def test_a_server_killed_during_an_edit_leaves_a_valid_plan_and_undo(world):
    with OpenReview(world, RunRequest(world.frames, (world.style,), renderer="patch")) as review:
        review.edit("add", 0)
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
        with OpenReview(world, RunRequest(world.frames)) as review:
            plan = parse_plan(text(review))
            assert plan.key_at(0) is not None
            if review.state()["can"]["undo"]:
                assert review.write("undo").status_code == 200
                assert len(parse_plan(text(review)).keys) in (len(plan.keys) - 1, len(plan.keys) + 1)
            assert review.edit("lock", 0).status_code == 200
            assert review.edit("unlock", 0).status_code == 200


def test_a_damaged_plan_is_reported_and_not_overwritten(review):
    broken = text(review) + "\n[[key]]\nframe = 999\n"
    review.plan_path.write_text(broken, "utf-8")
    state = review.state()
    assert "key.frame is 999; choose 0 to 9" in state["problem"]
    assert review.details()["problem"]
    assert review.edit("add", 3).status_code == 422
    assert text(review) == broken


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
def test_invalid_edits_are_rejected_and_keep_the_plan(shared, body, status):
    before = text(shared)
    if isinstance(body, dict):
        body = {"revision": shared.state()["revision"], **body}
    answer = shared.client.post("/api/edit", content=json.dumps(body), headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert "\n" not in answer.json()["error"]
    assert text(shared) == before


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b'{"action": "add"', b"[" * 100_000])
def test_invalid_json_is_rejected(shared, data):
    answer = shared.client.post("/api/edit", content=data, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)


def test_of_concurrent_edits_of_one_revision_one_succeeds(review):
    revision = review.state()["revision"]
    spots = [frame for frame in range(10) if frame not in frames(review)]

    def write(number):
        body = {"revision": revision, "action": "add", "frame": spots[number % len(spots)]}
        return review.client.post("/api/edit", json=body).status_code

    with ThreadPoolExecutor(25) as pool:
        answers = list(pool.map(write, range(100)))
    assert sorted(set(answers)) == [200, 409]
    assert answers.count(200) == 1
    plan = parse_plan(text(review))
    assert len(plan.keys) == len(frames(review))


def test_the_page_is_read_only_while_another_process_holds_the_project(review):
    lock = review.session.context.project.root / ".lock"
    lock.write_text(json.dumps({"pid": os.getppid(), "host": socket.gethostname(), "since": 0}), "utf-8")
    before = text(review)
    assert f"process {os.getppid()}" in review.state()["busy"]
    for answer in (review.edit("add", 3), review.write("run", what="run"), send(review, 3, png())):
        assert answer.status_code in (422, 423)
    assert review.edit("add", 3).status_code == 423
    assert text(review) == before
    assert review.client.get("/api/frame/source/3").status_code == 200
    lock.unlink()
    assert review.state()["busy"] == ""
    assert review.edit("add", free(review)).status_code == 200


def test_an_upload_replaces_the_key_and_can_be_undone(review):
    project, frame = review.session.context.project, frames(review)[0]
    name = review.session.context.whole.info.names[frame]
    machine = project.keys.path(name).read_bytes()
    assert send(review, frame, png()).status_code == 200
    mine = project.keys.manual_key(name)
    assert (read_image(mine) == (200, 10, 10)).all()
    detail = review.details()["keys"][str(frame)]
    assert detail["state"] == "hand"
    assert [take["hand"] for take in detail["takes"]] == [False, True]
    assert detail["takes"][1]["from"] == "mine.png"
    assert review.write("undo").status_code == 200
    assert project.keys.manual_key(name) is None
    assert project.keys.path(name).read_bytes() == machine
    assert review.write("redo").status_code == 200
    assert (read_image(project.keys.manual_key(name)) == (200, 10, 10)).all()
    assert review.edit("revert", frame).status_code == 200
    assert project.keys.manual_key(name) is None
    assert review.edit("take", frame, take=2).status_code == 200
    assert (read_image(project.keys.manual_key(name)) == (200, 10, 10)).all()


def test_revert_keeps_a_manual_override_as_a_take(review):
    project, frame = review.session.context.project, frames(review)[0]
    name = review.session.context.whole.info.names[frame]
    mine = project.root / "overrides" / f"{name}.png"
    write_image(mine, np.full((48, 64, 3), 55, np.uint8))
    assert review.edit("revert", frame).status_code == 200
    assert not mine.exists()
    assert review.write("undo").status_code == 200
    assert (read_image(mine) == 55).all()


def test_an_upload_makes_a_frame_a_key(review):
    frame = free(review)
    assert send(review, frame, png(kind="JPEG"), "mine.jpg").status_code == 200
    assert frame in frames(review)


def bomb(width, height):
    """Return a PNG of a few bytes whose header claims a huge size."""

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
def test_invalid_uploads_are_rejected_by_name_and_leave_no_file(shared, data, words):
    before = text(shared)
    answer = send(shared, 3, data)
    assert answer.status_code == 422
    assert words in answer.json()["error"]
    assert str(shared.session.context.project.root) not in answer.json()["error"]
    assert text(shared) == before
    cache = shared.session.context.project.root / "cache"
    assert not list(cache.glob("upload-*"))
    assert not (shared.session.context.project.root / "takes" / "0003").exists()


def test_invalid_base64_is_rejected(shared):
    assert shared.write("upload", frame=3, name="a", data="@@@").status_code == 422


@pytest.mark.parametrize("name", ["../../evil.png", "/etc/passwd", "a\0b\n", "x" * 5000, "CON", "..\\..\\evil"])
def test_the_name_of_an_upload_is_not_a_path(review, name):
    assert send(review, 3, png(), name).status_code == 200
    files = [path.name for path in (review.session.context.project.root / "overrides").iterdir()]
    assert files == ["0003.png"]
    assert not list(review.world.root.rglob("*evil*"))


def test_keys_can_be_added_without_a_plan(world):
    with OpenReview(world, RunRequest(world.frames, (world.style,), renderer="fake")) as review:
        assert review.state()["planned"] is False
        assert review.edit("add", 4).status_code == 200
        assert frames(review) == [4]
        assert review.write("undo").status_code == 200
        assert review.state()["planned"] is False
