"""Propagation of the matte of one frame to its neighbors along the flow, with refined edges."""

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
"""Longer side in pixels at which flow is estimated; edges are refined at full size."""
_TOLERANCE = 12.0
"""Color difference, in 8-bit steps, at which the confidence is 1/e."""
_RIM = 9
"""Pixels along the edge whose flow is not used: it mixes the motions of subject and background."""
_REACHES = ((3.0, 1), (8.0, 1), (24.0, 4), (80.0, 4))
"""Standard deviations in pixels with which flow is extrapolated over the rim, each with an image reduction."""


@dataclass
class TrackState:
    """State of a propagation: the last frame, its matte, and the flow from it to the key."""

    at: int | None = None
    matte: F32 | None = None
    flow: Flow | None = None


def propagate_matte(
    frames: Sequence[Image], key: int, matte: F32, order: Sequence[int], state: TrackState | None = None
) -> Iterator[tuple[int, F32, F32]]:
    """Propagate the matte of frame `key` frame by frame.

    The edge moves with the subject inside it, where flow is reliable; it is extrapolated outwards. Two
    predictions are averaged, one from the previous frame and one directly from the key, so that errors do not
    accumulate; then the edge is refined in the frame, so that the next frame starts from a correct one.

    Parameters
    ----------
    frames : sequence of Image, (H, W, 3)
        uint8 or uint16.
    key
        The frame that has a matte.
    matte : float32 (H, W)
        Its matte.
    order
        Frames to propagate to, nearest to the key first.
    state
        Updated with every frame. Propagation resumes from a given state exactly; `order` then begins with the
        frame next to it.

    Yields
    ------
    tuple
        Frame number; its matte, float32 (H, W); and its confidence, float32 (H, W), 0 to 1, from the color
        difference to the key.
    """
    from propagate.flow import chain, estimate_flow

    state = state or TrackState()
    there = before = _small(frames[key])
    size = there.shape[:2]
    whole = matte.shape
    previous, flow = matte, np.zeros((*size, 2), np.float32)
    if state.at is not None and state.matte is not None and state.flow is not None:
        previous, flow, before = state.matte, state.flow, _small(frames[state.at])
    for at in order:
        frame = frames[at]
        here = _small(frame)
        step = estimate_flow(here, before)
        near = _fetch(_shrunk(previous, size), step)
        step = _extrapolated(step, _well_inside(near))
        flow = chain(step, flow)
        direct = estimate_flow(here, there, initial=flow)
        chained_residual, direct_residual = _residual(here, there, flow), _residual(here, there, direct)
        flow = np.where((direct_residual < chained_residual)[..., None], direct, flow)
        left = np.minimum(direct_residual, chained_residual)
        confidence = np.exp(-np.square(left / _TOLERANCE)).astype(np.float32)
        near = _fetch(_shrunk(previous, size), step)
        flow = _kept_inside(flow, _extrapolated(flow, _well_inside(near) * confidence), near, confidence)
        from_key = _fetch(matte, _grown(flow, whole))
        found = _agreed(from_key, _fetch(previous, _grown(step, whole)))
        if found.max() > 0.5:
            found = refine_edge(frame, found, edge_band_width(found.shape))
        previous, before = found, here
        state.at, state.matte, state.flow = at, found, flow
        yield at, found, _enlarged(confidence, whole)


def _agreed(direct: F32, near: F32) -> F32:
    """Average two predictions; that of the key is limited to a band around that of the previous frame.

    Far from the subject its motion is unknown, and the flow to the key may end in the subject by chance.
    """
    if near.min() == near.max():
        return near
    distance, reach = signed_distance(near), np.float32(edge_band_width(near.shape))
    held = np.clip(direct, np.clip(distance - reach, 0, 1), np.clip(distance + reach, 0, 1))
    return np.asarray((held + near) / 2, np.float32)


def _well_inside(matte: F32) -> F32:
    import cv2

    solid = (matte > 0.5).astype(np.float32)
    return np.asarray(cv2.erode(solid, np.ones((_RIM, _RIM), np.uint8)), np.float32)


def _kept_inside(flow: Flow, continued: Flow, matte: F32, confidence: F32) -> Flow:
    """Return the flow well inside the subject, and the extrapolated flow everywhere else."""
    import cv2

    solid = (matte > 0.5).astype(np.float32)
    deep = cv2.GaussianBlur(cv2.erode(solid, np.ones((2 * _RIM + 1, 2 * _RIM + 1), np.uint8)), (0, 0), 2)
    share = (deep * confidence)[..., None]
    return np.asarray(flow * share + continued * (1 - share), np.float32)


def _extrapolated(flow: Flow, weight: F32) -> Flow:
    """Extrapolate the flow from pixels with `weight` to the others, by Gaussians of increasing width."""
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


def _residual(here: Image, there: Image, flow: Flow) -> F32:
    """Return the mean color difference around every pixel, `there` warped onto `here`, in 8-bit steps."""
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
    """Enlarge a flow, and its vectors, to the size of the frame."""
    import cv2

    if flow.shape[:2] == shape:
        return flow
    longer = np.array([shape[1] / flow.shape[1], shape[0] / flow.shape[0]], np.float32)
    return np.asarray(cv2.resize(flow, (shape[1], shape[0])) * longer, np.float32)
