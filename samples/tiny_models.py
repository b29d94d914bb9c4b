"""Write tiny models with random weights, to try the wiring of the learned parts without a download.

``python samples/tiny_models.py DIR`` writes all of them in a few seconds, 5 MB; ``--only sd15 depth`` some.
They have the layout, the file names and the blocks of the real ones, a few channels each, and paint confetti.
Every input moves the picture visibly (see `tiny_parts`), so that a test can see whether it arrives. The same
files come out on one set of library versions.

In DIR:

=============================  =====================================================================
``sd15/base``                  a Stable Diffusion 1.5 pipeline in diffusers' layout
``sd15/base.safetensors``      the same weights as one file in the original layout
``sd15/controlnet-canny``      a ControlNet; ``controlnet-depth`` is another
``sd15/controlnet.safetensors``  the first one as one file in the original layout
``sd15/lora.safetensors``      a LoRA in diffusers' format; ``lora-kohya.safetensors`` the same in kohya's
``sd15/fast.safetensors``      a LoRA as those that need few steps are published
``sd15/token.safetensors``     a textual inversion for the word ``<tiny>``
``sd15/safety``                a safety checker that takes every picture for harmful
``sdxl/…``                     the same for SDXL, without ``safety``; and ``controlnet-union``
``ip-adapter``                 adapters for both, and their image encoder, as in h94/IP-Adapter
``depth``                      a Depth Anything model for transformers
``segmenter``                  a SAM 2 for video
``matter``                     a ViTMatte
``edit``                       a FLUX.2-klein pipeline: edits a picture after other pictures
``edit-qwen``                  a Qwen-Image-Edit pipeline likewise; left out without torchvision
=============================  =====================================================================
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("HF_HUB_OFFLINE", "1")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import tiny_editors  # noqa: E402
import tiny_original  # noqa: E402
import tiny_parts as parts  # noqa: E402
import tiny_vision  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

TOKEN = "<tiny>"  # noqa: S105  a word of the prompt
IP_ADAPTERS = {
    "sd15": ("models", "ip-adapter_sd15.safetensors"),
    "sdxl": ("sdxl_models", "ip-adapter_sdxl_vit-h.safetensors"),
}
"""Folder and file of the plain adapter of each family."""
MODEL_SETS = ("sd15", "sdxl", "ip-adapter", "depth", "edit", "edit-qwen", "segmenter", "matter")


def write_sd15(folder: Path) -> None:
    """Write a Stable Diffusion 1.5 pipeline and what goes with it into `folder`."""
    from diffusers import ControlNetModel, StableDiffusionPipeline

    with parts.seeded(1):
        unet = parts.make_unet_sd15()
        pipe = StableDiffusionPipeline(
            vae=parts.make_vae(0.18215), text_encoder=parts.make_text_encoder(16), unet=unet,
            tokenizer=parts.make_tokenizer(), scheduler=parts.make_scheduler(), safety_checker=None,
            feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
    pipe.save_pretrained(folder / "base")
    _save(folder / "base.safetensors", tiny_original.original_weights(pipe))
    for seed, name in ((2, "canny"), (3, "depth")):
        with parts.seeded(seed):
            net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=parts.HINT)
            parts.wake(net, seed)
        net.save_pretrained(folder / f"controlnet-{name}")
        if name == "canny":
            _save(folder / "controlnet.safetensors", tiny_original.original_controlnet(net))
    _write_loras(folder, unet, pipe.text_encoder)
    _save(folder / "token.safetensors", {TOKEN: parts.numbers((2, 16), 4)})
    with parts.seeded(5):
        parts.make_safety_checker().save_pretrained(folder / "safety")


def write_sdxl(folder: Path) -> None:
    """Write an SDXL pipeline and what goes with it into `folder`."""
    from diffusers import ControlNetModel, StableDiffusionXLPipeline

    with parts.seeded(11):
        unet = parts.make_unet_sdxl()
        pipe = StableDiffusionXLPipeline(
            vae=parts.make_vae(0.13025), text_encoder=parts.make_text_encoder(8),
            text_encoder_2=parts.make_text_encoder(16, projected=True), tokenizer=parts.make_tokenizer(),
            tokenizer_2=parts.make_tokenizer(), unet=unet, scheduler=parts.make_scheduler(),
            add_watermarker=False,
        )  # fmt: skip
    pipe.save_pretrained(folder / "base")
    with parts.seeded(12):
        net = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=parts.HINT)
        parts.wake(net, 12)
    net.save_pretrained(folder / "controlnet-canny")
    with parts.seeded(13):
        union = parts.make_union(unet)
    union.save_pretrained(folder / "controlnet-union")
    _write_loras(folder, unet, pipe.text_encoder)
    token = {"clip_l": parts.numbers((2, 8), 14), "clip_g": parts.numbers((2, 16), 15)}
    _save(folder / "token.safetensors", token)


def write_ip_adapters(folder: Path) -> None:
    """Write adapters for both families and the image encoder that they share into `folder`."""
    with parts.seeded(21):
        encoder = parts.make_image_encoder()
        encoder.save_pretrained(folder / "models" / "image_encoder")
        for place, unet, plus in (
            ("models/ip-adapter_sd15", parts.make_unet_sd15(), False),
            ("models/ip-adapter-plus_sd15", parts.make_unet_sd15(), True),
            ("sdxl_models/ip-adapter_sdxl_vit-h", parts.make_unet_sdxl(), False),
            ("sdxl_models/ip-adapter-plus_sdxl_vit-h", parts.make_unet_sdxl(), True),
        ):
            _save(folder / f"{place}.safetensors", parts.adapter_weights(unet, plus=plus))


def write_depth(folder: Path) -> None:
    """Write a model that guesses depth from one picture into `folder`."""
    with parts.seeded(31):
        tiny_vision.make_depth_model().save_pretrained(folder)
    processor = {
        "image_processor_type": "DPTImageProcessor", "do_resize": True, "size": {"height": 56, "width": 56},
        "keep_aspect_ratio": True, "ensure_multiple_of": 14, "do_rescale": True, "rescale_factor": 1 / 255,
        "do_normalize": True, "image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225],
    }  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(processor, indent=2) + "\n", encoding="utf-8")


def write_edit(folder: Path) -> None:
    """Write a pipeline that edits a picture after other pictures into `folder`."""
    with parts.seeded(41):
        tiny_editors.make_flux2().save_pretrained(folder)


def write_qwen(folder: Path) -> None:
    """Write another such pipeline, of another make; it cannot be made without torchvision."""
    with parts.seeded(51):
        tiny_editors.make_qwen().save_pretrained(folder)


def write_segmenter(folder: Path) -> None:
    """Write a model that finds a subject in a clip into `folder`."""
    with parts.seeded(51):
        tiny_vision.make_segmenter().save_pretrained(folder)
    _write_processor(folder, "Sam2ImageProcessor", [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])


def write_matter(folder: Path) -> None:
    """Write a model that finds the opacity of edges into `folder`."""
    with parts.seeded(61):
        tiny_vision.make_matter().save_pretrained(folder)
    _write_processor(folder, "VitMatteImageProcessor", [0.5, 0.5, 0.5], [0.5, 0.5, 0.5])


def write_models(folder: Path, only: Iterable[str] = MODEL_SETS) -> Path:
    """Write the model sets named `only` (all by default) into `folder`, and return it."""
    import diffusers
    import transformers

    diffusers.utils.logging.disable_progress_bar()
    transformers.utils.logging.disable_progress_bar()
    writers: dict[str, Callable[[Path], None]] = {
        "sd15": write_sd15, "sdxl": write_sdxl, "ip-adapter": write_ip_adapters, "depth": write_depth,
        "edit": write_edit, "edit-qwen": write_qwen, "segmenter": write_segmenter, "matter": write_matter,
    }  # fmt: skip
    if only is MODEL_SETS and find_spec("torchvision") is None:
        only = [name for name in only if name != "edit-qwen"]
    for name in only:
        (folder / name).mkdir(parents=True, exist_ok=True)
        writers[name](folder / name)
    return folder


def _write_loras(folder: Path, unet: object, text_encoder: object) -> None:
    """Write the same low-rank change of UNet and text encoder in both formats that people have."""
    _save(folder / "lora.safetensors", parts.lora_weights(unet, text_encoder))
    _save(folder / "lora-kohya.safetensors", parts.lora_weights(unet, text_encoder, kohya=True))
    _save(folder / "fast.safetensors", parts.fast_lora_weights(unet))


def _save(path: Path, tensors: dict[str, object]) -> None:
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path, metadata={"format": "pt"})


def _write_processor(folder: Path, name: str, mean: list[float], spread: list[float]) -> None:
    facts = {"image_processor_type": name, "image_mean": mean, "image_std": spread}
    (folder / "preprocessor_config.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")


def main() -> None:
    """Write what the command line asks for."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("folder", type=Path, help="where to put the models")
    reader.add_argument("--only", nargs="+", choices=MODEL_SETS, default=MODEL_SETS, help="which; all by default")
    asked = reader.parse_args()
    parts.one_thread()
    write_models(asked.folder, asked.only)
    files = [path for path in asked.folder.rglob("*") if path.is_file()]
    print(f"{asked.folder}  ({len(files)} files, {sum(f.stat().st_size for f in files) / 1e6:.1f} MB)")


if __name__ == "__main__":
    main()
