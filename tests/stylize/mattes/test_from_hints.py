from __future__ import annotations

import cv2
import numpy as np
import pytest

from stylize.api.check_matte import check_matte
from stylize.api.mattes import make_matte, refine_matte
from stylize.errors import MediaError, UsageError
from stylize.mattes.hints import parse_boxes
from stylize.mattes.metrics import check_mattes, issues
from stylize.mattes.refine.trimap import refine_edge, remove_specks
from stylize.mattes.segment.chroma_key import chroma_matte, despill, parse_color
from stylize.mattes.segment.flow_propagation import propagate_matte
from stylize.mattes.segment.grabcut import segment_box, segment_scribbles
from stylize.mattes.segment.motion_segmentation import segment_by_motion
from stylize.media import open_clip, read_image, write_image
from stylize.report.matte_report import write_check
from tests.stylize.mattes import motion


def overlap(a, b):
    return ((a > 0.5) & (b > 0.5)).sum() / ((a > 0.5) | (b > 0.5)).sum()


@pytest.fixture(scope="module")
def scene():
    frames, truth = motion.moving_subject(8)
    return [cv2.GaussianBlur(frame, (0, 0), 0.7) for frame in frames], truth


@pytest.fixture
def clip(scene, tmp_path):
    for at, frame in enumerate(scene[0]):
        write_image(tmp_path / "clip" / f"{at:04d}.png", frame, durable=False)
    return tmp_path / "clip"


def read(folder, at):
    return read_image(folder / f"{at:04d}.png")[..., 0] / 65535


def test_matte_is_propagated_forward_and_backward(scene):
    frames, truth = scene
    for key, order in ((0, range(1, 8)), (7, range(6, -1, -1))):
        for at, matte, sure in propagate_matte(frames, key, truth[key], order):
            assert overlap(matte, truth[at]) > 0.97
            assert 0 <= sure.min() <= sure.max() <= 1


@pytest.mark.parametrize("loose", [-0.04, 0, 0.04, 0.08])
@pytest.mark.parametrize("form", ["ellipse", "rectangle"])
def test_subject_is_segmented_from_a_box(form, loose):
    """Also where the box is a little too small or too large, and where the subject fills it."""
    rng = np.random.default_rng(0)
    matte = np.zeros((180, 240), np.float32)
    if form == "ellipse":
        cv2.ellipse(matte, (120, 90), (50, 60), 0, 0, 360, 1, -1)
    else:
        matte[30:151, 70:171] = 1
    image = np.where(matte[..., None] > 0, (190, 120, 60), (60, 110, 80)) + rng.normal(0, 14, (180, 240, 3))
    across, down = round(101 * loose), round(121 * loose)
    box = (70 - across, 30 - down, 101 + 2 * across, 121 + 2 * down)
    found = segment_box(np.clip(image, 0, 255).astype(np.uint8), box)
    assert overlap(found, matte) > 0.97
    assert 0 <= found.min() <= found.max() <= 1


def test_motion_segments_a_subject_of_the_background_color(rng):
    """Both have one texture, and only how they move tells them apart; seen on one side, nothing does."""
    texture = cv2.GaussianBlur(rng.normal(0, 1, (400, 500, 3)), (0, 0), 2)
    texture = np.clip(128 + 60 * texture / texture.std(), 0, 255).astype(np.uint8)
    rows, columns = np.mgrid[:180, :240]

    def frame(t):
        inside = ((columns - 120 - 3 * t) / 50) ** 2 + ((rows - 90) / 55) ** 2 < 1
        back, front = texture[10:190, 40 - t : 280 - t], texture[200:380, 100 - 3 * t : 340 - 3 * t]
        return np.ascontiguousarray(np.where(inside[..., None], front, back)), inside

    image, truth = frame(0)
    ways = [[frame(sign * step)[0] for step in (1, 2, 4)] for sign in (-1, 1)]
    box = (68, 33, 105, 115)
    assert overlap(segment_box(image, box, ways), truth) > 0.93
    assert overlap(segment_box(image, box, ways), truth) > overlap(segment_box(image, box), truth) + 0.1
    core, ground = cv2.erode(truth.astype(np.uint8), np.ones((9, 9))) > 0, np.zeros_like(truth)
    ground[:, 190:] = True
    assert segment_by_motion(image, ways, core, ground) is None
    ground[:, :50] = True
    assert segment_by_motion(image, ways, core, ground)[truth].mean() > 0.5
    still = [[image] * 3]
    assert segment_by_motion(image, still, core, ground) is None


