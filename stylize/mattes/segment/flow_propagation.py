"""A matte of one frame, followed through its neighbors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.mattes.morphology import signed_distance
from stylize.mattes.refine.trimap import edge_band_width, refine_edge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from propagate.arrays import F32, Flow, Image

_SIDE = 640
"""Longer side at which motion is looked for; the edge is found at full size."""
_TOLERANCE = 12.0
_RIM = 9
"""Pixels along the edge whose motion is not believed: flow mixes the subject's with the background's."""
_REACHES = ((3.0, 1), (8.0, 1), (24.0, 4), (80.0, 4))
"""Spreads, in pixels, with which motion is carried over the rim, and the reduction at which that is done."""


@dataclass
class TrackState:
    """Where following has come to: the last frame, its matte, and the flow from it to the key."""

    at: int | None = None
    matte: F32 | None = None
    flow: Flow | None = None


def propagate_matte(
    frames: Sequence[Image], key: int, matte: F32, order: Sequence[int], trail: TrackState | None = None
) -> Iterator[tuple[int, F32, F32]]:
    """Carry the matte of frame `key` away from it, one frame after the other.

    The edge moves as the subject does inside it: there the flow is sure, and it is continued outwards. Two
    predictions are averaged, one from the frame before and one straight from the key, so that errors do not
    add up; then the edge is found anew in the picture, so that the next frame begins from one that is right.

    Parameters
    ----------
    frames : sequence of Image, (H, W, 3)
        uint8 or uint16.
    key
        The frame that has a matte.
    matte : float32 (H, W)
        Its matte.
    order
        Frames to go through, next to the key first.
    trail
        Is kept up to date with every frame; one that has come somewhere is gone on with, as if there had
        been no stop, and then `order` begins with the frame next to it.

    Yields
    ------
    tuple
        Frame number; its matte, float32 (H, W); and how sure it is, float32 (H, W), 0 to 1: how well the
        picture agrees with the key.
    """
    from propagate.flow import chain, estimate_flow

    trail = trail or TrackState()
    there = before = _small(frames[key])
    size = there.shape[:2]
    whole = matte.shape
    previous, flow = matte, np.zeros((*size, 2), np.float32)
    if trail.at is not None and trail.matte is not None and trail.flow is not None:
        previous, flow, before = trail.matte, trail.flow, _small(frames[trail.at])
    for at in order:
        frame = frames[at]
        here = _small(frame)
        step = estimate_flow(here, before)
        near = _fetch(_shrunk(previous, size), step)
        step = _continued(step, _sure_inside(near))
        flow = chain(step, flow)
        straight = estimate_flow(here, there, initial=flow)
        chained_off, straight_off = _off(here, there, flow), _off(here, there, straight)
        flow = np.where((straight_off < chained_off)[..., None], straight, flow)
        left = np.minimum(straight_off, chained_off)
        sure = np.exp(-np.square(left / _TOLERANCE)).astype(np.float32)
        near = _fetch(_shrunk(previous, size), step)
        flow = _kept_inside(flow, _continued(flow, _sure_inside(near) * sure), near, sure)
        straight_matte = _fetch(matte, _grown(flow, whole))
        found = _agreed(straight_matte, _fetch(previous, _grown(step, whole)))
        if found.max() > 0.5:
            found = refine_edge(frame, found, edge_band_width(found.shape))
        previous, before = found, here
        trail.at, trail.matte, trail.flow = at, found, flow
        yield at, found, _enlarged(sure, whole)


def _agreed(straight: F32, near: F32) -> F32:
    """Average two predictions; that from the key counts only where it is near the one from the frame before.

    Far from the subject nothing is known of its motion, and the way to the key may end in it by chance.
    """
    if near.min() == near.max():
        return near
    distance, reach = signed_distance(near), np.float32(edge_band_width(near.shape))
    held = np.clip(straight, np.clip(distance - reach, 0, 1), np.clip(distance + reach, 0, 1))
    return np.asarray((held + near) / 2, np.float32)


def _sure_inside(matte: F32) -> F32:
    import cv2

    solid = (matte > 0.5).astype(np.float32)
    return np.asarray(cv2.erode(solid, np.ones((_RIM, _RIM), np.uint8)), np.float32)


def _kept_inside(flow: Flow, continued: Flow, matte: F32, sure: F32) -> Flow:
    """Keep the flow well inside the subject, and take the continued one everywhere else."""
    import cv2

    solid = (matte > 0.5).astype(np.float32)
    deep = cv2.GaussianBlur(cv2.erode(solid, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)), (0, 0), 2)
    share = (deep * sure)[..., None]
    return np.asarray(flow * share + continued * (1 - share), np.float32)


def _continued(flow: Flow, weight: F32) -> Flow:
    """Spread the flow from where `weight` is to where it is not, from near reaches first."""
    import cv2

    height, width = weight.shape
    found: Any = None
    have: Any = None
    for sigma, reduction in _REACHES:
        size = max(1, width // reduction), max(1, height // reduction)
        small = cv2.resize(weight + np.float32(1e-6), size, interpolation=cv2.INTER_AREA)
        moved = cv2.resize(flow * (weight + np.float32(1e-6))[..., None], size, interpolation=cv2.INTER_AREA)
        total = cv2.GaussianBlur(moved, (0, 0), sigma / reduction)
        around = cv2.GaussianBlur(small, (0, 0), sigma / reduction)
        value = cv2.resize(total / np.maximum(around, 1e-8)[..., None], (width, height))
        known = np.clip(cv2.resize(around, (width, height)) / (0.05 if found is None else 0.01), 0, 1)
        if found is None:
            found, have = value, known
        else:
            found = found * have[..., None] + value * (1 - have[..., None])
            have = np.maximum(have, known)
    return np.asarray(found, np.float32)


def _off(here: Image, there: Image, flow: Flow) -> F32:
    """Mean color difference around every pixel once `there` is moved onto `here`, in 8-bit steps."""
    from propagate.registration import residual

    return residual(here, _fetch(there, flow))


def _fetch(image: Any, flow: Flow) -> Any:
    from propagate.warp import warp

    return warp(image, flow, interpolation="linear")


def _small(image: Image) -> Image:
    import cv2

    from propagate.flow import eight_bit

    height, width = image.shape[:2]
    scale = min(1.0, _SIDE / max(height, width))
    if scale == 1:
        return eight_bit(image)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(eight_bit(image), size, interpolation=cv2.INTER_AREA), np.uint8)


def _shrunk(matte: F32, size: tuple[int, ...]) -> F32:
    import cv2

    if matte.shape == size:
        return matte
    return np.asarray(cv2.resize(matte, (size[1], size[0]), interpolation=cv2.INTER_AREA), np.float32)


def _enlarged(values: F32, shape: tuple[int, ...]) -> F32:
    import cv2

    if values.shape == shape:
        return values
    return np.asarray(cv2.resize(values, (shape[1], shape[0])), np.float32)


def _grown(flow: Flow, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Enlarge a flow to the size of the frame, and its lengths with it."""
    import cv2

    if flow.shape[:2] == shape:
        return flow
    longer = np.array([shape[1] / flow.shape[1], shape[0] / flow.shape[0]], np.float32)
    return np.asarray(cv2.resize(flow, (shape[1], shape[0])) * longer, np.float32)
