"""Segmentation of a subject in one frame: from a box by color and motion, and from scribbles by color (GrabCut)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.mattes.refine.trimap import edge_band_width, refine_edge, remove_specks
from stylize.mattes.segment.motion_segmentation import segment_by_motion

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from propagate.arrays import F32, Image
    from stylize.mattes.hints import Box

_SIDE = 256
"""Longer side in pixels at which GrabCut runs: as accurate there, and a hundred times as fast."""
_CHROMA = 2.5
"""Weight of chroma against lightness: shading is no border."""
_ROUNDS = 5
"""Iterations of GrabCut; more change little."""
_ROOM = 0.06
"""Share of a box's side by which the subject may extend beyond it: boxes are drawn by hand."""
_FILLED = 0.25
"""Share of the box that a subject leaves free; a segment that leaves less may include the background."""
_ELLIPSES = (1.2, 0.9, 0.75, 0.68, 0.6, 0.52)
"""Sizes, as a share of the box, of the ellipses that seed GrabCut."""
_MIDDLE = 4
"""Index of the ellipse that is inside of the subject almost always."""
_MOTION = ((0.3, np.inf), (0.7, 1.5), (0.7, 2.5), (0.3, 1.0))
"""Pairs of motion scores: above the first a pixel is likely the subject, above the second certainly."""


def segment_box(image: Image, box: Box, ways: Sequence[Sequence[Image]] = ()) -> F32:
    """Segment the subject in a box; float32 (H, W), 1 is the subject.

    GrabCut (Rother, Kolmogorov and Blake 2004) runs from several seeds: ellipses of different sizes in the box are
    the subject, pixels well outside of the box are not. The best result has a border of high contrast, reaches
    all sides of the box, and does not just fill it, since colors of the background may occur in the box only.
    Where the subject moves differently from the background, motion gives further seeds, and results that agree
    with it are preferred.

    Parameters
    ----------
    image : Image, (H, W, 3)
    box
        Around the complete subject; a few per cent too small or too large do no harm. It may extend beyond the
        frame.
    ways
        Frames before this one and frames after it, nearest first.
    """
    features = _features(image)
    scale = features.shape[1] / image.shape[1]
    shape, small = features.shape[:2], tuple(side * scale for side in box)
    seeds = [_ellipse(shape, small, size) for size in _ELLIPSES]
    inside, around = _within(shape, small), _within(shape, small, _ROOM)
    motion = segment_by_motion(image, ways, seeds[_MIDDLE] == _LIKELY_INSIDE, ~around) if ways else None
    if motion is not None:
        seeds += [_by_motion(motion, around, *bounds) for bounds in _MOTION]
    found = [remove_specks(_grab_cut(features, seed)) for seed in seeds]

    def merit(solid: F32) -> float:
        agrees = 1.0 if motion is None else max(0.0, _agreement(motion, solid, around))
        return _merit(features, solid, inside) * agrees**2

    return _at_full_size(image, max(found, key=merit))


def segment_scribbles(image: Image, hint: F32) -> F32:
    """Segment from scribbles, float32 (H, W): 1 is the subject, 0 the background, values between are unknown.

    Unknown pixels are labeled by color. They start as the subject above 0.6, as the background below 0.4, and
    between these as the nearer scribble. Returns float32 (H, W).
    """
    import cv2

    features = _features(image)
    small = cv2.resize(hint, features.shape[1::-1], interpolation=cv2.INTER_NEAREST)
    unknown = (small > 0.05) & (small < 0.95)
    reach = cv2.GaussianBlur((small >= 0.95).astype(np.float32), (0, 0), 12)
    beyond = cv2.GaussianBlur((small <= 0.05).astype(np.float32), (0, 0), 12)
    seed = np.where(small >= 0.95, _INSIDE, _OUTSIDE).astype(np.uint8)
    likely = np.where(np.abs(small - 0.5) > 0.1, small > 0.5, reach >= beyond)
    seed[unknown] = np.where(likely, _LIKELY_INSIDE, _LIKELY_OUTSIDE)[unknown]
    solid = _grab_cut(features, seed)
    found = _at_full_size(image, solid)
    return np.where(hint >= 0.95, 1, np.where(hint <= 0.05, 0, found)).astype(np.float32)


_OUTSIDE = 0
"""cv2.GC_BGD."""
_INSIDE = 1
"""cv2.GC_FGD."""
_LIKELY_OUTSIDE = 2
"""cv2.GC_PR_BGD."""
_LIKELY_INSIDE = 3
"""cv2.GC_PR_FGD."""


