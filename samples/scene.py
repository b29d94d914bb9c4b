"""Two short shots made from two photographs, and their sound: makes `clip.mp4`.

Shot one: a portrait whose sitter sways and turns her head while the camera pushes in and a balloon drifts
past in front of her. Shot two, after a cut: a cat that turns its head while the camera draws back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

if TYPE_CHECKING:
    from collections.abc import Iterator

F32 = NDArray[np.float32]
U8 = NDArray[np.uint8]

SIZE = (640, 360)
RATE = 24
PORTRAIT_FRAMES = 46
CAT_FRAMES = 26


@dataclass(frozen=True)
class Camera:
    """What the camera sees: center and width of its view, in pixels of the photograph."""

    x: float
    y: float
    width: float

    def places(self) -> tuple[F32, F32]:
        """Photograph coordinates of every pixel of the frame: float32 (H, W) x and y."""
        y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]].astype(np.float32)
        step = self.width / SIZE[0]
        return self.x + (x + 0.5 - SIZE[0] / 2) * step, self.y + (y + 0.5 - SIZE[1] / 2) * step


def ease(t: float) -> float:
    """0 to 1 with a soft start and a soft stop."""
    t = min(max(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


def bump(x: F32, y: F32, center: tuple[float, float], radius: tuple[float, float]) -> F32:
    """Relief of a head: 1 at the center, 0 beyond the radius, smooth everywhere."""
    apart = ((x - center[0]) / radius[0]) ** 2 + ((y - center[1]) / radius[1]) ** 2
    return np.clip(1 - apart, 0, 1) ** 1.25


def look_up(picture: NDArray[np.generic], x: F32, y: F32) -> F32:
    """`picture` at (x, y), cubic, mirrored beyond its edges."""
    sampled = cv2.remap(
        picture.astype(np.float32),
        x.astype(np.float32),
        y.astype(np.float32),
        cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )
    return sampled.astype(np.float32)


def cut_out(photo: U8) -> F32:
    """Matte of the sitter: float32 (H, W), 0 to 1, by GrabCut from a rough outline drawn by hand."""
    # fmt: off
    outline = np.array(
        [
            150, 60, 185, 15, 230, 10, 280, 25, 308, 90, 290, 135, 300, 190, 312, 240,
            350, 275, 368, 340, 400, 338, 480, 380, 511, 450, 511, 511, 15, 511, 15, 380,
            50, 290, 90, 220, 112, 170, 150, 140,
        ],
        np.int32,
    ).reshape(-1, 2)
    sure = np.array(
        [
            170, 60, 230, 25, 280, 50, 288, 95, 262, 130, 290, 215, 330, 290, 400, 370,
            470, 420, 480, 511, 40, 511, 45, 380, 80, 270, 130, 200, 190, 140, 168, 100,
        ],
        np.int32,
    ).reshape(-1, 2)
    # fmt: on
    labels = np.full(photo.shape[:2], cv2.GC_BGD, np.uint8)
    cv2.fillPoly(labels, [outline], cv2.GC_PR_FGD)
    cv2.fillPoly(labels, [sure], cv2.GC_FGD)
    labels[470:, :] = np.where(labels[470:, :] == cv2.GC_PR_FGD, cv2.GC_FGD, labels[470:, :])
    cv2.setRNGSeed(1)
    cv2.grabCut(photo, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), 6, cv2.GC_INIT_WITH_MASK)
    inside = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.uint8)
    inside = cv2.morphologyEx(inside, cv2.MORPH_OPEN, np.ones((5, 5), np.uint8))
    _, parts, stats, _ = cv2.connectedComponentsWithStats(inside)
    largest = parts == 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    return cv2.GaussianBlur(largest.astype(np.float32), (0, 0), 1.1)


def backdrop(photo: U8, matte: F32) -> U8:
    """Take the sitter out of the photograph."""
    hole = cv2.dilate((matte > 0.02).astype(np.uint8), np.ones((13, 13), np.uint8))
    half = cv2.resize(photo, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    filled = cv2.inpaint(
        half, cv2.resize(hole, half.shape[1::-1], interpolation=cv2.INTER_NEAREST), 5, cv2.INPAINT_TELEA
    )
    filled = cv2.resize(cv2.GaussianBlur(filled, (0, 0), 4), photo.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.where(hole[..., None] > 0, filled, photo)


def balloon_at(size: tuple[int, int], t: float) -> tuple[F32, F32, F32, F32]:
    """Where the balloon is: how much its body and its string cover, and its own coordinates u and v."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    cx = width * (1.12 - 1.25 * t)
    cy = height * (0.86 - 0.22 * np.sin(np.pi * t) + 0.03 * np.sin(9 * t))
    radius = height * 0.185
    lean = 0.10 * np.sin(6 * t)
    u = (x - cx - lean * (y - cy)) / radius
    v = (y - cy) / (radius * 1.2)
    v = v * (1 - 0.12 * np.clip(v, 0, 2))
    body = 1 / (1 + np.exp((np.hypot(u, v) - 1) * radius / 1.3))
    string = np.exp(-(((x - cx - 5 * np.sin((y - cy) / 26 + 7 * t)) / 1.3) ** 2)) * (v > 1.0) * 0.75
    return 0.96 * body, string, u, v


def balloon(frame: F32, t: float) -> F32:
    """Let a balloon, a little out of focus, drift past in front of the camera; `t` from 0 to 1."""
    body, string, u, v = balloon_at(frame.shape[:2], t)
    apart = np.hypot(u, v)
    round_ = np.sqrt(np.clip(1 - apart**2, 0, 1))
    light = 0.50 + 0.5 * np.clip(-0.45 * u - 0.55 * v + 0.6 * round_, 0, 1)
    color = light[..., None] * np.array([84, 138, 196], np.float32)
    shine = np.exp(-(((u + 0.42) / 0.16) ** 2 + ((v + 0.45) / 0.22) ** 2))
    color = color + shine[..., None] * 120
    frame = frame * (1 - string[..., None]) + string[..., None] * 225
    return frame * (1 - body[..., None]) + body[..., None] * color


