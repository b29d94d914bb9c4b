"""Register a frame to a key: where in the key is each of its pixels, to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from propagate import _register as kernels
from propagate.arrays import check_flow, check_image
from propagate.backend import Crew
from propagate.flow import eight_bit, estimate_flow, inside
from propagate.warp import warp

if TYPE_CHECKING:
    from propagate.arrays import F32, Flow, Image

__all__ = ["Registration", "confidence_of", "follow", "register", "residual"]

_REACH, _STEP, _DAMPING, _ROBUST = 10.0, 3.0, 2.0, 12.0
_LIGHT = 6.0
_NEIGHBOURS = np.array([3, 7, 15], np.float32)
_DOUBTFUL, _EDGE = 6.0, 1.5
_TOLERANCE = 10.0


@dataclass(frozen=True)
class Registration:
    """Where a frame is found in a key.

    Attributes
    ----------
    flow : float32 (H, W, 2)
        Pixels (dx, dy), from the frame to the key.
    confidence : float32 (H, W)
        1 where the colours agree, 0 where the key does not show that place.
    """

    flow: Flow
    confidence: F32


def register(frame: Image, key_frame: Image, *, initial: Flow | None = None) -> Registration:
    """Find every pixel of `frame` in `key_frame`, any other frame of the shot.

    Parameters
    ----------
    frame, key_frame : Image, (H, W, 3)
        uint8 or uint16, of one size.
    initial : float32 (H, W, 2), optional
        A first guess, as the flow chained from frame to frame; without it, both are compared directly.

    Raises
    ------
    ValueError
        If the frames differ in size, or `initial` does not fit them.
    """
    check_image("frame", frame, (3,))
    check_image("key_frame", key_frame, (3,))
    if frame.shape != key_frame.shape:
        raise ValueError(
            f"registration needs frames of one size; these are {frame.shape[:2]} and {key_frame.shape[:2]}"
        )
    if initial is not None:
        check_flow("initial", initial, (frame.shape[0], frame.shape[1]))
    here, there = eight_bit(frame), eight_bit(key_frame)
    guess = estimate_flow(here, there) if initial is None else initial
    with Crew() as crew:
        flow, left = follow(here, there, guess, crew)
    return Registration(flow, confidence_of(left, flow))


def follow(frame: Image, key: Image, guess: Flow, crew: Crew, *, quality: str = "fine") -> tuple[Flow, F32]:
    """Refine `guess` straight against the key; every step is kept, pixel by pixel, only where it helps.

    Inverse search at full size, then least squares over windows that end at motion edges, then the flow of
    neighbours where doubt remains, then least squares again.

    Parameters
    ----------
    frame, key : uint8 (H, W, 3)
    guess : float32 (H, W, 2)
    crew : Crew
    quality : str
        That of `estimate_flow`.

    Returns
    -------
    flow : float32 (H, W, 2)
        From the frame to the key.
    left : float32 (H, W)
        What difference of colour is left, see `residual`.
    """
    # one kind of array, or the kernels compile anew for slices and for read-only frames
    frame, key = (np.require(image, requirements=["C", "W"]) for image in (frame, key))
    best = np.ascontiguousarray(guess, np.float32)
    left = residual(frame, warp(key, best))

    def keep(found: Flow) -> None:
        nonlocal best, left
        remains = residual(frame, warp(key, found))
        best = np.where((remains < left)[..., None], found, best)
        left = np.minimum(left, remains)

    keep(estimate_flow(frame, key, initial=best, quality=quality))
    keep(_least_squares(frame, key, best, crew, smooth=True))
    keep(_neighbours(frame, key, best, left, crew))
    keep(_least_squares(frame, key, best, crew, smooth=False))
    return best, left


def residual(frame: Image, warped: Image, *, sigma: float = 2.0) -> F32:
    """Mean colour difference around every pixel, float32 (H, W) in 8-bit steps; `sigma` in pixels."""
    difference = cv2.absdiff(frame, warped)
    grey = cv2.transform(difference.astype(np.float32), np.full((1, 3), 1 / 3, np.float32))
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma), np.float32)


def confidence_of(left: F32, flow: Flow) -> F32:
    """How surely the key shows a place, 0 to 1: by the difference `left`, and 0 where the flow goes out."""
    sure = np.exp(-np.square(left / _TOLERANCE))
    # a pixel at the border covers half a pixel more; a hair beyond its centre it is still seen
    sure[~inside(flow, 0.5)] = 0
    return np.asarray(sure, np.float32)


def _light_shift(frame: Image, warped: Image) -> F32:
    """Return the slow difference of light between two registered pictures, float32 (H, W, 3), 8-bit steps.

    Held small: flicker and exposure change by a few steps; more than that is another surface.
    """
    h, w = frame.shape[:2]
    size = (max(1, w // 8), max(1, h // 8))
    small = [cv2.resize(i, size, interpolation=cv2.INTER_AREA).astype(np.float32) for i in (frame, warped)]
    slow = np.clip(cv2.GaussianBlur(small[0] - small[1], (0, 0), 1.5), -_LIGHT, _LIGHT)
    return np.asarray(cv2.resize(slow, (w, h), interpolation=cv2.INTER_LINEAR), np.float32)


def _least_squares(frame: Image, key: Image, flow: Flow, crew: Crew, *, smooth: bool) -> Flow:
    """Return `flow` moved by one step of least squares (Lucas and Kanade 1981, in `kernels`' windows).

    `smooth` first averages the flow itself over the same windows: noise goes, edges of motion stay.
    """
    h, w = flow.shape[:2]
    across, down = np.empty((h, w), np.float32), np.empty((h, w), np.float32)
    calm = np.dstack([cv2.medianBlur(np.ascontiguousarray(flow[..., i]), 5) for i in range(2)])
    crew.run(kernels.motion_edges, h, calm, _REACH, _STEP, across, down)

    def spread(data: F32) -> None:
        crew.run(kernels.filter_rows, h, data, across)
        crew.run(kernels.filter_columns, w, data, down)

    found = flow.copy()
    sums = np.empty((h, w, 6), np.float32)
    warped = warp(key, found)
    shift = _light_shift(frame, warped)
    if smooth:
        crew.run(kernels.normal_equations, h, frame, warped, shift, _ROBUST, sums)
        weight = sums[..., 5:] + np.float32(1e-3)
        data = np.concatenate([found * weight, weight], axis=2)
        spread(data)
        found = data[..., :2] / data[..., 2:]
        warped = warp(key, found)
        shift = _light_shift(frame, warped)
    crew.run(kernels.normal_equations, h, frame, warped, shift, _ROBUST, sums)
    spread(sums)
    crew.run(kernels.solve, h, sums, _DAMPING, 1.0, found)
    return found


def _neighbours(frame: Image, key: Image, flow: Flow, left: F32, crew: Crew) -> Flow:
    """Return `flow` with that of neighbours taken over where colours disagree or motion has an edge."""
    found = np.empty_like(flow)
    steep = cv2.morphologyEx(flow, cv2.MORPH_GRADIENT, np.ones((7, 7), np.uint8))
    where = (left > _DOUBTFUL) | (steep[..., 0] > _EDGE) | (steep[..., 1] > _EDGE)
    crew.run(kernels.try_neighbours, flow.shape[0], frame, key, flow, where, _NEIGHBOURS, 1.0, found)
    return found
