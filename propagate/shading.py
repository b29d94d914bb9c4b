"""Shade: paint that follows the light of each frame, as far as the keys show that it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from propagate.warp import warp

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from propagate.arrays import F32, Flow, Image
    from propagate.blend import BlendResult, Candidate

_HALF = 2
_WINDOW, _STEADY = 8.0, 30.0
_MOST_ANSWER = 1.5
_MOST, _FINE, _TRUSTED = 20.0, 0.6, 12.0
_COARSE, _SLOW, _CERTAIN = 4, 1.5, 3.0
_NOISE = 0.002
_AROUND, _QUIETEST, _NOISE_TAKEN = 3.0, 20, 2.0
_FOLLOWS_NOT, _FOLLOWS = 0.4, 0.7


def half_light(frame: Image) -> F32:
    """Return the luma of `frame`, uint8 (H, W, 3), at half its size, float32 (H/2, W/2)."""
    small = _smaller(frame, _half(frame.shape[:2]))
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.float32)


def answer(frame: Image, paint: F32) -> F32:
    """How much paint goes up where its frame is one step lighter, at half size, float32 (H/2, W/2, C).

    Least squares over windows, the slope of the guided filter (He, Sun and Tang 2010, eq. 5). Paint that is
    darker where the frame is lighter counts as 0, as does alpha.

    Parameters
    ----------
    frame : uint8 (H, W, 3)
        A key's frame.
    paint : float32 (H, W, C)
        The painted key, 8-bit steps.
    """
    light, paint = half_light(frame), _smaller(paint, _half(paint.shape[:2]))
    mean, colors = _soft(light, _WINDOW), paint.shape[2] - (paint.shape[2] in (2, 4))
    spread = _soft(light * light, _WINDOW) - mean * mean + _STEADY
    slopes = np.zeros(paint.shape, np.float32)
    for c in range(colors):
        together = _soft(paint[..., c] * light, _WINDOW) - _soft(paint[..., c], _WINDOW) * mean
        slopes[..., c] = np.clip(together / spread, 0, _MOST_ANSWER)
    return slopes


class ShadingTransfer:
    """Moves the joined paint by the difference of light that the warped keys leave.

    A painter may follow the light or not; two keys tell. Where both show a place, the difference of their
    paint is held against what their frames' difference of light would make of it; the slope of one over the
    other, over all that was seen so far, decides whether frames between follow the light. From one key
    alone nothing can be told, and nothing is moved.

    Parameters
    ----------
    frames
        The shot's frames, uint8 (H, W, 3), by number.
    paint
        Gives the painted key, float32 (H, W, C) in 8-bit steps, by number.
    """

    def __init__(self, frames: Sequence[Image], paint: Callable[[int], F32]) -> None:
        self._frames, self._paint = frames, paint
        self._answers: dict[int, F32] = {}
        self._alike, self._all = 0.0, 0.0

    def apply(
        self,
        joined: BlendResult,
        witnesses: Sequence[Candidate],
        light: F32,
        lights: Mapping[int, F32],
        flows: Mapping[int, Flow],
    ) -> F32:
        """Change the joined picture, float32 (H, W, C), in place to the frame's light; return it.

        Parameters
        ----------
        joined, witnesses
            What `propagate.blend.join` made, and of what.
        light
            The frame's `half_light`.
        lights, flows
            That of each witness's key in this frame's geometry, and where the key lies, float32 (H, W, 2).
        """
        if len(witnesses) < 2:
            return joined.picture
        for key in lights:
            if key not in self._answers:
                self._answers[key] = answer(self._frames[key], self._paint(key))
        apart = {key: np.clip(light - own, -_MOST, _MOST) for key, own in lights.items()}
        self._look(apart, witnesses, flows)
        follows = self.follows
        if follows == 0:
            return joined.picture
        change: F32 = np.zeros((*light.shape, joined.picture.shape[2]), np.float32)
        for own in witnesses:
            trust = np.exp(-np.square(own.left[::_HALF, ::_HALF] / _TRUSTED))
            trust *= joined.shares[own.key][::_HALF, ::_HALF] * np.float32(follows)
            moved = _soft(_above_noise(apart[own.key]), _FINE) * trust
            change += moved[..., None] * self._moved(own.key, flows[own.key])
        h, w = joined.picture.shape[:2]
        return np.add(joined.picture, cv2.resize(change, (w, h)).reshape(h, w, -1), out=joined.picture)

    @property
    def follows(self) -> float:
        """How much the paint follows the light, 0 to 1, by what was seen so far."""
        slope = self._alike / (self._all + 1e-9)
        return float(np.clip((slope - _FOLLOWS_NOT) / (_FOLLOWS - _FOLLOWS_NOT), 0, 1))

    def _look(self, apart: Mapping[int, F32], witnesses: Sequence[Candidate], flows: Mapping[int, Flow]) -> None:
        """Add what the two keys that explain the frame best say."""
        one, other = sorted(witnesses, key=lambda own: (float(own.left.mean()), own.key))[:2]
        h, w = apart[one.key].shape
        size = max(1, w // _COARSE), max(1, h // _COARSE)

        def slow(picture: F32) -> F32:
            return _soft(_smaller(picture, size), _SLOW)

        slopes = sum(_smaller(self._moved(own.key, flows[own.key]), size) for own in (one, other))
        light = slow(apart[one.key] - apart[other.key])[..., None] * slopes / 2
        paint = slow(other.picture) - slow(one.picture)
        lefts = [_smaller(own.left, size) / _CERTAIN for own in (one, other)]
        sure = np.exp(-np.square(lefts[0]) - np.square(lefts[1]))[..., None]
        self._alike += float((paint * light * sure).mean())
        self._all += float((light * light * sure).mean()) + _NOISE

    def _moved(self, key: int, flow: Flow) -> F32:
        """Return a key's `answer` in the frame's geometry."""
        slopes = self._answers[key]
        return warp(slopes, flow[::_HALF, ::_HALF] / np.float32(_HALF), interpolation="linear")


def _above_noise(light: F32) -> F32:
    """Take out of a difference of light what grain and coding make of it everywhere: a local Wiener filter.

    The noise's energy is that of the quietest fifth of the picture, where nothing but noise is left.
    """
    energy = _soft(light * light, _AROUND) + np.float32(1e-3)
    noise = np.float32(_NOISE_TAKEN * np.percentile(energy[::4, ::4], _QUIETEST))
    return np.asarray(light * np.maximum(0, 1 - noise / energy), np.float32)


def _half(size: tuple[int, ...]) -> tuple[int, int]:
    """Return (width, height) of half a picture, rounded up, so that every second pixel has its place."""
    return -(-size[1] // _HALF), -(-size[0] // _HALF)


def _smaller(picture: F32 | Image, size: tuple[int, int]) -> Any:
    small: Any = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return small.reshape(size[1], size[0], *picture.shape[2:])


def _soft(picture: F32, sigma: float) -> F32:
    soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32)
    return soft.reshape(picture.shape)
