"""Models that edit pictures: which are known, loading one, one call of it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stylize.errors import DeviceError, ModelError
from stylize.models import ModelOptions, find_model, presets, read_config
from stylize.models.device import choose_device
from stylize.models.imports import load_libraries
from stylize.models.locations import locate
from stylize.render.diffusion.memory import MemoryFallback, offload

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from propagate.arrays import F32

MULTIPLE = 16
"""Height and width must be multiples of it: eight of the autoencoder, two of the patches."""


@dataclass(frozen=True)
class Manner:
    """How a class of pipelines is called.

    Attributes
    ----------
    steps, guidance
        That suit it.
    distilled
        Likewise, for a distilled model of the class.
    guided_by
        The name under which it takes the guidance.
    needs
        A package that it does not load without, besides those of the extra.
    """

    steps: int
    guidance: float
    distilled: tuple[int, float] = (4, 1.0)
    guided_by: str = "guidance_scale"
    needs: str = ""


EDITORS: Final = {
    "Flux2KleinPipeline": Manner(28, 4.0),
    "Flux2Pipeline": Manner(28, 4.0),
    "QwenImageEditPlusPipeline": Manner(40, 4.0, guided_by="true_cfg_scale", needs="torchvision"),
}
"""Classes of diffusers that edit a picture while they look at others."""


@dataclass(frozen=True)
class Request:
    """One painting: pictures float32 (h, w, 3) of 0 to 1, what is to be done, (height, width), and how."""

    pictures: Sequence[F32]
    prompt: str
    size: tuple[int, int]
    steps: int | None
    guidance: float | None
    seed: int


class Editor:
    """A loaded model; get one from `open_editor`."""

    def __init__(self, path: Path, device: str, *, allow_pickle: bool) -> None:
        torch, diffusers = load_libraries("torch", "diffusers", wanted_by="renderer edit")
        name = str(read_config(path / "model_index.json")["_class_name"])
        self.manner, self.device, self.ladder = EDITORS[name], device, MemoryFallback(device)
        self.dtype = torch.float32 if device == "cpu" else torch.bfloat16
        try:
            self.pipe: Any = getattr(diffusers, name).from_pretrained(
                path, local_files_only=True, dtype=self.dtype, use_safetensors=None if allow_pickle else True
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(f"{path}: diffusers cannot load it ({said}); see: stylize models check") from error
        self.pipe.set_progress_bar_config(disable=True)
        self.pipe.to(device)

    def apply_fallback(self, step: str) -> None:
        """Do what a step of the ladder says, to need less memory."""
        if step == "tiling":
            self.pipe.vae.enable_tiling()
        elif "offload" in step:
            offload(self.pipe, step, self.device)

    def paint(self, request: Request, report: Callable[[float], None]) -> F32:
        """Return float32 (h, w, 3), 0 to 1.

        Raises
        ------
        DeviceError
            If memory does not suffice, or nothing but black or no numbers come out.
        """
        import torch
        from PIL import Image

        distilled = bool(self.pipe.config.get("is_distilled", False))
        steps, guidance = self.manner.distilled if distilled else (self.manner.steps, self.manner.guidance)
        steps = request.steps or steps
        guidance = guidance if request.guidance is None else request.guidance

        def told(_pipe: Any, step: int, _time: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            report((step + 1) / steps)
            return tensors

        asked: dict[str, Any] = {
            "image": [Image.fromarray(np.rint(255 * one).astype(np.uint8)) for one in request.pictures],
            "prompt": request.prompt,
            "height": request.size[0],
            "width": request.size[1],
            "num_inference_steps": steps,
            "generator": torch.Generator("cpu").manual_seed(request.seed),
            "output_type": "np",
            "callback_on_step_end": told,
            self.manner.guided_by: guidance,
        }
        if self.manner.guided_by == "true_cfg_scale":
            asked["negative_prompt"] = " "  # without one there is no guidance
        with torch.inference_mode():
            picture = self.ladder.run(lambda: self.pipe(**asked).images[0], self.apply_fallback, 0)
        if not np.isfinite(picture).all() or picture.max() < 1 / 255:
            raise DeviceError("the editor painted black or no numbers; try --device cpu, or another model")
        return np.asarray(np.clip(picture, 0, 1), np.float32)


def find_editor(model: str, options: ModelOptions) -> Path:
    """Return the folder of an editor whose class is known.

    Raises
    ------
    ModelError
        If it is not here, damaged, or no editor that looks at several pictures.
    """
    if model == "auto":
        known = [name for name, preset in presets().items() if preset.kind == "edit"]
        model = next((name for name in known if locate(name, options) is not None), known[0])
    path = find_model(model, "edit", options=options)
    name = read_config(path / "model_index.json").get("_class_name", "") if path.is_dir() else "a single file"
    if name not in EDITORS:
        raise ModelError(
            f"{path}: {name} does not edit a picture while it looks at others; known are {', '.join(EDITORS)}"
        )
    needs = EDITORS[name].needs
    if needs and find_spec(needs) is None:
        raise ModelError(f"{path}: {name} needs {needs}, from where torch came: pip install {needs}; FLUX.2 needs none")
    return path


def open_editor(path: Path, device: str, *, allow_pickle: bool = False) -> Editor:
    """Load an editor, or take the one that is loaded; one is held at a time."""
    load_libraries("torch", "diffusers", wanted_by="renderer edit")
    key = (path, choose_device(device))
    if key not in _OPEN:
        _OPEN.clear()
        _OPEN[key] = Editor(*key, allow_pickle=allow_pickle)
    return _OPEN[key]


_OPEN: dict[tuple[Path, str], Editor] = {}
