"""Register a frame to a key: where in the key is each of its pixels, to a fraction of a pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from propagate import _flow_kernels as beside
from propagate import _least_squares_kernels as kernels
from propagate._warp_kernels import AFTER, BEFORE, show
from propagate.arrays import check_flow, check_image
from propagate.exposure import fit_exposure
from propagate.flow import FlowSearch, eight_bit, estimate_flow, inside
from propagate.threads import ThreadTeam

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import F32, Flow, Image

_STEP, _DAMPING, _ROBUST = 3.0, 2.0, 12.0
_LIGHT, _BLUR = 6.0, 2.0
_FINE = 64.0


def _feedback(reach: float) -> F32:
    """Domain transform (Gastal and Oliveira 2011, eq. 21) of a flow field, for `kernels.motion_edges`.

    A filter of a standard deviation of `reach` pixels over blocks of two pixels, to which `_STEP` pixels of
    difference between flows are as far as 10 pixels of distance.
    """
    apart = np.arange(20 * _FINE) / _FINE
    table = np.exp(-(2**0.5) * (2 + apart * 10 / _STEP) / reach).astype(np.float32)
    table[-1] = 0  # all that lies further apart
    return table


_NEIGHBOURS = np.array([3, 7, 15], np.int32)
_BESIDE = np.array([1, 3], np.int32)
_WIDE, _NARROW = _feedback(8.0), _feedback(5.0)
_LIKE = np.append(np.rint(255 * np.exp(-np.arange(beside.UNLIKE) / 60)), 0).astype(np.int16)
_DOUBTFUL, _SURE, _EDGE, _BETTER = 6.0, 1.0, 1.5, 1
_TOLERANCE = 10.0
_FAR = 1e6


@dataclass(frozen=True)
class Registration:
    """Where a frame is found in a key.

    Attributes
    ----------
    flow : float32 (H, W, 2)
        Pixels (dx, dy), from the frame to the key.
    confidence : float32 (H, W)
        1 where the colors agree, 0 where the key does not show that place.
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
        If the frames differ in size, or `initial` does not fit them or holds NaN or infinity.
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
    guess = estimate_flow(here, there) if initial is None else np.clip(initial, -_FAR, _FAR)
    with ThreadTeam() as crew:
        flow, left = Tracker(there, crew, key_search("fine")).find(here, guess)
    return Registration(flow, confidence_of(left, flow))


def key_search(quality: str) -> FlowSearch:
    """Return the inverse search of a `Tracker`; `quality` is that of `estimate_flow`."""
    return FlowSearch(quality, quick=True, rounds=3)


