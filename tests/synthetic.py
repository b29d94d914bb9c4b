"""Clips in memory whose truth is known: small RGB frames, deterministic by seed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

Frame = NDArray[np.uint8]
SIZE = (90, 160)


def texture(seed: int, size: tuple[int, int] = SIZE, *, detail: int = 6) -> Frame:
    """A picture with structure at all scales, like a photograph: uint8 (H, W, 3)."""
    rng = np.random.default_rng(seed)
    height, width = size
    out = np.empty((height, width, 3), np.float32)
    out[:] = rng.uniform(70, 180, 3)
    for octave in range(1, detail + 1):
        cells = (3**octave // 2 + 2, 3**octave // 2 + 3, 3)
        layer = rng.normal(0, 46 / octave, cells).astype(np.float32)
        out += cv2.resize(layer, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(24):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(4, max(width // 8, 6))), int(rng.integers(4, max(height // 6, 6))))
        color = [float(c) for c in rng.uniform(20, 235, 3)]
        cv2.ellipse(out, center, axes, float(rng.uniform(0, 180)), 0, 360, color, -1, cv2.LINE_AA)
    return np.clip(cv2.GaussianBlur(out, (0, 0), 0.8), 0, 255).astype(np.uint8)


def sample(picture: Frame, x: NDArray[np.float32], y: NDArray[np.float32]) -> Frame:
    """Look a picture up at places (x, y), mirrored beyond its borders."""
    moved = cv2.remap(
        picture, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(moved, np.uint8)


def pan(
    count: int, step: tuple[float, float] = (2.0, 0.0), *, seed: int = 1, size: tuple[int, int] = SIZE
) -> list[Frame]:
    """The camera moves by `step` (dx, dy) pixels a frame: the place (x, y) moves to (x - dx t, y - dy t)."""
    height, width = size
    room = (height + int(abs(step[1]) * count) + 2, width + int(abs(step[0]) * count) + 2)
    big = texture(seed, room)
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    ox, oy = (room[1] - width if step[0] < 0 else 0), (room[0] - height if step[1] < 0 else 0)
    return [sample(big, xx + ox + step[0] * t, yy + oy + step[1] * t) for t in range(count)]


def zoom(count: int, rate: float = 1.01, *, seed: int = 2, size: tuple[int, int] = SIZE) -> list[Frame]:
    """The picture grows by `rate` a frame about its center; below 1 new surface comes in from the borders."""
    height, width = size
    big = texture(seed, (height * 2, width * 2))
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    cx, cy = (width - 1) / 2, (height - 1) / 2
    return [sample(big, (xx - cx) / rate**t + 2 * cx, (yy - cy) / rate**t + 2 * cy) for t in range(count)]


def still(count: int, *, seed: int = 3, size: tuple[int, int] = SIZE) -> list[Frame]:
    """One picture, held."""
    return [texture(seed, size)] * count


def burst(hold: int, moving: int, after: int, step: tuple[float, float] = (6.0, 0.0), *, seed: int = 4) -> list[Frame]:
    """Stillness, a fast pan of `moving` frames, stillness."""
    moved = pan(moving + 1, step, seed=seed)
    return [moved[0]] * hold + moved[1:] + [moved[-1]] * after


def reveal(count: int, at: int, *, seed: int = 5, size: tuple[int, int] = SIZE) -> list[Frame]:
    """The right half of the picture is opened from frame `at` on within six frames: a turn, a door."""
    _height, width = size
    front, behind = texture(seed, size), texture(seed + 1000, size)
    frames = []
    for t in range(count):
        edge = width - round(width / 2 * min(max((t - at + 1) / 6, 0), 1))
        frame = front.copy()
        frame[:, edge:] = behind[:, edge:]
        frames.append(frame)
    return frames


def occluder(
    count: int, first: int, last: int, *, seed: int = 6, size: tuple[int, int] = SIZE, width: int = 90
) -> list[Frame]:
    """Something wide passes before a still picture from frame `first` to `last`; what was there returns."""
    back, front = texture(seed, size), texture(seed + 1000, size)
    frames = []
    for t in range(count):
        frame = back.copy()
        if first <= t <= last:
            place = round(-width + (size[1] + width) * (t - first + 1) / (last - first + 2))
            lo, hi = max(place, 0), min(place + width, size[1])
            frame[:, lo:hi] = front[:, lo - place : hi - place]
        frames.append(frame)
    return frames


def there_and_back(counts: Sequence[int], *, seed: int = 7) -> list[Frame]:
    """Two pictures in turn: the first for ``counts[0]`` frames, the second for ``counts[1]``, …"""
    pictures = texture(seed), texture(seed + 1000)
    return [pictures[i % 2] for i, count in enumerate(counts) for _ in range(count)]


def cut(before: Sequence[Frame], after: Sequence[Frame]) -> list[Frame]:
    """One shot, then the other."""
    return [*before, *after]


def dissolve(before: Sequence[Frame], after: Sequence[Frame], length: int) -> list[Frame]:
    """One shot melts into the other: the last `length` frames of the first and the first of the second."""
    mixed = []
    for i in range(length):
        share = (i + 0.5) / length
        a, b = before[len(before) - length + i], after[i]
        mixed.append(np.rint(a * (1 - share) + b * share).astype(np.uint8))
    return [*before[: len(before) - length], *mixed, *after[length:]]


def fade(before: Sequence[Frame], after: Sequence[Frame], length: int, black: int = 2) -> list[Frame]:
    """One shot darkens over `length` frames, `black` frames of nothing, the other comes up."""
    down = [(f * (1 - (i + 1) / (length + 1))).astype(np.uint8) for i, f in enumerate(before[-length:])]
    rise = [(f * ((i + 1) / (length + 1))).astype(np.uint8) for i, f in enumerate(after[:length])]
    nothing = [np.zeros_like(before[0])] * black
    return [*before[:-length], *down, *nothing, *rise, *after[length:]]


def flash(frames: Sequence[Frame], at: Sequence[int], strength: float = 0.75) -> list[Frame]:
    """Some frames go nearly white."""
    lit = lambda f: np.rint(f * (1 - strength) + 255 * strength).astype(np.uint8)  # noqa: E731
    return [lit(f) if t in at else f for t, f in enumerate(frames)]


def flicker(frames: Sequence[Frame], amount: float = 0.06, *, seed: int = 8) -> list[Frame]:
    """The exposure wavers from frame to frame by this share."""
    gains = 1 + np.random.default_rng(seed).normal(0, amount, len(frames))
    return [np.clip(f * g, 0, 255).astype(np.uint8) for f, g in zip(frames, gains, strict=True)]


def noise(frames: Sequence[Frame], sigma: float = 6.0, *, seed: int = 9) -> list[Frame]:
    """Grain, new in every frame."""
    rng = np.random.default_rng(seed)
    return [np.clip(f + rng.normal(0, sigma, f.shape), 0, 255).astype(np.uint8) for f in frames]


def shake(count: int, amount: float = 4.0, *, seed: int = 10, size: tuple[int, int] = SIZE) -> list[Frame]:
    """A hand-held camera: the picture jumps by about `amount` pixels each frame."""
    height, width = size
    margin = int(4 * amount) + 2
    big = texture(seed, (height + 2 * margin, width + 2 * margin))
    rng = np.random.default_rng(seed)
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    frames = []
    for _ in range(count):
        dx, dy = np.clip(rng.normal(0, amount, 2), -margin, margin)
        frames.append(sample(big, xx + margin + dx, yy + margin + dy))
    return frames


def _field(rng: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """Smooth noise with blobs of several sizes, mean 0 and spread about 1."""
    field = np.zeros(size, np.float32)
    for cells in (4, 8, 16):
        small = rng.normal(size=(size[0] * cells // 64 + 2, size[1] * cells // 64 + 2)).astype(np.float32)
        field += cv2.resize(small, size[::-1], interpolation=cv2.INTER_CUBIC) / cells**0.5
    return field


def fire(count: int, *, seed: int = 21, size: tuple[int, int] = SIZE) -> list[Frame]:
    """Flames that rise at three speeds at once: hardly a place is found again in the next frame."""
    rng = np.random.default_rng(seed)
    layers = [_field(rng, (size[0] * 6, size[1])) for _ in range(3)]
    cold = np.linspace(1.4, 0, size[0], dtype=np.float32)[:, None]
    frames = []
    for t in range(count):
        heat = 0.9 - cold + 0.35 * sum(np.roll(one, -(9 + 5 * i) * t, 0)[: size[0]] for i, one in enumerate(layers))
        colors = np.stack([2 * heat, 1.3 * heat - 0.2, heat - 0.6], axis=2)
        frames.append((np.clip(colors, 0, 1) * 255).astype(np.uint8))
    return frames


def crowd(count: int, *, seed: int = 22, size: tuple[int, int] = SIZE) -> list[Frame]:
    """A hundred and twenty figures that run in all directions in front of a still picture."""
    rng = np.random.default_rng(seed)
    places, steps = rng.uniform(0, 1, (120, 2)) * size[::-1], rng.normal(size=(120, 2)) * 7
    colors, ground = rng.uniform(0, 255, (120, 3)), texture(seed, size)
    frames = []
    for t in range(count):
        frame = ground.copy()
        for (x, y), color in zip((places + steps * t) % size[::-1], colors, strict=True):
            cv2.ellipse(frame, (int(x), int(y)), (6, 11), 0, 0, 360, color.tolist(), -1, cv2.LINE_AA)
        frames.append(frame)
    return frames


def strobe(count: int, *, seed: int = 23) -> list[Frame]:
    """A pan that is lit by a flash in every third frame and dark between."""
    gains = (1.9 if t % 3 == 0 else 0.25 for t in range(count))
    return [
        np.clip(frame * gain, 0, 255).astype(np.uint8)
        for frame, gain in zip(pan(count, (1.0, 0.0), seed=seed), gains, strict=True)
    ]


def whip_pan(*, seed: int = 24, size: tuple[int, int] = SIZE) -> list[Frame]:
    """Calm, then within 16 frames 600 pixels to the side with motion blur, then calm."""
    speed = np.concatenate([np.ones(8), np.linspace(2, 60, 6), np.full(4, 60), np.linspace(60, 2, 6), np.ones(8)])
    starts = np.concatenate([[0], np.cumsum(speed)[:-1]])
    wide = texture(seed, (size[0], int(starts[-1]) + size[1] + 61), detail=7)
    moments = zip(starts, speed, strict=True)
    exposures = ((start + now * np.arange(8) / 8).astype(int) for start, now in moments)
    return [np.mean([wide[:, x : x + size[1]] for x in places], axis=0).astype(np.uint8) for places in exposures]


def sport(count: int, *, seed: int = 25) -> list[Frame]:
    """A large figure that jumps about and turns, on ground that a fast camera passes, at 12 frames per second."""
    figure, frames = texture(seed + 9, (70, 45)), []
    for t, ground in enumerate(pan(count, (11.0, 2.0), seed=seed)):
        frame, turn = ground.copy(), cv2.getRotationMatrix2D((22, 35), 30 * np.sin(1.9 * t), 1)
        x, y = int(60 + 40 * np.sin(1.1 * t)), int(10 + 8 * np.cos(1.7 * t))
        inside = cv2.warpAffine(np.full((70, 45), 255, np.uint8), turn, (45, 70)) > 0
        frame[y : y + 70, x : x + 45][inside] = cv2.warpAffine(figure, turn, (45, 70))[inside]
        frames.append(frame)
    return frames
