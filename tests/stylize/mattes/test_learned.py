"""SAM 2 and ViTMatte on tiny random weights, through the loader that loads the real ones: what goes in comes
out where it should. How mattes look is not shown by this."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from stylize.api.mattes import make_matte, refine_matte
from stylize.errors import DeviceError, ModelError, UsageError
from stylize.mattes.learned_models import find_learned
from stylize.mattes.options import MakingOptions
from stylize.mattes.refine.trimap import make_trimap
from stylize.mattes.segment.sam2_tracker import points_of_scribbles
from stylize.media import read_image, write_image
from stylize.models import ModelOptions
from stylize.settings.loading import load_settings
from tests.stylize.mattes import motion

COUNT = 20


@pytest.fixture(scope="module")
def scene():
    return motion.moving_subject(COUNT)


@pytest.fixture(scope="module")
def clip(scene, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clip")
    for at, frame in enumerate(scene[0]):
        write_image(folder / f"{at:04d}.png", frame, durable=False)
    return folder


@pytest.fixture(scope="module")
def segmenter(tiny_models_folder):
    from stylize.mattes.segment.sam2 import Segmenter

    options = MakingOptions(segmenter=str(tiny_models_folder / "segmenter"))
    return Segmenter(find_learned("segmenter", options, ModelOptions()), options)


@pytest.fixture(scope="module")
def matter(tiny_models_folder):
    from stylize.mattes.refine.vitmatte import VitMatte

    options = MakingOptions(matter=str(tiny_models_folder / "matter"))
    return VitMatte(find_learned("matter", options, ModelOptions()), options)


@pytest.fixture
def settings(tiny_models_folder):
    return load_settings(
        flags={
            "making.maker": "sam2", "making.edges": "vitmatte",
            "making.segmenter": str(tiny_models_folder / "segmenter"),
            "making.matter": str(tiny_models_folder / "matter"),
        }
    )  # fmt: skip


def box_prompt(box=(30, 20, 50, 50), points=()):
    from stylize.mattes.segment.sam2 import Prompt

    return Prompt(box, points)


def walk(tracking, order, *, back=False):
    tracking.reset()
    return [tracking.matte(at, back=back) for at in order]


def read(folder, at):
    return read_image(folder / f"{at:04d}.png")[..., 0]


def test_sam2_mattes_have_the_frame_size_and_depend_on_the_prompt(segmenter, scene):
    frames, _ = scene
    said = [
        box_prompt(), box_prompt((70, 30, 40, 40)), box_prompt(points=((60.0, 40.0, True),)),
        box_prompt(points=((60.0, 40.0, False),)),
    ]  # fmt: skip
    found = [walk(segmenter.track(frames, {2: one}), range(2, 5)) for one in said]
    for mattes in found:
        for matte in mattes:
            assert (matte.dtype, matte.shape) == (np.float32, frames[0].shape[:2])
            assert 0 <= matte.min() < matte.max() <= 1
    for at, other in enumerate(found[1:]):
        assert np.abs(found[0][0] - other[0]).max() > 1e-3, f"on the key: {at}"
        assert np.abs(found[0][2] - other[2]).max() > 1e-4, f"two frames on: {at}"


def test_streamed_sam2_equals_the_model_on_the_complete_video(segmenter, scene):
    """The slow twin keeps everything: transformers' own loop over a video that is in memory."""
    import torch
    from transformers import Sam2VideoInferenceSession

    frames, truth = scene
    from stylize.mattes.segment.sam2 import Prompt

    found = walk(segmenter.track(frames, {0: Prompt(matte=truth[0]), 7: box_prompt()}), range(COUNT))
    height, width = frames[0].shape[:2]
    video = torch.stack([segmenter.prepared(frame) for frame in frames])
    session = Sam2VideoInferenceSession(video, height, width, dtype=torch.float32)
    session.obj_id_to_idx(1)
    twin = segmenter.track(frames, {})
    twin._session = session
    net = segmenter.loaded.net
    for at, prompt in ((0, Prompt(matte=truth[0])), (7, box_prompt())):
        twin._add_prompt(at, prompt)
        with torch.inference_mode():
            net(session, frame_idx=at)
    outs = net.propagate_in_video_iterator(session, start_frame_idx=0)
    for mine, seen in zip(found, outs, strict=True):
        scores = torch.nn.functional.interpolate(
            seen.pred_masks.reshape(1, 1, *seen.pred_masks.shape[-2:]), (height, width), mode="bilinear"
        )
        np.testing.assert_allclose(mine, torch.sigmoid(scores)[0, 0].numpy(), atol=1e-6)


