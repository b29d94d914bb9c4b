"""Depth through transformers, and maps written as clips of their own."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest

from stylize.api.maps import render_maps
from stylize.cli import app
from stylize.errors import ModelError, UsageError
from stylize.maps import make_map
from stylize.media import open_clip

SIZE = (48, 64)


@pytest.fixture
def depth_model(tiny_models_folder):
    return tiny_models_folder / "depth"


@pytest.fixture
def frames(rng):
    """A disc that moves over a ramp; in the second half another scene."""
    made = []
    for index in range(10):
        ramp = np.linspace(30, 200, SIZE[1])[None, :, None] * np.ones((SIZE[0], 1, 3))
        image = (ramp if index < 5 else 255 - ramp[::-1]).astype(np.uint8)
        color = (220, 40, 40) if index < 5 else (20, 230, 90)
        cv2.circle(image, (15 + 4 * index, 24), 10, color, -1)
        made.append(image)
    return made


@pytest.fixture
def clip(tmp_path, frames):
    folder = tmp_path / "shots"
    folder.mkdir()
    for index, frame in enumerate(frames):
        cv2.imwrite(str(folder / f"{index:04d}.png"), frame[..., ::-1])
    return folder


def test_depth_of_one_frame_uses_the_whole_range(depth_model, frames):
    made = make_map("depth", frames[0], (49, 67), model=depth_model)
    assert made.shape == (49, 67, 3)
    assert made.min() == 0
    assert made.max() == 255
    assert np.array_equal(made, make_map("depth", frames[0], (49, 67), model=depth_model))
    assert not np.array_equal(made, make_map("depth", frames[7], (49, 67), model=depth_model))


def test_limits_make_one_range_for_many_frames(depth_model, frames):
    from stylize.maps.depth import open_depth, shade

    model = open_depth(depth_model)
    near = model.nearness(frames[0])
    made = make_map("depth", frames[0], SIZE, model=depth_model, limits=(0.0, 2 * float(near.max())))
    assert np.array_equal(made[..., 0], np.rint(255 * shade(near, (0.0, 2 * float(near.max())))))


def test_metres_are_turned_round(depth_model, tmp_path, frames):
    """A metric model says how far, the map shows how near."""
    shutil.copytree(depth_model, tmp_path / "metric")
    config = json.loads((tmp_path / "metric" / "config.json").read_text("utf-8"))
    config |= {"depth_estimation_type": "metric", "max_depth": 20}
    (tmp_path / "metric" / "config.json").write_text(json.dumps(config), encoding="utf-8")
    relative = make_map("depth", frames[0], SIZE, model=depth_model)[..., 0].astype(int).ravel()
    metric = make_map("depth", frames[0], SIZE, model=tmp_path / "metric")[..., 0].astype(int).ravel()
    order = np.argsort(relative)
    assert metric[order[:300]].mean() > metric[order[-300:]].mean(), "small numbers are near now"


def test_depth_without_a_model(monkeypatch, tmp_path, frames):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="stylize models fetch depth-small"):
        make_map("depth", frames[0], SIZE)
    with pytest.raises(ModelError, match="no such file"):
        make_map("depth", frames[0], SIZE, model="./nothing")


def test_a_model_of_another_kind_is_refused(tiny_models_folder, frames):
    with pytest.raises(UsageError, match="not a depth model"):
        make_map("depth", frames[0], SIZE, model=tiny_models_folder / "sd15" / "controlnet-depth")


def test_a_depth_clip_has_one_range_for_each_shot(clip, depth_model, tmp_path, frames):
    from stylize.maps.depth import find_limits, open_depth, shade

    made = render_maps(clip, "depth", tmp_path / "out", model=depth_model)
    assert (made.frames, made.bits) == (10, 16)
    files = sorted((tmp_path / "out").iterdir())
    assert [f.name for f in files] == [f"{index:04d}.png" for index in range(10)]
    model = open_depth(depth_model)
    for start in (0, 5):
        limits = find_limits(lambda index, start=start: frames[start + index], 5, model)
        for index in range(start, start + 5):
            written = cv2.imread(str(files[index]), cv2.IMREAD_UNCHANGED)
            assert written.dtype == np.uint16
            expected = np.rint(65535 * shade(model.nearness(frames[index]), limits))
            assert np.array_equal(written[..., 0], expected.astype(np.uint16))


def test_a_scene_list_says_where_the_shots_of_a_depth_clip_are(clip, depth_model, tmp_path, frames):
    from stylize.maps.depth import find_limits, open_depth, shade

    scenes = tmp_path / "scenes.csv"
    scenes.write_text("Scene Number,Start Frame,End Frame\n1,1,3\n2,4,10\n", encoding="utf-8")
    render_maps(clip, "depth", tmp_path / "out", model=depth_model, scenes=scenes, start=1, end=5)
    model = open_depth(depth_model)
    limits = find_limits(lambda index: frames[1 + index], 2, model)  # frames 1 and 2 of the first shot
    written = cv2.imread(str(tmp_path / "out" / "0002.png"), cv2.IMREAD_UNCHANGED)
    expected = np.rint(65535 * shade(model.nearness(frames[2]), limits))
    assert np.array_equal(written[..., 0], expected.astype(np.uint16))
    scenes.write_text("Scene Number,Start Frame,End Frame\n1,1,3\n", encoding="utf-8")
    with pytest.raises(UsageError, match="scenes"):
        render_maps(clip, "depth", tmp_path / "no", model=depth_model, scenes=scenes)


def test_a_still_shot_does_not_flicker(tmp_path, depth_model, frames):
    folder = tmp_path / "still"
    folder.mkdir()
    for index in range(4):
        cv2.imwrite(str(folder / f"{index}.png"), frames[0])
    render_maps(folder, "depth", tmp_path / "out", model=depth_model)
    first, *others = [p.read_bytes() for p in sorted((tmp_path / "out").iterdir())]
    assert all(one == first for one in others)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
def test_a_map_as_a_video_keeps_frames_and_times(clip, tmp_path, suffix):
    out = tmp_path / f"lines{suffix}"
    made = render_maps(clip, "softedge", out)
    assert made.frames == 10
    with open_clip(clip) as source, open_clip(out) as written:
        assert written.info.count == 10
        assert written.info.rate == source.info.rate
        assert (written.info.width, written.info.height) == (64, 48)
        assert written.info.audio == ()
        expected = make_map("softedge", source[3], SIZE)
        assert np.corrcoef(written[3].ravel(), expected.ravel())[0, 1] > 0.97


def test_depth_in_a_container_that_keeps_16_bits(clip, depth_model, tmp_path):
    render_maps(clip, "depth", tmp_path / "depth.mkv", model=depth_model, end=3)
    render_maps(clip, "depth", tmp_path / "images", model=depth_model, end=3)
    with open_clip(tmp_path / "depth.mkv") as video, open_clip(tmp_path / "images") as images:
        assert video.info.bit_depth == 16
        assert np.array_equal(video[2], images[2])


def test_hdr_tags_of_the_clip_are_not_those_of_its_map(clip, tmp_path, monkeypatch):
    from stylize.api import maps as room

    real = open_clip

    def tagged(*given, **options):
        made = real(*given, **options)
        object.__setattr__(made, "info", replace(made.info, color=replace(made.info.color, transfer="smpte2084")))
        return made

    monkeypatch.setattr(room, "open_clip", tagged)
    room.render_maps(clip, "softedge", tmp_path / "x.mkv")
    with real(tmp_path / "x.mkv") as written:
        assert written.info.color.transfer != "smpte2084"


def test_nothing_is_written_when_the_map_cannot_be_made(clip, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    with pytest.raises(ModelError):
        render_maps(clip, "depth", tmp_path / "out.mkv")
    with pytest.raises(UsageError, match="did you mean 'depth'"):
        render_maps(clip, "dept", tmp_path / "out.mkv")
    with pytest.raises(UsageError, match="no option 'detail'"):
        render_maps(clip, "depth", tmp_path / "out.mkv", detail=1)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["shots"]


def test_the_command(clip, tmp_path, capsys, depth_model):
    def stylize(*words: object) -> int:
        with pytest.raises(SystemExit) as end:
            app.main([str(word) for word in words])
        return int(end.value.code or 0)

    out = tmp_path / "out"
    assert stylize("maps", clip, "--map", "lineart", "--detail", "0.8", "-o", out, "--end", "4", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["frames"], facts["map"], facts["bits"]) == (4, "lineart", 8)
    assert len(list(out.iterdir())) == 4
    assert stylize("maps", clip, "--map", "lineart", "-o", out) == 2, "it exists"
    assert stylize("maps", clip, "--map", "linart", "-o", out) == 2
    assert stylize("maps", clip, "--map", "depth", "--model", depth_model, "-o", tmp_path / "d.mkv") == 0
    assert stylize("maps", tmp_path / "none.mp4", "--map", "canny", "-o", tmp_path / "e") == 4
