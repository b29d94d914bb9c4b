"""The same search and vote on a CUDA device, from the scalar functions of `_patch`.

A thread has one target pixel, reads its neighbors as they were before the launch and writes only its own
match, so that the result does not depend on the device's timing.  What is compared and what it costs is as on
the CPU; the order of candidates is not (jumps of 4, 2 and 1 pixels instead of scan order), so results agree
in cost, not pixel by pixel.
"""
# mypy: disable-error-code="attr-defined,untyped-decorator,no-untyped-call,import-untyped"
# numba.cuda fills itself with names when imported, for the device or for the simulator.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numba import cuda

from propagate._match_field import NOTHING, WAVES, Field
from propagate._patch_distance import patch_cost, patch_cost_modulated, random_place, reaches

if TYPE_CHECKING:
    from propagate.arrays import I32, Bool
    from propagate.guides import Scale
    from propagate.options import SynthesisOptions
    from propagate.pyramid import Level
    from propagate.threads import ThreadTeam

_BLOCK = (16, 16)


@cuda.jit
def _search(
    target: Any,
    source: Any,
    factors: Any,
    modulated: bool,
    channels: int,
    pad: int,
    size: int,
    busy: Any,
    crowd: Any,
    price: Any,
    before: Any,
    matches: Any,
    cost: Any,
    fresh: bool,
    jump: int,
    offered: bool,
    offer: Any,
    tries: int,
    octaves: int,
    turn: int,
    seed: int,
    wave: int,
    waves: int,
) -> None:
    x, y = cuda.grid(2)
    height, width = matches.shape[0], matches.shape[1]
    if x >= width or y >= height or not busy[y, x] or ((x >> 5) + 3 * (y >> 5)) % waves != wave:
        return
    source_height, source_width = crowd.shape[0], crowd.shape[1]
    t_stride = (width + 2 * pad) * channels
    s_stride = (source_width + 2 * pad) * channels
    run = size * channels
    half = size // 2
    margin = pad - half
    at = (y + margin) * t_stride + (x + margin) * channels
    best_x = int(matches[y, x, 0])
    best_y = int(matches[y, x, 1])
    best_distance = cost[y, x]
    best = np.float32(best_distance + np.float32(crowd[best_y, best_x]) * price)
    for trial in range(-1 if fresh else 0, 5 + tries):
        to_x, to_y = best_x, best_y
        if trial == 4:
            if not offered or offer[y, x, 0] < 0:
                continue
            to_x, to_y = int(offer[y, x, 0]), int(offer[y, x, 1])
        elif trial > 4:
            to_x, to_y = random_place(x, y, best_x, best_y, source_width, source_height, octaves, trial - 3, turn, seed)
        elif trial >= 0:
            if jump == 0:
                continue
            nx = x + (jump if trial == 0 else 0) - (jump if trial == 1 else 0)
            ny = y + (jump if trial == 2 else 0) - (jump if trial == 3 else 0)
            if nx < 0 or ny < 0 or nx >= width or ny >= height or before[ny, nx, 0] < 0:
                continue
            to_x = int(before[ny, nx, 0]) + x - nx
            to_y = int(before[ny, nx, 1]) + y - ny
        if trial >= 0 and not (
            reaches(x, width, to_x, source_width, half) and reaches(y, height, to_y, source_height, half)
        ):
            continue
        same = to_x == best_x and to_y == best_y
        people = crowd[to_y, to_x]
        extra = np.float32(people) * price
        if trial >= 0 and (same or people < 0 or extra >= best):
            continue
        limit = np.int32(2147483647)
        if trial >= 0:
            limit = np.int32(min(np.float32(best - extra), np.float32(2147483520.0)))
        place = (to_y + margin) * s_stride + (to_x + margin) * channels
        if modulated:
            distance = patch_cost_modulated(target, source, factors, at, place, t_stride, s_stride, run, size, limit)
        else:
            distance = patch_cost(target, source, at, place, t_stride, s_stride, run, size, limit)
        total = np.float32(np.float32(distance) + extra)
        if trial < 0 or total < best:
            best = total
            best_distance = np.float32(distance)
            best_x = to_x
            best_y = to_y
    cost[y, x] = best_distance
    matches[y, x, 0] = best_x
    matches[y, x, 1] = best_y


@cuda.jit
def _account(size: int, before: Any, matches: Any, crowd: Any) -> None:
    x, y = cuda.grid(2)
    if x >= matches.shape[1] or y >= matches.shape[0]:
        return
    if before[y, x, 0] == matches[y, x, 0] and before[y, x, 1] == matches[y, x, 1]:
        return
    half = size // 2
    for side in range(2):
        sx = before[y, x, 0] if side == 0 else matches[y, x, 0]
        sy = before[y, x, 1] if side == 0 else matches[y, x, 1]
        if sx >= 0:
            for v in range(max(sy - half, 0), min(sy + half + 1, crowd.shape[0])):
                for u in range(max(sx - half, 0), min(sx + half + 1, crowd.shape[1])):
                    cuda.atomic.add(crowd, (v, u), -1 if side == 0 else 1)


