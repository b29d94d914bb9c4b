"""Dense optical flow between two frames: estimate, check both ways, chain."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import cv2
import numpy as np

from propagate.arrays import check_flow, check_image
from propagate.warp import warp

if TYPE_CHECKING:
    from propagate.arrays import F32, Bool, Flow, Image

SMALLEST = 32
"""DIS matches 8-pixel patches on a pyramid and fails on less; smaller frames are padded to this."""

_FAR = 1e6
"""Pixels that count as infinitely far: their squares do not overflow."""

FINEST_SCALE = {"fast": 2, "medium": 1, "fine": 0}


def estimate_flow(a: Image, b: Image, *, initial: Flow | None = None, quality: str = "medium") -> Flow:
    """Estimate where each pixel of `a` is found in `b`.

    Dense inverse search (Kroeger et al. 2016) with its variational refinement, on luminance.

    Parameters
    ----------
    a, b
        uint8 or uint16 (H, W, 3) or (H, W, 1), of one size.
    initial
        float32 (H, W, 2), a first guess (for frames that lie far apart: the chained flow).
    quality
        ``"fast"`` matches at a quarter of the size, ``"medium"`` at half, ``"fine"`` at full size: each is
        about three times as slow as the one before and follows smaller details.

    Returns
    -------
    float32 (H, W, 2), pixels (dx, dy) from `a` to `b`.

    Raises
    ------
    ValueError
        If the frames differ in size or are none, `initial` does not fit them or holds NaN, or `quality` is
        unknown.
    """
    return FlowSearch(quality).find(a, b, initial=initial)


class FlowSearch:
    """`estimate_flow` for many pairs, one after another: what OpenCV sets up for the first serves all.

    On frames of one size this takes a quarter off the time. What is set up takes much memory, for a match at
    full size fifty float32 numbers a pixel, so threads may share one and take turns.

    Parameters
    ----------
    quality : str
        See `estimate_flow`.
    quick : bool
        Patches lie six pixels apart instead of three, and each is moved half as often: under two thirds of
        the time, and as good where another step refines what is found.
    rounds : int
        Of the variational refinement, which makes the field smooth and exact to a fraction of a pixel.
    """

    def __init__(self, quality: str, *, quick: bool = False, rounds: int = 5) -> None:
        if quality not in FINEST_SCALE:
            raise ValueError(f"quality is {quality!r}; expected one of {', '.join(FINEST_SCALE)}")
        # OpenCV's stubs lack this name
        self._search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)  # type: ignore[attr-defined]
        self._turn = threading.Lock()
        self._search.setFinestScale(FINEST_SCALE[quality])
        self._search.setVariationalRefinementIterations(rounds)
        if quick:
            self._search.setGradientDescentIterations(12)
            self._search.setPatchStride(6)

    def find(self, a: Image, b: Image, *, initial: Flow | None = None) -> Flow:
        """Return where each pixel of `a` is found in `b`, see `estimate_flow`."""
        pair = [luminance(image) for image in (a, b)]
        if a.shape[:2] != b.shape[:2]:
            raise ValueError(f"flow needs frames of one size; these are {a.shape[:2]} and {b.shape[:2]}")
        h, w = a.shape[:2]
        if initial is not None:
            check_flow("initial", initial, (h, w))
        below, right = max(0, SMALLEST - h), max(0, SMALLEST - w)
        far = max(h, w)  # a guess beyond the frame tells nothing, and OpenCV reads far outside its memory
        start = None if initial is None else np.ascontiguousarray(np.clip(initial, -far, far))
        if below or right:
            room = ((0, below), (0, right))
            pair = [np.asarray(np.pad(image, room, "edge"), np.uint8) for image in pair]
            if start is not None:
                start = np.pad(start, (*room, (0, 0)), "edge")
        with self._turn:
            found: Flow = self._search.calc(pair[0], pair[1], start)
        return np.ascontiguousarray(found[:h, :w])


def eight_bit(image: Image) -> Image:
    """`image` as uint8: matching compares eight bits, whatever the depth of the pictures."""
    return image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)


def luminance(image: Image) -> Image:
    """`image` as uint8 (H, W) luma."""
    check_image("frame", image, (1, 3))
    small = eight_bit(image)
    if small.shape[2] == 1:
        return small[..., 0]
    return np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)


def chain(flow_ab: Flow, flow_bc: Flow) -> Flow:
    """Follow `flow_ab` and then `flow_bc`: where each pixel of *a* lies in *c*.

    Both float32 (H, W, 2). Beyond the border of *b* its nearest pixel's flow is followed.

    Raises
    ------
    ValueError
        If one of them is no flow, holds NaN or infinity, or they differ in size.
    """
    _check_pair("flow_ab", flow_ab, "flow_bc", flow_bc)
    return np.asarray(flow_ab + warp(flow_bc, flow_ab, interpolation="linear"), np.float32)


def median_flow(flow: Flow, out: F32 | None = None) -> F32:
    """Return the median of `flow` in windows of 5 x 5: what single pixels say against all others is gone.

    The result is planar, float32 (2, H, W), and is put into `out` if that is given.
    """
    even = np.empty((2, *flow.shape[:2]), np.float32) if out is None else out
    for i, plane in enumerate(cv2.split(flow)):
        cv2.medianBlur(plane, 5, dst=even[i])
    return even


def consistency(flow_ab: Flow, flow_ba: Flow) -> F32:
    """How surely each pixel of *a* is seen in *b* as well: going there and back has to end where it began.

    Parameters
    ----------
    flow_ab, flow_ba
        float32 (H, W, 2), true flows both ways (not one negated).

    Returns
    -------
    float32 (H, W) in 0..1: 1 where the round trip ends at its start, 0.5 where it misses by one pixel,
    0 where it leaves the frame.

    Raises
    ------
    ValueError
        If one of them is no flow, holds NaN or infinity, or they differ in size.
    """
    _check_pair("flow_ab", flow_ab, "flow_ba", flow_ba)
    trip = flow_ab + warp(flow_ba, flow_ab, interpolation="linear")
    miss = np.linalg.norm(np.clip(trip, -_FAR, _FAR), axis=-1)
    sure = 1 / (1 + miss * miss)
    sure[~inside(flow_ab)] = 0
    return np.asarray(sure, np.float32)


def _check_pair(name: str, flow: Flow, other_name: str, other: Flow) -> None:
    size = np.shape(flow)[:2]
    if len(size) < 2 or 0 in size:
        raise ValueError(f"{name} has shape {np.shape(flow)}; expected (height, width, 2), both at least 1")
    check_flow(name, flow, (size[0], size[1]))
    check_flow(other_name, other, (size[0], size[1]))


def inside(flow: Flow, margin: float = 0.0) -> Bool:
    """Say where the flow ends within the frame (of the same size) or `margin` pixels beyond, bool (H, W)."""
    h, w = flow.shape[:2]
    x = np.arange(w, dtype=np.float32)[None] + flow[..., 0]
    y = np.arange(h, dtype=np.float32)[:, None] + flow[..., 1]
    across = (x >= -margin) & (x <= w - 1 + margin)
    return np.asarray(across & (y >= -margin) & (y <= h - 1 + margin))
