"""Mattes with a known truth: a soft-edged subject that moves over a background that moves otherwise."""

from __future__ import annotations

import cv2
import numpy as np

from propagate.warp import warp


def moving_subject(count: int, size=(96, 128), seed: int = 3):
    """Frames uint8 and true mattes float32 of a disc, textured otherwise than what it moves over."""
    rng = np.random.default_rng(seed)
    height, width = size
    sheets = []
    for base in (60, 150):
        noise = rng.normal(0, 1, (height // 2, width // 2, 3)).astype(np.float32)
        smooth = cv2.resize(noise, (width * 2, height * 2), interpolation=cv2.INTER_CUBIC)
        sheets.append(np.clip(base + 35 * smooth, 0, 255).astype(np.float32))
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    frames, mattes = [], []
    for t in range(count):
        x, y = width * 0.4 + 1.6 * t, height * 0.5 + 0.7 * t
        matte = np.clip(height * 0.27 - np.hypot(columns - x, rows - y) + 0.5, 0, 1).astype(np.float32)
        subject = _moved(sheets[1], size, 1.6 * t, 0.7 * t)
        ground = _moved(sheets[0], size, -0.8 * t, 0.3 * t)
        mixed = ground * (1 - matte[..., None]) + subject * matte[..., None]
        frames.append(np.rint(mixed).astype(np.uint8))
        mattes.append(matte)
    return frames, mattes


def _moved(sheet, size, x: float, y: float):
    """The part of a sheet that shows after it has moved by (x, y)."""
    place = np.float32([[1, 0, x - size[1] / 2], [0, 1, y - size[0] / 2]])
    return cv2.warpAffine(sheet, place, (size[1], size[0]), borderMode=cv2.BORDER_REFLECT)


def jittered(mattes, amount: float = 1.6, seed: int = 5):
    """The same mattes as a tool that sees one frame at a time gives them: edges wander by `amount` pixels."""
    rng = np.random.default_rng(seed)
    height, width = mattes[0].shape
    found = []
    for matte in mattes:
        noise = rng.normal(0, amount, (height // 10, width // 10, 2)).astype(np.float32)
        wander = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        found.append(warp(matte, wander, interpolation="linear"))
    return found


def edge_band(matte, reach: int = 4):
    """Where the true edge is near, bool (H, W)."""
    box = np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)
    return (cv2.dilate(matte, box) > 0.02) & (cv2.erode(matte, box) < 0.98)


def edge_error(found, truth) -> float:
    """Mean difference of opacity near the true edges."""
    return float(np.mean([np.abs(a - b)[edge_band(b)].mean() for a, b in zip(found, truth, strict=True)]))


def chatter(found, truth, frames) -> float:
    """Mean change from one matte to the next that the motion of the picture does not explain."""
    from propagate.flow import estimate_flow

    changes = []
    for t in range(1, len(frames)):
        moved = warp(found[t - 1], estimate_flow(frames[t], frames[t - 1]), interpolation="linear")
        changes.append(np.abs(found[t] - moved)[edge_band(truth[t])].mean())
    return float(np.mean(changes))
