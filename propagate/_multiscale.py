"""The loop of a synthesis: level by level, search and vote by turns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from propagate._guide_index import GuideIndex
from propagate._patch_distance import hash3
from propagate.pyramid import coarser_matches, finer_matches

if TYPE_CHECKING:
    from collections.abc import Callable

    from propagate._match_field import Field
    from propagate.arrays import F32, I32, Bool
    from propagate.guides import Scale
    from propagate.options import SynthesisOptions
    from propagate.pyramid import Level
    from propagate.threads import ThreadTeam

_SMALL = 100_000
"""Pixels below which a picture is small."""


@dataclass(frozen=True)
class Effort:
    """How much searching a level gets: rounds of search and vote, sweeps in each, random tries in each."""

    rounds: int
    sweeps: int
    tries: int


def effort_at(level: int, rounds: int, sweeps: int, *, lost: bool = False, small: bool = False) -> Effort:
    """Return the effort for `level` (0 is full size): the finest two start from fields that are nearly right.

    `lost` says that this one does not: it starts from nothing.  A `small` picture gets all rounds at full
    size: little time, and it has few coarser levels to be arranged on.
    """
    # On EbSynth's own examples as many rounds everywhere cost three times as much for the same energy.
    if level == 0 and not lost:
        return Effort(rounds if small else -(-rounds // 2), -(-sweeps // 2), 2)
    if level == 1 and not lost:
        return Effort(-(-rounds * 2 // 3), -(-sweeps * 3 // 4), 3)
    return Effort(rounds, sweeps, 5)


def solve(
    levels: list[Level],
    scale: Scale,
    options: SynthesisOptions,
    crew: ThreadTeam,
    hint: I32 | None,
    make: type[Field],
    *,
    painted: bool,
    on_progress: Callable[[float], None] | None,
) -> tuple[I32, F32]:
    """Fill the canvases of `levels` (finest first) and return the finest matches and distances.

    `hint` is a field to start from; `painted` says that the canvases hold a picture to start from; `make`
    is where the work is done.
    """
    hints = _hints(levels, hint)
    small = int(np.count_nonzero(levels[0].active)) < _SMALL
    passes = [(i, options) for i in reversed(range(len(levels)))]
    if options.extra_pass_3x3:
        passes.append((0, replace(options, patch_size=3, uniformity=0.0)))
    whole = sum(4.0**-i for i, _ in passes)
    done, turn = 0.0, 0
    matches: I32 | None = None
    for i, own in passes:
        level = levels[i]
        last = own is not options
        lost = matches is None and hint is None
        if matches is None or not last:
            matches = _start(level, matches, hints[i], options.seed, options.patch_size // 2, crew)
        field = make(level, matches, scale, own, crew, pad=options.patch_size // 2)
        if not (painted or last):
            field.vote(level.active, blind=True)
        painted = False  # a given picture is looked at once, before the first vote paints it over
        effort = effort_at(i, options.search_vote_iters, options.patchmatch_iters, lost=lost, small=small)
        index = None
        if hint is None and (i > 0 or lost):
            # Once a round: offered more often, guides are followed at the price of torn texture.
            index = GuideIndex(level, level.style.shape[2], options.patch_size // 2, 4 * int(scale.unit), crew)
        busy, final = level.active, (i, own) == passes[-1]
        for done_rounds in range(1, effort.rounds + 1):
            for j in range(effort.sweeps):
                offer = None if index is None or j > 0 else index.offer(turn, options.seed)
                field.sweep(busy, turn, fresh=j == 0, tries=effort.tries, offer=offer)
                turn += 1
            if final and done_rounds == effort.rounds:
                break
            near = _grown(busy, own.patch_size) & level.active
            busy = _grown(field.vote(near, blind=False), own.patch_size) & level.active
            if not busy.any():
                break
        if final:
            # The plain mean is what is closest to all the patches that cover a pixel: weights help the search
            # to a crisp picture, and would leave edges ragged in it.
            field.vote(level.active, blind=True)
        if i == 0:
            field.sweep(level.active, turn, fresh=True, tries=0, neighbors=0)
        field.finish()
        done += 4.0**-i
        if on_progress is not None:
            on_progress(done / whole)
    return field.matches, field.cost / np.float32(scale.unit**2 * own.patch_size**2)


def _hints(levels: list[Level], hint: I32 | None) -> list[I32 | None]:
    """Return the given field at every level's size, -1 where it says nothing."""
    if hint is None:
        return [None] * len(levels)
    height, width = levels[0].centers.shape
    off = (hint < 0).any(axis=2) | (hint[..., 0] >= width) | (hint[..., 1] >= height)
    hint = np.where(off[..., None], np.int32(-1), hint).astype(np.int32)
    hints: list[I32 | None] = []
    for _ in levels:
        hints.append(hint)
        hint = coarser_matches(hint)
    return hints


def _start(level: Level, coarse: I32 | None, hint: I32 | None, seed: int, half: int, crew: ThreadTeam) -> I32:
    """Return a level's first field: from the coarser one, the hint or at random; -1 off the active pixels."""
    height, width = level.centers.shape
    size = level.active.shape
    if coarse is not None:
        field = finer_matches(coarse, size, (height, width), crew)
        if hint is not None:
            # Where the coarser level did not leave the hint, its exact place is worth more than twice a half.
            near = (hint[..., 0] >= 0) & (np.abs(field - hint).max(axis=2) <= 2)
            field[near] = hint[near]
    elif hint is not None:
        field = hint.copy()
    else:
        field = np.full((*size, 2), -1, np.int32)
    missing = level.active & (field[..., 0] < 0)
    if missing.any():
        ys, xs = np.nonzero(missing)
        places = np.flatnonzero(level.centers)
        mix: Any = getattr(hash3, "py_func", hash3)  # whole arrays at once
        chosen = places[mix(xs, ys, 0, seed) % len(places)]
        field[ys, xs] = np.stack((chosen % width, chosen // width), axis=-1)
    _keep_inside(field, (height, width), half)
    if not level.centers.all():
        _send_home(field, level)
    if not level.active.all():
        field[~level.active] = -1
    return field


def _keep_inside(field: I32, source_size: tuple[int, int], half: int) -> None:
    """Move matches in, so that no patch lies further beyond an edge of the source than of the target."""
    for axis, (size, length) in enumerate(zip(field.shape[1::-1], source_size[::-1], strict=True)):
        at = np.arange(size)
        low = np.minimum(at, half)
        high = length - 1 - low[::-1]
        shape = (1, -1) if axis == 0 else (-1, 1)
        np.clip(field[..., axis], low.reshape(shape), high.reshape(shape), out=field[..., axis])


def _send_home(field: I32, level: Level) -> None:
    """Move matches to the nearest place that may be used."""
    away = (~level.centers).view(np.uint8)
    _, label = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    places = np.flatnonzero(level.centers)
    home = np.zeros(label.max() + 1, np.int64)
    home[label.ravel()[places]] = places
    ys, xs = np.nonzero(level.active)
    near = home[label[field[ys, xs, 1], field[ys, xs, 0]]]
    width = label.shape[1]
    field[ys, xs] = np.stack((near % width, near // width), axis=-1)


def _grown(mask: Bool, size: int) -> Bool:
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((size, size), np.uint8)).view(np.bool_))
