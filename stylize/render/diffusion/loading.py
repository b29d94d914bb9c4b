"""Files to a pipeline, from disk alone. Order matters: model, LoRA, IP-Adapter; our attention comes last."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from stylize.errors import ModelError
from stylize.fingerprint import fingerprint
from stylize.models.libraries import load_libraries
from stylize.render.diffusion.adapter import attach_adapter
from stylize.render.diffusion.memory import Ladder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from propagate.arrays import Image
    from stylize.render.diffusion.parts import LoraPart, Parts

__all__ = ["Engine", "open_engine", "prepare_imports"]


@dataclass
class Engine:
    """A loaded pipeline, with what has been given up for memory, and style embeddings by their content.

    `noise` is the configuration of the scheduler that the model came with.
    """

    pipe: Any
    parts: Parts
    device: str
    dtype: Any
    ladder: Ladder
    noise: Any
    checker: Any = None
    styles: dict[Any, Any] = field(default_factory=dict)

    def style_of(self, styles: Sequence[Image], encode: Callable[[], Any]) -> Any:
        """Return the embeddings of these pictures, encoded when they are first asked for."""
        key = fingerprint(*styles)
        if key not in self.styles:
            self.styles.clear()
            self.styles[key] = encode()
        return self.styles[key]

    def give_up(self, step: str) -> None:
        """Do what a step of the ladder says."""
        if step == "tiling":
            self.pipe.vae.enable_slicing()
            self.pipe.vae.enable_tiling()
        elif step == "offload":
            self.pipe.enable_model_cpu_offload(device=self.device)
        elif step == "sequential offload":
            self.pipe.remove_all_hooks()
            self.pipe.enable_sequential_cpu_offload(device=self.device)


_OPEN: dict[Any, Engine] = {}
"""The engine that was opened last: keys with settings of their own do not load the weights again."""


def open_engine(parts: Parts, device: str, dtype: Any, *, safety_checker: bool) -> Engine:
    """Load the pipeline of `parts`, or return it if it was the last one that was loaded.

    Raises
    ------
    ModelError
        If a file does not load, or does not fit.
    """
    key = (parts.weights(), device, str(dtype), safety_checker)
    if key not in _OPEN:
        _OPEN.clear()
        prepare_imports()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the libraries about each other; errors remain errors
            _OPEN[key] = _load(parts, device, dtype, safety_checker=safety_checker)
    return _OPEN[key]


def prepare_imports() -> None:
    """Import the libraries so that they work together, quietly, and stay off the network."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    load_libraries("torch", "transformers", "diffusers", wanted_by="renderer sd")


def _load(parts: Parts, device: str, dtype: Any, *, safety_checker: bool) -> Engine:
    told: dict[str, Any] = {"local_files_only": True, "dtype": dtype}
    told["use_safetensors"] = None if parts.models.allow_pickle else True
    pipe = _pipeline(parts, told)
    checker = _checker(parts, told) if safety_checker else None
    pipe.set_progress_bar_config(disable=True)
    for path in parts.embeddings:
        _embed(pipe, path)
    _put_on(pipe, parts.loras, parts.family.title)
    if parts.adapter is not None:
        attach_adapter(pipe, parts.adapter)
    pipe.to(device)
    return Engine(pipe, parts, device, dtype, Ladder(device), pipe.scheduler.config, checker)


def _pipeline(parts: Parts, told: dict[str, Any]) -> Any:
    import diffusers

    plain, controlled, union = parts.family.pipelines
    kind = getattr(diffusers, union if parts.union else controlled if parts.controls else plain)
    extra: dict[str, Any] = {}
    if parts.controls:
        one = diffusers.ControlNetUnionModel if parts.union else diffusers.ControlNetModel
        nets = {path: _part(one, path, told) for path in dict.fromkeys(c.path for c in parts.controls)}
        extra["controlnet"] = _nets([nets[c.path] for c in parts.controls], union=parts.union)
    if parts.family.name == "sdxl":
        extra["add_watermarker"] = False  # else a watermark appears as soon as some package is installed
    else:
        extra |= {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    if parts.vae is not None:
        extra["vae"] = _part(diffusers.AutoencoderKL, parts.vae, told)
    try:
        if parts.base.is_dir():
            return kind.from_pretrained(parts.base, **_variant(parts.base / "unet"), **told, **extra)
        alone = {name: value for name, value in told.items() if name != "use_safetensors"}
        return kind.from_single_file(str(parts.base), config=str(parts.config), **alone, **extra)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{parts.base}: does not load ({_first(error)}); see: stylize models check"
        ) from error


def _nets(nets: list[Any], *, union: bool) -> Any:
    from diffusers.models.controlnets.multicontrolnet import MultiControlNetModel

    return nets[0] if union or len(nets) == 1 else MultiControlNetModel(nets)


def _part(kind: Any, path: Path, told: dict[str, Any]) -> Any:
    try:
        if path.is_file():
            alone = {name: value for name, value in told.items() if name != "use_safetensors"}
            return kind.from_single_file(str(path), **alone)
        return kind.from_pretrained(path, **_variant(path), **told)
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{path}: does not load ({_first(error)}); see: stylize models check {path}"
        ) from error


def _variant(folder: Path) -> dict[str, str]:
    """Say which files hold the weights: many are published in half precision only."""
    names = [path.name for path in folder.glob("*.safetensors")]
    half = bool(names) and all(".fp16" in name for name in names)
    return {"variant": "fp16"} if half else {}


def _checker(parts: Parts, told: dict[str, Any]) -> Any:
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker

    place = parts.base / "safety_checker"
    if not (place / "config.json").is_file():
        raise ModelError(
            f"{parts.base}: has no safety checker; leave --safety-checker out, or add it in {place}"
        )
    return _part(StableDiffusionSafetyChecker, place, told)


def _embed(pipe: Any, path: Path) -> None:
    """Teach the text encoders a word: the file's name."""
    from safetensors.torch import load_file

    tensors = load_file(path)
    pairs = [(tensors.get("clip_l", next(iter(tensors.values()))), pipe.tokenizer, pipe.text_encoder)]
    if "clip_g" in tensors:
        if getattr(pipe, "text_encoder_2", None) is None:
            raise ModelError(f"{path}: a textual inversion for SDXL; the model has one text encoder")
        pairs.append((tensors["clip_g"], pipe.tokenizer_2, pipe.text_encoder_2))
    for vectors, tokenizer, encoder in pairs:
        width = encoder.get_input_embeddings().weight.shape[1]
        if vectors.shape[-1] != width:
            raise ModelError(
                f"{path}: a textual inversion of width {vectors.shape[-1]}; the model reads {width}"
            )
        pipe.load_textual_inversion(
            {path.stem: vectors}, token=path.stem, tokenizer=tokenizer, text_encoder=encoder
        )


def _put_on(pipe: Any, loras: tuple[LoraPart, ...], title: str) -> None:
    names = [f"lora{index}" for index in range(len(loras))]
    for name, lora in zip(names, loras, strict=True):
        try:
            pipe.load_lora_weights(
                str(lora.path.parent),
                weight_name=lora.path.name,
                adapter_name=name,
                local_files_only=True,
                use_safetensors=True,
            )
        except (RuntimeError, ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
            raise ModelError(f"{lora.path}: fits no layer of {title} ({_first(error)})") from error
        if not _layers_with(pipe, name):
            raise ModelError(f"{lora.path}: fits no layer of {title}; name a LoRA for that family")
    if names:
        pipe.set_adapters(names, [lora.weight for lora in loras])


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
