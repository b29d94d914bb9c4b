"""State, details, images, runs and events of the review page."""

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
from stylize.review import jobs, open_review, worker
from stylize.review.jobs import Runner
from stylize.review.server.serve import start_project
from stylize.review.workspace import Workspace
from stylize.settings.key_settings import SEED, key_options
from stylize.settings.schema import option_table
from tests.stylize import fakes
from tests.stylize.review.review_client import OpenReview


def picture(answer):
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    return np.array(Image.open(io.BytesIO(answer.content)))


def get(review, path):
    return review.client.get(f"/api/{path}")


def test_state_has_the_clip_shots_and_keys(review):
    state = review.state()
    assert state["clip"] | {"first": 0, "stop": 10, "width": 64, "height": 48} == state["clip"]
    assert [shot[:2] for shot in state["shots"]] == [[0, 6], [6, 10]]
    assert state["planned"]
    assert all(key["reason"] for key in state["keys"])


def test_state_has_the_options_of_a_key_with_ranges_from_the_option_table(shared):
    options, table = {option["name"]: option for option in shared.state()["options"]}, option_table()
    assert set(options) == {name for name in key_options() if name == SEED or name.startswith("patch.")}
    for name in ("patch.style_strength", "patch.stroke_scale"):
        assert options[name]["range"] == [table[name].low, table[name].high]
        assert options[name]["about"] == table[name].effect
        assert options[name]["value"] == table[name].default
    assert options["patch.stroke_scale"]["range"] == [0.25, 4.0]
    assert options[SEED]["kind"] == "int"
    assert options[SEED]["range"] is None


def test_sliders_are_for_bounded_numbers_and_not_for_schedules(world):
    with OpenReview(world, RunRequest(world.frames, (world.style,), renderer="sd")) as review:
        options = {option["name"]: option for option in review.state()["options"]}
    assert not any(name.startswith("patch.") for name in options)
    assert options["diffusion.edges"]["range"] == [0.0, 1.0]
    assert options["diffusion.strength"]["range"] is None


def test_image_routes_show_the_frames_of_the_clip(review):
    context = review.session.context
    for frame in (0, 7):
        shown = picture(get(review, f"frame/source/{frame}"))
        assert shown.shape == (48, 64, 3)
        assert np.abs(shown.astype(int) - context.whole[frame]).mean() < 12
        full = picture(get(review, f"frame/source/{frame}?full=1"))
        assert np.abs(full.astype(int) - context.whole[frame]).mean() < 8
    key = review.state()["keys"][0]["frame"]
    painted = picture(get(review, f"frame/painted/{key}"))
    assert np.abs(painted.astype(int) - picture(get(review, f"take/{key}/1"))).max() == 0
    assert picture(get(review, "frame/result/5")).shape == (48, 64, 3)
    assert picture(get(review, "frame/confidence/5")).shape == (48, 64, 3)
    assert get(review, "frame/matte/5").status_code == 404
    other = next(frame for frame in range(10) if frame not in [k["frame"] for k in review.state()["keys"]])
    assert get(review, f"frame/painted/{other}").status_code == 404


def test_images_with_a_version_are_cacheable_and_others_are_not(review):
    assert "immutable" in get(review, "frame/source/1?v=x").headers["cache-control"]
    assert get(review, "frame/source/1").headers["cache-control"] == "no-store"


def test_small_images_are_made_once_for_all_frames(review):
    until = time.monotonic() + 20
    while review.session.proxies != (10, 10) and time.monotonic() < until:
        time.sleep(0.02)
    folder = next((review.session.context.project.root / "cache" / "proxies").iterdir())
    assert sorted(path.name for path in folder.iterdir()) == [f"{frame:06d}.jpg" for frame in range(10)]
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    with OpenReview(review.world, RunRequest(review.world.frames)) as again:
        assert get(again, "frame/source/3").status_code == 200
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_finished_project_costs_nothing(review):
    details = review.details()
    assert details["cost"] == {"paint": [], "carry": 0, "seconds": {"paint": 0.0, "carry": 0.0}}
    assert [value is not None for value in details["confidence"]] == [True] * 10
    assert {key["state"] for key in details["keys"].values()} == {"painted"}
    assert sum(span["done"] for span in details["spans"]) == 10
    assert all(0 <= value <= 1 for value in (*details["novelty"], *details["coverage"]))


def test_a_changed_key_costs_its_two_spans_and_a_run_does_exactly_that(review):
    """The cost in the details is the work that a run does."""
    keys = [key["frame"] for key in review.state()["keys"]]
    new = max(range(6), key=lambda frame: min(abs(frame - key) for key in keys))
    review.edit("add", new)
    first = review.details()
    assert new in first["cost"]["paint"]
    paint_request(RunRequest(review.world.frames))
    stylize_clip(review.world.frames, output=review.world.root / "out", overwrite=True)
    review.session.generation += 1
    assert review.details()["cost"]["paint"] == []
    assert review.details()["cost"]["carry"] == 0
    review.edit("settings", new, settings={"synthesis.seed": 9})
    details = review.details()
    assert details["cost"]["paint"] == [new]
    touching = [s for s in details["spans"] if new in (s["start"], s["stop"])]
    assert sum(s["done"] for s in touching) == 0
    assert sum(s["stop"] - s["start"] for s in touching) == details["cost"]["carry"]
    assert details["cost"]["seconds"]["carry"] > 0
    fakes.PAINTED.clear()
    fakes.CARRIED.clear()
    stylize_clip(review.world.frames, output=review.world.root / "out", overwrite=True)
    assert len(fakes.PAINTED) == 1
    assert len(fakes.CARRIED) == details["cost"]["carry"]


