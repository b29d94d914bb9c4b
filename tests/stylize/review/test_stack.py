"""A project with layers: one page, a session for each, and all of them together."""

from __future__ import annotations

import numpy as np
import pytest

from stylize import stylize_clip
from stylize.media import read_image, write_image
from stylize.pipeline.request import RunRequest
from tests.stylize.review.review_client import OpenVisit


@pytest.fixture
def stack(world):
    for name, columns in (("left", np.s_[:, :24]), ("right", np.s_[:, 40:])):
        matte = np.zeros((48, 64, 1), np.uint8)
        matte[columns] = 255
        write_image(world.root / f"{name}.png", matte)
    place = world.root / "frames.stylize" / "stylize.toml"
    place.parent.mkdir()
    layers = "".join(
        f'[[layers]]\nname = "{name}"\nstyle = "../style.png"\nmatte = "../{name}.png"\nrenderer = "fake"\n'
        for name in ("left", "right")
    )
    place.write_text(layers, "utf-8")
    with OpenVisit(world, RunRequest(world.frames)) as visit:
        yield visit


def test_layers_are_reviewed_one_by_one_and_seen_together(stack, world):
    visit, client = stack, stack.client
    assert visit.state()["layer"] == "right"  # the topmost one
    assert client.get("/api/frame/comp/0").status_code == 404
    stylize_clip(world.frames, output=world.root / "out")
    visit.session.generation += 1  # as when it hears of the end of a run
    names = ("left", "right")
    states = {name: client.get(f"/api/state?layer={name}").json() for name in names}
    assert [states[name]["layer"] for name in names] == list(names)
    assert states["left"]["project"] != states["right"]["project"]
    for frame in (0, 7):
        made = read_image(world.root / "out" / f"{frame:04d}.png")
        assert np.array_equal(visit.workspace.composed(frame), made)
        assert client.get(f"/api/frame/comp/{frame}").status_code == 200
        for name in names:
            answer = client.get(f"/api/frame/result/{frame}?layer={name}")
            assert answer.status_code == 200
    before = {name: [key["frame"] for key in states[name]["keys"]] for name in names}
    frame = next(f for f in range(1, 6) if f not in before["left"])
    body = {"revision": states["left"]["revision"], "action": "add", "frame": frame}
    assert client.post("/api/edit?layer=left", json=body).status_code == 200
    after = {n: [k["frame"] for k in client.get(f"/api/state?layer={n}").json()["keys"]] for n in names}
    assert after == {**before, "left": sorted([*before["left"], frame])}
    assert client.post("/api/edit?layer=middle", json=body).status_code == 404


def test_a_run_of_all_layers_is_for_projects_that_have_some(visit):
    answer = visit.client.post("/api/run", json={"what": "all"})
    assert answer.status_code == 422
    assert "has no layers" in answer.json()["error"]