def test_subject_is_segmented_from_scribbles():
    matte = np.zeros((120, 160), np.float32)
    cv2.circle(matte, (80, 60), 35, 1, -1)
    image = np.where(matte[..., None] > 0, (190, 120, 60), (60, 110, 80)).astype(np.uint8)
    hint = np.full_like(matte, 0.5)
    cv2.line(hint, (60, 60), (100, 60), 1, 6)
    cv2.rectangle(hint, (5, 5), (155, 115), 0, 5)
    found = segment_scribbles(image, hint)
    assert overlap(found, matte) > 0.97
    assert found[hint == 1].min() == 1
    assert found[hint == 0].max() == 0


def test_refine_edge_moves_a_rough_edge_to_the_true_one(scene):
    frames, truth = scene
    rough = cv2.GaussianBlur(np.roll(truth[3], (2, -2), (0, 1)), (0, 0), 2)
    found = refine_edge(frames[3], rough, 6)
    assert np.abs(found - truth[3]).mean() < 0.6 * np.abs(rough - truth[3]).mean()
    for flat in (np.zeros_like(rough), np.ones_like(rough)):
        np.testing.assert_array_equal(refine_edge(frames[3], flat, 6), flat)


def test_remove_specks_drops_small_pieces_and_fills_small_holes():
    solid = np.zeros((100, 100), np.float32)
    solid[20:80, 20:80] = 1
    solid[50, 50] = 0
    solid[5, 5] = 1
    clean = remove_specks(solid)
    assert clean[50, 50] == 1
    assert clean[5, 5] == 0
    assert clean.sum() == 3600


def test_painted_mattes_are_propagated_over_the_clip(scene, clip, tmp_path):
    for at in (0, 7):
        codes = np.rint(scene[1][at] * 255).astype(np.uint8)[..., None]
        write_image(tmp_path / "painted" / f"{at}.png", codes, durable=False)
    made = make_matte(clip, tmp_path / "m", mattes=tmp_path / "painted", colors=tmp_path / "fg")
    assert (made.frames, made.hints) == (8, (0, 7))
    for at in range(8):
        assert overlap(read(tmp_path / "m", at), scene[1][at]) > 0.97
    assert read_image(tmp_path / "fg" / "0003.png").shape == (96, 128, 3)
    facts = check_matte(tmp_path / "m", clip).frames
    assert [one.frame for one in facts] == list(range(8))
    assert max(one.chatter for one in facts) < 0.06


@pytest.mark.parametrize("share_of_work", [0.4, 0.7, 0.95])
def test_interrupted_matte_run_resumes_with_the_same_result(share_of_work, tmp_path):
    frames, truth = motion.moving_subject(24)
    for at, frame in enumerate(frames):
        write_image(tmp_path / "clip" / f"{at:04d}.png", frame, durable=False)
    for at in (2, 21):
        codes = np.rint(truth[at] * 65535).astype(np.uint16)[..., None]
        write_image(tmp_path / "painted" / f"{at}.png", codes, durable=False)

    def stop(stage, share):
        if stage == "matte" and share >= share_of_work:
            raise KeyboardInterrupt

    make_matte(tmp_path / "clip", tmp_path / "straight", mattes=tmp_path / "painted")
    with pytest.raises(KeyboardInterrupt):
        make_matte(tmp_path / "clip", tmp_path / "m", mattes=tmp_path / "painted", on_progress=stop)
    assert (tmp_path / ".m.making").is_dir()
    make_matte(tmp_path / "clip", tmp_path / "m", mattes=tmp_path / "painted")
    for at in range(24):
        np.testing.assert_array_equal(read(tmp_path / "m", at), read(tmp_path / "straight", at))
    np.testing.assert_allclose(read(tmp_path / "m", 2), truth[2], atol=1e-5)
    assert not (tmp_path / ".m.making").exists()


def test_checkpoint_of_other_hints_is_discarded(clip, tmp_path):
    def stop(stage, share):
        if stage == "matte" and share >= 0.5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_matte(clip, tmp_path / "m", boxes=["0:20,20,40,40"], on_progress=stop)
    for place in ("m", "straight"):
        make_matte(clip, tmp_path / place, boxes=["0:30,20,60,60"])
    for at in range(8):
        np.testing.assert_array_equal(read(tmp_path / "m", at), read(tmp_path / "straight", at))