class Tracker:
    """Registers one frame after another to one key.

    One thread at a time may use it.

    Parameters
    ----------
    key : uint8 (H, W, 3)
    crew : ThreadTeam
    search : FlowSearch
        That of `key_search`; several trackers may share one.
    """

    def __init__(self, key: Image, crew: ThreadTeam, search: FlowSearch) -> None:
        self._key, self._lined = np.require(key, requirements=["C", "W"]), _lined(key)
        self._crew, self._search = crew, search
        h, w = key.shape[:2]
        half = ((h + 1) // 2, (w + 1) // 2)
        # the same memory for every frame and every step: fresh memory costs as much as what is done in it
        self._found, self._shown = np.empty((h, w, 2), np.float32), np.empty_like(self._key)
        self._remains = np.empty((h, w), np.float32)
        self._across, self._down = np.empty((2, *half), np.float32)
        self._sums = np.zeros((half[0], half[1] * kernels.LANES), np.float32)
        self._blocks = np.empty((2, *half), np.float32)
        above, below, before, after = beside.BORDER
        planes = (3, h + above + below, w + before + after)
        self._frame_planes = np.full(planes, beside.FRAME_ENDS, np.int16)
        self._key_planes = np.full(planes, beside.KEY_ENDS, np.int16)
        self._whole = np.empty((h, w), np.int32)

    def find(self, frame: Image, guess: Flow) -> tuple[Flow, F32]:
        """Refine `guess` straight against the key; every step is kept, pixel by pixel, only where it helps.

        Inverse search, then least squares over windows that end at motion edges, wide ones and then narrow
        ones; then the flow of neighbors where doubt remains, and least squares over wide ones again, so that
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
            What difference of color is left, see `residual`.
        """
        # one kind of array, or the kernels compile anew for slices and for read-only frames
        self._frame = np.require(frame, requirements=["C", "W"])
        self._dim = _smaller(self._frame)
        self._flow = np.array(guess, np.float32, order="C")
        self._warped, self._left = np.empty_like(self._frame), np.empty(frame.shape[:2], np.float32)
        self._lit, lined = self._key, self._lined
        self._show(lined, self._flow, self._warped, self._left)
        table = fit_exposure(self._warped, self._frame)
        if table is not None:
            # narrow windows would take another light for motion
            self._lit = np.asarray(cv2.LUT(self._key, table), np.uint8)
            lined = _lined(self._lit)
            self._show(lined, self._flow, self._warped, self._left)
        self._source = lined
        self._searched()
        self._least_squares(_WIDE, smooth=True)
        self._least_squares(_NARROW)
        self._neighbors()
        self._least_squares(_WIDE)
        return self._flow, self._left

    def _show(self, source: Image, flow: Flow, out: Image, left: F32) -> None:
        """Put the key where `flow` points into `out` and what is left, see `residual`, into `left`."""
        arguments = (source, _rows(flow), _rows(self._frame), _rows(out), left)
        self._crew.run(show, len(out), *arguments)
        cv2.GaussianBlur(left, (0, 0), _BLUR, dst=left)

    def _keep(self, found: Flow) -> None:
        """Take over `found` pixel by pixel where less is left."""
        self._show(self._source, found, self._shown, self._remains)
        rows = (_rows(i) for i in (self._flow, self._warped))
        arguments = (_rows(found), _rows(self._shown), self._remains, *rows, self._left)
        self._crew.run(kernels.keep_better, len(found), *arguments)

    def _searched(self) -> None:
        self._keep(self._search.find(self._frame, self._lit, initial=self._flow))

    def _least_squares(self, feedback: F32, *, smooth: bool = False) -> None:
        """Take one step of least squares (Lucas and Kanade 1981, in `kernels`' windows).

        `smooth` first averages the flow itself over the same windows: noise goes, edges of motion stay.
        """
        h, run, blocks = len(self._frame), self._crew.run, self._blocks
        high = blocks.shape[1]
        frame, flow, found = _rows(self._frame), _rows(self._flow), _rows(self._found)
        for i in range(2):
            cv2.medianBlur(np.ascontiguousarray(self._flow[::2, ::2, i]), 3, dst=blocks[i])
        run(kernels.motion_edges, high, blocks, feedback, _FINE, self._across, self._down)
        warped, start = self._warped, flow
        if smooth:
            pair = (frame, _rows(warped), _light_shift(self._dim, warped), _ROBUST)
            run(kernels.weigh_flow, high, *pair, flow, self._sums)
            self._filter()
            run(kernels.divide, high, self._sums, blocks)
            run(kernels.spread, h, blocks, 0.0, flow, found)
            warped, start = self._shown, found
            self._show(self._source, self._found, warped, self._remains)
        pair = (frame, _rows(warped), _light_shift(self._dim, warped), _ROBUST)
        run(kernels.normal_equations, high, *pair, self._sums)
        self._filter()
        run(kernels.solve, high, self._sums, _DAMPING, 1.0, blocks)
        run(kernels.spread, h, blocks, 1.0, start, found)
        self._keep(self._found)

    def _filter(self) -> None:
        self._crew.run(kernels.filter_rows, self._across.shape[0], self._sums, self._across)
        self._crew.run(kernels.filter_columns, self._across.shape[1], self._sums, self._down)

    def _neighbors(self) -> None:
        """Take over the flow of neighbors where colors disagree, more readily where motion has an edge."""
        gradient = cv2.morphologyEx(self._flow, cv2.MORPH_GRADIENT, np.ones((7, 7), np.uint8))
        steep = np.maximum(*cv2.split(gradient))
        where = (self._left > _DOUBTFUL) | ((steep > _EDGE) & (self._left > _SURE))
        # a quarter of the pixels looks far, the others then ask these
        seeds, rest = where.copy(), where
        seeds[1::2] = False
        seeds[:, 1::2] = False
        rest[::2, ::2] = False
        flow, h, run = self._flow, len(self._flow), self._crew.run
        run(beside.lay_out, h, _rows(self._frame), self._frame_planes)
        run(beside.lay_out, h, _rows(self._lit), self._key_planes)
        pair = self._frame_planes.reshape(-1), self._key_planes.reshape(-1)
        for there, steps, out in ((seeds, _NEIGHBOURS, np.empty_like(flow)), (rest, _BESIDE, self._found)):
            run(beside.whole_steps, h, flow, self._whole)
            run(beside.try_neighbors, h, *pair, flow, self._whole, there, steps, _BETTER, _LIKE, out)
            flow = out
        self._keep(flow)


def residual(frame: Image, warped: Image, *, sigma: float = _BLUR) -> F32:
    """Mean color difference around every pixel, float32 (H, W) in 8-bit steps; `sigma` in pixels."""
    gray = np.empty(frame.shape[:2], np.float32)
    one, other = (_rows(np.require(i, requirements=["C", "W"])) for i in (frame, warped))
    kernels.mean_difference(0, len(gray), one, other, gray)
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), sigma, dst=gray), np.float32)


def confidence_of(left: F32, flow: Flow) -> F32:
    """How surely the key shows a place, 0 to 1: by the difference `left`, and 0 where the flow goes out."""
    sure = np.exp(-np.square(left / _TOLERANCE))
    # a pixel at the border covers half a pixel more; a hair beyond its center it is still seen
    sure[~inside(flow, 0.5)] = 0
    return np.asarray(sure, np.float32)


def _rows(picture: NDArray[Any]) -> NDArray[Any]:
    """`picture`, (H, W, C), as (H, W * C)."""
    return picture.reshape(len(picture), -1)


def _lined(key: Image) -> Image:
    """Return `key` as `show` wants it."""
    h, w = key.shape[:2]
    lined = np.zeros((h + BEFORE + AFTER, w + BEFORE + AFTER, 4), np.uint8)
    lined[..., :3] = cv2.copyMakeBorder(key, BEFORE, AFTER, BEFORE, AFTER, cv2.BORDER_REPLICATE)
    return _rows(lined)


def _smaller(picture: Image) -> F32:
    """Return an eighth of the size of `picture`, float32."""
    h, w = picture.shape[:2]
    size = (max(1, w // 8), max(1, h // 8))
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)


def _light_shift(dim: F32, warped: Image) -> F32:
    """Return the slow difference of light between two registered pictures, float32 (3, H / 8, W), 8-bit.

    `dim` is the first one's `_smaller`. Held small: flicker and exposure change by a few steps; more than
    that is another surface.
    """
    slow = np.clip(cv2.GaussianBlur(dim - _smaller(warped), (0, 0), 1.5), -_LIGHT, _LIGHT)
    wide = cv2.resize(slow, (warped.shape[1], len(slow)), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(wide.transpose(2, 0, 1))
