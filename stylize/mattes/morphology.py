"""Operations on the edge of one matte: levels, choke and feather, with sub-pixel precision."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stylize.mattes.options import parse_levels

if TYPE_CHECKING:
    from propagate.arrays import F32, Bool
    from stylize.mattes.options import MatteOptions

_MARGIN = 1.5
"""Pixels, added to the softness of the edge, beside the moved edge in which moved values are kept."""
_BEFORE = (0.8, 1.6, 2.4, 3.2)
"""Pixels short of the full move at which thin parts are sampled that the full move would skip."""
_WIDE = 6.0
"""Feather in pixels above which the softness of the original edge is invisible."""


def apply_options(matte: F32, options: MatteOptions) -> F32:
    """Apply levels, choke, feather and inversion, in this order; options at their default change nothing."""
    found = matte
    if parse_levels(options.levels) != (0, 1):
        found = levels(found, *parse_levels(options.levels))
    if options.choke:
        found = choke(found, options.choke)
    if options.feather:
        found = feather(found, options.feather)
    return np.asarray(1 - found, np.float32) if options.invert else found


def levels(matte: F32, black: float, white: float) -> F32:
    """Stretch opacity so that `black` becomes 0 and `white` 1; float32 (H, W)."""
    return np.asarray(np.clip((matte - black) / np.float32(white - black), 0, 1), np.float32)


def choke(matte: F32, pixels: float) -> F32:
    """Move the edge inwards by `pixels`, outwards if negative; it keeps its own softness.

    Each pixel takes the value that lies `pixels` further out along the normal of the edge. Values are bounded by
    the distance to the moved edge, so that thin parts vanish and narrow gaps close instead of repeating the
    opacity beyond them.

    Parameters
    ----------
    matte
        float32 (H, W), 0 to 1.
    pixels
        Positive moves inwards, negative outwards; fractions are allowed.
    """
    if not pixels or _flat(matte):
        return matte
    distance = signed_distance(matte)
    moved = _along_normal(matte, distance, pixels)
    for back in _BEFORE:  # keep or remove thin parts that the full move skips
        if back < abs(pixels):
            sampled = _along_normal(matte, distance, pixels - float(np.sign(pixels)) * back)
            moved = np.minimum(moved, sampled) if pixels > 0 else np.maximum(moved, sampled)
    inside, soft = distance - np.float32(pixels), _softness(matte, distance, abs(pixels))
    return np.asarray(np.clip(moved, np.clip(inside - soft, 0, 1), np.clip(inside + soft, 0, 1)), np.float32)


def feather(matte: F32, pixels: float) -> F32:
    """Soften the edge over `pixels`, half of them inside and half outside; float32 (H, W).

    The matte is averaged along the normal of its edge, so that corners keep their place: a Gaussian blur would
    round them and fade thin parts. Wide feathers are a ramp of the distance to the edge.
    """
    if not pixels or _flat(matte):
        return matte
    distance = signed_distance(matte)
    ramp = np.clip(distance / np.float32(max(pixels, 1e-3)) + np.float32(0.5), 0, 1)
    if pixels > _WIDE:
        return np.asarray(ramp, np.float32)
    steps = max(3, 2 * int(np.ceil(pixels)) + 1)
    places = (np.arange(steps) + 0.5) / steps - 0.5
    total = np.zeros_like(matte)
    for place in places:
        total += _along_normal(matte, distance, float(place * pixels))
    return np.asarray(total / steps, np.float32)


def signed_distance(matte: F32) -> F32:
    """Return the signed distance to the edge (opacity 0.5) in pixels, positive inside; float32 (H, W).

    It has sub-pixel precision: the opacity of the nearest pixel on the other side places the edge between that
    pixel and its neighbor.
    """
    solid = matte >= 0.5
    return np.asarray(_depth(solid, matte) - _depth(~solid, 1 - matte), np.float32)


def _depth(solid: Bool, matte: F32) -> F32:
    """Return the distance of pixels in `solid` to the edge around it, 0 outside."""
    import cv2

    if solid.all():
        return np.full(matte.shape, np.float32(np.hypot(*matte.shape)))
    far, nearest = cv2.distanceTransformWithLabels(
        solid.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    beyond = np.zeros(int(nearest.max()) + 1, np.float32)
    beyond[nearest[~solid]] = matte[~solid] - 0.5
    return np.where(solid, np.maximum(far + beyond[nearest], 0), 0)


def _softness(matte: F32, distance: F32, reach: float) -> F32:
    """Return half the width in pixels of the soft band of the nearest edge."""
    import cv2

    soft = np.where((matte > 0.02) & (matte < 0.98), np.abs(distance), 0).astype(np.float32)
    side = 2 * int(np.ceil(reach + 8)) + 1
    return np.asarray(cv2.dilate(soft, np.ones((side, side), np.uint8)) + np.float32(_MARGIN), np.float32)


def _along_normal(matte: F32, distance: F32, pixels: float) -> F32:
    """Sample each pixel from `pixels` further out, in the direction in which the distance falls."""
    import cv2

    from propagate.warp import warp

    smooth = cv2.GaussianBlur(distance, (0, 0), 1.2)
    dx, dy = cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
    length = np.maximum(np.hypot(dx, dy), 1e-6)
    outwards = np.dstack([-dx / length, -dy / length]).astype(np.float32)
    return np.asarray(warp(matte, outwards * np.float32(pixels), interpolation="linear"), np.float32)


def _flat(matte: F32) -> bool:
    return bool(matte.min() == matte.max())