def test_undoing_a_setting_costs_nothing(review):
    key = review.state()["keys"][0]["frame"]
    review.edit("settings", key, settings={"synthesis.seed": 9})
    assert review.details()["cost"]["paint"] == [key]
    review.write("undo")
    assert review.details()["cost"] == {"paint": [], "carry": 0, "seconds": {"paint": 0.0, "carry": 0.0}}


def test_frames_of_the_last_run_are_stale_and_still_shown(review):
    key = review.state()["keys"][0]["frame"]
    review.edit("settings", key, settings={"synthesis.seed": 9})
    details = review.details()
    assert str(key) in details["stale"]
    assert str(key) not in details["results"]
    assert get(review, f"frame/result/{key}").status_code == 200


def test_a_run_record_cannot_name_files_outside_of_the_project(review):
    report = review.session.context.project.root / "report" / "run.json"
    secret = review.world.root / "secret.png"
    write_image(secret, np.zeros((48, 64, 3), np.uint8))
    record = report.read_text("utf-8").replace("layers/", "../secret.png#")
    report.write_text(record, "utf-8")
    review.session.generation += 1
    assert review.details()["stale"] == {}


def test_only_the_override_of_the_wrong_size_fails(review):
    keys = [key["frame"] for key in review.state()["keys"]]
    write_image(
        review.session.context.project.root / "overrides" / f"{keys[0]:04d}.png", np.zeros((9, 64, 3), np.uint8)
    )
    review.session.generation += 1
    states = review.details()["keys"]
    assert states[str(keys[0])]["state"] == "failed"
    assert "the clip is 64x48" in states[str(keys[0])]["words"]
    assert states[str(keys[1])]["state"] == "painted"


def test_keys_given_as_files_are_read_only(world):
    keys = world.keys("0001.png", "0008.png")
    stylize_clip(world.frames, keys=keys, output=world.root / "out")
    with OpenReview(world, RunRequest(world.frames)) as review:
        assert review.state()["given"]
        assert set(review.details()["keys"]) == {"1", "8"}
        answer = review.edit("add", 3)
        assert answer.status_code == 422
        assert str(keys) in answer.json()["error"]


def test_details_report_a_missing_style(world):
    with OpenReview(world, RunRequest(world.frames)) as review:
        review.edit("add", 4)
        assert "no style; name an image" in review.details()["problem"]


def test_a_range_limits_frames_and_edits(world):
    with OpenReview(world, RunRequest(world.frames, (world.style,), renderer="fake", start=2, end=8)) as review:
        assert (review.state()["clip"]["first"], review.state()["clip"]["stop"]) == (2, 8)
        assert get(review, "frame/source/1").status_code == 422
        assert review.edit("add", 8).status_code == 422


class RunListener:
    """Records the states of a run until its end."""

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
def test_a_run_reports_its_stages_and_its_end(job_spec, world):
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


def test_runs_from_the_page_use_the_settings_of_the_command(world, monkeypatch):
    write_image(world.root / "matte" / "0000.png", np.full((48, 64, 1), 255, np.uint8))
    request = RunRequest(world.frames, (world.style,), renderer="fake", matte=world.root / "matte", start=0, end=1)
    specs = []
    with open_run(request, given := {"matte.choke": 1.5}) as context:
        start_project(context)
        workspace = Workspace(context, given)
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


REAL = jobs.subprocess.Popen


@pytest.fixture
def other_worker(monkeypatch):
    """Return a function that replaces the worker by another program."""

    def replace_worker(program):
        monkeypatch.setattr(jobs.subprocess, "Popen", lambda _, **more: REAL([sys.executable, "-c", program], **more))

    return replace_worker


def test_a_run_starts_after_a_cancelled_one_has_ended(other_worker, job_spec):
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


def test_a_run_that_ignores_cancel_is_killed(other_worker, job_spec, monkeypatch):
    monkeypatch.setattr(jobs, "_KILL_AFTER", 0.2)
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
def test_a_crashed_run_reports_exit_code_and_last_line(other_worker, job_spec, program, words):
    other_worker(program)
    run = RunListener().start(job_spec).wait()
    assert run.state == "failed"
    assert words in run.error


def test_a_port_in_use_is_an_error_that_names_it(world):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"--port {port} on 127.0.0.1: cannot listen .*another"):
            open_review(world.frames, port=port, browser=False)


@pytest.mark.parametrize("host", ["192.168.1.5", "::", "example.com"])
def test_a_remote_address_needs_allow_remote(world, host):
    with pytest.raises(UsageError, match="--allow-remote"):
        open_review(world.frames, host=host, browser=False)
    assert not (world.root / "frames.stylize").exists()


def test_a_hand_edit_is_published_as_an_event(review):
    seen = []
    review.session.publish = lambda kind, facts: seen.append((kind, facts))
    review.plan_path.write_text(review.plan_path.read_text("utf-8") + "# by hand\n", "utf-8")
    until = time.monotonic() + 10
    while not [1 for kind, _ in seen if kind == "plan"] and time.monotonic() < until:
        time.sleep(0.05)
    assert [facts["revision"] for kind, facts in seen if kind == "plan"] == [review.state()["revision"]]
