"""Motion segmentation: each pixel is labeled by the motion, of subject or background, that explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.media.window import window_around

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import F32, Bool, Flow, Image

_SIDE = 512
"""Longer side in pixels at which flow is estimated."""
_LEAST_PARALLAX = 2.0
"""Relative motion of subject and background in pixels, at that size, below which motion tells nothing."""
_ENOUGH = 2.5
"""Relative motion in pixels from which on no more distant frame is needed."""
_NOISE = 2.0
"""Color difference, in 8-bit steps, that counts as noise, above the median residual of the background."""
_CLEAR = 0.7
"""Score from which on a pixel is labeled clearly."""
_OF_CORE = 0.25
"""Least share of the middle of the box that must be labeled clearly."""
_OF_GROUND = 0.35
"""Least share of the background around the box that must be labeled clearly."""
_BESIDE = 0.04
"""Share of the frame's longer side that the background must be wide on two opposite sides of the subject."""
_ROUNDS = 8
"""Iterations of the robust fit."""
_EACH = 5
"""One of this many pixels is used in the fit: enough for six parameters."""


def segment_by_motion(image: Image, ways: Sequence[Sequence[Image]], core: Bool, ground: Bool) -> F32 | None:
    """Segment subject and background by their motion to the frames before and after.

    Two smooth motions are fitted to the flow, one in the core of the subject and one in the background. A pixel
    with a small residual under the motion of the background and a large one under that of the subject is
    background, and vice versa. Flow alone does not separate them: at an edge it blurs one motion into the
    other. Uniform surfaces, which both motions explain, stay undecided.

    Parameters
    ----------
    image : Image, (H, W, 3)
    ways
        Frames before it and frames after it, nearest first: surfaces occluded in one direction are visible in
        the other.
    core, ground : bool (h, w), of a smaller size
        The middle of the subject, and the background well outside of it.

    Returns
    -------
    float32 (h, w) or None
        Score: above 0 the subject, below 0 the background, near 0 undecided, beyond 1 certain. None if both move
        alike, if too few pixels are decided, or if the background is visible on one side only: by parallax, its
        motion on the other side is unknown then.
    """
    import cv2

    if not _surrounds(ground, core):
        return None
    here = _shrunk(image)
    size = here.shape[1::-1]
    masks = [where.astype(np.uint8) for where in (core, ground)]
    parts = [cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST) > 0 for mask in masks]
    off = [pair for way in ways if (pair := _explained(here, way, parts)) is not None]
    if not off:
        return None
    by_subject, by_ground = (np.minimum.reduce([each[k] for each in off]) for k in range(2))
    noise = np.float32(np.median(by_ground[parts[1]]) + _NOISE)
    score = cv2.GaussianBlur((by_ground - by_subject) / noise, (0, 0), 2)
    found = np.asarray(cv2.resize(score, core.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    if (found[core] > _CLEAR).mean() < _OF_CORE or (found[ground] < -_CLEAR).mean() < _OF_GROUND:
        return None
    return found


def _explained(here: Image, way: Sequence[Image], parts: Sequence[Bool]) -> list[F32] | None:
    """Return the residual of each part's motion in the first frame with enough relative motion."""
    from propagate.flow import estimate_flow
    from propagate.registration import residual
    from propagate.warp import warp

    for count, image in enumerate(way, 1):
        there = _shrunk(image)
        if there.shape != here.shape:
            return None
        flow = estimate_flow(here, there)
        motions = [_smooth_motion(flow, part) for part in parts]
        between = np.linalg.norm(motions[0] - motions[1], axis=2)[parts[0]]
        apart = float(np.median(between)) if between.size else 0.0
        if apart >= _ENOUGH or (count == len(way) and apart >= _LEAST_PARALLAX):
            moved = [warp(there, motion, interpolation="linear") for motion in motions]
            return [residual(here, picture, sigma=1.5) for picture in moved]
    return None


def _surrounds(ground: Bool, core: Bool) -> bool:
    """Return whether the background is wide enough left and right of the core, or above and below it."""
    box = window_around(core)
    if box.shape == (0, 0):
        return False
    least = _BESIDE * max(ground.shape)
    across = np.flatnonzero(ground[box.top : box.bottom].all(axis=0))
    down = np.flatnonzero(ground[:, box.left : box.right].all(axis=1))
    return any(
        min((places < first).sum(), (places >= last).sum()) >= least
        for places, first, last in ((across, box.left, box.right), (down, box.top, box.bottom))
    )


def _smooth_motion(flow: Flow, where: Bool) -> Flow:
    """Fit a quadratic motion model to the flow of a part, robust to outliers."""
    height, width = where.shape
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x, y = (x - width / 2) / width, (y - height / 2) / width
    terms: Any = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=-1)
    chosen = np.flatnonzero(where)[::_EACH]
    known, wanted = terms.reshape(-1, 6)[chosen], flow.reshape(-1, 2)[chosen]
    weight = np.ones(len(chosen), np.float32)
    factors: Any = np.zeros((6, 2), np.float32)
    for _ in range(_ROUNDS):
        factors = np.linalg.lstsq(known * weight[:, None], wanted * weight[:, None], rcond=None)[0]
        off = np.linalg.norm(wanted - known @ factors, axis=1)
        scale = 1.48 * np.median(off) + 0.05 if off.size else 1.0
        weight = (1 / (1 + np.square(off / scale))).astype(np.float32)
    return np.asarray(terms @ factors, np.float32)


def _shrunk(image: Image) -> Image:
    import cv2

    from propagate.flow import eight_bit

    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(eight_bit(image), size, interpolation=cv2.INTER_AREA), np.uint8)
