"""Which kind of model it is and which family it belongs to, told from configs and headers alone."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from stylize.errors import ModelError
from stylize.models.weights import read_header

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PIPELINES = (
    ("StableDiffusionXL", "base", "sdxl"),
    ("StableDiffusion3", "base", "sd3"),
    ("StableDiffusion", "base", ""),
    ("LatentConsistencyModel", "base", "sd15"),
    ("Flux2", "edit", "flux2"),
    ("FluxKontext", "edit", "flux"),
    ("Flux", "base", "flux"),
    ("QwenImage", "edit", "qwen-image"),
)
"""Beginning of a pipeline's class, its kind, and its family where the class says it."""
WIDTHS = {768: "sd15", 1024: "sd2", 2048: "sdxl"}
"""Width of the prompts that a net was trained with."""
CHECKPOINTS = (
    ("conditioner.embedders.1.", "sdxl"),
    (".double_blocks.", "flux"),
    (".joint_blocks.", "sd3"),
    ("cond_stage_model.model.", "sd2"),
)
"""Part of a tensor's name in a checkpoint of one file, and the family that alone has it."""
ARCHITECTURES = (("DepthEstimation", "depth"), ("Sam2", "segmenter"), ("VitMatte", "matter"))
"""Part of a class of transformers and the kind of its models."""
SD15_LAYERS = 16
"""Layers of cross-attention in SD1.5 and SD2; SDXL has 70."""


def read_config(path: Path) -> dict[str, Any]:
    """Read a config of a model.

    Raises
    ------
    ModelError
        If it is missing or damaged.
    """
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: missing; fetch the model again") from error
    except ValueError as error:
        raise ModelError(f"{path}: damaged ({error}); fetch the model again") from error
    if not isinstance(config, dict):
        raise ModelError(f"{path}: damaged (no table of options); fetch the model again")
    return config


def kind_of(path: Path) -> str:
    """Return what a model on disk is for, one of `stylize.models.presets.KINDS`; empty when nobody knows."""
    return _look(path)[0]


def family_of(path: Path) -> str:
    """Return the family of a model on disk; empty for one that goes with all, or when nobody knows.

    Families are ``sd15``, ``sd2``, ``sdxl``, ``sd3``, ``flux``, ``flux2`` and ``qwen-image``. `path` is a
    pipeline's folder, a part's folder with its config.json, or a single safetensors file: a checkpoint, a
    ControlNet, an IP-Adapter, a LoRA or a textual inversion. Only configs and headers are read.
    """
    return _look(path)[1]


def family_of_tensors(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return the family of a single file by the names and shapes of its tensors; empty when nobody knows."""
    return _look_inside(shapes)[1]


def _look(path: Path) -> tuple[str, str]:
    if path.is_file():
        return _look_inside(read_header(path).shapes) if path.suffix == ".safetensors" else ("", "")
    if (path / "model_index.json").is_file():
        return _pipeline(path)
    if (path / "config.json").is_file():
        return _part(read_config(path / "config.json"))
    return "", ""


def _pipeline(path: Path) -> tuple[str, str]:
    name = str(read_config(path / "model_index.json").get("_class_name", ""))
    for start, kind, family in PIPELINES:
        if name.startswith(start):
            return kind, family or _part(read_config(path / "unet" / "config.json"))[1]
    return "base", ""


def _part(config: Mapping[str, Any]) -> tuple[str, str]:
    name = str(config.get("_class_name", ""))
    if name.startswith("AutoencoderKL"):
        return "vae", ""
    if name.startswith(("ControlNet", "UNet2DCondition")):
        kind = "controlnet" if name.startswith("ControlNet") else "base"
        if config.get("addition_embed_type") == "text_time":
            return kind, "sdxl"
        return kind, "sd2" if config.get("cross_attention_dim") == 1024 else "sd15"
    for one in config.get("architectures") or ():
        for word, kind in ARCHITECTURES:
            if word in one:
                return kind, ""
    return "", ""


def _look_inside(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, str]:
    """Tell kind and family of a single file by the names and shapes of its tensors."""
    names, found = list(shapes), ("", "")
    if any(n.startswith("ip_adapter.") and n.endswith("to_k_ip.weight") for n in names):
        layers = [shape for n, shape in shapes.items() if n.endswith("to_k_ip.weight")]
        plain = "sd2" if layers[0][1] == 1024 else "sd15"
        found = "ip-adapter", plain if len(layers) == SD15_LAYERS else "sdxl"
    elif any(re.search(r"\.(lora_down|lora_A|lora\.down|lora_linear_layer\.down)\b", n) for n in names):
        found = "lora", _lora_family(shapes)
    elif any("controlnet_cond_embedding" in n or n.startswith("control_model.") for n in names):
        large = any("add_embedding" in n or "label_emb" in n for n in names)
        found = "controlnet", "sdxl" if large else "sd15"
    elif any(n.startswith("model.diffusion_model.") for n in names):
        found = (
            "base",
            next((family for part, family in CHECKPOINTS if any(part in n for n in names)), "sd15"),
        )
    elif "clip_g" in shapes and "clip_l" in shapes:
        found = "embedding", "sdxl"
    elif len(shapes) == 1:
        ((name, shape),) = shapes.items()
        width = shape[-1] if len(shape) in (1, 2) else 0
        if width in WIDTHS or (width and (name == "emb_params" or name.startswith("<"))):
            found = "embedding", WIDTHS.get(width, "sd15")
    return found


def _lora_family(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Tell a LoRA's family: by its second text encoder, by the width of prompts, by where attention sits."""
    names = list(shapes)
    if any(n.startswith(("lora_te2_", "text_encoder_2.")) for n in names):
        return "sdxl"
    if any("single_transformer_blocks" in n or "double_blocks" in n for n in names):
        return "flux"
    for name, shape in shapes.items():
        across = re.search(r"attn2[._]to_[kv]\b", name) and re.search(r"lora[._](down|A)\b", name)
        if across and shape[-1] in WIDTHS:
            return WIDTHS[shape[-1]]
    first = re.compile(r"down_blocks[._]0[._]attentions|input_blocks[._][12][._]1[._]")
    if any(first.search(n) for n in names):  # SDXL's first block has no attention
        return "sd15"
    second = re.compile(r"down_blocks[._][12][._]attentions|input_blocks[._][4578][._]1[._]")
    return "sdxl" if any(second.search(n) for n in names) else ""
