"""A level's match field while it is being improved, on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from propagate._search_cpu import account, list_moves, sweep
from propagate._vote_kernels import vote, weigh
from propagate.guides import replicate_border

if TYPE_CHECKING:
    from propagate.arrays import I32, Bool
    from propagate.guides import Scale
    from propagate.options import SynthesisOptions
    from propagate.pyramid import Level
    from propagate.threads import ThreadTeam

WAVES = 8
"""Into how many turns a sweep is cut when places have a price: all that search at once see the same free
places and would crowd there together (measured: strokes wash out with one, and no better from 8 to 16)."""
NOTHING = np.full((1, 1, 2), -1, np.int32)
"""What a kernel is given in place of offered places where there are none."""
_PATIENCE = 50000
"""How often a thread looks for the others before it lets its processor go: about as long as a turn lasts."""


class Field:
    """A level's match field while it is being improved, with what the kernels keep beside it."""

    def __init__(
        self,
        level: Level,
        matches: I32,
        scale: Scale,
        options: SynthesisOptions,
        crew: ThreadTeam,
        *,
        pad: int,
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
        self.crowd = np.where(level.centers, np.int32(0), np.int32(-(2**30)))
        self._tiled: tuple[Bool, I32, I32, int] | None = None
        self.price = np.float32(0)
        if options.uniformity > 0:
            ideal = max(np.count_nonzero(level.active) / np.count_nonzero(level.centers), 1.0)
            # EbSynth prices the mean use of a patch, this the use of its center, which varies more: half the
            # price gives the same evenness (on its examples: lower energy and more spread than the full one).
            self.price = np.float32(0.5 * options.uniformity * scale.unit**2 / (ideal * patch_size**2))
            whole = np.array([[0, 0, *matches.shape[:2]]], np.int32)
            moves, moved = np.empty((1, self.cost.size, 4), np.int32), np.zeros(1, np.int64)
            list_moves(0, 1, whole, self.before, matches, moves, moved)
            crew.run(account, crew.threads, crew.threads, moves, moved, patch_size, self.crowd)
        np.copyto(self.before, matches)

    def sweep(
        self,
        busy: Bool,
        turn: int,
        *,
        fresh: bool,
        tries: int,
        neighbors: int = 2,
        offer: I32 | None = None,
    ) -> None:
        """Improve the match of every `busy` pixel once; `fresh` measures the old one again first.

        `offer`, int32 (Ht, Wt, 2), holds (x, y) in the source to be tried too, -1 for none.
        """
        height, width = self.crowd.shape
        if self._tiled is None or self._tiled[0] is not busy:
            waves = WAVES if self.price > 0 else 1
            self._tiled = (busy, *_in_waves(_tiles(busy), waves))
        _, tiles, bounds, pixels = self._tiled
        most = int(np.diff(bounds).max(initial=0)), int(_areas(tiles).max(initial=0))
        self.crew.together(
            sweep,
            bounds,
            *np.zeros((2, 3 * (len(bounds) - 1) * self.crew.threads * 8), np.int64),
            _PATIENCE,
            np.empty((*most, 4), np.int32),
            np.empty(most[0], np.int64),
            tiles,
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
            neighbors,
            offer is not None,
            NOTHING if offer is None else offer,
            tries,
            max(height, width).bit_length() - 1,
            turn,
            self.options.seed,
            pixels=pixels,
        )

    def vote(self, wanted: Bool, *, blind: bool) -> Bool:
        """Paint the `wanted` pixels and return those that changed; `blind` weighs all patches alike."""
        level, options = self.level, self.options
        channels = level.style.shape[2]
        height = self.matches.shape[0]
        unit = self.vote_unit(blind=blind)
        pixels = int(np.count_nonzero(wanted))
        self.crew.run(weigh, height, self.cost, unit, self.weight, pixels=self.cost.size // 16)
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
            pixels=4 * pixels,
        )
        replicate_border(level.target, self.pad)
        return self.changed

    def vote_unit(self, *, blind: bool) -> np.float32:
        """Return the distance at which a patch's vote counts for half; 0 if all count alike."""
        if blind or self.options.vote == "plain":
            return np.float32(0)
        return np.float32(self.scale.unit**2 * self.patch_size**2 * self.level.style.shape[2])

    def finish(self) -> None:
        """Make `matches`, `cost` and the level's canvas final."""


def _in_waves(tiles: I32, waves: int) -> tuple[I32, I32, int]:
    """Return tiles by wave, where each wave starts and ends among them, and how many pixels they have."""
    wave = np.arange(len(tiles)) % min(waves, max(1, len(tiles) // 8))
    tiles = tiles[np.argsort(wave, kind="stable")]
    bounds = np.searchsorted(np.sort(wave), np.arange(wave.max(initial=0) + 2)).astype(np.int32)
    return tiles, bounds, int(_areas(tiles).sum())


def _areas(tiles: I32) -> I32:
    return (tiles[:, 2] - tiles[:, 0]) * (tiles[:, 3] - tiles[:, 1])


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
    high = np.minimum(low + np.array([side, 2 * side]), (height, width))
    return np.hstack((low, high)).astype(np.int32)
