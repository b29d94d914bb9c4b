"""Depth guessed from one picture by a model of transformers: white is near."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from stylize.errors import DeviceError, ModelError
from stylize.models import ModelOptions, find_model, model_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from propagate.arrays import F32, Image

METRIC = ("zoedepth", "depth_pro", "prompt_depth_anything")
"""Models that tell meters away from the camera; others tell how near things are, in no unit."""
SAMPLES = 24
"""Frames of a shot that are looked at to find how near and how far it reaches."""


class DepthModel:
    """A model that guesses depth, loaded; get one from `open_depth`."""

    def __init__(self, path: Path, device: str) -> None:
        torch, transformers = _libraries()
        self.hash = model_hash(path)
        self.device = device
        try:
            self._processor: Any = transformers.AutoImageProcessor.from_pretrained(path, local_files_only=True)
            net = transformers.AutoModelForDepthEstimation.from_pretrained(path, local_files_only=True)
        except (OSError, ValueError, KeyError) as error:
            raise ModelError(f"{path}: transformers cannot load it as a depth model ({_short(error)})") from error
        self._net: Any = net.to(device).eval()
        config = net.config
        self._metric = config.model_type in METRIC or getattr(config, "depth_estimation_type", "") == "metric"
        self._torch = torch

    def nearness(self, image: Image) -> F32:
        """Return how near each pixel of uint8 (H, W, 3) is: float32 (H, W), larger is nearer, in no unit."""
        from PIL import Image as Pillow

        pixels = self._processor(images=Pillow.fromarray(image), return_tensors="pt").to(self.device)
        try:
            with self._torch.inference_mode():
                guess = self._net(**pixels).predicted_depth[0]
        except self._torch.OutOfMemoryError as error:
            raise DeviceError(f"depth: {self.device} is out of memory; use a smaller model or frame") from error
        depth = guess.float().cpu().numpy()
        if not np.isfinite(depth).all():
            raise ModelError("the depth model gives no numbers (NaN) for this frame; check it: stylize models check")
        if self._metric:
            depth = 1 / np.maximum(depth, 1e-3)
        height, width = image.shape[:2]
        how = cv2.INTER_AREA if depth.shape[0] > height else cv2.INTER_CUBIC
        return np.asarray(cv2.resize(depth, (width, height), interpolation=how), np.float32)


def draw_depth(
    image: Image,
    *,
    model: str | Path = "depth-small",
    limits: tuple[float, float] | None = None,
    models: ModelOptions | None = None,
    device: str | None = None,
) -> Image:
    """Draw depth: white is near, black is far.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    model
        A depth model: a preset, a repository or a path.
    limits
        Farthest and nearest, as `find_limits` finds them for a shot; by default those of this picture.
    models
        Where models are looked for.
    device
        ``cuda``, ``mps`` or ``cpu``; the best one there is by default.

    Returns
    -------
    uint8 (H, W).
    """
    near = open_depth(model, models=models, device=device).nearness(image)
    return np.asarray(np.rint(255 * shade(near, limits or _limits([near]))), np.uint8)


def open_depth(
    model: str | Path = "depth-small", *, models: ModelOptions | None = None, device: str | None = None
) -> DepthModel:
    """Load a depth model, or take the one that is loaded.

    Raises
    ------
    ModelError
        If the model or the libraries are not here.
    """
    path = find_model(model, "depth", options=models)
    return _loaded(path, device or _best_device())


def find_limits(frame: Callable[[int], Image], count: int, model: DepthModel) -> tuple[float, float]:
    """Return farthest and nearest of a shot of `count` frames: one range for all, so that none flickers.

    A few frames, spread evenly, stand for all of them.
    """
    picks = np.unique(np.linspace(0, count - 1, min(count, SAMPLES)).round().astype(int))
    return _limits([model.nearness(frame(int(index))) for index in picks])


def shade(near: F32, limits: tuple[float, float]) -> F32:
    """Bring nearness to 0 (farthest) to 1 (nearest)."""
    low, high = limits
    return np.asarray(np.clip((near - low) / max(high - low, 1e-12), 0, 1), np.float32)


def _limits(maps: Sequence[F32]) -> tuple[float, float]:
    """Leave the outermost thousandth out: a few wild pixels must not take the whole range."""
    low = min(float(np.quantile(one, 0.001)) for one in maps)
    high = max(float(np.quantile(one, 0.999)) for one in maps)
    return low, high


@functools.lru_cache(maxsize=1)
def _loaded(path: Path, device: str) -> DepthModel:
    return DepthModel(path, device)


def _best_device() -> str:
    torch, _ = _libraries()
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _libraries() -> tuple[Any, Any]:
    """Load torch and transformers, which are an extra."""
    from stylize.models.imports import load_libraries

    return load_libraries("torch", "transformers", wanted_by="map depth")


def _short(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