def test_sam2_tracking_resumes_from_its_saved_state(segmenter, scene):
    frames, _ = scene
    straight = walk(segmenter.track(frames, {10: box_prompt()}), range(9, -1, -1), back=True)
    first = segmenter.track(frames, {10: box_prompt()})
    walk(first, range(9, 4, -1), back=True)
    second = segmenter.track(frames, {10: box_prompt()})
    second.restore(first.state())
    rest = [second.matte(at, back=True) for at in range(4, -1, -1)]
    np.testing.assert_array_equal(rest, straight[5:])


def test_sam2_memory_does_not_grow_with_the_clip(segmenter, scene):
    frames, _ = scene
    tracking = segmenter.track(frames * 3, {0: box_prompt()})
    sizes = []
    for at in range(3 * COUNT):
        tracking.matte(at, back=False)
        sizes.append(sum(values.nbytes for values in tracking.state().values()))
        assert not tracking._session.processed_frames
    assert len(set(sizes[COUNT:])) == 1
    assert len(tracking._session.cache._vision_features) == 1


def test_scribbles_become_points(rng):
    hint = np.full((90, 120), 0.5, np.float32)
    cv2.line(hint, (20, 45), (100, 45), 1, 6)
    cv2.rectangle(hint, (4, 4), (115, 85), 0, 4)
    points = points_of_scribbles(hint)
    for x, y, inside in points:
        assert hint[int(y), int(x)] == float(inside)
    inside = np.array([point[:2] for point in points if point[2]])
    assert inside[:, 0].min() < 35 < 85 < inside[:, 0].max()
    assert len(inside) <= 8 >= sum(not point[2] for point in points) >= 4


def test_vitmatte_keeps_known_pixels_and_estimates_the_unknown_band(matter, scene):
    frames, truth = scene
    found = matter.refine(frames[0], truth[0], 4)
    trimap = make_trimap(truth[0], 4)
    known = trimap != 0.5
    np.testing.assert_array_equal(found[known], trimap[known])
    assert np.unique(found[~known]).size > 50
    assert np.abs(found - matter.refine(255 - frames[0], truth[0], 4)).max() > 1e-3, "the picture counts"
    deep = frames[0].astype(np.uint16) * 257
    np.testing.assert_allclose(matter.refine(deep, truth[0], 4), found, atol=1e-5)


def test_vitmatte_out_of_memory_halves_tiles_and_then_is_an_error(matter, scene, monkeypatch, caplog):
    import torch

    frames, truth = scene
    image = np.tile(frames[0], (5, 4, 1))
    matte = np.tile(truth[0], (5, 4))
    monkeypatch.setattr(matter, "_tile", 1024)
    whole = matter.refine(image, matte, 4)
    forward, limit = matter.loaded.net.forward, 300

    def short(pixel_values):
        if max(pixel_values.shape[-2:]) > limit:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return forward(pixel_values=pixel_values)

    monkeypatch.setattr(matter.loaded.net, "forward", short)
    pieces = matter.refine(image, matte, 4)
    assert "tiles are now 256 pixels" in caplog.text
    np.testing.assert_array_equal(
        pieces[(whole == 0) | (whole == 1)].round(), whole[(whole == 0) | (whole == 1)].round()
    )
    assert 0 < pieces[pieces > 0].min() <= pieces.max() <= 1
    limit = 100
    with pytest.raises(DeviceError, match=r"ViTMatte: cpu is out of memory.*--edges color"):
        matter.refine(image, matte, 4)


def test_sam2_out_of_memory_error_names_the_options(segmenter, scene, monkeypatch):
    def short(*_, **__):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(segmenter.loaded.net, "forward", short)
    with pytest.raises(DeviceError, match=r"SAM 2: cpu is out of memory.*smaller model.*--maker color"):
        segmenter.track(scene[0], {0: box_prompt()})


def test_sam2_run_keeps_painted_frames_and_reaches_both_ends(scene, clip, settings, tmp_path):
    painted = np.rint(scene[1][6] * 65535).astype(np.uint16)
    write_image(tmp_path / "painted" / "6.png", painted[..., None], durable=False)
    made = make_matte(clip, tmp_path / "m", mattes=tmp_path / "painted", boxes=["11:30,20,50,50"], settings=settings)
    assert made.hints == (6, 11)
    np.testing.assert_array_equal(read(tmp_path / "m", 6), painted)
    for at in range(COUNT):
        assert 0 < (read(tmp_path / "m", at) > 32767).mean() < 1, at


