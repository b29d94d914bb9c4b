"""Where an edge is, and moving it: by how far a pixel is from it, rather than by its opacity."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stylize.mattes.morphology import signed_distance
from stylize.media.window import window_around

if TYPE_CHECKING:
    from propagate.arrays import F32

_FAR = 10.0
"""Pixels from the edge beyond which all is equally far: there another edge is meant."""
_ALIKE = 1.5
"""Pixels over which an edge moves as one: it does not tremble along itself."""
_OTHER, _SPAN = 3.0, 3.0
"""Pixels of a move from which on it may be to another edge, and over which that becomes sure."""
_EXACT = 1e-3
"""Moves below this are of rounding, and the matte's own value stands."""
_TRACE = 0.1
"""Opacity below which following the motion makes something of nothing. So the plate stays as it is, bit for
bit, outside of a matte that is right already; chatter is taken away one per cent less for it."""


def edge_distance(matte: F32) -> F32:
    """Return how far each pixel is from the edge, float32 (H, W), positive inside, up to ten pixels."""
    window = window_around(matte > 0, int(_FAR) + 2)  # beyond it all is far
    found = np.full(matte.shape, np.float32(-_FAR), np.float32)
    if window.shape != (0, 0):
        part = signed_distance(np.ascontiguousarray(window.of(matte)))
        window.of(found)[:] = np.clip(part, -_FAR, _FAR)
    return found


def shift_edge(matte: F32, distance: F32, shift: F32, otherwise: F32) -> F32:
    """Move the edge of a matte along its normal; it keeps its softness.

    What is empty or full stays so, unless the move changes it by a tenth.

    Opacities that are averaged make an edge soft and leave it where it was on average wrong; places that are
    averaged make it right.

    Parameters
    ----------
    matte
        float32 (H, W).
    distance
        Of the matte, see `edge_distance`.
    shift
        Pixels by which the edge at each pixel goes outwards; negative goes inwards.
    otherwise
        What is taken where the move is so long that a part came or went rather than moved.

    Returns
    -------
    float32 (H, W)
    """
    import cv2

    from propagate.warp import warp

    even = np.asarray(cv2.GaussianBlur(shift, (0, 0), _ALIKE), np.float32)
    smooth = cv2.GaussianBlur(distance, (0, 0), 1.2)
    dx, dy = cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
    step = even / np.maximum(np.hypot(dx, dy), 1e-6)
    moved = warp(matte, np.dstack([dx * step, dy * step]).astype(np.float32), interpolation="linear")
    other = np.clip((np.abs(shift) - _OTHER) / _SPAN, 0, 1)
    found = moved * (1 - other) + otherwise * other
    trace = ((matte == 0) | (matte == 1)) & (np.abs(found - matte) < _TRACE)
    return np.asarray(np.where((np.abs(shift) > _EXACT) & ~trace, found, matte), np.float32)
