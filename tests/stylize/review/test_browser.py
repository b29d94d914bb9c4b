"""Review page in a real browser, with real painting and propagation."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from stylize.media import write_image
from tests.stylize.review.browser_page import LONG, Page, serving
from tests.stylize.world import make_frames

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path):
    """Return a project of sixteen small frames in which a changed key affects its two spans only."""
    make_frames(tmp_path / "frames", 16, size=(64, 96))
    style = tmp_path / "style.png"
    rng = np.random.default_rng(3)
    write_image(style, np.kron(rng.integers(0, 256, (12, 12, 3), np.uint8), np.ones((8, 8, 1), np.uint8)))
    place = tmp_path / "frames.stylize"
    place.mkdir()
    (place / "stylize.toml").write_text("[propagate]\ndistant_keys = 0\n", "utf-8")
    return place


@pytest.fixture
def link(project):
    """Return the link that the command prints."""
    with serving(project.with_name("frames"), project.with_name("style.png")) as found:
        yield found


def layer_times(project):
    return {p: p.stat().st_mtime_ns for p in (project / "layers").glob("*/*.png")}


def test_keys_are_edited_painted_propagated_and_compared(browser, link, project):
    page = Page(browser, link, project)
    assert "token" not in page.tab.url

    page.press("ArrowRight", "ArrowRight", "ArrowRight")
    page.tab.locator("#track[aria-valuenow='3']").wait_for()
    page.press("ArrowLeft")
    page.tab.locator("#track[aria-valuenow='2']").wait_for()

    page.go(4)
    page.press("k")
    page.marker(4, ".user").wait_for()
    page.go(12)
    page.press("k")
    page.marker(12).wait_for()
    page.press("l")
    page.marker(12, ".locked").wait_for()
    assert {f: key.kind for f, key in page.keys().items()} == {4: "user", 12: "locked"}

    page.go(4)
    page.press(".")
    page.marker(5).wait_for()
    box, track = page.marker(5).bounding_box(), page.tab.locator("#track").bounding_box()
    page.tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.tab.mouse.down()
    page.tab.mouse.move(track["x"] + track["width"] * 8.5 / 16, box["y"], steps=6)
    page.tab.mouse.up()
    page.marker(8).wait_for()
    assert set(page.keys()) == {8, 12}
    page.press("Control+z")
    page.marker(5).wait_for()
    assert set(page.keys()) == {5, 12}

    page.run()
    before = layer_times(project)
    assert len(before) == 16
    page.go(5)

    painting = project.with_name("mine.png")
    write_image(painting, np.full((64, 96, 3), (180, 40, 90), np.uint8))
    page.tab.locator("#file").set_input_files(painting)
    page.marker(5, ".override").wait_for()
    page.tab.get_by_text("In use: your painting").wait_for()
    assert page.keys()[5].kind == "override"
    page.press("Control+z")
    page.marker(5, ".user").wait_for()
    page.tab.get_by_text("Up to date").wait_for()

    page.tab.get_by_role("button", name="New seed").click()
    page.press("r")
    page.says("Key 5 is painted", LONG)
    page.tab.locator(".take").nth(2).wait_for()
    spans = {(s["start"], s["stop"]): s["done"] for s in page.details()["spans"]}
    assert spans == {(0, 5): 0, (5, 12): 0, (12, 16): 4}
    page.run()
    after = layer_times(project)
    kept = [path for path in before if path.stem in ("0012", "0013", "0014", "0015")]
    assert len(kept) == 4
    assert all(after[path] == before[path] for path in kept)
    assert {path.stem for path in after if path not in before} == {f"{frame:04d}" for frame in range(12)}

    page.tab.reload()
    page.shown()
    page.go(7)
    page.press("3")
    result = page.pixels()
    page.press("1")
    source = page.pixels()
    page.press("3", "w")
    page.tab.get_by_label("Wipe position").wait_for()
    wiped = page.pixels()
    middle = wiped.shape[1] // 2
    left, right = np.s_[:, : middle - 20], np.s_[:, middle + 20 :]
    assert np.abs(result[left] - source[left]).mean() > 2
    assert np.abs(wiped[left] - result[left]).mean() < 1
    assert np.abs(wiped[right] - source[right]).mean() < 1
    assert page.faults == []


def test_a_hand_edit_of_the_plan_updates_the_page(browser, link, project):
    page = Page(browser, link, project)
    page.press("k")
    page.marker(0).wait_for()
    plan = project / "keyframes.toml"
    plan.write_text(plan.read_text("utf-8") + '\n[[key]]\nframe = 9\nreason = "by hand"\n', "utf-8")
    page.marker(9).wait_for()
    page.says("changed outside")
    plan.write_text(plan.read_text("utf-8") + "\n[[key]]\nframe = 99\n", "utf-8")
    page.tab.get_by_role("alert").filter(has_text="key.frame is 99").wait_for()
    lock = {"pid": os.getpid(), "host": os.uname().nodename, "since": 0}
    plan.write_text(plan.read_text("utf-8").replace("\n[[key]]\nframe = 99\n", ""), "utf-8")
    (project / ".lock").write_text(json.dumps(lock), "utf-8")
    page.tab.get_by_role("alert").filter(has_text=f"process {os.getpid()}").wait_for()
    assert page.tab.get_by_role("button", name="Run").is_disabled()
    (project / ".lock").unlink()
    page.tab.get_by_role("alert").wait_for(state="hidden")
    assert page.faults == []
