"""Where one shot ends and the next begins.

A cut is a place that no frame shortly before and no frame shortly after have in common: a flash, a flicker
or something that darts through the picture does not count, because what was there before is there again
after it. Frames are compared after motion and exposure have been taken out, so that a shaking camera does
not count either.

New content alone is no cut: rippling water, fire or a fast figure bring it in every frame. The layout of the
whole picture has to change too, and by more than its own recent pace, as in PySceneDetect's adaptive detector.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from keyframes.frame_difference import BLENDS, COLUMNS, FAINTEST, LAGS, LAYOUT, WINDOWS, ChangeMeter
from keyframes.model import Shot
from keyframes.options import ShotOptions
from propagate.arrays import check_image

if TYPE_CHECKING:
    from collections.abc import Iterable

    from propagate.arrays import Image

F32 = NDArray[np.float32]
_TOGETHER = 0.3  # difference of layouts that a cut needs beyond its support: real jump cuts have 0.36 and more
_CERTAIN = 1.7  # support and difference of layouts of a cut from one crowd to another; within one they reach 1.6
_PACE_IF_CERTAIN = 1.5  # times the pace; the middle of a whip pan reaches 1.1
_PACE = 2.5  # times the pace of the frames beside it; fire, crowds and sports reach 2.0, cuts 6 and more
_BESIDE = 2  # frames on either side that give the pace of the moment
_NEAR = 8  # frames on either side that give the pace of the scene
_FADE = 16  # frames that a fade takes on either side of its empty middle
_MIXED = 0.6  # of the middle's score: frames with less are no longer counted as mixed
_SUDDEN = 3  # frames: what comes up faster is no fade
_AS_CLEAR = 0.9  # of the best window's score: narrower ones tell better where a dissolve is
_BEYOND_DOUBT = 0.7  # support of a cut that leaves less than the shortest shot at an end of the clip
_FLAT = 0.5  # of the contrast beside it: frames with less are a flash, or black
_RISING = 1.03  # contrast grows by more than this from frame to frame during a fade


@dataclass(frozen=True)
class ShotDetection:
    """The shots of a clip and what they were decided on.

    Attributes
    ----------
    shots
        In order, without gaps.
    scores
        float32 (frames, columns), see `keyframes.frame_difference.COLUMNS`: keep them, and
        `shots_from_scores` applies other options without decoding.
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
    return _across(scores[:, :LAGS])


def _across(lags: F32) -> F32:
    """Return the least difference of any two frames, one before and one from each frame on; 0 means not measured."""
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
        raise ValueError(f"scores have shape {scores.shape}; expected (frames, {len(COLUMNS)}) of this version")
    count = len(scores)
    if count == 0:
        raise ValueError("there is no frame; a clip needs at least one")
    support = boundaries(scores)
    sudden = (support >= options.cut) & _new_picture(scores, support, options.cut)
    cuts = [_Change(1 + float(support[t]), int(t), "cut", 0) for t in np.flatnonzero(sudden)]
    fades, edges = _fades(scores, options)
    kept: list[_Change] = []
    for change in sorted([*fades, *cuts, *_dissolves(scores, options)], key=lambda c: (-c.clarity, c.at)):
        clear = all(
            abs(change.at - other.at) > max(change.reach, other.reach, options.min_length - 1) for other in kept
        )
        inside = options.min_length <= change.at <= count - options.min_length
        if clear and (inside or _stray(scores, change)):
            kept.append(change)
    return _between(sorted(kept, key=lambda c: c.at), edges, count)


def _new_picture(scores: F32, support: F32, cut: float) -> NDArray[np.bool_]:
    """Tell before which frames the layout of the picture changes, against its own pace before and after."""
    change = _across(scores[:, LAYOUT])
    fast = np.zeros_like(change)
    for t in range(1, len(change)):
        moment = np.concatenate([change[max(t - _BESIDE, 1) : t], change[t + 1 : t + 1 + _BESIDE]])
        scene = np.concatenate([change[max(t - _NEAR, 1) : t], change[t + 1 : t + 1 + _NEAR]])
        if len(scene):
            fast[t] = max(float(moment.mean()), float(np.percentile(scene, 75)))
    clarity = support + change
    pace = np.where(clarity >= _CERTAIN, _PACE_IF_CERTAIN, _PACE)
    return (clarity >= cut + _TOGETHER) & (change > pace * fast)


