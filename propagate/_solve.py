"""The loop of a synthesis: level by level, search and vote by turns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from propagate._cpu import account, publish, search, vote, weigh
from propagate._patch import hash3
from propagate.guides import replicate_border
from propagate.pyramid import coarser_matches, finer_matches

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from propagate.arrays import F32, I32, Bool
    from propagate.backend import Crew
    from propagate.guides import Scale
    from propagate.pyramid import Level
    from propagate.synthesis import SynthesisOptions

__all__ = ["Effort", "Field", "effort_at", "solve"]

_WAVES = 8


@dataclass(frozen=True)
class Effort:
    """How much searching a level gets: rounds of search and vote, sweeps in each, random tries in each sweep."""

    rounds: int
    sweeps: int
    tries: int


def effort_at(level: int, rounds: int, sweeps: int) -> Effort:
    """Return the effort for `level` (0 is full size): the finest two start from fields that are nearly right."""
    # Measured on EbSynth's own examples: as many rounds everywhere cost three times as much for the same energy.
    if level == 0:
        return Effort(-(-rounds // 2), -(-sweeps // 2), 2)
    if level == 1:
        return Effort(-(-rounds * 2 // 3), -(-sweeps * 3 // 4), 3)
    return Effort(rounds, sweeps, 5)


class Field:
    """A level's match field while it is being improved, with what the kernels keep beside it."""

    def __init__(
        self, level: Level, matches: I32, scale: Scale, options: SynthesisOptions, crew: Crew, *, pad: int
    ) -> None:
        self.level, self.scale, self.options, self.crew = level, scale, options, crew
        self.pad = pad
        self.patch_size = patch_size = options.patch_size
        self.matches = matches
        self.before = np.full_like(matches, -1)
        self.cost = np.zeros(matches.shape[:2], np.float32)
        self.weight = np.empty_like(self.cost)
        self.changed = np.zeros(matches.shape[:2], np.bool_)
        self.modulated = level.factors.size > 1
        # Far below zero marks places that may not be used, whoever comes and goes there.
        self.crowd = np.where(level.centres, np.int32(0), np.int32(-(2**30)))
        self.price = np.float32(0)
        if options.uniformity > 0:
            ideal = max(np.count_nonzero(level.active) / np.count_nonzero(level.centres), 1.0)
            self.price = np.float32(options.uniformity * scale.unit**2 / (ideal * patch_size**4))
            whole = np.array([[0, 0, *matches.shape[:2]]], np.int32)
            self._account(whole)
        np.copyto(self.before, matches)

    def sweep(self, busy: Bool, turn: int, *, fresh: bool, tries: int, neighbours: int = 2) -> None:
        """Improve the match of every `busy` pixel once; `fresh` measures the old one again first."""
        height, width = self.crowd.shape
        tiles = _tiles(busy)
        waves = min(_WAVES, max(1, len(tiles) // 8)) if self.price > 0 else 1
        for wave in range(waves):
            part = np.ascontiguousarray(tiles[wave::waves])
            self.crew.run(
                search,
                len(part),
                part,
                self.level.target.reshape(-1),
                self.level.source.reshape(-1),
                self.level.factors.reshape(-1),
                self.modulated,
                self.scale.channels,
                self.pad,
                self.patch_size,
                busy,
                self.crowd,
                self.price,
                self.before,
                self.matches,
                self.cost,
                fresh,
                turn % 2 == 0,
                neighbours,
                tries,
                max(height, width).bit_length() - 1,
                turn,
                self.options.seed,
            )
            if tries > 0 or neighbours > 0:
                if self.price > 0:
                    self._account(part)
                self.crew.run(publish, len(part), part, self.before, self.matches)

    def vote(self, wanted: Bool, *, blind: bool) -> Bool:
        """Paint the `wanted` pixels and return those that changed; `blind` weighs all patches alike."""
        level, options = self.level, self.options
        channels = level.style.shape[2]
        unit = 0.0 if blind or options.vote == "plain" else self.scale.unit**2 * self.patch_size**2 * channels
        height = self.matches.shape[0]
        self.crew.run(weigh, height, self.cost, np.float32(unit), self.weight)
        self.crew.run(
            vote,
            height,
            self.matches,
            self.weight,
            level.style,
            level.usable,
            wanted,
            self.patch_size,
            level.canvas,
            level.target,
            np.array(self.scale.gain[:channels], np.float32) / np.float32(257),
            self.pad,
            np.float32(options.stop_threshold * 257),
            self.changed,
        )
        replicate_border(level.target, self.pad)
        return self.changed

    def _account(self, tiles: I32) -> None:
        bands = self.crew.threads
        self.crew.run(account, bands, bands, tiles, self.patch_size, self.before, self.matches, self.crowd)


def solve(
    levels: list[Level],
    scale: Scale,
    options: SynthesisOptions,
    crew: Crew,
    hint: I32 | None,
    *,
    painted: bool,
    on_progress: Callable[[float], None] | None,
) -> tuple[I32, F32]:
    """Fill the canvases of `levels` (finest first) and return the finest matches and distances.

    `hint` is a field to start from; `painted` says that the canvases hold a picture to start from.
    """
    hints = _hints(levels, hint)
    passes = [(i, options) for i in reversed(range(len(levels)))]
    if options.extra_pass_3x3:
        passes.append((0, replace(options, patch_size=3, uniformity=0.0)))
    whole = sum(4.0**-i for i, _ in passes)
    done, turn = 0.0, 0
    matches: I32 | None = None
    for i, own in passes:
        level = levels[i]
        last = own is not options
        if matches is None or not last:
            matches = _start(level, matches, hints[i], options.seed)
        field = Field(level, matches, scale, own, crew, pad=options.patch_size // 2)
        if not (painted or last):
            field.vote(level.active, blind=True)
        painted = False  # a given picture is looked at once, before the first vote paints it over
        effort = effort_at(i, options.search_vote_iters, options.patchmatch_iters)
        busy = level.active
        for _ in range(effort.rounds):
            for j in range(effort.sweeps):
                field.sweep(busy, turn, fresh=j == 0, tries=effort.tries)
                turn += 1
            near = _grown(busy, own.patch_size) & level.active
            busy = _grown(field.vote(near, blind=False), own.patch_size) & level.active
            if not busy.any():
                break
        done += 4.0**-i
        if on_progress is not None:
            on_progress(done / whole)
    field.sweep(level.active, turn, fresh=True, tries=0, neighbours=0)
    return field.matches, field.cost / np.float32(scale.unit**2 * own.patch_size**2)


def _hints(levels: list[Level], hint: I32 | None) -> list[I32 | None]:
    """Return the given field at every level's size, -1 where it says nothing."""
    if hint is None:
        return [None] * len(levels)
    height, width = levels[0].centres.shape
    off = (hint < 0).any(axis=2) | (hint[..., 0] >= width) | (hint[..., 1] >= height)
    hint = np.where(off[..., None], np.int32(-1), hint).astype(np.int32)
    hints: list[I32 | None] = []
    for _ in levels:
        hints.append(hint)
        hint = coarser_matches(hint)
    return hints


def _start(level: Level, coarse: I32 | None, hint: I32 | None, seed: int) -> I32:
    """Return a level's first field: from the coarser one, from the hint, or at random; -1 off the active pixels."""
    height, width = level.centres.shape
    size = level.active.shape
    if coarse is not None:
        field = finer_matches(coarse, size, (height, width))
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
        places = np.flatnonzero(level.centres)
        chosen = places[getattr(hash3, "py_func", hash3)(xs, ys, 0, seed) % len(places)]
        field[ys, xs] = np.stack((chosen % width, chosen // width), axis=-1)
    if not level.centres.all():
        _send_home(field, level)
    field[~level.active] = -1
    return field


def _send_home(field: I32, level: Level) -> None:
    """Move matches to the nearest place that may be used."""
    away = (~level.centres).view(np.uint8)
    _, label = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    places = np.flatnonzero(level.centres)
    home = np.zeros(label.max() + 1, np.int64)
    home[label.ravel()[places]] = places
    ys, xs = np.nonzero(level.active)
    near = home[label[field[ys, xs, 1], field[ys, xs, 0]]]
    width = label.shape[1]
    field[ys, xs] = np.stack((near % width, near // width), axis=-1)


def _grown(mask: Bool, size: int) -> Bool:
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((size, size), np.uint8)).view(np.bool_))


def _tiles(busy: Bool) -> I32:
    """Return (y0, x0, y1, x1) of the tiles with busy pixels, large pictures in larger tiles."""
    height, width = busy.shape
    side = 8
    while side < 32 and height * width >= 256 * side * side:
        side *= 2
    rows, columns = -(-height // side), -(-width // (2 * side))
    whole = np.zeros((rows * side, columns * 2 * side), np.bool_)
    whole[:height, :width] = busy
    some = np.argwhere(whole.reshape(rows, side, columns, 2 * side).any(axis=(1, 3)))
    low = some * (side, 2 * side)
    high = np.minimum(low + (side, 2 * side), (height, width))
    return np.hstack((low, high)).astype(np.int32)
