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

from keyframes.changes import COLUMNS, LAGS, WINDOWS, ChangeMeter
from keyframes.options import ShotOptions
from keyframes.words import Shot
from propagate.arrays import check_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from propagate.arrays import Image

__all__ = ["Shot", "ShotDetection", "detect_shots", "parse_scene_csv", "shots_from_scores"]

F32 = NDArray[np.float32]
_FADE = 16  # frames that a fade takes on either side of its empty middle


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
    """Return how much a cut before each frame is supported: the least difference across it."""
    lags = scores[:, :LAGS]
    support = lags[:, 0].copy()
    support[:1] = 0
    count = len(lags)
    for t in map(int, np.flatnonzero(support)):
        for after in range(min(LAGS, count - t)):
            row = lags[t + after]
            for lag in range(after + 1, min(LAGS, t + after) + 1):
                # longer lags were not measured behind a quiet step: what it shows was there before
                if row[lag - 1] > 0:
                    support[t] = min(support[t], row[lag - 1])
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
    # (how clear, where, what, how far around it nothing else is looked for)
    found = [(3.0, t, "fade", reach) for t, reach in _fades(scores, options)]
    found += [(1 + float(support[t]), int(t), "cut", 0) for t in np.flatnonzero(support >= options.cut)]
    found += [(strength, t, "dissolve", width) for strength, t, width in _dissolves(scores, options)]
    kept: list[tuple[int, str, int]] = []
    for _, t, what, reach in sorted(found, key=lambda entry: (-entry[0], entry[1])):
        clear = all(abs(t - other) > max(reach, far, options.least - 1) for other, _, far in kept)
        if clear and options.least <= t <= count - options.least:
            kept.append((t, what, reach))
    begins = {0: "start", **{t: what for t, what, _ in sorted(kept)}}
    stops = [*list(begins)[1:], count]
    return tuple(Shot(start, stop, what) for (start, what), stop in zip(begins.items(), stops, strict=True))


def _dissolves(scores: F32, options: ShotOptions) -> list[tuple[float, int, int]]:
    """Return how clear, where and how wide the places are at which frames are blends of others."""
    blends = scores[:, LAGS : LAGS + len(WINDOWS)]
    best = blends.max(axis=1)
    found = []
    for t in np.flatnonzero(best >= options.dissolve):
        width = WINDOWS[int(blends[t].argmax())]
        near = best[max(t - width, 0) : t + width + 1]
        if best[t] >= near.max():
            flat = np.flatnonzero(near >= 0.97 * best[t])  # the middle of a plateau
            found.append((float(best[t]), int(max(t - width, 0) + flat.mean()), width))
    return found


def _fades(scores: F32, options: ShotOptions) -> list[tuple[int, int]]:
    """Return the middles of empty stretches between pictures, and how far a fade reaches around them."""
    contrast = scores[:, COLUMNS.index("contrast")]
    empty = contrast < options.black * np.median(contrast)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], empty, [False]]).astype(np.int8)))
    found = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if start == 0 or stop == len(scores):
            continue
        lag = stop - start + 1
        if lag <= LAGS and scores[stop, 0] > 0 and scores[stop, lag - 1] < options.cut:
            continue  # a flash: what was before is there again
        found.append((int(start + stop) // 2, int(stop - start) // 2 + _FADE))
    return found


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
