"""Pairs of pictures with the true flow between them."""

from __future__ import annotations

import cv2
import numpy as np

from tests import synthetic

SIZE = (96, 128)


def grid(size=SIZE):
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    return x, y


def pair(dx, dy, *, seed=1, size=SIZE):
    """(frame, key, flow): the frame's pixel (x, y) shows what the key shows at (x + dx, y + dy)."""
    big = synthetic.texture(seed, (size[0] * 2, size[1] * 2))
    x, y = grid(size)
    oy, ox = size[0] // 2, size[1] // 2

    def look(u, v):
        return cv2.remap(big, np.float32(u + ox), np.float32(v + oy), cv2.INTER_CUBIC)

    return look(x + dx, y + dy), look(x, y), np.dstack([x * 0 + dx, y * 0 + dy]).astype(np.float32)


def pan(dx=2.3, dy=-1.6, **more):
    return pair(dx, dy, **more)


def zoom(rate=0.04, size=SIZE, **more):
    x, y = grid(size)
    return pair((x - size[1] / 2) * rate, (y - size[0] / 2) * rate, size=size, **more)


def rotation(angle=0.05, size=SIZE, **more):
    x, y = grid(size)
    x, y = x - size[1] / 2, y - size[0] / 2
    c, s = np.cos(angle) - 1, np.sin(angle)
    return pair(c * x - s * y, s * x + c * y, size=size, **more)


def wave(amount=1.5, size=SIZE, **more):
    x, y = grid(size)
    return pair(amount * np.sin(y / 16), amount * np.cos(x / 20), size=size, **more)


def miss(found, true, border=8):
    """Length of the flow's error, away from the borders."""
    return np.linalg.norm(found - true, axis=-1)[border:-border, border:-border]


def psnr(a, b):
    peak = 255.0 if a.dtype == np.uint8 else 65535.0
    return float(10 * np.log10(peak**2 / max(np.mean((a.astype(float) - b.astype(float)) ** 2), 1e-9)))