def test_failed_matte_run_leaves_no_files(scene, clip, tmp_path):
    for at in range(8):
        codes = np.rint(scene[1][at] * 255).astype(np.uint8)[..., None]
        write_image(tmp_path / "rough" / f"{at:04d}.png", codes, durable=False)
    hurt = tmp_path / "rough" / "0005.png"
    hurt.write_bytes(hurt.read_bytes()[:60])
    with pytest.raises(MediaError, match=r"0005.png is damaged"):
        refine_matte(tmp_path / "rough", clip, tmp_path / "fine")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip", "rough"]


def test_refine_improves_rough_mattes_of_a_clip(scene, clip, tmp_path):
    rough = [cv2.GaussianBlur(np.roll(matte, 2, axis=1), (0, 0), 2) for matte in scene[1]]
    for at, matte in enumerate(rough):
        codes = np.rint(matte * 255).astype(np.uint8)[..., None]
        write_image(tmp_path / "rough" / f"{at:04d}.png", codes, durable=False)
    refine_matte(tmp_path / "rough", clip, tmp_path / "fine", band=6)
    fine = [read(tmp_path / "fine", at) for at in range(8)]
    assert motion.edge_error(fine, scene[1]) < 0.6 * motion.edge_error(rough, scene[1])


def test_chroma_key_removes_the_screen_and_its_spill():
    matte = np.zeros((90, 120), np.float32)
    cv2.circle(matte, (60, 50), 28, 1, -1)
    matte = cv2.GaussianBlur(matte, (0, 0), 2)
    screen, skin = np.array([30, 170, 70.0]), np.array([200, 150, 120.0])
    image = np.rint(screen * (1 - matte[..., None]) + skin * matte[..., None]).astype(np.uint8)
    color = parse_color("auto", image)
    np.testing.assert_allclose(color, screen / 255, atol=0.01)
    found = chroma_matte(image, color)
    assert found[matte == 0].max() == 0
    assert found[matte == 1].min() == 1
    assert np.abs(found - matte).mean() < 0.025
    clean = despill(image, color)
    np.testing.assert_allclose(clean[50, 60], skin, atol=2)
    edge = (matte > 0.3) & (matte < 0.7)
    spill = image[edge].astype(int) @ (-1, 2, -1)
    assert (clean[edge].astype(int) @ (-1, 2, -1)).mean() < 0.4 * spill.mean()
    assert parse_color("#1EAA46", image) == pytest.approx(tuple(screen / 255), abs=0.01)


@pytest.mark.parametrize("text", ["greenish", "#12", "#808080"])
def test_invalid_chroma_color_is_an_error(text):
    with pytest.raises(UsageError, match=r"invalid --chroma"):
        parse_color(text, np.zeros((9, 9, 3), np.uint8))


def test_invalid_and_missing_hints_are_errors(clip, tmp_path, rng, caplog):
    out = tmp_path / "m"
    cases = [
        ({}, UsageError, "missing hint on the subject"),
        ({"boxes": ["0:1,2,3"]}, UsageError, "invalid --box"),
        ({"boxes": ["99:1,2,30,40"]}, UsageError, "the frames are 0 to 7"),
        ({"boxes": ["0:500,2,30,40"]}, UsageError, "lies outside the frame.*upper left"),
        ({"boxes": ["0:5,2,3,40"]}, UsageError, "is only 3x40 pixels; draw it around"),
        ({"boxes": ["0:1,2,30,40"], "chroma": "green"}, UsageError, "leave out --box"),
        ({"mattes": tmp_path / "none"}, MediaError, "no such folder"),
    ]
    for choices, kind, words in cases:
        with pytest.raises(kind, match=words):
            make_matte(clip, out, **choices)
    write_image(tmp_path / "p" / "0.png", np.zeros((9, 9, 1), np.uint8))
    with pytest.raises(MediaError, match="9x9, but the clip is 128x96"):
        make_matte(clip, out, mattes=tmp_path / "p")
    assert not out.exists()
    with open_clip(clip) as opened:
        assert parse_boxes(["2:1,2,30,40", "0.125s:5,6,20,20"], opened.info)[2] == (1, 2, 30, 40)
        assert not caplog.text
        assert parse_boxes(["3:-8,60,30,90"], opened.info) == {3: (0, 60, 22, 36)}
        assert "extends beyond the frame, which is 128x96; 0,60,22,36 is used" in caplog.text
        assert "nearly all" not in caplog.text
        parse_boxes(["0:0,2,128,94"], opened.info)
    assert "covers nearly all of the frame" in caplog.text


