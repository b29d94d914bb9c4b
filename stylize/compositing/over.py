"""Laying paint over a frame where a matte says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import F32, Image


def over(paint: Image, frame: Image, matte: F32 | None = None) -> Image:
    """Lay `paint`, RGB or RGBA, over `frame` where its straight alpha and the matte say so.

    Where nothing is to be blended the paint comes through bit for bit.
    """
    share: NDArray[np.float32] | None = None if matte is None else matte[..., None]
    color: NDArray[Any] = paint
    if paint.shape[2] == 4:
        alpha = (paint[..., 3:] / np.iinfo(paint.dtype).max).astype(np.float32)
        share = alpha if share is None else share * alpha
        color = paint[..., :3]
    if share is None:
        return paint
    mixed = np.rint(color * share + frame * (1 - share)).astype(paint.dtype)
    blended: Image = np.where(share >= 1, color, np.where(share <= 0, frame, mixed))
    return blended
