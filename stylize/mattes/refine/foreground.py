"""The subject's own colors at its edge, without the background that shines through there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stylize.mattes.refine.solvers import solve_foreground
from stylize.media.window import window_around

if TYPE_CHECKING:
    from propagate.arrays import F32, Image

_ROOM = 16
"""Pixels around the matte that the estimate sees, so that it knows the background's colors too."""


def estimate_foreground(image: Image, matte: F32, *, fine: bool = False) -> Image:
    """Return the colors of what a matte cuts out, as if the background had never been there.

    In the soft band of the edge a pixel is a mix of subject and background; over a new background the old
    one would show as a halo. Multi-level foreground estimation (Germer et al. 2020) undoes the mix.

    Parameters
    ----------
    image : Image, (H, W, 3)
        uint8 or uint16.
    matte : float32 (H, W)
        1 is the subject, 0 the background.
    fine
        Take four times as long, for three quarters of the error at the edge. For the few pictures from which
        all others take their colors.

    Returns
    -------
    Image, (H, W, 3), of `image`'s type
        Straight color: bit for bit the image's own where the matte is 1; estimated in the band; outside, the
        subject's colors go on, so that what looks across the edge sees no background. With an empty matte
        nothing is known of a subject, and the image comes back as it is.

    Raises
    ------
    ValueError
        If the sizes differ.
    """
    if image.shape[:2] != matte.shape:
        raise ValueError(f"the image is {image.shape[:2]} and the matte {matte.shape}; give both one size")
    solid = matte >= 1
    if solid.all() or not (matte > 0).any():
        return image.copy()
    window = window_around(matte > 0, _ROOM)
    top = float(np.iinfo(image.dtype).max)
    part = solve_foreground(window.of(image).astype(np.float32) / np.float32(top), window.of(matte), fine=fine)
    inside = np.rint(np.clip(part, 0, 1) * top).astype(image.dtype)
    height, width = matte.shape
    margins = ((window.top, height - window.bottom), (window.left, width - window.right), (0, 0))
    found = np.pad(inside, margins, "edge")
    return np.where(solid[..., None], image, found)
