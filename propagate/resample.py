"""Fetch a key's paint along a match field: a warp where the field is smooth, a patch vote where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from propagate import _flow_kernels as kernels
from propagate._blend_kernels import crispen
from propagate.flow import median_flow
from propagate.warp import warp

if TYPE_CHECKING:
    from propagate.arrays import F32, Flow
    from propagate.threads import ThreadTeam

_TORN = 1.0
_DETAIL, _AREA = 2.0, 4.0
_SEEN, _GAIN, _MOST_GAIN = 8.0, 0.54, 2.0
"""Detail under a mean square of `_SEEN` is nobody's stroke. A little more than the root of the energy that
was lost makes up for the finest detail, which goes first."""


def resample(picture: F32, flow: Flow, left: F32, crew: ThreadTeam) -> tuple[F32, F32]:
    """Bring `picture` into the frame's geometry.

    A warp keeps brush texture where neighboring flows agree; where they differ by more than a pixel it would
    tear it to grains, so there the patches around a pixel vote.

    Parameters
    ----------
    picture : float32 (H, W, C)
        The painted key, 8-bit steps.
    flow : float32 (H, W, 2)
        From the frame to the key.
    left : float32 (H, W)
        What difference of color each flow leaves, 8-bit steps.
    crew : ThreadTeam

    Returns
    -------
    picture : float32 (H, W, C)
    energy : float32 (H, W)
        How much fine detail the paint has there, see `detail_energy`; a vote has less.
    """
    even = median_flow(flow)
    torn = np.empty(left.shape, np.uint8)
    crew.run(kernels.find_torn, len(flow), flow, even, _TORN, torn)
    cv2.dilate(torn, np.ones((3, 3), np.uint8), dst=torn)
    smooth = flow.copy()
    crew.run(kernels.take_over, len(flow), torn, even, smooth)
    made: F32 = np.asarray(warp(picture, smooth), np.float32)
    energy = detail_energy(split(made)[1])
    if torn.any():
        trust = np.exp(left * np.float32(-0.25))
        high, wide = picture.shape[:2]
        lined = np.zeros((high + 1, 4 * (wide + 1)), np.float32)
        crew.run(kernels.four_channels, high + 1, picture, lined)
        crew.run(kernels.vote, len(flow), lined, flow, trust, torn, made)
    return made, energy


def split(picture: F32) -> tuple[F32, F32]:
    """Return the slow colors of a picture and its fine detail, both float32 (H, W, C)."""
    slow = np.asarray(cv2.GaussianBlur(picture, (0, 0), _DETAIL), np.float32).reshape(picture.shape)
    return slow, picture - slow


def channel_mean(picture: F32) -> F32:
    """Mean of the channels, float32 (H, W), as a product: NumPy's own mean is many times slower."""
    count = picture.shape[2]
    return np.asarray(picture @ np.full(count, 1 / count, np.float32), np.float32)


def detail_energy(detail: F32) -> F32:
    """Mean square of fine detail around each pixel, float32 (H, W), 8-bit steps squared."""
    return np.asarray(cv2.GaussianBlur(channel_mean(np.square(detail)), (0, 0), _AREA), np.float32)


def restore_detail(picture: F32, energy: F32, crew: ThreadTeam, *, gain: float = _GAIN) -> F32:
    """Give a picture as much fine detail as the paint had before means and votes took some, in place.

    Histogram-preserving blending of Heitz and Neyret (2018, sec. 3) with a local variance for the histogram.

    Parameters
    ----------
    picture : float32 (H, W, C)
        8-bit steps.
    energy : float32 (H, W)
        The `detail_energy` that it should have; none is taken away.
    crew : ThreadTeam
    gain : float
        The power of the lost energy by which detail is raised: 0.5 restores all of it, less only a part.
    """
    slow, detail = split(picture)
    lost = (energy + _SEEN) / (detail_energy(detail) + _SEEN)
    strength = np.clip(lost ** np.float32(gain), 1, _MOST_GAIN)
    crew.run(crispen, len(picture), slow, strength, picture)
    return picture
