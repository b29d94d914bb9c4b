"""Temporal stabilization of mattes: edges move to their mean place in neighboring frames, along the flow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.mattes.temporal.edge_shift import edge_distance, shift_edge
from stylize.media.lazy_sequence import LazySequence
from stylize.media.window import Window, window_around
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from propagate.arrays import F32, Flow, Image

_LONGEST = 1280
"""Longer side in pixels at which flow is estimated: enough to place an edge."""
_ROOM = 48
"""Pixels around the subject in which its flow is estimated."""
_TOLERANCE = 12.0
"""Color difference, in 8-bit steps, at which a pixel of a neighbor has a weight of 1/e."""
_CUT = 0.3
"""Mean weight in the subject below which a neighbor lies beyond a cut and matches by chance."""
_SUDDEN = 0.4
"""Relative change of area above which a part has appeared or vanished, and the neighbor is not used."""
_QUIET = 0.04
"""Noise of the warp itself, as a share of full opacity: chatter at this level is kept, so that a correct matte
stays as it is."""
_STILL = 0.25
"""A matte is static where its change is below this share of the change that the flow predicts."""
_SPREAD = 6.0
"""Standard deviation in pixels of the neighborhood over which chatter is measured."""
_EXACT = 1e-4
"""Differences of opacity below this are rounding, and the matte keeps its value."""


@dataclass(frozen=True)
class _Beside:
    """A direct neighbor in the window of this frame: its number, its matte warped to this frame, and unwarped."""

    at: int
    moved: F32
    matte: F32


@dataclass(frozen=True)
class _Mean:
    """A matte and the mean of it and its warped neighbors, in the window around all of them."""

    window: Window
    own: F32
    opacity: F32
    distance: F32
    beside: list[_Beside]


class StabilizedMattes(LazySequence["F32", "Sequence[F32]"]):
    """Mattes stabilized on request; see `stabilize`. Memory does not grow with their number."""

    version = 4
    """Raise it when the same inputs give other mattes."""

    def __init__(self, frames: Sequence[Image], mattes: Sequence[F32], radius: int, strength: float) -> None:
        self.frames, self.mattes, self.radius, self.strength = frames, mattes, radius, strength
        cached = lru_cache(maxsize=2 * radius + 2)  # a frame is read for each of its neighbors
        self._flow_between = lru_cache(maxsize=4 * radius + 4)(self._estimate_flow)
        self._box, self._matte = cached(self._measure_box), cached(self._read_matte)
        self._distance, self._frame = cached(self._measure_distance), cached(self._read_frame)

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the content."""
        return fingerprint("steady", self.version, self.frames, self.mattes, self.radius, self.strength)

    def __len__(self) -> int:
        return len(self.mattes)

    def _slice(self, places: range) -> StabilizedMattes:
        # a slice is a shot: frames beyond its cuts are no neighbors
        index = slice(places.start, places.stop, places.step)
        return StabilizedMattes(self.frames[index], self.mattes[index], self.radius, self.strength)

    def _item(self, index: int) -> F32:
        own = self._matte(index)
        if not self.radius or not self.strength or own.min() == own.max():
            return own
        return self._stabilized(index)

    def beside(self, at: int) -> list[F32]:
        """Return the direct neighbors of a matte, warped to its frame, that show the same subject."""
        own = self._matte(at)
        if own.min() == own.max():
            return []
        mean, whole = self._mean(at), Window(0, 0, *own.shape)
        return [whole.taken_from(one.moved, mean.window) for one in mean.beside]

    def _stabilized(self, at: int) -> F32:
        """Move the edge towards its mean place where it chatters."""
        mean = self._mean(at)
        own, here = mean.own, mean.window.of(self._distance(at))
        share = np.float32(self.strength) * self._share(at, mean)
        otherwise = _towards(own, mean.opacity, share)
        found = self._matte(at).copy()
        mean.window.of(found)[:] = shift_edge(own, here, share * (mean.distance - here), otherwise)
        return found

    def _share(self, at: int, mean: _Mean) -> F32:
        """Return the share of the way to the mean; the first and last frame, with one neighbor, take the neighbor's."""
        if len(mean.beside) == 1:
            other = mean.beside[0].at
            there = self._mean(other)
            if len(there.beside) == 2:
                share = _chatter_share(there.own, there.opacity, there.beside)
                here = mean.window.taken_from(share, there.window)
                return np.asarray(_fetch(here, self._flow(at, other, mean.window)), np.float32)
        return _chatter_share(mean.own, mean.opacity, mean.beside)

    def _mean(self, at: int) -> _Mean:
        """Average a matte and its warped neighbors, weighted by their similarity."""
        window = self._window(range(at - self.radius, at + self.radius + 1))
        own = np.ascontiguousarray(window.of(self._matte(at)))
        total, weight, beside = own.copy(), np.ones_like(own), list[_Beside]()
        place = window.of(self._distance(at)).copy()
        for step in (-1, 1):
            flow: Flow | None = None
            for distance in range(1, self.radius + 1):
                other = at + step * distance
                if not 0 <= other < len(self):
                    break
                flow = self._extend_flow(flow, other, step, window)
                similarity = self._similarity(at, other, flow, window)
                if similarity[own > 0].mean() < _CUT:
                    break
                matte = np.ascontiguousarray(window.of(self._matte(other)))
                moved = _fetch(matte, flow)
                if abs(moved.sum() - own.sum()) > _SUDDEN * max(moved.sum(), own.sum()):
                    break
                total += similarity * moved
                place += similarity * _fetch(np.ascontiguousarray(window.of(self._distance(other))), flow)
                weight += similarity
                if distance == 1:
                    beside.append(_Beside(other, moved, matte))
        return _Mean(window, own, total / weight, place / weight, beside)

    def _extend_flow(self, flow: Flow | None, other: int, step: int, window: Window) -> Flow:
        """Extend `flow`, which leads to the frame before `other`, to `other`; None starts it."""
        from propagate.flow import chain

        last = self._flow(other - step, other, window)
        return last if flow is None else chain(flow, last)

    def _similarity(self, at: int, other: int, flow: Flow, window: Window) -> F32:
        """Return the similarity of a frame and a warped neighbor, 0 to 1: low on occlusions, which show no edge."""
        from propagate.flow import inside
        from propagate.registration import residual

        here, there = (np.ascontiguousarray(window.of(self._frame(i))) for i in (at, other))
        similarity = np.exp(-np.square(residual(here, _fetch(there, flow), sigma=2.0) / _TOLERANCE))
        similarity[~inside(flow, 0.5)] = 0
        return np.asarray(similarity, np.float32)

    def _flow(self, a: int, b: int, window: Window) -> Flow:
        """Return the flow from frame a to b around the subject, in a window; elsewhere it is 0."""
        place, flow = self._flow_between(a, b)
        found: Flow = window.taken_from(flow, place)
        return found

    def _estimate_flow(self, a: int, b: int) -> tuple[Window, Flow]:
        import cv2

        from propagate.flow import estimate_flow

        window = self._window((a, b))
        pair = [np.ascontiguousarray(window.of(self._frame(i))) for i in (a, b)]
        h, w = window.shape
        scale = min(1.0, _LONGEST / max(h, w))
        if scale < 1:
            size = (round(w * scale), round(h * scale))
            pair = [np.asarray(cv2.resize(i, size, interpolation=cv2.INTER_AREA)) for i in pair]
        found = estimate_flow(pair[0], pair[1])
        if scale < 1:
            found = np.asarray(cv2.resize(found, (w, h)) / scale, np.float32)
        return window, found

    def _window(self, indices: Iterable[int]) -> Window:
        """Return the window that holds the subject in all of these frames that exist."""
        there = [index for index in indices if 0 <= index < len(self)]
        filled = [box for box in map(self._box, there) if box.shape != (0, 0)]
        shape = self._matte(there[0]).shape
        return reduce(Window.joined, filled).with_room(_ROOM, shape) if filled else Window(0, 0, *shape)

    def _measure_box(self, index: int) -> Window:
        return window_around(self._matte(index) > 0)

    def _measure_distance(self, index: int) -> F32:
        return edge_distance(self._matte(index))

    def _read_matte(self, index: int) -> F32:
        return self.mattes[index]

    def _read_frame(self, index: int) -> Image:
        from propagate.flow import eight_bit

        return eight_bit(self.frames[index])


