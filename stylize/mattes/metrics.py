"""Quality metrics of mattes: chatter of the edge, holes, specks, and jumps of the area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stylize.mattes.temporal.stabilize import StabilizedMattes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from propagate.arrays import F32, Image

CHATTER = 0.06
"""Chatter, as a share of full opacity, above which a matte is reported."""
JUMP = 0.2
"""Relative change of area between two frames above which a matte is reported."""
_SMALL = 0.01
"""Share of the matte below which a hole or a piece counts as small."""
_LOOSE_HAIR = 200
"""Pieces below (longer side of the frame / this) squared pixels are loose hair, and not counted."""


@dataclass(frozen=True)
class MatteMetrics:
    """Metrics of one matte.

    Attributes
    ----------
    frame
        Of the clip or range.
    area
        Share of the frame that the matte covers, 0 to 1.
    jump
        Change of the area since the frame before, as a share of the larger of both.
    holes, specks
        Number of small gaps inside, and of small pieces outside.
    chatter
        Mean distance, in opacity, of the edge to the median of it and its neighbors.
    """

    frame: int
    area: float
    jump: float
    holes: int
    specks: int
    chatter: float


def check_mattes(
    mattes: Sequence[F32],
    frames: Sequence[Image] | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> list[MatteMetrics]:
    """Return the metrics of every matte.

    Parameters
    ----------
    mattes
        float32 (H, W), in order.
    frames
        The frames of the mattes: neighbors are then warped along the flow before edges are compared. Without
        frames, a fast subject that turns is counted as chatter.
    on_progress
        Called with the finished share, 0 to 1.
    """
    found: list[MatteMetrics] = []
    beside = _Neighbors(frames, mattes)
    area = 0.0
    for at in range(len(mattes)):
        matte, last = mattes[at], area
        area = float(matte.mean())
        jump = abs(area - last) / max(area, last) if at and max(area, last) > 0 else 0.0
        holes, specks = _small_parts(matte)
        found.append(MatteMetrics(at, area, jump, holes, specks, _chatter(matte, beside.moved(at))))
        if on_progress is not None:
            on_progress((at + 1) / len(mattes))
    return found


def issues(facts: MatteMetrics) -> list[str]:
    """Return the problems of a matte in words; empty if there are none."""
    words = []
    if facts.jump > JUMP:
        words.append(f"area changes by {facts.jump:.0%}")
    if facts.holes:
        words.append(f"{facts.holes} small hole{'s' if facts.holes > 1 else ''}")
    if facts.specks:
        words.append(f"{facts.specks} speck{'s' if facts.specks > 1 else ''}")
    if facts.chatter > CHATTER:
        words.append(f"edge chatters ({facts.chatter:.2f})")
    return words


class _Neighbors:
    """The neighbors of each matte, warped to its frame; without frames they are not warped."""

    def __init__(self, frames: Sequence[Image] | None, mattes: Sequence[F32]) -> None:
        self._mattes = mattes
        self._stabilized = None if frames is None else StabilizedMattes(frames, mattes, 1, 1.0)

    def moved(self, at: int) -> list[F32]:
        """Return the neighbors that show the same subject; fewer at ends and cuts."""
        sides = [other for other in (at - 1, at + 1) if 0 <= other < len(self._mattes)]
        if self._stabilized is None:
            return [self._mattes[other] for other in sides]
        return self._stabilized.beside(at)


def _small_parts(matte: F32) -> tuple[int, int]:
    """Count the small holes and the small pieces of a matte."""
    import cv2

    solid = (matte > 0.5).astype(np.uint8)
    limit, least = _SMALL * solid.sum(), (max(matte.shape) / _LOOSE_HAIR) ** 2
    counts = []
    for side in (1 - solid, solid):
        areas = cv2.connectedComponentsWithStats(side)[2][1:, cv2.CC_STAT_AREA]
        counts.append(int(((areas < limit) & (areas >= least)).sum()))
    return counts[0], counts[1]


def _chatter(own: F32, moved: Sequence[F32]) -> float:
    if len(moved) < 2:
        return 0.0
    import cv2

    between = np.median(np.stack([own, *moved]), axis=0)
    box = np.ones((7, 7), np.uint8)
    band = (cv2.dilate(own, box) > 0.02) & (cv2.erode(own, box) < 0.98)
    return float(np.abs(own - between)[band].mean()) if band.any() else 0.0
