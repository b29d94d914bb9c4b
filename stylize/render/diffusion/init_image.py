"""What a painting begins from, and what it holds of finished keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from propagate.arrays import F32, Image


@dataclass(frozen=True)
class InitImage:
    """What a painting begins from, float32 (H, W, 3), 0 to 1, and what is held of others until when."""

    picture: F32
    held: F32 | None = None
    until: F32 | None = None


def ground_for(frame: Image, known: tuple[F32, F32] | None, hold: float) -> InitImage:
    """Lay what finished keys show over a frame, and hold it until share `hold` of the steps where it is sure.

    Parameters
    ----------
    frame
        uint8 or uint16 (H, W, 3).
    known
        Picture and confidence of `stylize.render.anchors.merge_anchors`; None when there are no anchors.
    hold
        0 to 1.
    """
    plain = unit(frame)
    if known is None:
        return InitImage(plain)
    picture, sure = known
    mixed = plain + sure[..., None] * (picture - plain)
    return InitImage(np.asarray(mixed, np.float32), picture, np.minimum(sure, np.float32(hold)))


def ground_within(before: Image, mask: F32) -> InitImage:
    """Begin from a finished key and hold it to the end where `mask`, float32 (H, W), is 0."""
    key = unit(before)
    return InitImage(key, key, np.asarray(mask < 1 / 255, np.float32))


def unit(image: Image) -> F32:
    """Return an image as float32, 0 to 1."""
    return np.asarray(image, np.float32) / np.float32(np.iinfo(image.dtype).max)
