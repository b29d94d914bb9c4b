"""Matte editor: strokes, their mattes, propagation and activation."""

from __future__ import annotations

import shutil

import cv2
import numpy as np
import pytest

from stylize.errors import UsageError
from stylize.media import read_image, write_image
from stylize.pipeline.context import open_run
from stylize.pipeline.request import RunRequest
from stylize.progress import StageTimer
from stylize.review.roto import propagation
from stylize.review.roto.propagation import propagate_painted_matte
from stylize.review.roto.strokes import Stroke, build_matte, read_stroke
from tests.stylize.mattes import motion
from tests.stylize.review.review_client import OpenReview

COUNT = 6


def overlap(a, b):
    return ((a > 0.5) & (b > 0.5)).sum() / ((a > 0.5) | (b > 0.5)).sum()


@pytest.fixture(scope="module")
def scene():
    frames, truth = motion.moving_subject(COUNT)
    return [cv2.GaussianBlur(frame, (0, 0), 0.7) for frame in frames], truth


@pytest.fixture
def clip(scene, tmp_path):
    for at, frame in enumerate(scene[0]):
        write_image(tmp_path / "clip" / f"{at:04d}.png", frame, durable=False)
    write_image(tmp_path / "style.png", np.full((32, 32, 3), 120, np.uint8))
    return tmp_path / "clip"


@pytest.fixture
def page(clip):
    with OpenReview(None, RunRequest(clip, (clip.with_name("style.png"),), renderer="patch")) as review:
        yield review


def middle(matte):
    rows, columns = np.nonzero(cv2.erode((matte > 0.5).astype(np.uint8), np.ones((9, 9), np.uint8)))
    return float(columns.mean()), float(rows.mean())


def around(matte):
    rows, columns = np.nonzero(matte > 0.5)
    return [[int(columns.min()) - 2, int(rows.min()) - 2], [int(columns.max()) + 3, int(rows.max()) + 3]]


def clip_of(review):
    return review.session.context.request.clip


def paint(review, frame, tool, points=(), size=3.0, exact=False):
    stroke = {"tool": tool, "points": [list(p) for p in points], "size": size, "exact": exact}
    return review.client.post("/api/matte/stroke", json={"frame": frame, "stroke": stroke})


def matte(review, frame):
    data = review.client.get(f"/api/matte/{frame}?full=1").content
    return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)[..., 3] / 255


def propagate_mattes_of(review, near=0):
    context = review.session.context
    with context.project.lock():
        propagate_painted_matte(context, near, StageTimer())
    review.session.adopt_matte()


def test_scribbles_segment_the_subject_and_change_a_matte_only_near_them(scene):
    image, truth = scene[0][0], scene[1][0]
    x, y = middle(truth)
    first = build_matte(image, [Stroke("add", ((x - 6, y), (x + 6, y)), 4)], None)
    assert overlap(first, truth) > 0.9
    holed = truth.copy()
    left, right = int(x) - 30, int(x)
    holed[:, left:right] = 0
    marks = [Stroke("add", ((x - 14, y - 5), (x - 14, y + 5)), 4)]
    mended = build_matte(image, marks, holed)
    assert overlap(mended, truth) > overlap(holed, truth) + 0.05
    far = cv2.dilate(np.asarray(holed != truth, np.uint8), np.ones((61, 61), np.uint8)) == 0
    assert np.array_equal(mended[far], holed[far])


def test_exact_strokes_set_the_matte_and_later_strokes_override_earlier():
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    add = Stroke("add", ((20.5, 30.5), (60.5, 30.5)), 5, exact=True)
    found = build_matte(image, [add], None)
    assert found[30, 40] == 1
    assert found[45, 40] == 0
    assert abs(found[:, 40].sum() - 10) <= 1.1  # the brush's width
    found = build_matte(image, [add, Stroke("remove", ((40.5, 30.5),), 3, exact=True)], None)
    assert found[30, 40] == 0
    assert found[30, 30] == 1
    again = build_matte(image, [add, Stroke("clear")], None)
    assert again is None
    assert not build_matte(image, [add, Stroke("empty")], None).any()


@pytest.mark.parametrize(
    "facts",
    [
        None,
        {"tool": "burn"},
        {"tool": "add"},
        {"tool": "add", "points": [[1, 2]], "size": 0},
        {"tool": "add", "points": [[1, float("nan")]], "size": 3},
        {"tool": "add", "points": [[1, True]], "size": 3},
        {"tool": "add", "points": [[1, 2]], "size": 3, "exact": 1},
        {"tool": "add", "points": [[1e9, 2]], "size": 3},
        {"tool": "add", "points": [[1, 2]] * 4001, "size": 3},
        {"tool": "box", "points": [[1, 2]]},
        {"tool": "box", "points": [[1, 2], [2, 3]]},
        {"tool": "clear", "points": [[1, 2]]},
        {"tool": "add", "points": [[1, 2]], "size": 1e6},
        {"tool": "add", "points": "../..", "size": 2},
    ],
)
def test_invalid_strokes_are_rejected(facts):
    with pytest.raises(UsageError):
        read_stroke(facts, 80, 60)