@pytest.mark.parametrize("stop", ["matte", "edges"])
def test_interrupted_sam2_run_resumes_with_the_same_result(stop, clip, settings, tmp_path):
    def at_three_quarters(stage, share):
        if stage == stop and share > 0.75:
            raise KeyboardInterrupt

    box = ["9:30,20,50,50"]
    make_matte(clip, tmp_path / "straight", boxes=box, settings=settings)
    with pytest.raises(KeyboardInterrupt):
        make_matte(clip, tmp_path / "m", boxes=box, settings=settings, on_progress=at_three_quarters)
    assert not (tmp_path / "m").exists()
    seen: list[float] = []
    make_matte(
        clip, tmp_path / "m", boxes=box, settings=settings,
        on_progress=lambda stage, share: seen.append(share) if stage == stop and share else None,
    )  # fmt: skip
    if stop == "matte":
        assert seen[0] > 0.7, "what was done is not done again"
    for at in range(COUNT):
        np.testing.assert_array_equal(read(tmp_path / "m", at), read(tmp_path / "straight", at))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m", "straight"]


def test_refine_with_vitmatte(scene, clip, settings, tmp_path):
    for at, matte in enumerate(scene[1]):
        write_image(
            tmp_path / "rough" / f"{at:04d}.png",
            np.rint(matte * 255).astype(np.uint8)[..., None],
            durable=False,
        )
    plain = load_settings(flags={"matte.stabilize": 0.0})
    refine_matte(tmp_path / "rough", clip, tmp_path / "color", settings=plain)
    learned = load_settings(flags={
        "matte.stabilize": 0.0, "making.edges": "vitmatte", "making.matter": settings.making.matter,
    })  # fmt: skip
    refine_matte(tmp_path / "rough", clip, tmp_path / "learned", settings=learned)
    for at in (0, 9):
        one, other = read(tmp_path / "color", at), read(tmp_path / "learned", at)
        deep = cv2.erode(scene[1][at], np.ones((21, 21))) >= 1
        assert other[deep].min() == 65535
        assert (one != other).any()


def test_points_without_sam2_are_an_error(clip, tmp_path):
    with pytest.raises(UsageError, match=r"--point needs --maker sam2"):
        make_matte(clip, tmp_path / "m", points=["0:20,20"])


@pytest.mark.parametrize(
    ("point", "words"),
    [
        ("0:20", "invalid --point"),
        ("0:20,x", "invalid --point"),
        ("0:2,2,in", "invalid --point"),
        ("0:900,2", "outside"),
        ("99:2,2", "frames are 0 to"),
    ],
)
def test_invalid_point_is_an_error(point, words, clip, settings, tmp_path):
    with pytest.raises(UsageError, match=words):
        make_matte(clip, tmp_path / "m", points=[point], settings=settings)


def test_model_of_another_kind_is_an_error(clip, settings, tiny_models_folder, tmp_path):
    wrong = load_settings(flags={"making.maker": "sam2", "making.segmenter": str(tiny_models_folder / "matter")})
    with pytest.raises(UsageError, match=r"is a ViTMatte, not a SAM 2"):
        make_matte(clip, tmp_path / "m", boxes=["0:30,20,50,50"], settings=wrong)


def test_missing_weights_are_an_error_before_torch_is_imported(clip, tmp_path, monkeypatch):
    program = """
import sys
from stylize.errors import ModelError
from stylize.api.mattes import make_matte
from stylize.settings.loading import load_settings
for flags, words in (
    ({"making.maker": "sam2"}, ("stylize models fetch sam2-small", "Apache-2.0", "--maker color")),
    ({"making.edges": "vitmatte"}, ("stylize models fetch vitmatte-small", "0.1 GB", "--edges color")),
):
    try:
        make_matte(sys.argv[1], sys.argv[2], boxes=["0:30,20,50,50"], settings=load_settings(flags=flags))
    except ModelError as error:
        assert all(word in str(error) for word in words), error
print(sorted({"torch", "transformers"} & set(sys.modules)))
"""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    command = [sys.executable, "-c", program, str(clip), str(tmp_path / "m")]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_damaged_model_config_is_a_model_error(tiny_models_folder, tmp_path):
    (tmp_path / "sam").mkdir()
    (tmp_path / "sam" / "config.json").write_text('{"architectures": ["Sam2VideoModel"], "model_type": "sam2_video"}')
    options = MakingOptions(segmenter=str(tmp_path / "sam"))
    with pytest.raises(ModelError):
        find_learned("segmenter", options, ModelOptions())