def stabilize(
    frames: Sequence[Image], mattes: Sequence[F32], *, radius: int = 2, strength: float = 1.0
) -> StabilizedMattes:
    """Remove chatter from the edges of mattes that were made frame by frame.

    Each edge moves to the mean of its own place and its places in neighboring frames, warped along the flow and
    weighted by color similarity; it keeps its softness. Where a part appeared or vanished, opacities are
    averaged instead. A static edge stays as it is. Frames on both sides of a cut are dissimilar and do not mix.

    Parameters
    ----------
    frames : sequence of Image, (H, W, 3)
        The frames of the mattes, uint8 or uint16; read when needed.
    mattes : sequence of float32 (H, W)
        0 to 1, one per frame.
    radius
        Neighbors on each side, 0 or more. 2 removes about three quarters of the chatter; more softens edges that
        change their shape.
    strength
        0 to 1: 0 keeps the mattes as they are, 1 moves edges all the way to the mean.

    Raises
    ------
    ValueError
        If there are not as many mattes as frames, or an option is out of range.
    """
    if len(frames) != len(mattes):
        raise ValueError(f"{len(mattes)} mattes for {len(frames)} frames; give one for each")
    if radius < 0:
        raise ValueError(f"radius is {radius}; expected 0 or more")
    if not 0 <= strength <= 1:
        raise ValueError(f"strength is {strength}; expected 0 to 1")
    return StabilizedMattes(frames, mattes, radius, strength)


def _chatter_share(own: F32, mean: F32, beside: Sequence[_Beside]) -> F32:
    """Return the share of the way to the mean, 0 to 1, by the chatter of the edge around each pixel.

    An edge chatters where it lies outside of both its warped neighbors. An edge that moves differently from the
    picture, as in a wipe, lies between them, and is no chatter; nor is a static matte over a moving picture.
    The share rises over the noise of the warp as in a Wiener filter.
    """
    import cv2

    def around(values: F32) -> F32:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), _SPREAD), np.float32)

    if not beside:
        return np.zeros_like(own)
    moved = [one.moved for one in beside]
    between = moved[0] if len(moved) == 1 else np.median(np.stack([own, *moved]), axis=0)
    deviation = np.square(own - between)
    edge = np.asarray(np.abs(mean - own) > _EXACT, np.float32)
    ratio = np.square(around(deviation) / np.maximum(around(edge), 1e-3) / np.float32(_QUIET**2))
    still = around(sum(np.abs(own - one.matte) for one in beside))
    follows = around(sum(np.abs(own - one.moved) for one in beside))
    moves = still**2 / (still**2 + (_STILL * follows) ** 2 + np.float32(1e-9))
    return np.asarray(moves * ratio / (ratio + 1), np.float32)


def _towards(own: F32, mean: F32, share: F32) -> F32:
    change = mean - own
    return np.asarray(np.where(np.abs(change) > _EXACT, own + share * change, own), np.float32)


def _fetch(image: Any, flow: Flow) -> Any:
    from propagate.warp import warp

    return warp(image, flow, interpolation="linear")
