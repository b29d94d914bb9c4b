"""Files to a pipeline, from disk alone. Order matters: model, LoRA, IP-Adapter; our attention comes last."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from stylize.errors import ModelError
from stylize.models import is_pickle
from stylize.models.imports import load_libraries
from stylize.render.diffusion.components import find_checker
from stylize.render.diffusion.ip_adapter import attach_adapter
from stylize.render.diffusion.single_file import (
    controlnet_settings,
    load_net,
    load_tensors,
    settings_beside,
    shapes_of,
)

if TYPE_CHECKING:
    from pathlib import Path

    from stylize.render.diffusion.components import Components, LoraPart


def load_pipeline(parts: Components, dtype: Any) -> Any:
    """Load the pipeline of `parts` into main memory, with everything that is put on it.

    Raises
    ------
    ModelError
        If a file does not load, or does not fit.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the libraries about each other; errors remain errors
        pipe = _pipeline(parts, _told(parts, dtype))
        pipe.set_progress_bar_config(disable=True)
        for path in parts.embeddings:
            _embed(pipe, path)
        _put_on(pipe, parts.loras, parts.family.title)
        if parts.adapter is not None:
            attach_adapter(pipe, parts.adapter)
    return pipe


def prepare_imports() -> None:
    """Import the libraries so that they work together, quietly, and stay off the network."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    load_libraries("torch", "transformers", "diffusers", wanted_by="renderer sd")


def _told(parts: Components, dtype: Any) -> dict[str, Any]:
    """Return what every loading is told."""
    safe = None if parts.models.allow_pickle else True
    return {"local_files_only": True, "dtype": dtype, "use_safetensors": safe}


def _pipeline(parts: Components, told: dict[str, Any]) -> Any:
    import diffusers

    plain, controlled, union = parts.family.pipelines
    kind = getattr(diffusers, union if parts.union else controlled if parts.controls else plain)
    extra: dict[str, Any] = {}
    if parts.controls:
        one = diffusers.ControlNetUnionModel if parts.union else diffusers.ControlNetModel
        nets = {path: _net(one, path, parts, told) for path in dict.fromkeys(c.path for c in parts.controls)}
        extra["controlnet"] = _nets([nets[c.path] for c in parts.controls], union=parts.union)
    if parts.family.name == "sdxl":
        extra["add_watermarker"] = False  # else a watermark appears as soon as some package is installed
    else:
        extra |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    if parts.vae is not None:
        extra["vae"] = _net(diffusers.AutoencoderKL, parts.vae, parts, told)
    try:
        if parts.base.is_dir():
            return kind.from_pretrained(parts.base, **_variant(parts.base / "unet"), **told, **extra)
        alone = {name: value for name, value in told.items() if name != "use_safetensors"}
        return kind.from_single_file(str(parts.base), config=str(parts.config), **alone, **extra)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{parts.base}: does not load ({_first(error)}); see: stylize models check") from error


def _nets(nets: list[Any], *, union: bool) -> Any:
    from diffusers.models.controlnets.multicontrolnet import MultiControlNetModel

    return nets[0] if union or len(nets) == 1 else MultiControlNetModel(nets)


def _net(kind: Any, path: Path, parts: Components, told: dict[str, Any]) -> Any:
    """Load a ControlNet or an autoencoder; what one file does not say of itself, the model tells."""
    if not path.is_file():
        return _part(kind, path, told)
    try:
        if "ControlNet" in kind.__name__:
            unet = settings_beside(parts.base, parts.config, "unet")
            shapes = shapes_of(path, allow_pickle=parts.models.allow_pickle)
            settings = controlnet_settings(shapes, unet, kind)
        else:
            settings = settings_beside(parts.base, parts.config, "vae")
        return load_net(kind, path, settings, dtype=told["dtype"])
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: does not load ({_first(error)}); is it for {parts.family.title}?") from error


def _part(kind: Any, path: Path, told: dict[str, Any]) -> Any:
    try:
        return kind.from_pretrained(path, **_variant(path), **told)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path}: does not load ({_first(error)}); see: stylize models check {path}") from error


def _variant(folder: Path) -> dict[str, str]:
    """Say which files hold the weights: many are published in half precision only."""
    names = [path.name for path in folder.glob("*.safetensors")]
    half = bool(names) and all(".fp16" in name for name in names)
    return {"variant": "fp16"} if half else {}


def load_checker(parts: Components, dtype: Any) -> Any:
    """Load the safety checker that came with the model.

    Raises
    ------
    ModelError
        If there is none.
    """
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker

    return _part(StableDiffusionSafetyChecker, find_checker(parts.base), _told(parts, dtype))


def _embed(pipe: Any, path: Path) -> None:
    """Teach the text encoders a word: the file's name."""
    tensors = load_tensors(path)
    pairs = [(tensors.get("clip_l", next(iter(tensors.values()))), pipe.tokenizer, pipe.text_encoder)]
    if "clip_g" in tensors:
        if getattr(pipe, "text_encoder_2", None) is None:
            raise ModelError(f"{path}: a textual inversion for SDXL; the model has one text encoder")
        pairs.append((tensors["clip_g"], pipe.tokenizer_2, pipe.text_encoder_2))
    for vectors, tokenizer, encoder in pairs:
        width = encoder.get_input_embeddings().weight.shape[1]
        if vectors.shape[-1] != width:
            raise ModelError(f"{path}: a textual inversion of width {vectors.shape[-1]}; the model reads {width}")
        pipe.load_textual_inversion({path.stem: vectors}, token=path.stem, tokenizer=tokenizer, text_encoder=encoder)


def _put_on(pipe: Any, loras: tuple[LoraPart, ...], title: str) -> None:
    names = [f"lora{index}" for index in range(len(loras))]
    for name, lora in zip(names, loras, strict=True):
        place: Any = load_tensors(lora.path) if is_pickle(lora.path) else str(lora.path.parent)
        file = {} if is_pickle(lora.path) else {"weight_name": lora.path.name, "use_safetensors": True}
        try:
            pipe.load_lora_weights(place, adapter_name=name, local_files_only=True, **file)
        except (RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise ModelError(f"{lora.path}: fits no layer of {title} ({_first(error)})") from error
        if not _layers_with(pipe, name):
            raise ModelError(f"{lora.path}: fits no layer of {title}; name a LoRA for that family")


def _layers_with(pipe: Any, name: str) -> int:
    """How many layers the LoRA called `name` changes."""
    owners = (pipe.unet, pipe.text_encoder, getattr(pipe, "text_encoder_2", None))
    return sum(
        name in (getattr(module, "lora_A", None) or ())
        for owner in owners
        if owner is not None
        for module in owner.modules()
    )


def _first(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
