"""What keys leave unexplained, pixel by pixel and with nothing clever: the slow twin of the analysis."""

from __future__ import annotations

import itertools

import cv2
import numpy as np


def flow(a, b):
    gray = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in (a, b)]
    return cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(*gray, None)


def look(image, x, y):
    return cv2.remap(image, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def explained(frames, color=30.0, gap=1.0):
    """(n, n, H, W) bool: [t, s] tells which pixels of t are found in s by following the flow."""
    height, width = frames[0].shape[:2]
    yy, xx = np.mgrid[0:height, 0:width].astype(np.float32)
    count = len(frames)
    out = np.zeros((count, count, height, width), bool)
    step = {}
    for a, b in itertools.permutations(range(count), 2):
        if abs(a - b) == 1:
            step[a, b] = flow(frames[a], frames[b])
    for t in range(count):
        out[t, t] = True
        for way in (-1, 1):
            x, y, sure = xx.copy(), yy.copy(), np.ones(xx.shape, bool)
            s = t
            while 0 <= s + way < count:
                there, back = step[s, s + way], step[s + way, s]
                to_x, to_y = xx + there[..., 0], yy + there[..., 1]
                miss = there + look(back, to_x, to_y)
                inside = (to_x >= 0) & (to_x <= width - 1) & (to_y >= 0) & (to_y <= height - 1)
                ok = (np.hypot(miss[..., 0], miss[..., 1]) < gap) & inside
                row, column = np.clip(np.rint(y), 0, height - 1), np.clip(np.rint(x), 0, width - 1)
                sure &= ok[row.astype(int), column.astype(int)]
                move = look(there, x, y)
                x, y, s = x + move[..., 0], y + move[..., 1], s + way
                alike = np.abs(look(frames[s], x, y).astype(float) - frames[t]).max(axis=-1) < color
                out[t, s] = sure & alike
    return out


def unexplained(seen, t, keys):
    """Share of the pixels of frame t that are found neither in the key before nor in the key after it."""
    beside = [max((k for k in keys if k < t), default=None), min((k for k in keys if k > t), default=None)]
    found = [seen[t, k] for k in beside if k is not None]
    return 1 - float(np.any(found, axis=0).mean()) if found else 1.0


def left_over(seen, keys):
    """Mean share of unexplained pixels of the frames that are no keys."""
    return float(np.mean([unexplained(seen, t, keys) for t in range(len(seen)) if t not in keys]))


def best(seen, count):
    """The least `left_over` of all sets of `count` keys, by trying them all."""
    return min(left_over(seen, keys) for keys in itertools.combinations(range(len(seen)), count))


def evenly(length, count):
    return sorted({round(float(v)) for v in (np.arange(count) + 0.5) * length / count - 0.5})