def test_nearly_empty_matte_is_a_warning(tmp_path, caplog):
    frame = np.full((48, 64, 3), (40, 60, 200), np.uint8)
    for index in range(2):
        write_image(tmp_path / "clip" / f"{index}.png", frame, durable=False)
    write_image(tmp_path / "p" / "0.png", frame[..., :1] * 0, durable=False)
    make_matte(tmp_path / "clip", tmp_path / "m", mattes=tmp_path / "p")
    assert "next to no subject is found (0.00% of the picture); paint it again" in caplog.text
    make_matte(tmp_path / "clip", tmp_path / "k", chroma="#00ff00")
    assert "little of the screen's color is found (100.0% is subject)" in caplog.text


def test_hints_of_a_range_count_frames_of_the_complete_clip(clip, tmp_path):
    with open_clip(clip) as whole, open_clip(clip, start=3, end=6) as part:
        seconds = float(4 / whole.info.rate)
        texts = [":1,2,30,40", f"{seconds}s:5,6,20,20"]
        assert parse_boxes(texts, part.info, whole.info) == {0: (1, 2, 30, 40), 1: (5, 6, 20, 20)}
        for outside in (2, 6):
            with pytest.raises(UsageError, match="the frames are 3 to 5"):
                parse_boxes([f"{outside}:1,2,30,40"], part.info, whole.info)
    made = make_matte(clip, tmp_path / "m", boxes=["4:20,10,60,60"], start=3, end=6)
    assert (made.frames, made.hints) == (3, (4,))
    checked = check_matte(tmp_path / "m", clip, start=3, end=6, report=tmp_path / "page.html").frames
    assert [one.frame for one in checked] == [3, 4, 5]
    refined = refine_matte(tmp_path / "m", clip, tmp_path / "r", start=3, end=6)
    assert sorted(p.stem for p in refined.output.iterdir()) == sorted(p.stem for p in made.output.iterdir())
    with pytest.raises(UsageError, match="--clip CLIP"):
        check_matte(tmp_path / "m", start=3)


def test_check_mattes_reports_chatter_holes_specks_and_jumps():
    good = np.zeros((240, 320), np.float32)
    good[60:180, 80:240] = 1
    holed = good.copy()
    holed[100:104, 100:104] = 0
    specked = good.copy()
    specked[10:14, 10:14] = 1
    grown = good.copy()
    grown[20:220, 40:280] = 1
    facts = check_mattes([good, holed, specked, grown, good])
    words = [" ".join(issues(one)) for one in facts]
    assert words[0] == ""
    assert "1 small hole" in words[1]
    assert "1 speck" in words[2]
    assert "area changes by" in words[3]
    assert "area changes by" in words[4]
    shaken = [np.roll(good, 6 * (at % 2), axis=1) for at in range(5)]
    assert max(one.chatter for one in check_mattes(shaken)) > 0.06


def test_matte_report_shows_the_worst_frames_first(clip, scene, tmp_path):
    mattes = [matte.copy() for matte in scene[1]]
    mattes[3][:] = 0
    for at, matte in enumerate(mattes):
        gray = np.rint(matte * 65535).astype(np.uint16)[..., None]
        write_image(tmp_path / "<m>" / f"{at:04d}.png", np.repeat(gray, 3, axis=2), durable=False)
    page = tmp_path / "check.html"
    facts = check_matte(tmp_path / "<m>", clip, report=page).frames
    text = page.read_text("utf-8")
    assert "&lt;m&gt;" in text
    assert "<m>" not in text
    assert f"{sum(bool(issues(one)) for one in facts)} with issues" in text
    worst = text.index("Worst frames")
    assert text.index("area changes by 100%", worst) < text.index("data:image/jpeg", worst)
    assert text.count("data:image/jpeg", worst) >= 5
    assert text.count("<polyline") >= 5
    still = check_mattes([scene[1][0]] * 4)
    write_check(page, "still", still, [scene[1][0]] * 4)
    assert "No frame has issues" in page.read_text("utf-8")


def test_gray_values_of_a_hint_are_likely_labels():
    rng = np.random.default_rng(1)
    matte = np.zeros((120, 160), np.float32)
    cv2.circle(matte, (80, 60), 35, 1, -1)
    image = np.where(matte[..., None] > 0, (190, 120, 60), (60, 110, 80)) + rng.normal(0, 10, (120, 160, 3))
    image = np.clip(image, 0, 255).astype(np.uint8)
    hint = np.full(matte.shape, 0.25, np.float32)
    hint[50:70, 70:90] = 0.75
    hint[58:62, 78:82] = 1
    assert overlap(segment_scribbles(image, hint), matte) > 0.95
