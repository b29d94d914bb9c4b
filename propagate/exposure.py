"""A change of light over the whole picture, told from a change of what is seen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import Image

_SAMPLES = 4096
_SAME, _GAIN = 10.0, 3.0
_BETTER, _ROUNDS = 0.05, 8


def match_exposure(warped: Image, frame: Image) -> Image:
    """Give `warped` the light of `frame`, see `fit_exposure`; the same picture if the light is the same."""
    table = fit_exposure(warped, frame)
    return warped if table is None else np.asarray(cv2.LUT(warped, table), np.uint8)


def fit_exposure(warped: Image, frame: Image) -> Image | None:
    """Find what light has changed over the whole picture: exposure, a flash, a lamp that goes on.

    One gain and one offset per channel, fitted to most pixels (reweighted least squares, Geman and McClure),
    and told only if they explain clearly more of the picture than none: a clip of even light stays as it is.

    Parameters
    ----------
    warped, frame : uint8 (H, W, 3)
        A key's frame in the geometry of `frame`, and `frame`.

    Returns
    -------
    uint8 (1, 256, 3), a table for `cv2.LUT` that takes the light of `warped` to that of `frame`, or None.
    """
    step = max(1, round((frame.shape[0] * frame.shape[1] / _SAMPLES) ** 0.5))
    a = warped[::step, ::step].reshape(-1, 3).astype(np.float32)
    b = frame[::step, ::step].reshape(-1, 3).astype(np.float32)
    plain = _explained(a, b)
    if plain > 1 - _BETTER:
        return None
    gain, offset = _fitted(a, b)
    if _explained(np.clip(a * gain + offset, 0, 255), b) < plain + _BETTER:
        return None
    levels = np.arange(256, dtype=np.float32)[:, None] * gain + offset
    return np.asarray(np.rint(np.clip(levels, 0, 255)), np.uint8)[None]


def _explained(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Return the share of pixels of which no channel differs by much."""
    return float((np.abs(a - b) < _SAME).all(-1).mean())


def _fitted(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return gain and offset per channel that take most of `a` to `b`."""
    gain = np.clip((b.std(0) + 1) / (a.std(0) + 1), 1 / _GAIN, _GAIN)
    offset = np.median(b - a * gain, axis=0)
    scale = 4 * _SAME
    for _ in range(_ROUNDS):
        weight = 1 / (1 + np.square((a * gain + offset - b) / scale))
        weight /= weight.sum(0)
        mean_a, mean_b = (weight * a).sum(0), (weight * b).sum(0)
        spread = (weight * np.square(a - mean_a)).sum(0)
        slope = (weight * (a - mean_a) * (b - mean_b)).sum(0) / (spread + 1)
        gain = np.clip(slope, 1 / _GAIN, _GAIN)
        offset = mean_b - gain * mean_a
        scale = max(scale * 0.7, _SAME)
    return np.asarray(gain, np.float32), np.asarray(offset, np.float32)
