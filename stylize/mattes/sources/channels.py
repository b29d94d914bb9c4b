"""Extraction of one channel of an image as a matte, and detection of limited video range."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from propagate.arrays import F32

log = logging.getLogger(__name__)

PLAIN: Final = ("luma", "alpha", "red", "green", "blue")
"""Channels that every image has."""
_SAMPLES = 5
"""Frames that are sampled before all are read: a wrong channel or range shows in a few."""
_BLACK = 16 / 255
"""Black of limited range (BT.601, BT.709)."""
_WHITE = 235 / 255
"""White of limited range (BT.601, BT.709)."""
_RANGE_TOLERANCE = 1.6 / 255
"""Distance of the extremes from black and white within which 8-bit values count as limited: 1.6 codes."""


def extract_channel(image: Any, channel: str) -> F32:
    """Return a channel of `PLAIN` of an image, float32 (H, W), 0 to 1; ``luma`` is the mean of the colors."""
    top = np.float32(np.iinfo(image.dtype).max)
    colors = image.shape[2] - (image.shape[2] in (2, 4))
    if channel == "alpha":
        if colors == image.shape[2]:
            return np.ones(image.shape[:2], np.float32)
        return np.asarray(image[..., -1] / top, np.float32)
    if channel in ("red", "green", "blue"):
        at = min(("red", "green", "blue").index(channel), colors - 1)
        return np.asarray(image[..., at] / top, np.float32)
    if colors == 1:
        return np.asarray(image[..., 0] / top, np.float32)
    return np.asarray(image[..., :colors].mean(axis=2, dtype=np.float32) / top, np.float32)


def sample_indices(count: int) -> list[int]:
    """Return a few evenly spaced indices from the first to the last of `count`."""
    return sorted({round(i * (count - 1) / (_SAMPLES - 1)) for i in range(_SAMPLES)})


def is_limited_range(path: Path, samples: Iterable[F32]) -> bool:
    """Return whether 8-bit values span exactly 16 to 235, a limited range that was not expanded; log a warning."""
    found = list(samples)
    if not found:
        return False
    low, high = min(float(v.min()) for v in found), max(float(v.max()) for v in found)
    limited = abs(low - _BLACK) < _RANGE_TOLERANCE and abs(high - _WHITE) < _RANGE_TOLERANCE
    if limited:
        log.warning("%s: limited range (16 to 235) detected; expanded to 0 to 255", path.name)
    return limited


def expand_limited_range(values: F32) -> F32:
    """Expand values of limited range, 16/255 to 235/255, to 0 to 1."""
    return np.asarray(np.clip((values - _BLACK) / (_WHITE - _BLACK), 0, 1), np.float32)
