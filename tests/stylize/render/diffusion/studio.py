"""Painters on tiny random models, and pictures for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from stylize.render import Anchor, make_renderer
from stylize.render.diffusion.batch import engine_for

if TYPE_CHECKING:
    from pathlib import Path

PLACES = {
    "sd15": {"adapter": "models/ip-adapter_sd15", "plus": "models/ip-adapter-plus_sd15"},
    "sdxl": {
        "adapter": "sdxl_models/ip-adapter_sdxl_vit-h",
        "plus": "sdxl_models/ip-adapter-plus_sdxl_vit-h",
    },
}
SIZE = 64
"""Side of the square that is painted pixel for pixel, without scaling or padding."""


def picture(seed: int, height: int = SIZE, width: int = SIZE) -> np.ndarray:
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3), np.uint8)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC)


class Studio:
    """Options that name the tiny models of one family."""

    def __init__(self, models: Path, family: str = "sd15") -> None:
        self.models, self.family = models, family

    def path(self, name: str) -> str:
        return str(self.models / self.family / name)

    def options(self, **other: Any) -> dict[str, Any]:
        adapter = self.models / "ip-adapter" / f"{PLACES[self.family]['adapter']}.safetensors"
        return {
            "model": self.path("base"),
            "controls": (f"canny@{self.path('controlnet-canny')}:0.7",),
            "style_adapter": str(adapter),
            "steps": 2,
            "prompt": "a fox",
            "strength": 1.0,
            "megapixels": SIZE * SIZE / 1e6,
            **other,
        }

    def painter(self, styles: Any = None, **other: Any) -> Any:
        return make_renderer("sd", [picture(9)] if styles is None else styles, self.options(**other))

    def engine(self, **other: Any) -> Any:
        painter = self.painter(**other)
        return engine_for(painter.options, painter.parts)

    def paint(self, frame: np.ndarray | None = None, anchors: Any = (), *, seed: int = 1, **other: Any) -> Any:
        painter = self.painter(other.pop("styles", None), **other)
        return painter.paint(picture(3) if frame is None else frame, anchors, seed=seed).image


def anchor(confidence: float = 1.0, seed: int = 21, frame: int = 22, *, looked_at: bool = True) -> Anchor:
    """A finished key that fits the frame everywhere with this confidence."""
    painted = picture(seed)
    sure = np.full(painted.shape[:2], confidence, np.float32)
    return Anchor(painted, sure, 7, picture(frame), painted) if looked_at else Anchor(painted, sure, 7)


def moved(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference in 8-bit steps."""
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def assert_same(one: np.ndarray, other: np.ndarray) -> None:
    """Equal but for rounding: weights that are loaded anew or copied lie elsewhere in memory, and how they
    lie there decides in which order sums are taken.
    """
    apart = np.abs(one.astype(int) - other)
    assert apart.max() <= 1
    assert apart.mean() < 0.01
