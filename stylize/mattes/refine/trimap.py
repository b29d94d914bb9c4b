"""Edge refinement: a trimap along the edge of a rough matte, and the opacity solved in its unknown band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stylize.mattes.morphology import signed_distance
from stylize.mattes.refine.solvers import solve_alpha
from stylize.media.window import window_around

if TYPE_CHECKING:
    from propagate.arrays import F32, Image

_ROOM = 4
"""Pixels around the unknown band that the solver sees: its windows are 5 x 5."""
_SPECK = 0.05
"""Share of the largest piece below which a piece is removed."""
_HOLE = 0.01
"""Share of the matte below which a hole is filled."""


def edge_band_width(size: tuple[int, int]) -> float:
    """Return the pixels on each side of a propagated edge that need refinement, for frames of (height, width)."""
    return float(5 * (max(size) / 640) ** 0.75)


def refine_edge(image: Image, matte: F32, band: float) -> F32:
    """Solve for the opacity in a band along the edge; pixels beyond the band are known.

    Parameters
    ----------
    image : Image, (H, W, 3)
        uint8 or uint16.
    matte : float32 (H, W)
        A rough matte; its edge is at 0.5.
    band
        Pixels on each side of the edge that are estimated; a wider band includes fur, and is slower.

    Returns
    -------
    float32 (H, W)
        0 and 1 beyond the band. A matte without known inside or outside pixels is returned unchanged.
    """
    near = window_around(matte > 0, int(band) + _ROOM + 2)  # all pixels beyond it are outside
    trimap = make_trimap(np.ascontiguousarray(near.of(matte)), band) if matte.any() else matte
    if trimap.max() < 1 or trimap.min() > 0:
        return matte
    window = window_around(trimap == 0.5, _ROOM)
    part = window.of(trimap)
    if not part.size or part.max() < 1 or part.min() > 0 or min(part.shape) < 3:
        return matte
    top = np.float32(np.iinfo(image.dtype).max)
    window.of(trimap)[:] = solve_alpha(window.of(near.of(image)).astype(np.float32) / top, part)
    found = np.zeros_like(matte)
    near.of(found)[:] = trimap
    return found


def make_trimap(matte: F32, band: float) -> F32:
    """Return the trimap of a matte, float32 (H, W): 1 inside, 0 outside, 0.5 within `band` pixels of the edge."""
    distance = signed_distance(matte)
    return np.where(distance > band, 1.0, np.where(distance < -band, 0.0, 0.5)).astype(np.float32)


def remove_specks(solid: F32) -> F32:
    """Remove small pieces of a hard matte, float32 (H, W) of 0 and 1, and fill its small holes."""
    import cv2

    pieces, labels, facts, _ = cv2.connectedComponentsWithStats((solid > 0.5).astype(np.uint8))
    if pieces < 2:
        return solid
    areas = facts[1:, cv2.CC_STAT_AREA]
    kept = np.isin(labels, 1 + np.flatnonzero(areas >= _SPECK * areas.max()))
    _, labels, facts, _ = cv2.connectedComponentsWithStats(1 - kept.astype(np.uint8))
    holes = 1 + np.flatnonzero(facts[1:, cv2.CC_STAT_AREA] < _HOLE * kept.sum())
    return np.asarray(kept | np.isin(labels, holes), np.float32)
