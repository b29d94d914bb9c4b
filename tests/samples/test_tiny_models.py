"""The tiny models load through the real loaders, and every input of theirs moves the picture."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from PIL import Image

from samples import tiny_models

if TYPE_CHECKING:
    from pathlib import Path

SEEN = 0.02
"""Change of the picture, of 1, that counts as seen."""
pytestmark = pytest.mark.filterwarnings("ignore")


def picture(seed: int, size: int = 64) -> Image.Image:
    rows = np.random.default_rng(seed).integers(0, 255, (size // 8, size // 8, 3), np.uint8)
    return Image.fromarray(rows).resize((size, size), Image.Resampling.BICUBIC)


def moved(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


@pytest.fixture(scope="module")
def models(tiny_models_folder: Path) -> Path:
    return tiny_models_folder


def load(kind: str, folder: Path, **more: Any) -> Any:
    import diffusers

    options = {"local_files_only": True, "use_safetensors": True, **more}
    made = getattr(diffusers, kind).from_pretrained(folder, **options)
    if hasattr(made, "set_progress_bar_config"):
        made.set_progress_bar_config(disable=True)
    return made


def test_the_same_files_come_out(tmp_path, models):
    names = ("sd15", "depth")
    tiny_models.write_models(tmp_path, only=names)
    for name in names:
        for path in sorted((tmp_path / name).rglob("*.safetensors")):
            first = models / path.relative_to(tmp_path)
            assert hashlib.sha256(path.read_bytes()).digest() == hashlib.sha256(first.read_bytes()).digest()


@pytest.mark.parametrize("family", ["sd15", "sdxl"])
def test_every_input_of_a_pipeline_counts(models, family):
    net = load("ControlNetModel", models / family / "controlnet-canny")
    kind = "StableDiffusionControlNetImg2ImgPipeline"
    extra: dict[str, Any] = {"safety_checker": None, "requires_safety_checker": False}
    if family == "sdxl":
        kind, extra = "StableDiffusionXLControlNetImg2ImgPipeline", {"add_watermarker": False}
    pipe = load(kind, models / family / "base", controlnet=net, **extra)

    def paint(**other: Any) -> np.ndarray:
        asked = {
            "prompt": "a fox", "image": picture(3), "control_image": picture(5), "strength": 1.0,
            "num_inference_steps": 2, "guidance_scale": 5.0, "generator": torch.Generator().manual_seed(1),
            "output_type": "np", **other,
        }  # fmt: skip
        return pipe(**asked).images[0]

    plain = paint()
    for other in (
        {"prompt": "a wolf"}, {"negative_prompt": "blur"}, {"control_image": picture(6)},
        {"controlnet_conditioning_scale": 0.2}, {"guidance_scale": 2.0},
        {"generator": torch.Generator().manual_seed(2)}, {"strength": 0.5},
    ):  # fmt: skip
        assert moved(plain, paint(**other)) > SEEN, other
    painted = {}
    for name in ("lora", "lora-kohya"):
        pipe.load_lora_weights(models / family, weight_name=f"{name}.safetensors", local_files_only=True)
        painted[name] = paint()
        pipe.unload_lora_weights()
    assert moved(plain, painted["lora"]) > SEEN
    assert moved(painted["lora"], painted["lora-kohya"]) < 1e-5
    place, name = tiny_models.IP_ADAPTERS[family]
    pipe.load_ip_adapter(
        str(models / "ip-adapter"), subfolder=place, weight_name=name, local_files_only=True,
        image_encoder_folder="models/image_encoder",
    )  # fmt: skip
    pipe.set_ip_adapter_scale(1.0)
    assert moved(paint(ip_adapter_image=picture(8)), paint(ip_adapter_image=picture(9))) > SEEN


def test_the_single_file_holds_the_weights_of_the_folder(models):
    from diffusers import StableDiffusionPipeline

    one = StableDiffusionPipeline.from_single_file(
        str(models / "sd15" / "base.safetensors"), config=str(models / "sd15" / "base"), local_files_only=True
    )
    folder = load("StableDiffusionPipeline", models / "sd15" / "base", safety_checker=None)
    for part in ("unet", "vae", "text_encoder"):
        a, b = getattr(one, part).state_dict(), getattr(folder, part).state_dict()
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_union_tells_its_maps_apart(models):
    net = load("ControlNetUnionModel", models / "sdxl" / "controlnet-union")
    kind = "StableDiffusionXLControlNetUnionImg2ImgPipeline"
    pipe = load(kind, models / "sdxl" / "base", controlnet=net, add_watermarker=False)

    def paint(mode: int) -> np.ndarray:
        return pipe(
            prompt="a fox", image=picture(3), control_image=[picture(5)], control_mode=[mode], strength=1.0,
            num_inference_steps=2, generator=torch.Generator().manual_seed(1), output_type="np",
        ).images[0]  # fmt: skip

    assert moved(paint(0), paint(3)) > SEEN


def test_the_editor_looks_at_every_picture(models):
    pipe = load("Flux2KleinPipeline", models / "edit")

    def paint(*seeds: int, prompt: str = "paint") -> np.ndarray:
        return pipe(
            image=[picture(seed) for seed in seeds], prompt=prompt, height=64, width=64,
            num_inference_steps=2, guidance_scale=1.0, generator=torch.Generator().manual_seed(1),
            output_type="np",
        ).images[0]  # fmt: skip

    plain = paint(1, 2)
    for other in (paint(1, 3), paint(4, 2), paint(1, 2, 3), paint(1, 2, prompt="draw")):
        assert moved(plain, other) > SEEN


def test_the_depth_model_sees_the_picture(models):
    from transformers import AutoImageProcessor, AutoModelForDepthEstimation

    model = AutoModelForDepthEstimation.from_pretrained(models / "depth", local_files_only=True)
    processor = AutoImageProcessor.from_pretrained(models / "depth", local_files_only=True)
    with torch.no_grad():
        depths = [model(**processor(images=picture(s), return_tensors="pt")).predicted_depth[0] for s in (1, 2)]
    assert depths[0].std() > 0.01 * depths[0].abs().max()
    assert (depths[0] - depths[1]).abs().max() > SEEN * depths[0].abs().max()