def _stray(scores: F32, change: _Change) -> bool:
    """Tell whether a cut near the clip's start or end leaves frames there that are another shot's.

    Before the first frame and after the last there is nothing to tell a flash by, so what has lost its
    contrast is taken for one.
    """
    contrast = scores[:, COLUMNS.index("contrast")]
    before, after = contrast[: change.at], contrast[change.at :]
    short, beside = (before, after[0]) if len(before) < len(after) else (after, before[-1])
    certain = change.what == "cut" and change.clarity - 1 >= _BEYOND_DOUBT
    return bool(certain and short.min() >= _FLAT * beside)


@dataclass(frozen=True)
class _Change:
    """A place where one shot becomes another.

    How clear it is; the first frame of the new shot; what it is; how far around it nothing else is looked
    for; how many frames before and from it on are mixed.
    """

    clarity: float
    at: int
    what: str
    reach: int
    before: int = 0
    after: int = 0


def _between(changes: list[_Change], edges: tuple[int, int], count: int) -> tuple[Shot, ...]:
    """Return the shots between changes; `edges` are the mixed frames at the clip's own ends."""
    marks = [_Change(0, 0, "start", 0, 0, edges[0]), *changes, _Change(0, count, "", 0, edges[1])]
    return tuple(
        Shot(
            here.at,
            then.at,
            here.what,
            min(here.after, then.at - here.at),
            min(then.before, then.at - here.at),
        )
        for here, then in itertools.pairwise(marks)
    )


def _dissolves(scores: F32, options: ShotOptions) -> list[_Change]:
    """Return the places at which frames are blends of others."""
    blends: F32 = scores[:, BLENDS]
    best = blends.max(axis=1)
    found = []
    for t in np.flatnonzero(best >= options.dissolve):
        which = int(np.argmax(blends[t] >= _AS_CLEAR * best[t]))  # the narrowest that sees it
        width = WINDOWS[which]
        near = best[max(t - width, 0) : t + width + 1]
        if best[t] >= near.max():
            flat = np.flatnonzero(near >= 0.97 * best[t])  # the middle of a plateau
            middle = int(max(t - width, 0) + flat.mean())
            mixed = blends[:, which] >= _MIXED * best[t]
            before, after = _run(mixed, int(t), -1, width), _run(mixed, int(t), 1, width)
            at = middle - int(t)
            # frames of which one shot has less than FAINTEST score nothing: they are added on both sides
            faint = math.ceil((before + 1 + after) * FAINTEST / (1 - 2 * FAINTEST))
            reach = max(before + at + faint, 1), max(after - at + 1 + faint, 1)
            found.append(_Change(float(best[t]), middle, "dissolve", width, *reach))
    return found


def _run(flags: NDArray[np.bool_], start: int, step: int, most: int) -> int:
    """Return how many flags are set in a row beside `start`, `most` at most."""
    beside = flags[start + 1 :] if step > 0 else flags[:start][::-1]
    return int(np.argmin(np.append(beside[:most], False)))


def _fades(scores: F32, options: ShotOptions) -> tuple[list[_Change], tuple[int, int]]:
    """Return the middles of empty stretches between pictures, and how many frames at both ends fade."""
    contrast = scores[:, COLUMNS.index("contrast")]
    empty = contrast < options.black * np.median(contrast)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], empty, [False]]).astype(np.int8)))
    found, ends = [], [0, 0]
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        before, after = _ramp(contrast, int(start), -1), _ramp(contrast, int(stop) - 1, 1)
        if start == 0:
            ends[0] = int(stop) + after
        if stop == len(scores):
            ends[1] = int(stop - start) + before
        if start == 0 or stop == len(scores):
            continue
        lag = stop - start + 1
        sudden = before < _SUDDEN and after < _SUDDEN
        if sudden and lag <= LAGS and scores[stop, 0] > 0 and scores[stop, lag - 1] < options.cut:
            continue  # a flash: what was before is there again
        at, half = int(start + stop) // 2, int(stop - start) // 2
        mixed = at - int(start) + before, int(stop) - at + after
        found.append(_Change(3.0, at, "fade", half + _FADE, *mixed))
    return found, (ends[0], ends[1])


def _ramp(contrast: F32, start: int, step: int) -> int:
    """Return for how many frames beyond an empty one the contrast is still coming up."""
    onward = contrast[start:] if step > 0 else contrast[: start + 1][::-1]
    return _run(np.append(False, onward[1:] > _RISING * onward[:-1]), 0, 1, 2 * _FADE)
