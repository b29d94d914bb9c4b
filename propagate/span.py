"""Carry the painted keys of one shot to all of its frames."""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from propagate.blend import BlendResult, Candidate, join, premultiplied, rounded, static_mask, straight
from propagate.distant_keys import DistantKeys
from propagate.exposure import match_exposure
from propagate.flow import FlowSearch, eight_bit, inside
from propagate.held_frames import copy_frame, copy_key, find_held_frames, motion_progress
from propagate.hole_filling import PreviousFrame, synthesize_fill, unexplained_mask
from propagate.inputs import Frames, Mattes, keys_in_order
from propagate.malloc import trim_heap
from propagate.options import CarriedFrame, PropagateOptions
from propagate.prefetch import ahead
from propagate.registration import confidence_of, residual
from propagate.resample import resample
from propagate.shading import ShadingTransfer, half_light
from propagate.threads import ThreadTeam
from propagate.tracking import walk_both, walk_one
from propagate.warp import warp

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence

    from propagate.arrays import F32, Bool, Flow, Image
    from propagate.tracking import Flows

    _Before = tuple[Image, Mapping[int, F32], CarriedFrame]

_OUTSIDE = 20.0
_WALKING = 0.7
"""Share of a span's time that its walks take before the first frame comes out."""


def propagate_keyframes(
    frames: Sequence[Image],
    painted: Mapping[int, Image],
    options: PropagateOptions | None = None,
    *,
    mattes: Sequence[F32] | None = None,
    done: Collection[int] = (),
    on_progress: Callable[[float], None] | None = None,
    on_stage: Callable[[str, float], None] | None = None,
) -> Iterator[CarriedFrame]:
    """Carry painted keys over one shot, frame by frame, in order.

    Parameters
    ----------
    frames
        The shot's frames, uint8 or uint16 (H, W, 3) RGB; read on demand, forwards and backwards, by several
        threads at once.
    painted
        Frame number to painted key, uint8 or uint16 (H, W, C), C of 1 to 4, all of one type and of the
        frames' size.
    options
        How keys are carried.
    mattes
        float32 (H, W) in 0..1 per frame, 1 where the paint belongs. New surface is synthesized only inside,
        from paint that lies inside.
    done
        Frames that need not be made again; a span of which all frames are done costs nothing.
    on_progress
        Called with the share of the work done, 0 to 1.
    on_stage
        Called with the name of a stage, ``flow``, ``join`` or ``synthesis``, and the seconds that the caller waited
        for it.

    Yields
    ------
    CarriedFrame
        For every frame that is not `done`, in order.

    Raises
    ------
    ValueError
        If there is no key, a key for a frame that does not exist, or sizes, types or channels that differ.
    """
    options = options or PropagateOptions()
    keys = keys_in_order(frames, painted, mattes)
    shot = Frames(frames)
    checked = None if mattes is None else Mattes(mattes, shot.size)
    bounds: list[int | None] = [None, *keys, None]
    with ThreadTeam(options.threads) as crew:
        for a, b in pairwise(bounds):
            stop = len(frames) if b is None else b
            wanted = {t for t in range(0 if a is None else a, stop) if t not in done}
            span = Span(shot, painted, a, b, options, checked, crew, on_stage)
            yield from span.carry(wanted, on_progress or (lambda _share: None))
            del span
            trim_heap()
    if on_progress is not None:
        on_progress(1.0)