@cuda.jit
def _publish(before: Any, matches: Any) -> None:
    x, y = cuda.grid(2)
    if x < matches.shape[1] and y < matches.shape[0]:
        before[y, x, 0] = matches[y, x, 0]
        before[y, x, 1] = matches[y, x, 1]


@cuda.jit
def _vote(
    matches: Any,
    cost: Any,
    unit: Any,
    style: Any,
    usable: Any,
    wanted: Any,
    size: int,
    canvas: Any,
    target: Any,
    gain: Any,
    pad: int,
    threshold: Any,
    changed: Any,
) -> None:
    x, y = cuda.grid(2)
    height, width = matches.shape[0], matches.shape[1]
    if x >= width or y >= height:
        return
    changed[y, x] = False
    if not wanted[y, x]:
        return
    half = size // 2
    for c in range(style.shape[2]):
        total = np.float32(0.0)
        mass = np.float32(0.0)
        for qy in range(max(y - half, 0), min(y + half, height - 1) + 1):
            for qx in range(max(x - half, 0), min(x + half, width - 1) + 1):
                sx = matches[qy, qx, 0] + x - qx
                sy = matches[qy, qx, 1] + y - qy
                inside = 0 <= sx < style.shape[1] and 0 <= sy < style.shape[0]
                if matches[qy, qx, 0] >= 0 and inside and usable[sy, sx]:
                    w = np.float32(1.0)
                    if unit > 0:
                        w = np.float32(1.0) / (np.float32(1.0) + cost[qy, qx] / unit)
                    mass += w
                    total += w * np.float32(style[sy, sx, c])
        value = np.float32(total / mass)
        if abs(value - np.float32(canvas[y, x, c])) >= threshold:
            changed[y, x] = True
        canvas[y, x, c] = np.uint16(value + np.float32(0.5))
        feature = np.int16(value * gain[c] + np.float32(0.5))
        # A pixel on the edge also stands for the border beyond it.
        for v in range(0 if y == 0 else y + pad, height + 2 * pad if y == height - 1 else y + pad + 1):
            for u in range(0 if x == 0 else x + pad, width + 2 * pad if x == width - 1 else x + pad + 1):
                target[v, u, c] = feature


class CudaField(Field):
    """A field whose sweeps and votes run on the device; `finish` brings the results back."""

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
        super().__init__(level, matches, scale, options, crew, pad=pad)
        height, width = matches.shape[:2]
        self._grid = (-(-width // _BLOCK[0]), -(-height // _BLOCK[1]))
        self._flat = [cuda.to_device(a.reshape(-1)) for a in (level.source, level.factors)]
        self._target = cuda.to_device(level.target)
        self._style, self._usable, self._canvas, self._crowd, self._matches, self._before, self._cost = (
            cuda.to_device(np.ascontiguousarray(a))
            for a in (
                level.style,
                level.usable,
                level.canvas,
                self.crowd,
                self.matches,
                self.before,
                self.cost,
            )
        )
        self._changed = cuda.to_device(self.changed)
        gain = np.array(scale.gain[: level.style.shape[2]], np.float32) / np.float32(257)
        self._gain = cuda.to_device(gain)

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
        """Improve the match of every `busy` pixel once."""
        height, width = self.crowd.shape
        waves = WAVES if self.price > 0 and tries > 0 else 1
        mask = cuda.to_device(np.ascontiguousarray(busy))
        places = cuda.to_device(NOTHING if offer is None else offer)
        jumps = (4, 2, 1) if neighbors > 0 else (0,)
        for wave in range(waves):
            for jump in jumps:
                last = jump == jumps[-1]
                _search[self._grid, _BLOCK](
                    self._target.reshape(self._target.size),
                    *self._flat,
                    self.modulated,
                    self.scale.channels,
                    self.pad,
                    self.patch_size,
                    mask,
                    self._crowd,
                    self.price,
                    self._before,
                    self._matches,
                    self._cost,
                    fresh and jump == jumps[0],
                    jump,
                    offer is not None and last,
                    places,
                    tries if last else 0,
                    max(height, width).bit_length() - 1,
                    turn,
                    self.options.seed,
                    wave,
                    waves,
                )
                if self.price > 0:
                    _account[self._grid, _BLOCK](self.patch_size, self._before, self._matches, self._crowd)
                _publish[self._grid, _BLOCK](self._before, self._matches)

    def vote(self, wanted: Bool, *, blind: bool) -> Bool:
        """Paint the `wanted` pixels and return those that changed."""
        _vote[self._grid, _BLOCK](
            self._matches,
            self._cost,
            self.vote_unit(blind=blind),
            self._style,
            self._usable,
            cuda.to_device(np.ascontiguousarray(wanted)),
            self.patch_size,
            self._canvas,
            self._target,
            self._gain,
            self.pad,
            np.float32(self.options.stop_threshold * 257),
            self._changed,
        )
        self._changed.copy_to_host(self.changed)
        return self.changed

    def finish(self) -> None:
        """Bring field, costs and picture back."""
        self._matches.copy_to_host(self.matches)
        self._cost.copy_to_host(self.cost)
        self._canvas.copy_to_host(self.level.canvas)
        self._target.copy_to_host(self.level.target)
