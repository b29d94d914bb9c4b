"""Review of a project with layers: a session for each, and the composite."""

from __future__ import annotations

import numpy as np
import pytest

from stylize import stylize_clip
from stylize.media import read_image, write_image
from stylize.pipeline.request import RunRequest
from tests.stylize.review.review_client import OpenReview


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
    with OpenReview(world, RunRequest(world.frames)) as review:
        yield review


def test_each_layer_has_a_session_and_the_composite_shows_all(stack, world):
    review, client = stack, stack.client
    assert review.state()["layer"] == "right"  # the topmost one
    assert client.get("/api/frame/comp/0").status_code == 404
    stylize_clip(world.frames, output=world.root / "out")
    review.session.generation += 1  # as after the end of a run
    names = ("left", "right")
    states = {name: client.get(f"/api/state?layer={name}").json() for name in names}
    assert [states[name]["layer"] for name in names] == list(names)
    assert states["left"]["project"] != states["right"]["project"]
    for frame in (0, 7):
        made = read_image(world.root / "out" / f"{frame:04d}.png")
        assert np.array_equal(review.workspace.composed(frame), made)
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


def test_a_run_of_all_layers_needs_layers(review):
    answer = review.client.post("/api/run", json={"what": "all"})
    assert answer.status_code == 422
    assert "has no layers" in answer.json()["error"]
