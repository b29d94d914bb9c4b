"""Carry the painted keys of one shot to all of its frames."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from propagate.arrays import check_image
from propagate.backend import Crew
from propagate.blend import Joined, Witness, join, premultiplied, straight
from propagate.flow import eight_bit, estimate_flow
from propagate.others import OtherKeys
from propagate.register import confidence_of, residual
from propagate.surface import invent, unseen
from propagate.walk import Fields, walk
from propagate.warp import warp

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from propagate.arrays import F32, Bool, Flow, Image

__all__ = ["CarriedFrame", "PropagateOptions", "propagate_keyframes"]


@dataclass(frozen=True)
class PropagateOptions:
    """How keys are carried.

    Attributes
    ----------
    choice : float
        8-bit steps of disagreement between keys from which one key's strokes are taken instead of a mix.
        Smaller keeps strokes crisper, larger goes over more softly from key to key.
    steadiness : float
        0 to 1.  Larger keeps the choice between keys steadier along the motion, at the price of following a
        change of view a little later.
    colour_match : bool
        Let the keys' slow colours drift into each other between them; off keeps each key's own tones.
    other_keys : int
        How many keys beyond the two neighbours may explain a frame: an expression or a view that comes back
        finds its own key.  0 takes neighbours only, and a changed key then concerns only its two spans.
    new_surface : float
        0 to 1.  Confidence below which a place counts as shown by no key and is synthesized in the style; 0
        never synthesizes and leaves the nearest key's colours there.
    quality : {"medium", "fine"}
        "fine" matches at full size, "medium" at half: twice as fast, thin things may swim.
    seed : int
        Another seed, other strokes on synthesized surface.
    threads : int or None
        None uses as many as Numba is set to.  The result does not depend on it.
    """

    choice: float = 12.0
    steadiness: float = 0.5
    colour_match: bool = True
    other_keys: int = 1
    new_surface: float = 0.2
    quality: str = "fine"
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        """Check every bound."""
        if not 0 < self.choice < float("inf"):
            raise ValueError(f"choice is {self.choice}; expected more than 0")
        for name in ("steadiness", "new_surface"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 0 to 1")
        if self.other_keys < 0:
            raise ValueError(f"other_keys is {self.other_keys}; expected 0 or more")
        if self.quality not in ("medium", "fine"):
            raise ValueError(f"quality is {self.quality!r}; expected 'medium' or 'fine'")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads is {self.threads}; expected at least 1")


@dataclass(frozen=True)
class CarriedFrame:
    """One finished frame.

    Attributes
    ----------
    index : int
        Its number within the shot.
    image : Image, (H, W, C)
        In the painted keys' type and channels; on a key's own frame the very key.
    confidence : float32 (H, W)
        0 to 1, how surely some key shows each place.
    error : float32 (H, W)
        Colour difference left between the frame and the key that explains it best, 8-bit steps.
    quality : float
        Mean confidence.
    """

    index: int
    image: Image
    confidence: F32
    error: F32
    quality: float


def propagate_keyframes(
    frames: Sequence[Image],
    painted: Mapping[int, Image],
    options: PropagateOptions = PropagateOptions(),
    *,
    mattes: Sequence[F32] | None = None,
    done: Collection[int] = (),
    on_progress: Callable[[float], None] | None = None,
) -> Iterator[CarriedFrame]:
    """Carry painted keys over one shot, frame by frame, in order.

    Parameters
    ----------
    frames
        The shot's frames, uint8 or uint16 (H, W, 3) RGB; read on demand, forwards and backwards.
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

    Yields
    ------
    CarriedFrame
        For every frame that is not `done`, in order.

    Raises
    ------
    ValueError
        If there is no key, a key for a frame that does not exist, or sizes, types or channels that differ.
    """
    keys = _checked(frames, painted, mattes)
    bounds: list[int | None] = [None, *keys, None]
    with Crew(options.threads) as crew:
        for a, b in pairwise(bounds):
            stop = len(frames) if b is None else b
            wanted = {t for t in range(0 if a is None else a, stop) if t not in done}
            for frame in Span(frames, painted, a, b, options, mattes, crew).carry(wanted):
                yield frame
                if on_progress is not None:
                    on_progress((frame.index + 1) / len(frames))


class Span:
    """The frames from key `a` (or the shot's start) up to key `b` (or its end)."""

    def __init__(  # noqa: PLR0913  what a span is made of
        self,
        frames: Sequence[Image],
        painted: Mapping[int, Image],
        a: int | None,
        b: int | None,
        options: PropagateOptions,
        mattes: Sequence[F32] | None,
        crew: Crew,
    ) -> None:
        self.frames, self.painted, self.a, self.b = frames, painted, a, b
        self.options, self.mattes, self.crew = options, mattes, crew
        self.inner = range(0 if a is None else a + 1, len(frames) if b is None else b)
        self.deep = next(iter(painted.values())).dtype == np.uint16
        self._steps: dict[int, F32] = {}
        self._others = OtherKeys(
            frames, [k for k in painted if k not in (a, b)], options.other_keys, crew, options.quality
        )

    def carry(self, wanted: Collection[int]) -> Iterator[CarriedFrame]:
        """Yield the span's wanted frames in order."""
        if self.a is not None and self.a in wanted:
            yield self._own(self.a)
        if not any(t in wanted for t in self.inner):
            return
        before: tuple[Image, Joined, Image] | None = None
        for t, flows in self._flows():
            frame = eight_bit(self.frames[t])
            back = None if before is None else estimate_flow(frame, before[0], quality="fast")
            made, joined = self._frame(t, frame, flows, before, back)
            before = (frame, joined, made.image)
            if t in wanted:
                yield made

    def _own(self, key: int) -> CarriedFrame:
        image = self.painted[key]
        size = image.shape[:2]
        return CarriedFrame(key, image.copy(), np.ones(size, np.float32), np.zeros(size, np.float32), 1.0)

    def _flows(self) -> Iterator[tuple[int, dict[int, Flow]]]:
        """Yield (frame number, {neighbouring key: flow from the frame to it}) in order."""
        size = self.frames[self.inner[0]].shape[:2]
        quality = self.options.quality
        if self.a is not None and self.b is None:
            for t, flow in walk(self.frames, self.a, self.inner, self.crew, quality=quality):
                yield t, {self.a: flow}
            return
        known = {}
        with ThreadPoolExecutor(2) as pool:
            runs = []
            for key, order in ((self.a, self.inner), (self.b, self.inner[::-1])):
                if key is not None:
                    known[key] = Fields(self.inner[0], len(self.inner), size)
                    steps = walk(self.frames, key, order, self.crew, quality=quality)
                    runs.append(pool.submit(known[key].fill, steps))
            for run in runs:
                run.result()
        for t in self.inner:
            yield t, {key: fields[t] for key, fields in known.items()}

    def _nearness(self, t: int, key: int) -> float:
        """1 on the key's own frame, falling to 0 on the other neighbour's; others count only far from both."""
        if self.a is None or self.b is None:
            passed = 0.5
        else:
            passed = (t - self.a) / (self.b - self.a)
        if key == self.a:
            return 1.0 if self.b is None else 1 - passed
        if key == self.b:
            return 1.0 if self.a is None else passed
        ends = [abs(t - k) for k in (self.a, self.b) if k is not None]
        return min(passed, 1 - passed, 0.1 * min(ends))

    def _frame(
        self,
        t: int,
        frame: Image,
        flows: dict[int, Flow],
        before: tuple[Image, Joined, Image] | None,
        back: Flow | None,
    ) -> tuple[CarriedFrame, Joined]:
        lefts = {k: self._left(frame, k, flow) for k, flow in flows.items()}
        extra = self._others.find(frame, np.minimum.reduce(list(lefts.values())), back)
        lefts |= {k: self._left(frame, k, flow) for k, flow in extra.items()}
        flows = flows | extra
        witnesses = [
            Witness(key, warp(self._paint(key), flow), lefts[key], self._nearness(t, key))
            for key, flow in flows.items()
        ]
        moved = None
        if before is not None and back is not None:
            moved = {
                key: warp(share, back, interpolation="linear") for key, share in before[1].shares.items()
            }
        joined = join(
            witnesses,
            choice=self.options.choice,
            colour_match=self.options.colour_match,
            before=moved,
            steadiness=self.options.steadiness,
        )
        confidence = np.maximum.reduce([confidence_of(lefts[k], flow) for k, flow in flows.items()])
        image = _rounded(straight(joined.picture), deep=self.deep)
        matte = None if self.mattes is None else self.mattes[t]
        where = unseen(confidence, self.options.new_surface, matte)
        if where.any():
            image = self._invented(frame, image, where, flows, lefts, before, back)
        error = np.minimum.reduce(list(lefts.values()))
        return CarriedFrame(t, image, confidence, error, float(confidence.mean())), joined

    def _invented(  # noqa: PLR0913
        self,
        frame: Image,
        image: Image,
        where: Bool,
        flows: dict[int, Flow],
        lefts: dict[int, F32],
        before: tuple[Image, Joined, Image] | None,
        back: Flow | None,
    ) -> Image:
        keys = sorted(flows, key=lambda k: (float(lefts[k][where].mean()), k))
        usable = None if self.mattes is None else [self.mattes[k] > 0.5 for k in keys]
        past = None
        if before is not None and back is not None:
            sure = np.exp(-residual(frame, warp(before[0], back)) / 4)
            past = (warp(before[2], back), sure)
        return invent(
            frame,
            image,
            where,
            [(eight_bit(self.frames[k]), self.painted[k]) for k in keys],
            [flows[k] for k in keys],
            before=past,
            usable=usable,
            seed=self.options.seed,
            threads=self.options.threads,
        )

    def _left(self, frame: Image, key: int, flow: Flow) -> F32:
        return residual(frame, warp(eight_bit(self.frames[key]), flow), sigma=3.0)

    def _paint(self, key: int) -> F32:
        """Return the key's picture as float32 in 8-bit steps, colour times alpha."""
        if key not in self._steps:
            scale = np.float32(1 / 257 if self.deep else 1)
            self._steps[key] = premultiplied(self.painted[key].astype(np.float32) * scale)
        return self._steps[key]


def _rounded(picture: F32, *, deep: bool) -> Image:
    if deep:
        return np.rint(np.clip(picture, 0, 255) * np.float32(257)).astype(np.uint16)
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def _checked(
    frames: Sequence[Image], painted: Mapping[int, Image], mattes: Sequence[F32] | None
) -> list[int]:
    """Return the keys in order, or say what does not fit."""
    if not painted:
        raise ValueError("no painted key is given; at least one is needed")
    keys = sorted(painted)
    if keys[0] < 0 or keys[-1] >= len(frames):
        wrong = keys[0] if keys[0] < 0 else keys[-1]
        raise ValueError(f"a key is painted for frame {wrong}; the shot has frames 0 to {len(frames) - 1}")
    check_image("frame 0", frames[0], (3,))
    model = painted[keys[0]]
    for key in keys:
        image = painted[key]
        check_image(f"painted key {key}", image)
        if image.shape[:2] != frames[0].shape[:2]:
            raise ValueError(
                f"painted key {key} is {image.shape[1]}x{image.shape[0]}; "
                f"the frames are {frames[0].shape[1]}x{frames[0].shape[0]}"
            )
        if image.dtype != model.dtype or image.shape[2] != model.shape[2]:
            raise ValueError(
                f"painted key {key} is {image.dtype} with {image.shape[2]} channels, key {keys[0]} is "
                f"{model.dtype} with {model.shape[2]}; all keys need one type"
            )
    if mattes is not None and len(mattes) != len(frames):
        raise ValueError(f"there are {len(mattes)} mattes for {len(frames)} frames; one per frame is needed")
    return keys
