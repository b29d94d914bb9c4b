"""Clips to choose keys on: given ones made small, ones made here, and uneven versions of both."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tests import synthetic

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 320
"""Long side in pixels at which a choice of keys is judged."""


def load(path: Path, first: int, count: int, side: int = SIDE) -> list[np.ndarray]:
    """RGB frames [first, first + count) of a folder of images or a video, shrunk to `side`."""
    if path.is_dir():
        suffixes = {".png", ".jpg"}
        images = (cv2.imread(str(p)) for p in sorted(path.iterdir()) if p.suffix.lower() in suffixes)
    else:
        capture = cv2.VideoCapture(str(path))
        images = itertools.takewhile(lambda image: image is not None, (capture.read()[1] for _ in itertools.count()))
    frames = []
    for image in itertools.islice(images, first, first + count):
        height, width = image.shape[:2]
        scale = min(1.0, side / max(height, width))
        small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        frames.append(np.ascontiguousarray(small[..., ::-1]))
    return frames


def uneven_orders(count: int) -> dict[str, list[int]]:
    """Orders of a clip's frames that hold some and hurry others, by name."""
    half, part, tenth = round(0.6 * count), round(0.4 * count), round(0.15 * count)
    slow = [t for t in range(tenth, 2 * tenth) for _ in range(3)]
    fast = list(range(2 * tenth, count, 2))
    return {
        "stillness then burst": [0] * half + list(range(half)),
        "burst then stillness": list(range(part)) + [part] * (2 * part),
        "slow then fast": [*range(tenth), *slow, *fast, *[count - 1] * (count // 5)],
    }


def uneven(clips: dict[str, list[np.ndarray]]) -> dict[str, list[np.ndarray]]:
    """The clips with their frames held and hurried."""
    return {
        f"{name}, {how}": [frames[t] for t in order]
        for name, frames in clips.items()
        for how, order in uneven_orders(len(frames)).items()
    }


def made_clips() -> dict[str, list[np.ndarray]]:
    """Clips of pictures that are moved by known rules."""
    return {
        "pan": synthetic.pan(36, (5.0, 0.0)),
        "burst": synthetic.burst(20, 16, 8, (7.0, 1.0)),
        "zoom": synthetic.zoom(36, 0.98),
        "reveal": synthetic.noise(synthetic.reveal(36, 14), 3.0),
    }
