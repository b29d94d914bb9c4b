"""Bring a painting that has drifted back onto the outlines of its frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import cv2
import numpy as np

from stylize.maps.lines import draw_softedge
from stylize.maps.registry import fit

if TYPE_CHECKING:
    from propagate.arrays import F32, Image

LOOK = 320
"""Long side in pixels at which outlines are compared."""
FARTHEST = 0.04
"""Share of the diagonal that a corner may move; a larger move is no drift, and the comparison is wrong."""
GAIN = 0.01
"""Correlation that must be won; less is noise."""


def align(painting: Image, frame: Image) -> tuple[Image, float]:
    """Shift, turn and scale a painting so that its outlines lie on those of its frame.

    Outlines of both are compared by their correlation (ECC, Evangelidis & Psarakis 2008), which minds neither
    colors nor brightness.

    Parameters
    ----------
    painting, frame
        uint8 or uint16 (H, W, 3), of one size.

    Returns
    -------
    painting
        As it was, if nothing is won.
    moved : float
        How far the corner that moved most has moved, in pixels of the frame.
    """
    height, width = frame.shape[:2]
    scale = min(LOOK / max(height, width), 1.0)
    small = max(round(height * scale), 16), max(round(width * scale), 16)
    goal, now = (_outlines(picture, small) for picture in (frame, painting))
    turn = np.eye(2, 3, dtype=np.float32)
    rule = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 60, 1e-5)
    try:
        after, turn = cv2.findTransformECC(goal, now, turn, cv2.MOTION_AFFINE, rule, None, 3)  # type: ignore[call-overload]
    except cv2.error:  # too little to compare: nothing is known of a drift
        return painting, 0.0
    sizes = np.array([width / small[1], height / small[0]])
    whole = np.asarray(turn, np.float64)
    whole[:, :2] *= sizes[:, None] / sizes[None, :]
    whole[:, 2] *= sizes
    corners = np.array([(0, 0, 1), (width, 0, 1), (0, height, 1), (width, height, 1)], np.float64)
    moved = float(np.hypot(*(corners @ whole.T - corners[:, :2]).T).max())
    before = float(np.corrcoef(goal.ravel(), now.ravel())[0, 1])
    if after < before + GAIN or moved > FARTHEST * np.hypot(height, width):
        return painting, 0.0
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(painting, whole, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return cast("Image", back), moved


def _outlines(picture: Image, size: tuple[int, int]) -> F32:
    edges = draw_softedge(fit(picture, size)).astype(np.float32)
    return np.asarray(cv2.GaussianBlur(edges, (0, 0), 2), np.float32)
