"""One channel out of a picture, and what its values mean."""

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
"""What can be taken of any picture."""
_LOOKS = 5
_BLACK, _WHITE = 16 / 255, 235 / 255


def extract_channel(image: Any, channel: str) -> F32:
    """Take one channel of `PLAIN` of an image, float32 (H, W), 0 to 1; luma is the mean of the colors."""
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
    """Return a few places from the first to the last, to look at before all are read."""
    return sorted({round(i * (count - 1) / (_LOOKS - 1)) for i in range(_LOOKS)})


def is_limited_range(path: Path, looks: Iterable[F32]) -> bool:
    """Whether 8-bit values fill just 16 to 235, as of a video whose range was left as it was; logged."""
    found = list(looks)
    if not found:
        return False
    low, high = min(float(v.min()) for v in found), max(float(v.max()) for v in found)
    limited = abs(low - _BLACK) < 1.6 / 255 and abs(high - _WHITE) < 1.6 / 255
    if limited:
        log.warning("%s: its black is 16 and its white 235; they are taken as 0 and 255", path.name)
    return limited


def expand_limited_range(values: F32) -> F32:
    """Return values of which black is 16 of 255 and white 235 as 0 to 1."""
    return np.asarray(np.clip((values - _BLACK) / (_WHITE - _BLACK), 0, 1), np.float32)
