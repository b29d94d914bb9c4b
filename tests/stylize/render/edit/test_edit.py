"""The renderer that edits, on a tiny model through the real loader: every input counts, nothing drifts."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from stylize.cli import app
from stylize.errors import MediaError, ModelError, UsageError
from stylize.models import ModelOptions
from stylize.pipeline.renderers import select_renderer
from stylize.render import FrameContext, make_renderer, renderer_names
from stylize.render.edit.alignment import align
from stylize.render.edit.renderer import instruction
from stylize.render.protocol import Anchor
from stylize.settings.loading import load_settings

pytestmark = pytest.mark.filterwarnings("ignore")
SMALL = {"megapixels": 0.05, "steps": 2}


def picture(seed: int, height: int = 90, width: int = 150) -> np.ndarray:
    rows = np.random.default_rng(seed).integers(0, 255, (height // 10, width // 10, 3), np.uint8)
    return cv2.resize(rows, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def editor(tiny_models_folder):
    return str(tiny_models_folder / "edit")


def moved(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).max())


def test_it_paints_at_the_size_and_depth_of_the_frame(editor):
    painter = make_renderer("edit", [picture(1)], {"model": editor, **SMALL})
    shares: list[float] = []
    made = painter.paint(picture(2), seed=3, on_progress=shares.append)
    assert made.image.shape == (90, 150, 3)
    assert made.image.dtype == np.uint8
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert made.recipe["renderer"] == "edit"
    assert made.recipe["seed"] == 3
    assert "image 2" in made.recipe["told"]
    deep = painter.paint(picture(2).astype(np.uint16) * 257, seed=3).image
    assert deep.dtype == np.uint16
    assert moved(deep / 257, made.image) <= 2
    assert np.array_equal(painter.paint(picture(2), seed=3).image, made.image)


def test_every_input_moves_the_picture(editor):
    options = {"model": editor, **SMALL, "align": False}
    painter = make_renderer("edit", [picture(1)], options)
    plain = painter.paint(picture(2)).image
    sure = np.ones((90, 150), np.float32)
    for other in (
        painter.paint(picture(3)),
        painter.paint(picture(2), seed=1),
        painter.paint(picture(2), [Anchor(picture(7), sure)]),
        make_renderer("edit", [picture(5)], options).paint(picture(2)),
        make_renderer("edit", [picture(1), picture(5)], options).paint(picture(2)),
        make_renderer("edit", [], options).paint(picture(2)),
        make_renderer("edit", [picture(1)], {**options, "prompt": "as ink on paper"}).paint(picture(2)),
        make_renderer("edit", [picture(1)], {**options, "steps": 3}).paint(picture(2)),
        make_renderer("edit", [picture(1)], {**options, "megapixels": 0.08}).paint(picture(2)),
    ):
        assert moved(plain, other.image) > 5, other.recipe


def test_what_finished_keys_show_can_be_held(editor):
    known, sure = picture(7), np.zeros((90, 150), np.float32)
    sure[:, :70] = 1
    painter = make_renderer("edit", [picture(1)], {"model": editor, **SMALL, "hold": 1.0, "match_colors": 0})
    free = make_renderer("edit", [picture(1)], {"model": editor, **SMALL, "match_colors": 0})
    anchors = [Anchor(known, sure)]
    held, unheld = painter.paint(picture(2), anchors).image, free.paint(picture(2), anchors).image
    assert moved(held[:, :60], known[:, :60]) <= 1
    assert np.array_equal(held[:, 80:], unheld[:, 80:])
    matched = make_renderer("edit", [picture(1)], {"model": editor, **SMALL}).paint(picture(2), anchors)
    far = [np.abs(one[:, :60].mean((0, 1)) - known[:, :60].mean((0, 1))).max() for one in (matched.image, unheld)]
    assert far[0] < far[1]


def test_the_prompt_follows_its_schedule(editor):
    options = {"model": editor, **SMALL, "prompt": "0: ink, 60: gouache"}
    painter = make_renderer("edit", [picture(1)], options)
    assert painter.at(FrameContext(59, 2.0)).fingerprint() == painter.fingerprint()
    assert painter.at(FrameContext(60, 2.5)).fingerprint()["options"]["prompt"] == "gouache"
    with pytest.raises(UsageError, match="is no frame"):
        make_renderer("edit", [picture(1)], {**options, "prompt": "0: ink, 6O: gouache"})


def test_the_fingerprint_follows_model_style_and_options_but_not_the_device(editor, tmp_path):
    def mark(style: int = 1, **other: object) -> dict[str, object]:
        return make_renderer("edit", [picture(style)], {"model": editor, **SMALL, **other}).fingerprint()

    assert mark() == mark(device="cpu")
    shutil.copytree(editor, tmp_path / "same")
    assert mark() == mark(model=str(tmp_path / "same"))
    net = tmp_path / "same" / "transformer" / "diffusion_pytorch_model.safetensors"
    data = bytearray(net.read_bytes())
    data[-5] ^= 1
    net.write_bytes(data)
    others = [mark(2), mark(steps=5), mark(hold=0.5), mark(prompt="x"), mark(model=str(tmp_path / "same"))]
    assert all(other != mark() for other in others)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"stepz": 3}, UsageError, "unknown option 'stepz' of renderer edit"),
        ({"steps": 0}, UsageError, "invalid steps 0; use 1 to 200"),
        ({"hold": 2}, UsageError, "invalid hold 2; use 0 to 1"),
        ({"model": "flux2-klien"}, UsageError, "did you mean 'flux2-klein'"),
        ({"model": "auto"}, ModelError, "stylize models fetch flux2-klein.*--renderer patch"),
        ({"model": "{base}"}, ModelError, "StableDiffusionPipeline does not edit a picture"),
        ({"model": "{canny}"}, UsageError, "is a ControlNet, not an image editor"),
    ],
)
def test_what_cannot_work_is_said_at_once(options, error, words, tiny_models_folder, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    names = {"base": "sd15/base", "canny": "sd15/controlnet-canny"}
    if str(options.get("model", "")).startswith("{"):
        options = {"model": str(tiny_models_folder / names[options["model"].strip("{}")])}
    elif "model" not in options:
        options = {**options, "model": str(tiny_models_folder / "edit")}
    with pytest.raises(error, match=words):
        make_renderer("edit", [picture(1)], {**options, "models": ModelOptions()})


def test_a_tiny_frame_and_a_damaged_model(editor, tmp_path):
    painter = make_renderer("edit", [picture(1)], {"model": editor, **SMALL})
    with pytest.raises(MediaError, match="8x40"):
        painter.paint(np.zeros((40, 8, 3), np.uint8))
    shutil.copytree(editor, tmp_path / "damaged")
    net = tmp_path / "damaged" / "vae" / "diffusion_pytorch_model.safetensors"
    net.write_bytes(net.read_bytes()[:-10])
    with pytest.raises(ModelError, match="cut off"):
        make_renderer("edit", [picture(1)], {"model": str(tmp_path / "damaged"), **SMALL})


def test_memory_that_runs_out_is_met_step_by_step(editor, monkeypatch, caplog):
    import torch

    from stylize.render.edit.editors import open_editor

    painter = make_renderer("edit", [picture(1)], {"model": editor, **SMALL})
    plain = painter.paint(picture(2)).image
    engine = open_editor(painter.path, "cpu")
    real, tried = type(engine.pipe).__call__, []

    def short(self, *args, **more):
        tried.append(1)
        if len(tried) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(self, *args, **more)

    monkeypatch.setattr(type(engine.pipe), "__call__", short)
    made = painter.paint(picture(2))
    assert made.recipe["given_up"] == ["tiling"]
    assert "tiles" in caplog.text
    assert np.abs(made.image.astype(int) - plain).mean() < 25, "tiles change the picture, but not much"
    engine.pipe.vae.disable_tiling()
    engine.ladder.given_up.clear()


def test_what_the_progress_raises_ends_the_painting(editor):
    class EnoughError(Exception):
        pass

    def stop(share: float) -> None:
        if share > 0.3:
            raise EnoughError

    painter = make_renderer("edit", [picture(1)], {"model": editor, **SMALL})
    with pytest.raises(EnoughError):
        painter.paint(picture(2), on_progress=stop)
    painter.paint(picture(2))


@pytest.fixture
def qwen(tiny_models_folder, monkeypatch):
    """A Qwen-Image-Edit that looks at small pictures: its own size is one megapixel, whatever it is given."""
    pytest.importorskip("torchvision")
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as module

    monkeypatch.setattr(module, "VAE_IMAGE_SIZE", 64 * 64)
    monkeypatch.setattr(module, "CONDITION_IMAGE_SIZE", 32 * 32)
    return str(tiny_models_folder / "edit-qwen")


@pytest.mark.parametrize("make", ["editor", "qwen"])
def test_without_anchors_and_alignment_it_is_the_stock_pipeline(make, request):
    import diffusers
    import torch
    from PIL import Image

    from stylize.render.edit.renderer import _reference

    model = request.getfixturevalue(make)
    frame, style = picture(2, 60, 100)[:64, :96], picture(1, 60, 60)
    frame = cv2.resize(frame, (96, 64))
    options = {"model": model, "megapixels": 64 * 96 / 1e6, "steps": 2, "align": False}
    made = make_renderer("edit", [style], options).paint(frame, seed=3)
    pipe = diffusers.DiffusionPipeline.from_pretrained(model, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    told = {"guidance_scale": 1.0} if make == "editor" else {"true_cfg_scale": 4.0, "negative_prompt": " "}
    second = Image.fromarray(np.rint(255 * _reference(style, 64 * 96)).astype(np.uint8))
    theirs = pipe(
        image=[Image.fromarray(frame), second], prompt=instruction(1, anchored=False), height=64, width=96,
        num_inference_steps=2, generator=torch.Generator().manual_seed(3), output_type="np", **told,
    ).images[0]  # fmt: skip
    assert made.recipe["size"] == [64, 96]
    assert moved(made.image, np.rint(255 * np.clip(theirs, 0, 1))) <= 1


def test_qwen_looks_at_all_that_it_is_given(qwen):
    options = {"model": qwen, **SMALL, "align": False}
    plain = make_renderer("edit", [picture(1)], options).paint(picture(2)).image
    sure = np.ones((90, 150), np.float32)
    for styles, frame, anchors, more in (
        ([picture(5)], picture(2), [], {}),
        ([picture(1)], picture(3), [], {}),
        ([picture(1)], picture(2), [Anchor(picture(7), sure)], {}),
        ([picture(1)], picture(2), [], {"guidance": 1.0}),
        ([picture(1)], picture(2), [], {"prompt": "as ink on paper"}),
    ):
        other = make_renderer("edit", styles, {**options, **more}).paint(frame, anchors).image
        assert moved(plain, other) > 2, more


def test_an_editor_that_needs_another_package_says_so(tmp_path, editor, monkeypatch):
    from stylize.render.edit import editors

    shutil.copytree(editor, tmp_path / "qwen")
    index = tmp_path / "qwen" / "model_index.json"
    index.write_text(index.read_text().replace("Flux2KleinPipeline", "QwenImageEditPlusPipeline"))
    monkeypatch.setattr(editors, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match="QwenImageEditPlusPipeline needs torchvision"):
        make_renderer("edit", [picture(1)], {"model": str(tmp_path / "qwen")})


@pytest.mark.parametrize(("styles", "anchored"), [(0, False), (1, False), (2, True)])
def test_the_instruction_names_its_pictures(styles, anchored):
    text = instruction(styles, anchored=anchored)
    assert ("Image 4" in text) == (styles == 2 and anchored)
    assert ("images 2 to 3" in text) == (styles == 2)
    assert ("in the style of" in text) == bool(styles)


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-5, 4)])
def test_a_drifted_painting_is_brought_back(shift):
    rng = np.random.default_rng(3)
    frame = np.full((160, 220, 3), 90, np.uint8)
    for _ in range(14):
        corner = rng.integers(0, 190, 2)
        shade = tuple(int(v) for v in rng.integers(30, 255, 3))
        cv2.rectangle(frame, tuple(int(v) for v in corner), tuple(int(v) for v in corner + 40), shade, -1)
    painting = cv2.GaussianBlur(255 - frame, (0, 0), 1.2)  # other colors, the same outlines
    drift = np.array([[1.01, 0, shift[0]], [0, 1.01, shift[1]]], np.float32)
    drift = drift if any(shift) else np.eye(2, 3, dtype=np.float32)
    gone = cv2.warpAffine(painting, drift, (220, 160), borderMode=cv2.BORDER_REPLICATE)
    back, moved_by = align(gone, frame)
    inside = np.s_[20:-20, 20:-20]

    def error(image: np.ndarray) -> float:
        return float(np.abs(image[inside].astype(int) - painting[inside]).mean())

    if any(shift):
        assert moved_by > 2
        assert error(back) < 0.5 * error(gone)
    else:
        assert error(back) < 1


def test_what_shows_nothing_of_the_frame_is_left_alone():
    rng = np.random.default_rng(0)
    frame = picture(1)
    for painting in (np.full_like(frame, 128), rng.integers(0, 255, frame.shape, np.uint8), picture(9)):
        back, moved_by = align(painting, frame)
        assert moved_by <= 0.04 * np.hypot(90, 150)
        if moved_by == 0:
            assert np.array_equal(back, painting)


def test_the_name_is_known_without_loading_torch():
    assert "edit" in renderer_names()
    program = "import sys, stylize.render.edit; print('torch' in sys.modules, 'cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_the_settings_reach_it(editor, tmp_path):
    cv2.imwrite(str(tmp_path / "style.png"), picture(1))
    flags = {"edit.model": editor, "edit.megapixels": 0.05, "edit.steps": 2, "diffusion.steps": 2}
    settings = load_settings(flags=flags, environment={}, user_file=tmp_path / "none.toml")
    painter = select_renderer("edit", [tmp_path / "style.png"], settings)
    assert painter.options.steps == 2
    assert painter.styles[0].shape == (90, 150, 3)
    with pytest.raises(UsageError, match="no style; name an image"):
        select_renderer("edit", [], settings)
    worded = load_settings(flags={**flags, "edit.prompt": "as ink"}, environment={}, user_file=tmp_path / "no")
    assert select_renderer("edit", [], worded).fingerprint()["options"]["prompt"] == "as ink"


@pytest.mark.slow
def test_keys_of_a_clip(editor, tmp_path, capsys):
    """The command, the plan, two keys that agree, their recipes; a second run paints nothing."""
    folder = tmp_path / "clip"
    folder.mkdir()
    for index in range(4):
        frame = np.roll(picture(2, 64, 96), 3 * index, axis=1)
        cv2.imwrite(str(folder / f"{index}.png"), frame)
    cv2.imwrite(str(tmp_path / "style.png"), picture(1))

    def stylize(*words: object) -> dict:
        with pytest.raises(SystemExit) as end:
            app.main([str(word) for word in words])
        assert not end.value.code, capsys.readouterr().err
        return json.loads(capsys.readouterr().out)

    project = tmp_path / "project"
    stylize("keys", "auto", folder, "--max-keys", 1, "--project", project, "--json")
    stylize("keys", "add", folder, 0, 3, "--project", project, "--json")
    line = ("paint", folder, "--project", project, "--style", tmp_path / "style.png", "--renderer", "edit")
    own = ("--model", editor, "--megapixels", 0.05, "--steps", 2, "--json")
    keys = stylize(*line, *own)["keys"]
    assert {0, 3} <= {key["frame"] for key in keys}
    recipes = [json.loads(Path(key["file"]).with_suffix(".json").read_text("utf-8")) for key in keys]
    assert {recipe["renderer"] for recipe in recipes} == {"edit"}
    assert max(recipe["anchors"] for recipe in recipes) > 0
    before = [Path(key["file"]).stat().st_mtime_ns for key in keys]
    assert [Path(key["file"]).stat().st_mtime_ns for key in stylize(*line, *own)["keys"]] == before
