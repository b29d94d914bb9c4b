"""Loading of matting models (SAM 2, ViTMatte) with transformers, and their out-of-memory errors."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylize.errors import DeviceError, ModelError
from stylize.models import find_model, model_hash

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from propagate.arrays import Image
    from stylize.mattes.options import MakingOptions
    from stylize.models import ModelOptions

_NAMES = {"segmenter": "SAM 2", "matter": "ViTMatte"}
_CLASSES = {"segmenter": "Sam2VideoModel", "matter": "VitMatteForImageMatting"}
_WITHOUT = {"segmenter": "--maker color, which needs no model", "matter": "--edges color, which needs none"}


@dataclass(frozen=True)
class LoadedModel:
    """A loaded network with its device, number format, hash of its files, and pixel normalization."""

    net: Any
    torch: Any
    device: str
    dtype: Any
    hash: str
    mean: tuple[float, ...]
    spread: tuple[float, ...]

    def pixels(self, image: Image) -> Any:
        """Return an image, uint8 or uint16 (H, W, 3), normalized for the network: float32 (1, 3, H, W)."""
        import numpy as np

        unit = np.asarray(image, np.float32) / np.float32(np.iinfo(image.dtype).max)
        normal = (unit - np.array(self.mean, np.float32)) / np.array(self.spread, np.float32)
        return self.torch.from_numpy(np.ascontiguousarray(normal.transpose(2, 0, 1)))[None]


def find_learned(kind: str, options: MakingOptions, models: ModelOptions) -> Path:
    """Find the files of the ``segmenter`` or the ``matter`` without loading them.

    Raises
    ------
    ModelError
        If it is missing; the message says how to get it, and how to work without it.
    """
    found = find_model(getattr(options, kind), kind, options=models, instead=_WITHOUT[kind])
    if not (found / "config.json").is_file():
        raise ModelError(f"{found}: invalid model, config.json is missing; download it again: stylize models fetch")
    return found


def load_learned(kind: str, path: Path, options: MakingOptions) -> LoadedModel:
    """Load a model from its folder.

    Raises
    ------
    ModelError
        If a library is missing, or the folder holds another kind of model.
    DeviceError
        If the device is missing or has too little memory.
    """
    from stylize.models.device import choose_device, choose_dtype
    from stylize.models.imports import load_libraries

    torch, transformers = load_libraries("torch", "transformers", wanted_by=_NAMES[kind], extra="mattes")
    device = choose_device(options.device, _WITHOUT[kind])
    dtype = choose_dtype(options.dtype, device, kind)
    try:
        with memory_errors(kind, device):
            net = getattr(transformers, _CLASSES[kind]).from_pretrained(path, local_files_only=True, dtype=dtype)
            net = net.to(device).eval()
    except (OSError, ValueError, KeyError, TypeError) as error:
        line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path}: transformers cannot load it as {_NAMES[kind]} ({line})") from error
    half = (0.5, 0.5, 0.5)
    usual = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)) if kind == "segmenter" else (half, half)
    mean, spread = _normal(path, *usual)
    return LoadedModel(net, torch, device, dtype, model_hash(path), mean, spread)


@contextmanager
def memory_errors(kind: str, device: str) -> Iterator[None]:
    """Raise out-of-memory errors of the block as one line.

    Raises
    ------
    DeviceError
        If the block ran out of memory.
    """
    from stylize.models.device import is_out_of_memory

    try:
        yield
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        raise DeviceError(
            f"{_NAMES[kind]}: {device} is out of memory; take a smaller model (--{kind}), close other "
            f"programs, use --device cpu, or {_WITHOUT[kind]}"
        ) from error


def _normal(path: Path, mean: Any, spread: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Read the color normalization; the processors of transformers need torchvision, which is no dependency."""
    for name in ("preprocessor_config.json", "video_preprocessor_config.json", "processor_config.json"):
        file = path / name
        if not file.is_file():
            continue
        try:
            facts = json.loads(file.read_text(encoding="utf-8"))
            facts = facts.get("image_processor", facts)
            return tuple(map(float, facts["image_mean"])), tuple(map(float, facts["image_std"]))
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return tuple(mean), tuple(spread)