def test_rejected_matte_requests_write_no_file(page):
    for body in (
        {"frame": 0, "stroke": {"tool": "burn"}},
        {"frame": 99, "stroke": {"tool": "empty"}},
        {"frame": 0, "stroke": 3},
        {"frame": 0},
        {"frame": True, "stroke": {"tool": "empty"}},
        {"frame": 0, "stroke": {"tool": "keep"}},
        {"frame": 0, "stroke": {"tool": "clear"}},
    ):
        assert page.client.post("/api/matte/stroke", json=body).status_code == 422
    assert page.client.post("/api/matte/undo", json={}).status_code == 422
    assert page.client.post("/api/matte/use", json={"wanted": True}).status_code == 422
    assert page.client.post("/api/matte/use", json={"wanted": 1}).status_code == 422
    assert page.client.get("/api/matte/0").status_code == 404
    assert not (page.session.context.project.root / "matte").exists()


def test_a_box_is_propagated_over_the_clip_and_becomes_the_active_matte(page, scene):
    truth = scene[1]
    assert page.state()["matte"] == ""
    facts = paint(page, 2, "box", around(truth[2])).json()
    assert list(facts["painted"]) == ["2"]
    assert facts["use"] == "none"
    assert overlap(matte(page, 2), truth[2]) > 0.9
    propagate_mattes_of(page, 2)
    facts = page.client.get("/api/matte").json()
    assert sorted(map(int, facts["carried"])) == [0, 1, 3, 4, 5]
    assert (facts["use"], facts["left"], facts["old"]) == ("painted", 0, {})
    assert all(overlap(matte(page, at), truth[at]) > 0.9 for at in range(COUNT))
    assert page.state()["matte"]
    assert page.client.get("/api/frame/matte/4").status_code == 200
    with open_run(RunRequest(clip_of(page))) as context:  # as the next run does
        assert context.request.matte == str(page.session.context.project.root / "matte" / "carried")
        assert overlap(context.mattes[4], truth[4]) > 0.9
    style = clip_of(page).with_name("style.png")
    with open_run(RunRequest(clip_of(page), (style,))) as context:  # with other inputs named
        assert context.mattes is not None
    with open_run(RunRequest(clip_of(page), (style,), matte=clip_of(page))) as context:
        assert context.request.matte == clip_of(page)
    facts = page.client.post("/api/matte/use", json={"wanted": False}).json()
    assert facts["use"] == "none"
    with open_run(RunRequest(clip_of(page), (style,))) as context:
        assert context.mattes is None
    assert page.state()["matte"] == ""
    assert page.client.post("/api/matte/use", json={"wanted": True}).json()["use"] == "painted"


def test_a_correction_propagates_only_to_the_neighboring_painted_frames(page, scene, monkeypatch):
    truth = scene[1]
    for frame in (0, 3):
        paint(page, frame, "box", around(truth[frame]))
    propagate_mattes_of(page)
    folder = page.session.context.project.root / "matte" / "carried"
    before = {path.name: read_image(path).tobytes() for path in folder.iterdir()}
    x, y = middle(truth[0])
    assert paint(page, 0, "remove", [(x, y), (x + 9, y)], 4, exact=True).status_code == 200
    facts = page.client.get("/api/matte").json()
    assert (sorted(map(int, facts["carried"])), sorted(map(int, facts["old"]))) == ([4, 5], [1, 2])
    followed = []
    real = propagation.propagate_mattes

    def counted(frames, keys, checkpoint, share):
        followed.append(frames.info.start)
        real(frames, keys, checkpoint, share)

    monkeypatch.setattr(propagation, "propagate_mattes", counted)
    propagate_mattes_of(page)
    assert followed == [0]
    after = {path.name: read_image(path).tobytes() for path in folder.iterdir()}
    assert [name for name in sorted(after) if after[name] != before[name]] == [
        "0000.png",
        "0001.png",
        "0002.png",
    ]
    propagate_mattes_of(page)
    assert followed == [0]  # nothing is left to do
    shutil.rmtree(page.session.context.project.root / "cache")  # users may remove it at any time
    assert page.client.get("/api/matte").json()["left"] == 0
    paint(page, 3, "keep")
    propagate_mattes_of(page)
    assert followed == [0]
    assert {path.name: read_image(path).tobytes() for path in folder.iterdir()} == after