def sitter_at(t: float) -> tuple[F32, F32]:
    """Photograph coordinates of every pixel that shows the sitter, at `t` from 0 to 1."""
    push = ease(t)
    x, y = Camera(252 - 12 * push, 158 - 16 * push, 500 - 110 * push).places()
    turn = np.sin(2 * np.pi * (0.75 * t + 0.02))
    sway = 0.022 * np.sin(2 * np.pi * (0.6 * t + 0.1))
    x, y = x - sway * (300 - y), y + 0.25 * sway * (x - 226)
    head = bump(x, y, (226, 112), (104, 132))
    nod = 2.5 * np.sin(2 * np.pi * 1.1 * t)
    x = x - 11 * turn * head - 2.5 * turn * bump(x, y, (226, 122), (40, 52))
    return x, y - nod * head


def portrait() -> Iterator[F32]:
    """Shot one, float32 (H, W, 3) RGB frames."""
    photo = data.astronaut()
    matte = cut_out(photo)
    behind = backdrop(photo, matte)
    for i in range(PORTRAIT_FRAMES):
        t = i / (PORTRAIT_FRAMES - 1)
        push = ease(t)
        # The backdrop is farther away: it grows less and slides the other way.
        fx, fy = Camera(252 + 8 * push, 156 - 8 * push, 500 - 60 * push).places()
        far = look_up(behind, fx, fy)
        x, y = sitter_at(t)
        alpha = np.clip(look_up(matte, x, y), 0, 1)[..., None]
        near = look_up(photo, x, y)
        yield balloon(far * (1 - alpha) + near * alpha, t * 1.15 - 0.04)


def mattes() -> Iterator[dict[str, F32]]:
    """Yield how much of a frame is the sitter and the balloon, float32 (H, W); none in shot two."""
    matte = cut_out(data.astronaut())
    for i in range(PORTRAIT_FRAMES):
        t = i / (PORTRAIT_FRAMES - 1)
        body, string, _, _ = balloon_at(SIZE[::-1], t * 1.15 - 0.04)
        front = body + string * (1 - body)
        sitter = np.clip(look_up(matte, *sitter_at(t)), 0, 1) * (1 - front)
        yield {"sitter": sitter.astype(np.float32), "balloon": front.astype(np.float32)}
    for _ in range(CAT_FRAMES):
        yield {name: np.zeros(SIZE[::-1], np.float32) for name in ("sitter", "balloon")}


def cat() -> Iterator[F32]:
    """Shot two, float32 (H, W, 3) RGB frames."""
    photo = data.chelsea()
    for i in range(CAT_FRAMES):
        t = i / (CAT_FRAMES - 1)
        back = ease(t)
        x, y = Camera(226 - 4 * back, 142 + 4 * back, 360 + 66 * back).places()
        turn = np.sin(np.pi * (0.9 * t - 0.45))
        head = bump(x, y, (235, 160), (250, 220))
        nose = bump(x, y, (262, 225), (90, 80))
        x = x - 12 * turn * head - 5 * turn * nose
        y = y - 4 * np.sin(2 * np.pi * t) * head
        yield look_up(photo, x, y)


def frames() -> Iterator[U8]:
    """Yield the clip, uint8 (360, 640, 3) RGB frames with a little grain."""
    rng = np.random.default_rng(3)
    for shot in (portrait, cat):
        for frame in shot():
            grain = cv2.GaussianBlur(rng.normal(0, 5, frame.shape[:2]).astype(np.float32), (0, 0), 0.8)
            yield np.clip(np.rint(frame + grain[..., None]), 0, 255).astype(np.uint8)


def sound(rate: int = 48000) -> NDArray[np.int16]:
    """Plucked chords, one for each shot, and air as the balloon goes by: int16 (samples, 2)."""
    length = int(rate * (PORTRAIT_FRAMES + CAT_FRAMES) / RATE)
    out = np.zeros((length, 2))
    cut = PORTRAIT_FRAMES / RATE
    notes = [(0.02 + 0.16 * i, f) for i, f in enumerate((196.0, 246.9, 293.7, 370.0, 440.0, 587.3, 440.0, 370.0))]
    notes += [(cut + 0.14 * i, f) for i, f in enumerate((164.8, 220.0, 261.6, 329.6, 392.0, 523.3))]
    for start, pitch in notes:
        t = np.arange(length - int(start * rate)) / rate
        tone = sum(np.sin(2 * np.pi * pitch * k * t) * np.exp(-t * (2.2 + 1.6 * k)) / k**1.4 for k in range(1, 7))
        side = 0.5 + 0.35 * np.sin(pitch)
        out[int(start * rate) :, 0] += 0.16 * (1 - side) * tone
        out[int(start * rate) :, 1] += 0.16 * side * tone
    air = np.random.default_rng(5).normal(0, 1, length)
    air = np.convolve(air, np.hanning(48) / 24, "same")
    t = np.arange(length) / rate
    swell = 0.05 * np.exp(-(((t - 0.5 * cut) / 0.45) ** 2))
    pan = np.clip(1 - t / cut, 0, 1)
    out[:, 0] += air * swell * (1 - pan)
    out[:, 1] += air * swell * pan
    out *= np.minimum(1, (t[-1] - t) / 0.15)[:, None]
    return (np.clip(out, -1, 1) * 30000).astype(np.int16)
