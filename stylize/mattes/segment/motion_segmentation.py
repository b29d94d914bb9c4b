"""What moves otherwise than the ground: each pixel is asked which of two motions explains it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.media.window import window_around

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import F32, Bool, Flow, Image

_SIDE = 512
"""Longer side at which motion is looked for."""
_APART = 2.0
"""Pixels by which subject and ground must move apart, at that size, for motion to say anything."""
_ENOUGH = 2.5
"""Pixels from which on no frame further away is looked at."""
_NOISE = 2.0
"""Difference of color, in 8-bit steps, that counts as nothing, above that of the ground itself."""
_SAYS = 0.7
_OF_CORE, _OF_GROUND = 0.25, 0.35
"""Shares of the middle of the box, and of what is around it, of which motion must say what they are."""
_BESIDE = 0.04
"""Share of the frame's longer side that must be seen of the ground on two opposite sides of the subject."""
_ROUNDS, _EACH = 8, 5
"""Rounds of fitting, and the pixels of which one is looked at."""


def segment_by_motion(image: Image, ways: Sequence[Sequence[Image]], core: Bool, ground: Bool) -> F32 | None:
    """Say what moves with the subject and what with the ground, by frames before and after.

    Two smooth motions are fitted to the flow, one where the subject surely is and one where it surely is not.
    A pixel that the ground's motion lays onto its like in another frame, and the subject's does not, is
    ground; and the other way round. Flow alone says nothing of this: at an edge it smears one motion over the
    other. Even surfaces, which both motions explain, stay undecided.

    Parameters
    ----------
    image : Image, (H, W, 3)
    ways
        Frames before it and frames after it, nearest first. What is hidden on one way shows on the other.
    core, ground : bool (h, w), of a smaller size
        The middle of the subject, and what is well outside of it.

    Returns
    -------
    float32 (h, w) or None
        Above 0 the subject, below 0 the ground, and near 0 nothing is said; beyond 1 it is sure. None if both
        move alike, if motion says too little of either, or if the ground is seen on one side only: what it
        does on the other cannot be guessed then, as things move by how far away they are.
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
    says = cv2.GaussianBlur((by_ground - by_subject) / noise, (0, 0), 2)
    found = np.asarray(cv2.resize(says, core.shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
    if (found[core] > _SAYS).mean() < _OF_CORE or (found[ground] < -_SAYS).mean() < _OF_GROUND:
        return None
    return found


def _explained(here: Image, way: Sequence[Image], parts: Sequence[Bool]) -> list[F32] | None:
    """Return what each part's motion is off by in the first frame of a way in which they are well apart."""
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
        if apart >= _ENOUGH or (count == len(way) and apart >= _APART):
            moved = [warp(there, motion, interpolation="linear") for motion in motions]
            return [residual(here, picture, sigma=1.5) for picture in moved]
    return None


def _surrounds(ground: Bool, core: Bool) -> bool:
    """Whether the ground is seen left and right of the core, or above and below, wide enough to know it."""
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
    """Fit a motion that is quadratic in place to the flow of a part, whatever a minority in it does."""
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
