"""What controlnet-aux does to a picture: another size, noise, prints, a look at the command line."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import cv2
import numpy as np


def resized(image: np.ndarray, resolution: int) -> np.ndarray:
    """As the package does: short side to the resolution, both sides to multiples of 64."""
    scale = resolution / min(image.shape[:2])
    height, width = (max(round(side * scale / 64), 1) * 64 for side in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


class Plain:
    """Gives the picture back, at its own idea of a size."""

    def __call__(self, image: np.ndarray, detect_resolution: int, image_resolution: int, output_type: str) -> Any:
        assert output_type == "np"
        assert detect_resolution == image_resolution == min(image.shape[:2])
        return resized(image, detect_resolution)


class Noisy:
    """Draws from the global generator, prints and reads the command line."""

    def __call__(self, *_: Any, **__: Any) -> np.ndarray:
        print("loading")  # noqa: T201
        assert len(sys.argv) == 1
        return np.random.randint(0, 255, (64, 64, 3), np.uint8)  # noqa: NPY002


class Standard:
    """Takes no resolution, and gives a gray map."""

    def __call__(self, image: np.ndarray, output_type: str) -> np.ndarray:
        assert output_type == "np"
        return image[..., 0]


class Weighty(Plain):
    """Loads from a folder."""

    @classmethod
    def from_pretrained(cls, folder: str) -> Weighty:
        made = cls()
        made.folder = folder  # type: ignore[attr-defined]
        return made


class Broken:
    """Fails as a detector does whose parts are missing."""

    def __call__(self, *_: Any, **__: Any) -> None:
        raise NameError("init_detector")


def make_package() -> ModuleType:
    package = ModuleType("controlnet_aux")
    package.CannyDetector = Plain  # type: ignore[attr-defined]
    package.ContentShuffleDetector = Noisy  # type: ignore[attr-defined]
    package.LineartStandardDetector = Standard  # type: ignore[attr-defined]
    package.HEDdetector = Weighty  # type: ignore[attr-defined]
    package.MLSDdetector = Broken  # type: ignore[attr-defined]
    return package
