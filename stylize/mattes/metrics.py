"""What is wrong with mattes: chatter, holes, specks, jumps of their area."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stylize.mattes.temporal.stabilize import StabilizedMattes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from propagate.arrays import F32, Image

CHATTER, JUMP = 0.06, 0.2
"""From which on a frame is worth a look: chatter as a share of full opacity, and change of area."""
_SMALL, _LOOSE_HAIR = 0.01, 200
"""Parts below this share of the matte are small; below the frame's side over that number, squared, hair."""


@dataclass(frozen=True)
class MatteMetrics:
    """What one matte shows.

    Attributes
    ----------
    frame
        Of the clip or range.
    area
        Share of the frame that it covers.
    jump
        Change of the area since the frame before, as a share of the larger of both.
    holes, specks
        Small gaps inside, and small pieces outside.
    chatter
        By how much the edge lies outside of both its neighbors, in opacity, near the edge.
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
    """Look at every matte.

    Parameters
    ----------
    mattes
        float32 (H, W), in order.
    frames
        What they belong to: then neighbors are moved along the picture before edges are compared. Without
        them a fast subject looks like chatter where it turns.
    on_progress
        Called with the finished share.
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
    """Say in words what is wrong with a matte; empty where nothing is."""
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
    """The mattes beside each matte, moved to its frame; without frames they are as they are."""

    def __init__(self, frames: Sequence[Image] | None, mattes: Sequence[F32]) -> None:
        self._mattes = mattes
        self._steady = None if frames is None else StabilizedMattes(frames, mattes, 1, 1.0)

    def moved(self, at: int) -> list[F32]:
        """Return those of the frame before and after that show the same; fewer at ends and cuts."""
        sides = [other for other in (at - 1, at + 1) if 0 <= other < len(self._mattes)]
        if self._steady is None:
            return [self._mattes[other] for other in sides]
        return self._steady.beside(at)


def _small_parts(matte: F32) -> tuple[int, int]:
    """Count gaps and pieces that are small against the matte."""
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
