"""Small pictures with known colors and shapes."""

from __future__ import annotations

import cv2
import numpy as np

ORANGE, BLUE, CREAM, DARK = (224, 140, 70), (60, 110, 190), (240, 228, 205), (45, 30, 35)


def strokes(seed: int = 0, size: tuple[int, int] = (120, 150), colors: tuple = (ORANGE, BLUE, CREAM, DARK)):
    """A painting of bands in `colors`, every band made of many short strokes of its color."""
    rng = np.random.default_rng(seed)
    canvas = np.zeros((*size, 3), np.uint8)
    band = size[0] / len(colors)
    for i, color in enumerate(colors):
        canvas[int(i * band) : int((i + 1) * band)] = color
    for _ in range(1500):
        x, y = rng.uniform(0, size[1]), rng.uniform(0, size[0])
        color = np.array(colors[min(int(y / band), len(colors) - 1)]) + rng.normal(0, 12, 3)
        angle = rng.normal(0.4, 0.3)
        end = (int(x + 9 * np.cos(angle)), int(y + 9 * np.sin(angle)))
        cv2.line(canvas, (int(x), int(y)), end, np.clip(color, 0, 255).tolist(), 2, cv2.LINE_AA)
    return canvas


def portrait(size: tuple[int, int] = (96, 128), shift: int = 0):
    """A pale face with two eyes and a mouth, a blue shirt, a brown wall."""
    canvas = np.full((*size, 3), (120, 95, 80), np.uint8)
    middle = (size[1] // 2 + shift, size[0] // 2 - 8)
    cv2.rectangle(canvas, (middle[0] - 40, middle[1] + 28), (middle[0] + 40, size[0]), (50, 80, 160), -1)
    cv2.ellipse(canvas, middle, (22, 30), 0, 0, 360, (225, 175, 145), -1, cv2.LINE_AA)
    for side in (-9, 9):
        cv2.circle(canvas, (middle[0] + side, middle[1] - 6), 3, (30, 25, 25), -1, cv2.LINE_AA)
    cv2.ellipse(canvas, (middle[0], middle[1] + 13), (8, 3), 0, 0, 360, (150, 50, 50), -1, cv2.LINE_AA)
    rng = np.random.default_rng(1)
    return np.clip(canvas + rng.normal(0, 2, canvas.shape), 0, 255).astype(np.uint8)
