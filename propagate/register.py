"""Register a frame to a key: where in the key is each of its pixels, to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from propagate import _register as kernels
from propagate._neighbours import try_neighbours
from propagate.arrays import check_flow, check_image
from propagate.backend import Crew
from propagate.flow import FlowSearch, calm, eight_bit, estimate_flow, inside
from propagate.light import light_between
from propagate.warp import identity

if TYPE_CHECKING:
    from propagate.arrays import F32, Flow, Image

__all__ = ["Registration", "Tracker", "confidence_of", "register", "residual"]

_STEP, _DAMPING, _ROBUST = 3.0, 2.0, 12.0
_LIGHT = 6.0
_FINE = 64.0


def _feedback(reach: float) -> F32:
    """Domain transform (Gastal and Oliveira 2011, eq. 21) of a flow field, for `kernels.motion_edges`.

    A filter of a standard deviation of `reach` pixels, to which `_STEP` pixels of difference between flows
    are as far as 10 pixels of distance.
    """
    apart = np.arange(20 * _FINE) / _FINE
    table = np.exp(-(2**0.5) * (1 + apart * 10 / _STEP) / reach).astype(np.float32)
    table[-1] = 0  # all that lies further apart
    return table


_NEIGHBOURS = np.array([3, 7, 15], np.int32)
_BESIDE = np.array([1, 3], np.int32)
_WIDE, _NARROW = _feedback(10.0), _feedback(6.0)
_LIKE = np.exp(-np.arange(766) / 60).astype(np.float32)
_DOUBTFUL, _SURE, _EDGE = 6.0, 1.0, 1.5
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
        flow, left = Tracker(there, crew, "fine").find(here, guess)
    return Registration(flow, confidence_of(left, flow))


class Tracker:
    """Registers one frame after another to one key.

    One thread at a time may use it.

    Parameters
    ----------
    key : uint8 (H, W, 3)
    crew : Crew
    quality : str
        That of `estimate_flow`: how fine the inverse search is.
    """

    def __init__(self, key: Image, crew: Crew, quality: str) -> None:
        # one kind of array, or the kernels compile anew for slices and for read-only frames
        self._key = np.require(key, requirements=["C", "W"])
        self._crew, self._search = crew, FlowSearch(quality, quick=True)
        h, w = key.shape[:2]
        # the same memory for every frame and every step: fresh memory costs as much as what is done in it
        self._found, self._places = np.empty((2, h, w, 2), np.float32)
        self._shown, self._across = np.empty_like(self._key), np.empty((h, w), np.float32)
        self._down, self._remains = np.empty((2, h, w), np.float32)
        self._even, self._sums = np.empty((2, h, w), np.float32), np.zeros((h, w, kernels.LANES), np.float32)
        self._d = np.empty((3, h, w), np.float32)
        self._both, self._gx, self._gy = np.empty((3, 3, h, w), np.int16)

    def find(self, frame: Image, guess: Flow) -> tuple[Flow, F32]:
        """Refine `guess` straight against the key; every step is kept, pixel by pixel, only where it helps.

        Inverse search, then least squares over windows that end at motion edges, wide ones and then narrow
        ones; then the flow of neighbours where doubt remains, and least squares over wide ones again, so that
        grain does not move the paint.

        Parameters
        ----------
        frame : uint8 (H, W, 3)
        guess : float32 (H, W, 2)

        Returns
        -------
        flow : float32 (H, W, 2)
            From the frame to the key.
        left : float32 (H, W)
            What difference of colour is left, see `residual`.
        """
        self._frame = np.require(frame, requirements=["C", "W"])
        self._flow = np.array(guess, np.float32, order="C")
        self._lit = self._key
        self._warped = self._show(self._flow, np.empty_like(self._frame))
        table = light_between(self._warped, self._frame)
        if table is not None:
            # narrow windows would take another light for motion
            self._lit, self._warped = (
                np.asarray(cv2.LUT(image, table), np.uint8) for image in (self._key, self._warped)
            )
        self._left = residual(self._frame, self._warped)
        self._searched()
        self._least_squares(_WIDE, smooth=True)
        self._least_squares(_NARROW)
        self._neighbours()
        self._least_squares(_WIDE)
        return self._flow, self._left

    def _show(self, flow: Flow, out: Image) -> Image:
        """Return the key where `flow` points, in `out`."""
        np.add(identity(*flow.shape[:2]), flow, out=self._places)
        how = cv2.INTER_CUBIC
        remap: Any = cv2.remap  # the stubs of some versions do not know that the second map may be None
        remap(self._lit, self._places, None, how, dst=out, borderMode=cv2.BORDER_REPLICATE)
        return out

    def _keep(self, found: Flow) -> None:
        """Take over `found` pixel by pixel where less is left."""
        self._show(found, self._shown)
        residual(self._frame, self._shown, out=self._remains)
        mine = (self._flow, self._warped, self._left)
        self._crew.run(kernels.keep_better, len(found), found, self._shown, self._remains, *mine)

    def _searched(self) -> None:
        self._keep(self._search.find(self._frame, self._lit, initial=self._flow))

    def _compare(self, warped: Image) -> None:
        shift = _light_shift(self._frame, warped)
        self._crew.run(kernels.compare, len(warped), self._frame, warped, shift, self._both, self._d)

    def _least_squares(self, feedback: F32, *, smooth: bool = False) -> None:
        """Take one step of least squares (Lucas and Kanade 1981, in `kernels`' windows).

        `smooth` first averages the flow itself over the same windows: noise goes, edges of motion stay.
        """
        (h, w), run = self._left.shape, self._crew.run
        calm(self._flow, self._even)
        run(kernels.motion_edges, h, self._even, feedback, _FINE, self._across, self._down)
        np.copyto(self._found, self._flow)
        self._compare(self._warped)
        if smooth:
            run(kernels.weigh_flow, h, self._d, _ROBUST, self._flow, self._sums)
            run(kernels.filter_rows, h, self._sums, self._across)
            run(kernels.filter_columns, w, self._sums, self._down)
            run(kernels.divide, h, self._sums, self._found)
            self._compare(self._show(self._found, self._shown))
        for i in range(3):
            cv2.Sobel(self._both[i], cv2.CV_16S, 1, 0, dst=self._gx[i], borderType=cv2.BORDER_REPLICATE)
            cv2.Sobel(self._both[i], cv2.CV_16S, 0, 1, dst=self._gy[i], borderType=cv2.BORDER_REPLICATE)
        run(kernels.normal_equations, h, self._gx, self._gy, self._d, _ROBUST, self._sums)
        run(kernels.filter_rows, h, self._sums, self._across)
        run(kernels.filter_columns, w, self._sums, self._down)
        run(kernels.solve, h, self._sums, _DAMPING, 1.0, self._found)
        self._keep(self._found)

    def _neighbours(self) -> None:
        """Take over the flow of neighbours where colours disagree, more readily where motion has an edge."""
        gradient = cv2.morphologyEx(self._flow, cv2.MORPH_GRADIENT, np.ones((7, 7), np.uint8))
        steep = np.maximum(*cv2.split(gradient))
        where = (self._left > _DOUBTFUL) | ((steep > _EDGE) & (self._left > _SURE))
        # a quarter of the pixels looks far, the others then ask these
        seeds, rest = where.copy(), where
        seeds[1::2] = False
        seeds[:, 1::2] = False
        rest[::2, ::2] = False
        flow = self._flow
        for there, steps, out in ((seeds, _NEIGHBOURS, self._places.copy()), (rest, _BESIDE, self._found)):
            arguments = (self._frame, self._lit, flow, there, steps, 1.0, _LIKE, out)
            self._crew.run(try_neighbours, len(flow), *arguments)
            flow = out
        self._keep(flow)


def residual(frame: Image, warped: Image, *, sigma: float = 2.0, out: F32 | None = None) -> F32:
    """Mean colour difference around every pixel, float32 (H, W) in 8-bit steps; `sigma` in pixels."""
    grey = np.empty(frame.shape[:2], np.float32) if out is None else out
    kernels.mean_difference(0, len(grey), frame, warped, grey)
    return np.asarray(cv2.GaussianBlur(grey, (0, 0), sigma, dst=grey), np.float32)


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