class Span:
    """The frames from key `a` (or the shot's start) up to key `b` (or its end)."""

    def __init__(
        self,
        frames: Frames,
        painted: Mapping[int, Image],
        a: int | None,
        b: int | None,
        options: PropagateOptions,
        mattes: Mattes | None,
        crew: ThreadTeam,
        on_stage: Callable[[str, float], None] | None = None,
    ) -> None:
        self._timer = _StageTimer(on_stage)
        self.frames, self.painted, self.a, self.b = frames, painted, a, b
        self.options, self.mattes, self.crew = options, mattes, crew
        self.inner = range(0 if a is None else a + 1, len(frames) if b is None else b)
        self.again: dict[int, int] = {}
        self.moving: Sequence[int] = self.inner
        self.deep = next(iter(painted.values())).dtype == np.uint16
        self._paints: dict[int, F32] = {}
        self._shade = ShadingTransfer(frames, self._paint)
        self._others = DistantKeys(
            frames, [k for k in painted if k not in (a, b)], options.distant_keys, crew, options.quality
        )

    def carry(self, wanted: Collection[int], on_progress: Callable[[float], None]) -> Iterator[CarriedFrame]:
        """Yield the span's wanted frames in order."""
        if self.a is not None and self.a in wanted:
            yield copy_key(self.painted[self.a], self.a, self.a)
            on_progress((self.a + 1) / len(self.frames))
        if not any(t in wanted for t in self.inner):
            return
        self._timer.start()
        self.again = find_held_frames(self.frames, self.inner, (self.a, self.b), self.painted, self.mattes)
        self.moving = [t for t in self.inner if t not in self.again]
        self._timer.end("flow")
        made: CarriedFrame | None = None
        # closed, or what the last frame was made of would stay in memory
        with closing(self._moving(on_progress)) as fresh:
            for t in self.inner:
                first = self.again.get(t, t)
                if first == t:
                    made = next(fresh)
                if t in wanted:
                    if made is not None and first == made.index:
                        yield copy_frame(made, t)
                    else:
                        yield copy_key(self.painted[first], first, t)
                on_progress(self._share(t))

    def _moving(self, on_progress: Callable[[float], None]) -> Generator[CarriedFrame, None, None]:
        """Yield the frames that show nothing again, in order."""
        before: _Before | None = None
        with closing(ahead(self._seen(on_progress), threads=self.crew.threads)) as all_seen:
            self._timer.start()
            for seen in all_seen:
                self._timer.end("flow")
                made, joined = self._frame(seen, before)
                before = seen.frame, joined.shares, made
                self._timer.end("join")
                yield made
                self._timer.start()

    def _seen(self, on_progress: Callable[[float], None]) -> Generator[_Seen, None, None]:
        """Yield all that can be said of a frame before the frame before it is made, in order."""
        before: Image | None = None
        search = FlowSearch("fast", quick=True)
        for t, flows, back in self._flows(on_progress):
            frame = eight_bit(self.frames[t])
            if back is None and before is not None:
                back = search.find(frame, before)  # noqa: PLW2901  what the walk did not have to know
            told = {k: self._compared(frame, k, flow) for k, flow in flows.items()}
            extra = self._others.find(frame, np.minimum.reduce([left for left, _ in told.values()]), back)
            told |= {k: self._compared(frame, k, flow) for k, flow in extra.items()}
            both, lefts = flows | extra, {k: left for k, (left, _) in told.items()}
            witnesses = [
                Candidate(
                    k,
                    *resample(self._paint(k), flow, lefts[k], self.crew),
                    lefts[k],
                    self._nearness(t, k, flows),
                    static_mask(flow, lefts[k]),
                )
                for k, flow in both.items()
            ]
            others = tuple(extra) if self._others.asked else None
            lights = {k: light for k, (_, light) in told.items()}
            yield _Seen(t, frame, both, witnesses, lights, back, others)
            before = frame

    def _share(self, t: int) -> float:
        """Return the share of the shot's work that is done when frame `t` is."""
        walked = 0.0 if self.b is None else _WALKING
        begun, whole = self.inner[0], len(self.inner)
        return (begun + whole * (walked + (1 - walked) * (t + 1 - begun) / whole)) / len(self.frames)

    def _flows(self, on_progress: Callable[[float], None]) -> Flows:
        """Yield (frame number, {neighboring key: flow to it}, flow to the frame before) in order."""
        if self.a is not None and self.b is None:
            return walk_one(self.frames, self.a, self.moving, self.crew, self.options.quality)
        first, share = self.inner[0] / len(self.frames), len(self.inner) / len(self.frames)
        return walk_both(
            self.frames,
            (self.a, self.b),
            self.moving,
            self.crew,
            self.options.quality,
            lambda part: on_progress(first + _WALKING * share * part),
        )

    def _nearness(self, t: int, key: int, flows: Mapping[int, Flow]) -> float:
        """1 on the key's own frame, falling to 0 on the other neighbor's; others count far from both."""
        passed = 0.5
        if self.a is not None and self.b is not None:
            steps = self.moving.index(t) + 1
            ways = (flows[self.a], steps), (flows[self.b], len(self.moving) + 1 - steps)
            passed = motion_progress(*ways)
        if key == self.a:
            return 1.0 if self.b is None else 1 - passed
        if key == self.b:
            return 1.0 if self.a is None else passed
        ends = [abs(t - k) for k in (self.a, self.b) if k is not None]
        return min(passed, 1 - passed, 0.1 * min(ends))

    def _frame(self, seen: _Seen, before: _Before | None) -> tuple[CarriedFrame, BlendResult]:
        moved, steadiness, shown = None, np.zeros((), np.float32), None
        if before is not None and seen.back is not None:
            shown = self._shown_before(seen.frame, before[0], seen.back)
            # the choice of the frame before holds for the surface that it showed
            steadiness = self.options.steadiness * shown
            moved = {key: warp(share, seen.back, interpolation="linear") for key, share in before[1].items()}
        joined = join(
            seen.witnesses,
            choice=self.options.blend_limit,
            color_match=self.options.color_match,
            before=moved,
            steadiness=steadiness,
            crew=self.crew,
        )
        sure = [confidence_of(w.left, seen.flows[w.key]) for w in seen.witnesses]
        confidence = np.maximum.reduce(sure)
        shaded = self._shade.apply(joined, seen.witnesses, half_light(seen.frame), seen.lights, seen.flows)
        image = rounded(straight(shaded), deep=self.deep)
        matte = None if self.mattes is None else self.mattes[seen.t]
        where = unexplained_mask(confidence, self.options.fill_threshold, matte)
        if where.any():
            past = None
            if before is not None and seen.back is not None and shown is not None:
                past = PreviousFrame(before[2].image, before[2].source < 0, seen.back, shown)
            self._timer.end("join")
            image = self._invented(seen, image, where, past)
            self._timer.end("synthesis")
        error = np.minimum.reduce([w.left for w in seen.witnesses])
        keys = np.array(list(joined.shares), np.int32)
        source = np.where(where, np.int32(-1), keys[np.argmax(list(joined.shares.values()), axis=0)])
        quality = float(confidence.mean())
        return CarriedFrame(seen.t, image, confidence, error, quality, source, seen.others), joined

    def _invented(self, seen: _Seen, image: Image, where: Bool, past: PreviousFrame | None) -> Image:
        by_fit = sorted(seen.witnesses, key=lambda w: (float(w.left[where].mean()), w.key))
        keys = [w.key for w in by_fit]
        usable = None if self.mattes is None else [self.mattes[k] > 0.5 for k in keys]
        return synthesize_fill(
            seen.frame,
            image,
            where,
            [(eight_bit(self.frames[k]), self.painted[k]) for k in keys],
            [seen.flows[k] for k in keys],
            before=past,
            usable=usable,
            seed=self.options.seed,
            threads=self.options.threads,
        )

    def _shown_before(self, frame: Image, before: Image, back: Flow) -> F32:
        """How surely the frame before shows what this frame shows, 0 to 1."""
        return np.asarray(np.exp(-residual(frame, warp(before, back)) / 4), np.float32)

    def _compared(self, frame: Image, key: int, flow: Flow) -> tuple[F32, F32]:
        """Return what difference of color a key leaves, and the light of its frame, both in `frame`.

        A change of light over the whole picture is nobody's: a flash does not show in the paint.
        """
        shown = match_exposure(warp(self.frames[key], flow), frame)
        left = residual(frame, shown, sigma=3.0)
        # what a key does not reach it does not show, whatever its border looks like
        left[~inside(flow, 0.5)] += _OUTSIDE
        return left, half_light(shown)

    def _paint(self, key: int) -> F32:
        """Return the key's picture as float32 in 8-bit steps, color times alpha."""
        if key not in self._paints:
            scale = np.float32(1 / 257 if self.deep else 1)
            self._paints[key] = premultiplied(self.painted[key].astype(np.float32) * scale)
        return self._paints[key]


class _StageTimer:
    """Reports the seconds between its calls as stages."""

    def __init__(self, on_stage: Callable[[str, float], None] | None) -> None:
        self._on_stage, self._started = on_stage, time.perf_counter()

    def start(self) -> None:
        """Start a stage."""
        self._started = time.perf_counter()

    def end(self, stage: str) -> None:
        """Report the seconds since the last call as those of `stage`, and start the next stage."""
        if self._on_stage is not None:
            self._on_stage(stage, time.perf_counter() - self._started)
        self.start()


@dataclass(frozen=True)
class _Seen:
    """What the keys say of frame `t`, and the way back to the frame before."""

    t: int
    frame: Image
    flows: dict[int, Flow]
    witnesses: list[Candidate]
    lights: dict[int, F32]
    back: Flow | None
    others: tuple[int, ...] | None
