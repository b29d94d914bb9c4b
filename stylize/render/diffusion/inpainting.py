"""Repainting of a part of a key; the rest stays bit for bit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from stylize.errors import UsageError

if TYPE_CHECKING:
    from propagate.arrays import F32, Image

_FEATHER = 1 / 60
"""Width of the soft edge, inside the region, as a share of the picture's height."""


def region_mask(mask: Image, size: tuple[int, int]) -> F32:
    """Return a mask picture as float32 (H, W), 1 where it is white.

    The alpha of a picture that has one counts, as selections are exported by paint programs.

    Raises
    ------
    UsageError
        If it is of another size than the clip, or selects nothing.
    """
    if mask.shape[:2] != size:
        raise UsageError(f"the region is {mask.shape[1]}x{mask.shape[0]} and the clip {size[1]}x{size[0]}; make it so")
    full = mask.astype(np.float32) / np.float32(np.iinfo(mask.dtype).max)
    color = full[..., : 3 if full.shape[2] > 2 else 1].mean(2)
    alpha = full[..., -1] if full.shape[2] in (2, 4) else np.ones(size, np.float32)
    found = np.asarray(color * alpha, np.float32)
    if found.max() < 0.5:
        raise UsageError("the region is empty; paint the part to repaint white")
    return found


def blend_region(before: Image, painted: Image, mask: F32) -> Image:
    """Lay `painted` over `before` within the mask; its soft edge lies inside, beyond it no bit changes."""
    inside = (mask > 0.5).astype(np.uint8)
    width = max(before.shape[0] * _FEATHER, 1.0)
    depth = cv2.distanceTransform(cv2.copyMakeBorder(inside, 1, 1, 1, 1, cv2.BORDER_REPLICATE), cv2.DIST_L2, 5)
    share = np.clip(depth[1:-1, 1:-1] / width, 0, 1)[..., None]
    mixed = before + share * (painted.astype(np.float32) - before)
    return np.where(share > 0, np.asarray(np.rint(mixed), before.dtype), before)