def _features(image: Image) -> NDArray[np.uint8]:
    """Return the image in Lab at the working size, with more weight on chroma; uint8 (h, w, 3)."""
    import cv2

    from stylize.media.bit_depth import to_8_bits

    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(to_8_bits(image), size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    lab[..., 1:] = 128 + (lab[..., 1:] - 128) * _CHROMA
    return np.asarray(np.clip(lab, 0, 255), np.uint8)


def _ellipse(shape: tuple[int, ...], box: Any, size: float) -> NDArray[np.uint8]:
    left, top, width, height = box
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    across = (columns + 0.5 - left - width / 2) / (width / 2 * size)
    down = (rows + 0.5 - top - height / 2) / (height / 2 * size)
    seed = np.where(_within(shape, box, _ROOM), _LIKELY_OUTSIDE, _OUTSIDE)
    seed[_within(shape, box) & (across**2 + down**2 < 1)] = _LIKELY_INSIDE
    return seed.astype(np.uint8)


def _by_motion(motion: F32, around: NDArray[np.bool_], likely: float, certain: float) -> NDArray[np.uint8]:
    """Return the seed from the motion score: likely the subject above `likely`, fixed beyond `certain`."""
    import cv2

    seed = np.where(around & (motion > likely), _LIKELY_INSIDE, _LIKELY_OUTSIDE).astype(np.uint8)
    for where, label in ((motion > certain, _INSIDE), (motion < -certain, _OUTSIDE)):
        seed[cv2.erode(where.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0] = label
    seed[~around] = _OUTSIDE
    return seed


def _agreement(motion: F32, solid: F32, around: NDArray[np.bool_]) -> float:
    """Return the agreement of a segment with the motion score, -1 to 1."""
    clipped = np.clip(motion, -1, 1)[around]
    return float((clipped * (2 * solid[around] - 1)).sum() / max(np.abs(clipped).sum(), 1))


def _within(shape: tuple[int, ...], box: Any, room: float = 0.0) -> NDArray[np.bool_]:
    """Return the mask of a box, enlarged by `room` of its sides; bool (h, w)."""
    left, top, width, height = box
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    aside, above = width * room, height * room
    found = (columns >= int(left - aside)) & (columns < np.ceil(left + width + aside))
    return np.asarray(found & (rows >= int(top - above)) & (rows < np.ceil(top + height + above)))


def _grab_cut(features: NDArray[np.uint8], seed: NDArray[np.uint8]) -> F32:
    import cv2

    if not np.isin(seed, (_INSIDE, _LIKELY_INSIDE)).any() or not np.isin(seed, (0, 2)).any():
        return np.asarray(np.isin(seed, (_INSIDE, _LIKELY_INSIDE)), np.float32)
    labels, models = seed.copy(), [np.zeros((1, 65)) for _ in range(2)]
    cv2.setRNGSeed(1)  # OpenCV initializes the color clusters at random
    cv2.grabCut(features, labels, None, models[0], models[1], _ROUNDS, cv2.GC_INIT_WITH_MASK)  # type: ignore[call-overload]
    return np.asarray(np.isin(labels, (_INSIDE, _LIKELY_INSIDE)), np.float32)


def _merit(features: NDArray[np.uint8], solid: F32, box: NDArray[np.bool_]) -> float:
    """Return the quality of a segment: contrast of its border times its fit to the box without filling it."""
    import cv2

    if solid.sum() < 20:
        return 0.0
    colors = features.astype(np.float32)

    def beside(side: F32) -> Any:
        total = cv2.GaussianBlur(colors * side[..., None], (0, 0), 3)
        return total / np.maximum(cv2.GaussianBlur(side, (0, 0), 3), 1e-3)[..., None]

    border = cv2.morphologyEx(solid.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
    border[:2] = border[-2:] = border[:, :2] = border[:, -2:] = False
    if not border.any():
        return 0.0
    contrast = np.minimum(np.linalg.norm(beside(solid) - beside(1 - solid), axis=2), 60)[border].mean()
    overlap = _overlap(_extent(solid > 0), _extent(box))
    flooded = min(1.0, max(0.0, 1 - solid.sum() / max(box.sum(), 1)) / _FILLED)
    return float(contrast * overlap**2 * (0.05 + flooded))


def _extent(where: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(where)
    if not rows.size:
        return 0, 0, 0, 0
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def _overlap(a: tuple[int, int, int, int], b: tuple[int, int, int, int]) -> float:
    """Return the intersection over union of two boxes."""
    across, down = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0, across) * max(0, down)
    both = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)) - shared
    return shared / both if both else 0.0


def _at_full_size(image: Image, solid: F32) -> F32:
    """Enlarge a segment to the size of the frame and refine its edge."""
    import cv2

    height, width = image.shape[:2]
    soft = cv2.GaussianBlur(solid, (0, 0), 1)
    rough = np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)
    return refine_edge(image, np.clip(rough, 0, 1), 1.6 * edge_band_width((height, width)))
