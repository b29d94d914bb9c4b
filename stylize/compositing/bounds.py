"""Bounds of a matte: its bounding box in every frame, and the crop that tracks it through a shot."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from stylize.storage.fingerprint import fingerprint, step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from keyframes import Shot
    from propagate.arrays import F32

LEAST = 64
"""Least side of a crop in pixels: flow and patches need some surface."""
MARGIN = 0.0125
"""Margin around the box, as a share of the frame's longer side: flow and strokes reach that far over an edge."""


@dataclass(frozen=True)
class MatteBounds:
    """Bounding boxes, fingerprints and mean area of the mattes of a range.

    Attributes
    ----------
    boxes
        int32 (N, 4): left, top, right, bottom (half-open) of what is above 0 in each frame; all 0 where the
        matte is empty.
    marks
        For each frame, a fingerprint of its matte.
    area
        Mean share of the frame that the matte covers, 0 to 1.
    """

    type_id: ClassVar[str] = "matte-bounds"
    boxes: NDArray[np.int32]
    marks: tuple[str, ...]
    area: float

    def shown(self, index: int) -> bool:
        """Return whether the matte is visible in frame `index`."""
        return bool(self.boxes[index, 2] > self.boxes[index, 0])

    def pieces(self, shots: Sequence[Shot], first: int) -> tuple[Shot, ...]:
        """Cut shots to the frames between the first and the last with a visible matte; drop shots without any.

        Parameters
        ----------
        shots
            In frames of the complete clip.
        first
            The frame of the complete clip that frame 0 of the matte belongs to.
        """
        found = []
        for shot in shots:
            seen = [frame for frame in range(shot.start, shot.stop) if self.shown(frame - first)]
            if seen:
                found.append(replace(shot, start=seen[0], stop=seen[-1] + 1))
        return tuple(found)


@dataclass(frozen=True)
class CropTrack:
    """A crop of fixed size that tracks the matte: (width, height), and int32 (N, 2) left and top in each frame."""

    size: tuple[int, int]
    corners: NDArray[np.int32]


@step(version=1)
def measure_bounds(mattes: Sequence[F32], on_progress: Callable[[float], None] | None = None) -> MatteBounds:
    """Measure the bounds of every matte, float32 (H, W); each is read once."""
    boxes, marks, area = np.zeros((len(mattes), 4), np.int32), list[str](), 0.0
    for index in range(len(mattes)):
        matte = mattes[index]
        inside = matte > 0
        rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
        if len(rows):
            boxes[index] = columns[0], rows[0], columns[-1] + 1, rows[-1] + 1
        marks.append(fingerprint(matte)[:16])
        area += float(matte.mean()) / len(mattes)
        if on_progress is not None:
            on_progress((index + 1) / len(mattes))
    return MatteBounds(boxes, tuple(marks), area)


def track_crop(boxes: NDArray[np.int32], size: tuple[int, int]) -> CropTrack:
    """Return a crop of fixed size around the boxes of a shot, so that the work grows with the subject only.

    Parameters
    ----------
    boxes
        int32 (N, 4), see `MatteBounds`.
    size
        (width, height) of the frame.

    Returns
    -------
    CropTrack
        As large as the largest box with its margin, always inside the frame. It moves by integer pixels with the
        box, and linearly between boxes where frames have none.
    """
    margin = round(MARGIN * max(size))
    seen = np.flatnonzero(boxes[:, 2] > boxes[:, 0])
    if not len(seen):
        return CropTrack(size, np.zeros((len(boxes), 2), np.int32))
    widest = (boxes[seen, 2:] - boxes[seen, :2]).max(axis=0) + 2 * margin
    wide, tall = (min(max(int(w), LEAST), s) for w, s in zip(widest, size, strict=True))
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    corners = np.stack(
        [
            np.interp(np.arange(len(boxes)), seen, middle[seen, axis]) - side / 2
            for axis, side in enumerate((wide, tall))
        ],
        axis=1,
    )
    top = np.array([size[0] - wide, size[1] - tall])
    return CropTrack((wide, tall), np.clip(np.rint(corners), 0, top).astype(np.int32))
