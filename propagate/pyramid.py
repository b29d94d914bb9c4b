"""Levels of a synthesis, each half the size of the one below it: pictures, features, masks, match fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from propagate._vote_kernels import double, halve
from propagate.guides import encode, modulation, replicate_border, scale_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from propagate.arrays import I32, Bool, Image
    from propagate.guides import Guide, Scale
    from propagate.threads import ThreadTeam


@dataclass(frozen=True)
class Level:
    """Everything that a level holds; `target` and `canvas` are painted on.

    Attributes
    ----------
    style, canvas : uint16 (Hs, Ws, C), (Ht, Wt, C)
        The style and the picture being made.
    source, target, factors : int16 (H + 2 pad, W + 2 pad, F)
        Features of both and the multipliers of their differences (one pixel where there are none).
    usable : bool (Hs, Ws)
        Style pixels that may be painted with.
    centers : bool (Hs, Ws)
        Style pixels that may be the center of a match.
    active : bool (Ht, Wt)
        Target pixels to be made.
    """

    style: NDArray[np.uint16]
    canvas: NDArray[np.uint16]
    source: NDArray[np.int16]
    target: NDArray[np.int16]
    factors: NDArray[np.int16]
    usable: Bool
    centers: Bool
    active: Bool


def level_count(source: tuple[int, int], target: tuple[int, int], patch_size: int, wanted: int | None) -> int:
    """Return how many levels keep every side at least two patches and a pixel long, at most `wanted`."""
    side = min(*source, *target)
    levels = 1
    while side >> levels >= 2 * patch_size + 1:
        levels += 1
    return levels if wanted is None else min(levels, wanted)


def build(  # noqa: PLR0913  all that a synthesis is given
    style: Image,
    guides: Sequence[Guide],
    canvas: Image,
    crew: ThreadTeam,
    *,
    style_weight: float,
    patch_size: int,
    count: int,
    usable: Bool,
    active: Bool,
    canvas_known: bool,
) -> tuple[list[Level], Scale]:
    """Return `count` levels, finest first, and the scale of their features.

    With `canvas_known` false, the style of pixels that are not `active` is not compared.
    """
    pad = patch_size // 2
    blind = not canvas_known and not active.all()
    modulated = blind or any(guide.target_weight is not None for guide in guides)
    scale = scale_of(style, guides, style_weight, patch_size, modulated)
    factors = np.zeros((1, 1, 1), np.int16)
    if modulated:
        factors = modulation(style, guides, active if blind else None, scale, pad)
    usable = np.ascontiguousarray(usable)
    level = Level(
        style=_deep(style),
        canvas=_deep(canvas),
        source=encode([style, *(guide.source for guide in guides)], scale, pad, crew),
        target=encode([canvas, *(guide.target for guide in guides)], scale, pad, crew),
        factors=factors,
        usable=usable,
        centers=usable_centers(usable, patch_size),
        active=np.ascontiguousarray(active),
    )
    levels = [level]
    while len(levels) < count:
        levels.append(coarser(levels[-1], pad, patch_size, crew))
    return levels, scale


def usable_centers(usable: Bool, patch_size: int) -> Bool:
    """Return the pixels whose whole patch is usable; if there is no such patch, all usable ones."""
    if usable.all():
        return usable
    kernel = np.ones((patch_size, patch_size), np.uint8)
    whole = cv2.erode(usable.view(np.uint8), kernel).view(np.bool_)
    return whole if whole.any() else usable


def coarser(level: Level, pad: int, patch_size: int, crew: ThreadTeam) -> Level:
    """Return the next level: pictures halved, style usable where all was, target active where any was."""
    usable = _pool(level.usable, every=True)
    if not usable.any():
        usable = _pool(level.usable, every=False)
    return Level(
        style=_halved(level.style, 0, crew),
        canvas=_halved(level.canvas, 0, crew),
        source=_halved(level.source, pad, crew),
        target=_halved(level.target, pad, crew),
        factors=_halved(level.factors, pad, crew) if level.factors.size > 1 else level.factors,
        usable=usable,
        centers=usable_centers(usable, patch_size),
        active=_pool(level.active, every=False),
    )


def finer_matches(matches: I32, size: tuple[int, int], source_size: tuple[int, int], crew: ThreadTeam) -> I32:
    """Return the field for the next finer level: each match twice as far, kept inside the source."""
    fine = np.empty((*size, 2), np.int32)
    crew.run(double, size[0], matches, *source_size, fine)
    return fine


def coarser_matches(matches: I32) -> I32:
    """Return the field for the next coarser level, -1 where the top left of four pixels has no match."""
    coarse = matches[::2, ::2] // 2
    coarse[matches[::2, ::2, 0] < 0] = -1
    return np.ascontiguousarray(coarse)


def _deep(image: Image) -> NDArray[np.uint16]:
    if image.dtype == np.uint8:
        return image.astype(np.uint16) * np.uint16(257)
    return np.array(image, np.uint16)


def _halved(fine: Any, pad: int, crew: ThreadTeam) -> Any:
    height, width = ((n - 2 * pad + 1) // 2 for n in fine.shape[:2])
    coarse = np.empty((height + 2 * pad, width + 2 * pad, fine.shape[2]), fine.dtype)
    crew.run(halve, height, fine, coarse, pad)
    replicate_border(coarse, pad)
    return coarse


def _pool(mask: Bool, *, every: bool) -> Bool:
    height, width = mask.shape
    even = np.pad(mask, ((0, height % 2), (0, width % 2)), mode="edge")
    blocks = even.reshape((height + 1) // 2, 2, (width + 1) // 2, 2)
    return np.asarray(blocks.all(axis=(1, 3)) if every else blocks.any(axis=(1, 3)))
