"""Where one shot ends and the next begins.

A cut is a place that no frame shortly before and no frame shortly after have in common: a flash, a flicker
or something that darts through the picture does not count, because what was there before is there again
after it. Frames are compared after motion and exposure have been taken out, so that a shaking camera does
not count either.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keyframes.changes import COLUMNS, LAGS, ChangeMeter
from keyframes.options import ShotOptions
from keyframes.words import Shot
from propagate.arrays import check_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from propagate.arrays import Image

__all__ = ["Shot", "ShotDetection", "detect_shots", "parse_scene_csv", "shots_from_scores"]

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class ShotDetection:
    """The shots of a clip and what they were decided on.

    Attributes
    ----------
    shots
        In order, without gaps.
    scores
        float32 (frames, columns), see `keyframes.changes.COLUMNS`: keep them, and `shots_from_scores`
        applies other options without decoding.
    boundary
        float32 (frames,): how much a cut before each frame is supported, to be compared with
        ``ShotOptions.cut``.
    """

    shots: tuple[Shot, ...]
    scores: F32
    boundary: F32


def detect_shots(frames: Iterable[Image], options: ShotOptions | None = None) -> ShotDetection:
    """Find the shots of a clip.

    Parameters
    ----------
    frames
        All frames in order, uint8 or uint16 (H, W, 3); 96 pixels on the long side are enough.  Read once.

    Raises
    ------
    ValueError
        If there is no frame or one is no image.
    """
    meter = ChangeMeter()
    for index, frame in enumerate(frames):
        check_image(f"frame {index}", frame, (3,))
        meter.add(frame)
    scores = meter.rows()
    return ShotDetection(shots_from_scores(scores, options), scores, boundaries(scores))


def boundaries(scores: F32) -> F32:
    """Return how much a cut before each frame is supported: the least difference of any frame before and after."""
    lags = scores[:, :LAGS]
    count = len(scores)
    support = np.zeros(count, np.float32)
    for t in range(1, count):
        least = lags[t, 0]
        for after in range(LAGS):
            for before in range(1, LAGS + 1 - after):
                if t + after < count and t - before >= 0:
                    row = lags[t + after]
                    # lags behind a quiet step were not measured: what a quiet step shows was there before
                    if row[0] > 0 and row[after + before - 1] > 0:
                        least = min(least, row[after + before - 1])
        support[t] = least
    return support


def shots_from_scores(scores: F32, options: ShotOptions | None = None) -> tuple[Shot, ...]:
    """Apply options to the `scores` of an earlier `detect_shots`.

    Raises
    ------
    ValueError
        If the scores have another layout.
    """
    options = options or ShotOptions()
    if scores.ndim != 2 or scores.shape[1] != len(COLUMNS):
        raise ValueError(
            f"scores have shape {scores.shape}; expected (frames, {len(COLUMNS)}) of this version"
        )
    count = len(scores)
    if count == 0:
        raise ValueError("there is no frame; a clip needs at least one")
    support = boundaries(scores)
    found = {int(t): ("cut", float(support[t])) for t in np.flatnonzero(support >= options.cut)}
    kept: list[int] = []
    for t in sorted(found, key=lambda t: -found[t][1]):
        if options.least <= t <= count - options.least and all(
            abs(t - other) >= options.least for other in kept
        ):
            kept.append(t)
    starts = [0, *sorted(kept)]
    stops = [*starts[1:], count]
    return tuple(Shot(a, b, found[a][0] if a else "start") for a, b in zip(starts, stops, strict=True))


def parse_scene_csv(text: str) -> list[Shot]:
    """Read the scene list that PySceneDetect writes (``scenedetect list-scenes``).

    Its frames count from 1 and ends are included; an optional first line holds the timecodes of the cuts.

    Raises
    ------
    ValueError
        Naming the line, if a column is missing, a number is none or the scenes leave a gap or overlap.
    """
    shots: list[Shot] = []
    columns: dict[str, int] = {}
    for line, row in enumerate(csv.reader(text.lstrip("\ufeff").splitlines()), start=1):
        cells = [cell.strip() for cell in row]
        if not columns:
            if "Start Frame" in cells and "End Frame" in cells:
                columns = {name: cells.index(name) for name in ("Start Frame", "End Frame")}
            continue
        if not any(cells):
            continue
        try:
            start, stop = int(cells[columns["Start Frame"]]) - 1, int(cells[columns["End Frame"]])
        except (ValueError, IndexError):
            raise ValueError(f"scene list line {line}: start and end frame must be whole numbers") from None
        expected = shots[-1].stop if shots else 0
        if start != expected or stop <= start:
            raise ValueError(
                f"scene list line {line}: scene {start + 1}-{stop} should start at frame {expected + 1}"
            )
        shots.append(Shot(start, stop, "cut" if shots else "start"))
    if not shots:
        raise ValueError("the scene list holds no scenes; expected columns 'Start Frame' and 'End Frame'")
    return shots
