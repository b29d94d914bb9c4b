"""What the page is told and shown: pictures, what is left to do, runs."""

from __future__ import annotations

import io
import json
import socket
import sys
import threading
import time

import numpy as np
import pytest
from PIL import Image

from stylize import stylize_clip
from stylize.errors import UsageError
from stylize.media import write_image
from stylize.pipeline.context import open_run
from stylize.pipeline.request import RunRequest
from stylize.pipeline.run import paint_request
from stylize.project.project import Project
from stylize.review import jobs as running
from stylize.review import worker
from stylize.review.jobs import Runner
from stylize.review.server.serve import serve, start_project
from stylize.review.workspace import Workspace
from tests.stylize import fakes
from tests.stylize.review.review_client import OpenVisit


def picture(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    return np.array(Image.open(io.BytesIO(answer.content)))


def get(visit, path):
    return visit.client.get(f"/api/{path}")


def test_the_state_tells_clip_shots_and_keys(visit):
    state = visit.state()
    assert state["clip"] | {"first": 0, "stop": 10, "width": 64, "height": 48} == state["clip"]
    assert [shot[:2] for shot in state["shots"]] == [[0, 6], [6, 10]]
    assert state["planned"]
    assert all(key["reason"] for key in state["keys"])
    assert {"synthesis.seed", "patch.style_strength"} >= {option["name"] for option in state["options"]} & {
        "synthesis.seed", "patch.style_strength",
    }  # fmt: skip


def test_the_pictures_are_those_of_the_frames(visit):
    work = visit.session.context
    for frame in (0, 7):
        shown = picture(get(visit, f"frame/source/{frame}"))
        assert shown.shape == (48, 64, 3)
        assert np.abs(shown.astype(int) - work.whole[frame]).mean() < 12
        full = picture(get(visit, f"frame/source/{frame}?full=1"))
        assert np.abs(full.astype(int) - work.whole[frame]).mean() < 8
    key = visit.state()["keys"][0]["frame"]
    painted = picture(get(visit, f"frame/painted/{key}"))
    assert np.abs(painted.astype(int) - picture(get(visit, f"take/{key}/1"))).max() == 0
    assert picture(get(visit, "frame/result/5")).shape == (48, 64, 3)
    assert picture(get(visit, "frame/confidence/5")).shape == (48, 64, 3)
    assert get(visit, "frame/matte/5").status_code == 404
    other = next(frame for frame in range(10) if frame not in [k["frame"] for k in visit.state()["keys"]])
    assert get(visit, f"frame/painted/{other}").status_code == 404


def test_an_address_with_a_version_may_be_kept_and_one_without_may_not(visit):
    assert "immutable" in get(visit, "frame/source/1?v=x").headers["cache-control"]
    assert get(visit, "frame/source/1").headers["cache-control"] == "no-store"


def test_small_pictures_are_made_once_for_all_frames(visit):
    until = time.monotonic() + 20
    while visit.session.proxies != (10, 10) and time.monotonic() < until:
        time.sleep(0.02)
    folder = next((visit.session.context.project.root / "cache" / "proxies").iterdir())
    assert sorted(path.name for path in folder.iterdir()) == [f"{frame:06d}.jpg" for frame in range(10)]
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    with OpenVisit(visit.world, RunRequest(visit.world.frames)) as again:
        assert get(again, "frame/source/3").status_code == 200
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_finished_project_has_nothing_to_do(visit):
    details = visit.details()
    assert details["cost"] == {"paint": [], "carry": 0, "seconds": {"paint": 0.0, "carry": 0.0}}
    assert [value is not None for value in details["confidence"]] == [True] * 10
    assert {key["state"] for key in details["keys"].values()} == {"painted"}
    assert sum(span["done"] for span in details["spans"]) == 10
    assert all(0 <= value <= 1 for value in (*details["novelty"], *details["coverage"]))


def test_a_changed_key_leaves_only_its_two_spans_to_do_and_a_run_does_just_that(visit):
    """What the page says will be done is what a run does."""
    keys = [key["frame"] for key in visit.state()["keys"]]
    new = max(range(6), key=lambda frame: min(abs(frame - key) for key in keys))
    visit.edit("add", new)
    first = visit.details()
    assert new in first["cost"]["paint"]
    paint_request(RunRequest(visit.world.frames))
    stylize_clip(visit.world.frames, output=visit.world.root / "out", overwrite=True)
    visit.session.generation += 1
    assert visit.details()["cost"]["paint"] == []
    assert visit.details()["cost"]["carry"] == 0
    visit.edit("settings", new, settings={"synthesis.seed": 9})
    details = visit.details()
    assert details["cost"]["paint"] == [new]
    touching = [s for s in details["spans"] if new in (s["start"], s["stop"])]
    assert sum(s["done"] for s in touching) == 0
    assert sum(s["stop"] - s["start"] for s in touching) == details["cost"]["carry"]
    assert details["cost"]["seconds"]["carry"] > 0
    fakes.PAINTED.clear()
    fakes.CARRIED.clear()
    stylize_clip(visit.world.frames, output=visit.world.root / "out", overwrite=True)
    assert len(fakes.PAINTED) == 1
    assert len(fakes.CARRIED) == details["cost"]["carry"]


def test_undoing_a_setting_costs_nothing(visit):
    key = visit.state()["keys"][0]["frame"]
    visit.edit("settings", key, settings={"synthesis.seed": 9})
    assert visit.details()["cost"]["paint"] == [key]
    visit.write("undo")
    assert visit.details()["cost"] == {"paint": [], "carry": 0, "seconds": {"paint": 0.0, "carry": 0.0}}


def test_frames_of_the_last_run_are_shown_until_new_ones_are_there(visit):
    key = visit.state()["keys"][0]["frame"]
    visit.edit("settings", key, settings={"synthesis.seed": 9})
    details = visit.details()
    assert str(key) in details["stale"]
    assert str(key) not in details["results"]
    assert get(visit, f"frame/result/{key}").status_code == 200


def test_a_list_of_frames_that_leads_out_of_the_project_is_not_followed(visit):
    report = visit.session.context.project.root / "report" / "run.json"
    secret = visit.world.root / "secret.png"
    write_image(secret, np.zeros((48, 64, 3), np.uint8))
    told = report.read_text("utf-8").replace("layers/", "../secret.png#")
    report.write_text(told, "utf-8")
    visit.session.generation += 1
    assert visit.details()["stale"] == {}


def test_an_override_of_a_wrong_shape_fails_by_name_and_the_others_do_not(visit):
    keys = [key["frame"] for key in visit.state()["keys"]]
    write_image(visit.session.context.project.root / "overrides" / f"{keys[0]:04d}.png", np.zeros((9, 64, 3), np.uint8))
    visit.session.generation += 1
    states = visit.details()["keys"]
    assert states[str(keys[0])]["state"] == "failed"
    assert "the clip is 64x48" in states[str(keys[0])]["words"]
    assert states[str(keys[1])]["state"] == "painted"


def test_keys_that_are_given_as_files_are_shown_and_not_edited(world):
    keys = world.keys("0001.png", "0008.png")
    stylize_clip(world.frames, keys=keys, output=world.root / "out")
    with OpenVisit(world, RunRequest(world.frames)) as visit:
        assert visit.state()["given"]
        assert set(visit.details()["keys"]) == {"1", "8"}
        answer = visit.edit("add", 3)
        assert answer.status_code == 422
        assert str(keys) in answer.json()["error"]


def test_a_project_without_a_style_says_so(world):
    with OpenVisit(world, RunRequest(world.frames)) as visit:
        visit.edit("add", 4)
        assert "no style; name an image" in visit.details()["problem"]


def test_a_range_shows_its_frames_only(world):
    with OpenVisit(world, RunRequest(world.frames, (world.style,), renderer="fake", start=2, end=8)) as visit:
        assert (visit.state()["clip"]["first"], visit.state()["clip"]["stop"]) == (2, 8)
        assert get(visit, "frame/source/1").status_code == 422
        assert visit.edit("add", 8).status_code == 422


class RunListener:
    """Follows a runner until its run is over."""

    def __init__(self):
        self.runs, self.over = [], threading.Event()
        self.runner = Runner(self.record)

    def record(self, run):
        self.runs.append((run.state, run.stage, run.share))
        if not run.live:
            self.over.set()

    def start(self, job_spec):
        self.runner.start(job_spec)
        return self

    def wait(self):
        assert self.over.wait(60)
        return self.runner.run


@pytest.fixture
def job_spec(world):
    return {
        "what": "keys", "key": None, "clip": str(world.frames), "project": str(world.root / "p.stylize"),
        "span": [None, None], "styles": [str(world.style)], "renderer": "patch", "output": None,
        "settings": {},
    }  # fmt: skip


@pytest.mark.slow
def test_a_run_tells_its_progress_and_its_end(job_spec, world):
    listener = RunListener().start(job_spec)
    with pytest.raises(UsageError, match="a run is in progress"):
        listener.runner.start(job_spec)
    assert listener.wait().state == "done"
    assert {"shots", "analysis", "keys"} <= {stage for _, stage, _ in listener.runs}
    assert (world.root / "p.stylize" / "keyframes.toml").exists()
    assert not (world.root / "p.stylize" / ".lock").exists()
    bad = RunListener().start({**job_spec, "clip": str(world.root / "none.mp4")})
    assert bad.wait().state == "failed"
    assert "does not exist" in bad.runner.run.error


def test_runs_from_the_page_take_the_settings_that_it_was_opened_with(world, monkeypatch):
    write_image(world.root / "matte" / "0000.png", np.full((48, 64, 1), 255, np.uint8))
    job = RunRequest(world.frames, (world.style,), renderer="fake", matte=world.root / "matte", start=0, end=1)
    specs = []
    with open_run(job, given := {"matte.choke": 1.5}) as work:
        start_project(work)
        workspace = Workspace(work, given)
        monkeypatch.setattr(workspace.runner, "start", specs.append)
        workspace.run(workspace.first, "run", None)
    worker.run_job(json.loads(json.dumps(specs[0])), worker.EventWriter())
    assert Project.open(world.root / "frames.stylize").about()["settings"]["matte"]["choke"] == 1.5


SLEEPER = """
import json, os, sys, threading, time
sys.stdin.readline()
print(json.dumps({"stage": "paint", "share": 0.5}), flush=True)
os.read(0, 1)
print(json.dumps({"end": "cancelled"}), flush=True)
"""


REAL = running.subprocess.Popen


@pytest.fixture
def other_worker(monkeypatch):
    """Puts another program in the worker's place."""

    def put(program):
        monkeypatch.setattr(
            running.subprocess, "Popen", lambda _, **more: REAL([sys.executable, "-c", program], **more)
        )

    return put


def test_a_cancelled_run_ends_and_another_can_begin(other_worker, job_spec):
    other_worker(SLEEPER)
    listener = RunListener().start(job_spec)
    until = time.monotonic() + 20
    while ("running", "paint", 0.5) not in listener.runs and time.monotonic() < until:
        time.sleep(0.01)
    assert listener.runner.cancel()
    assert listener.wait().state == "cancelled"
    assert not listener.runner.cancel()
    other_worker('import sys; sys.stdin.readline(); print(\'{"end": "done"}\')')
    assert RunListener().start(job_spec).wait().state == "done"


def test_a_run_that_will_not_end_is_killed(other_worker, job_spec, monkeypatch):
    monkeypatch.setattr(running, "_KILL_AFTER", 0.2)
    other_worker("import sys, time; sys.stdin.readline(); print('{}', flush=True); time.sleep(100)")
    listener = RunListener().start(job_spec)
    listener.runner.close()
    assert listener.wait().state == "cancelled"


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("import sys; sys.stdin.readline(); sys.exit('it broke')", "code 1: it broke"),
        ("import sys; sys.stdin.readline(); print('no json')", "code 0: no error message"),
    ],
)
def test_a_run_that_dies_says_what_is_known(other_worker, job_spec, program, words):
    other_worker(program)
    run = RunListener().start(job_spec).wait()
    assert run.state == "failed"
    assert words in run.error


def test_a_port_that_is_taken_is_told(world):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--port {port} on 127.0.0.1: cannot listen .*another"):
            serve(RunRequest(world.frames), port=port, browser=False, on_message=print)


@pytest.mark.parametrize("host", ["192.168.1.5", "::", "example.com"])
def test_an_address_that_others_reach_needs_the_flag(world, host):
    with pytest.raises(UsageError, match="--allow-remote"):
        serve(RunRequest(world.frames), host=host, browser=False, on_message=print)
    assert not (world.root / "frames.stylize").exists()


def test_events_tell_of_a_hand_edit(visit):
    seen = []
    visit.session.publish = lambda kind, facts: seen.append((kind, facts))
    visit.plan_path.write_text(visit.plan_path.read_text("utf-8") + "# by hand\n", "utf-8")
    until = time.monotonic() + 10
    while not [1 for kind, _ in seen if kind == "plan"] and time.monotonic() < until:
        time.sleep(0.05)
    assert [facts["revision"] for kind, facts in seen if kind == "plan"] == [visit.state()["revision"]]