def test_interrupted_propagation_resumes_to_the_same_mattes(page, scene, monkeypatch):
    paint(page, 0, "box", around(scene[1][0]))
    propagate_mattes_of(page)
    root = page.session.context.project.root
    folder = root / "matte" / "carried"
    whole = {path.name: read_image(path).tobytes() for path in folder.iterdir()}
    shutil.rmtree(root / "cache" / "mattes")
    (root / "matte" / "carried.json").unlink()  # otherwise they count as propagated
    real = propagation._SpanCheckpoint.write

    def interrupted(checkpoint, index, matte):
        real(checkpoint, index, matte)
        if index == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(propagation._SpanCheckpoint, "write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        propagate_mattes_of(page)
    facts = page.client.get("/api/matte").json()
    assert sorted(map(int, facts["carried"])) == [1, 2, 3]  # the page shows them already
    assert {path.name: read_image(path).tobytes() for path in folder.iterdir()} == whole
    monkeypatch.setattr(propagation._SpanCheckpoint, "write", real)
    propagate_mattes_of(page)
    assert {path.name: read_image(path).tobytes() for path in folder.iterdir()} == whole
    assert not list((root / "cache" / "mattes").rglob("*.matte"))


def test_undo_of_strokes_spans_frames_and_outlives_the_server(page, scene):
    paint(page, 0, "box", around(scene[1][0]))
    first = matte(page, 0)
    x, y = middle(scene[1][0])
    paint(page, 0, "remove", [(x, y)], 6)
    paint(page, 3, "empty")
    second = matte(page, 0)
    assert not np.array_equal(first, second)
    with OpenReview(None, page.session.context.request) as later:
        assert later.client.get("/api/matte").json()["can"] == {"undo": "empty", "redo": None}
        facts = later.client.post("/api/matte/undo", json={}).json()
        assert (facts["frame"], list(facts["painted"])) == (3, ["0"])
        assert later.client.post("/api/matte/undo", json={}).json()["frame"] == 0
        assert np.array_equal(matte(later, 0), first)
        assert later.client.post("/api/matte/redo", json={}).json()["can"]["undo"] == "remove"
        assert np.array_equal(matte(later, 0), second)
        facts = paint(later, 0, "clear").json()
        assert facts["painted"] == {}
        assert later.client.post("/api/matte/redo", json={}).status_code == 422


def test_a_matte_file_of_another_program_counts_and_can_be_edited(page, scene):
    truth = scene[1][1]
    gray = np.rint(truth * 255).astype(np.uint8)[..., None]
    place = page.session.context.project.root / "matte" / "painted" / "0001.png"
    write_image(place, gray)
    assert list(page.client.get("/api/matte").json()["painted"]) == ["1"]
    x, y = middle(truth)
    paint(page, 1, "remove", [(x, y)], 4, exact=True)
    found = matte(page, 1)
    assert found[round(y), round(x)] == 0
    assert overlap(found, truth) > 0.9
    write_image(place, np.zeros((20, 20, 1), np.uint8))
    with pytest.raises(Exception, match="20x20, but the clip is"):
        propagate_mattes_of(page)


def test_painting_starts_from_the_given_matte_which_can_be_restored(clip, scene):
    for at, one in enumerate(scene[1]):
        write_image(clip.with_name("roto") / f"{at:04d}.png", np.rint(one * 255).astype(np.uint8)[..., None])
    request = RunRequest(clip, (clip.with_name("style.png"),), renderer="patch", matte=clip.with_name("roto"))
    with OpenReview(None, request) as review:
        assert review.client.get("/api/matte").json()["use"] == "other"
        assert paint(review, 2, "keep").status_code == 200
        assert overlap(matte(review, 2), scene[1][2]) > 0.99
        propagate_mattes_of(review)
        assert review.client.get("/api/matte").json()["former"].endswith("roto")
        review.client.post("/api/matte/use", json={"wanted": False})
        assert str(review.session.context.request.matte).endswith("roto")


def test_the_painted_matte_of_a_layer_is_written_into_stylize_toml(clip, scene):
    root = clip.with_suffix(".stylize")
    root.mkdir()
    (root / "stylize.toml").write_text(
        '# mine\n[[layers]]\nname = "all"\nstyle = "../style.png"\n\n'
        '[[layers]]\nname = "hero"\nstyle = "../style.png"  # ours\n',
        "utf-8",
    )
    with OpenReview(None, RunRequest(clip)) as review:
        state = review.state()
        assert (state["layers"], state["layer"], state["matte"]) == (["all", "hero"], "hero", "")
        assert review.client.get("/api/state?layer=all").json()["layer"] == "all"
        assert review.client.get("/api/state?layer=none").status_code == 404
        assert review.client.post("/api/undo?layer=../x", json={"revision": ""}).status_code == 404
        assert review.client.get("/api/events?layer=none").status_code == 404
        paint(review, 0, "box", around(scene[1][0]))
        propagate_mattes_of(review)
        text = (root / "stylize.toml").read_text("utf-8")
        assert text.startswith("# mine\n")
        assert "# ours" in text
        assert 'matte = "stack/hero/matte/carried"' in text
        assert review.state()["matte"]
        assert review.client.get("/api/state?layer=all").json()["matte"] == ""
    with open_run(RunRequest(clip)) as context:
        assert [part.mattes is not None for part in context.parts] == [False, True]
        assert overlap(context.parts[1].mattes[3], scene[1][3]) > 0.9
