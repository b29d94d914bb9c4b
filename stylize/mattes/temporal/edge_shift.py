"""Shift of a matte's edge along its normal, by the distance of pixels to the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stylize.mattes.morphology import signed_distance
from stylize.media.window import window_around

if TYPE_CHECKING:
    from propagate.arrays import F32

_FAR = 10.0
"""Pixels at which distances are clipped: farther away, another edge may be nearer."""
_SMOOTHING = 1.5
"""Standard deviation in pixels over which the shift is smoothed, so that the edge stays even along itself."""
_LONGEST = 3.0
"""Pixels of shift up to which an edge has moved; a longer one may lead to another edge."""
_TRANSITION = 3.0
"""Pixels of shift over which the moved edge fades to the value for parts that appeared or vanished."""
_EXACT = 1e-3
"""Shifts in pixels below this are rounding, and the matte keeps its value."""
_TRACE = 0.1
"""Change of opacity below which empty and full pixels keep their value: the warp alone makes such traces. The plate
outside of a correct matte stays bit-identical; one per cent less chatter is removed in exchange."""


def edge_distance(matte: F32) -> F32:
    """Return the signed distance to the edge in pixels, float32 (H, W), positive inside, clipped to ten."""
    window = window_around(matte > 0, int(_FAR) + 2)  # all pixels outside of it are far from the edge
    found = np.full(matte.shape, np.float32(-_FAR), np.float32)
    if window.shape != (0, 0):
        part = signed_distance(np.ascontiguousarray(window.of(matte)))
        window.of(found)[:] = np.clip(part, -_FAR, _FAR)
    return found


def shift_edge(matte: F32, distance: F32, shift: F32, otherwise: F32) -> F32:
    """Move the edge of a matte along its normal; it keeps its softness.

    Empty and full pixels stay as they are, unless the move changes their opacity by a tenth or more.
    Averaging the opacities of neighboring frames would blur the edge; averaging its places does not.

    Parameters
    ----------
    matte
        float32 (H, W).
    distance
        float32 (H, W), from `edge_distance`.
    shift
        float32 (H, W), pixels by which the edge moves outwards; negative moves it inwards.
    otherwise
        float32 (H, W), used where the move is so long that a part appeared or vanished instead of moving.

    Returns
    -------
    float32 (H, W)
    """
    import cv2

    from propagate.warp import warp

    even = np.asarray(cv2.GaussianBlur(shift, (0, 0), _SMOOTHING), np.float32)
    smooth = cv2.GaussianBlur(distance, (0, 0), 1.2)
    dx, dy = cv2.Scharr(smooth, cv2.CV_32F, 1, 0), cv2.Scharr(smooth, cv2.CV_32F, 0, 1)
    step = even / np.maximum(np.hypot(dx, dy), 1e-6)
    moved = warp(matte, np.dstack([dx * step, dy * step]).astype(np.float32), interpolation="linear")
    other = np.clip((np.abs(shift) - _LONGEST) / _TRANSITION, 0, 1)
    found = moved * (1 - other) + otherwise * other
    trace = ((matte == 0) | (matte == 1)) & (np.abs(found - matte) < _TRACE)
    return np.asarray(np.where((np.abs(shift) > _EXACT) & ~trace, found, matte), np.float32)
