"""The subject's own colours at its edge, without the background that shines through there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import F32, Image

__all__ = ["foreground"]

_ROOM = 16
"""Pixels around the matte that the estimate sees, so that it knows the background's colours too."""
_CLOSE = 1e-3
"""When the closed form counts as solved: the colours change by less than a code from here on."""
_ONE_AT_A_TIME = threading.Lock()  # two callers at once bring Numba's plainest threads down


def foreground(image: Image, matte: F32, *, fine: bool = False) -> Image:
    """Return the colours of what a matte cuts out, as if the background had never been there.

    In the soft band of the edge a pixel is a mix of subject and background; over a new background the old
    one would show as a halo. Multi-level foreground estimation (Germer et al. 2020) undoes the mix.

    Parameters
    ----------
    image : Image, (H, W, 3)
        uint8 or uint16.
    matte : float32 (H, W)
        1 is the subject, 0 the background.
    fine
        Solve for the band's colours in closed form (Levin et al. 2008): half the error where paint has strong
        strokes, at thirty times the cost. For the few pictures from which all others take their colours.

    Returns
    -------
    Image, (H, W, 3), of `image`'s type
        Straight colour: bit for bit the image's own where the matte is 1; estimated in the band; outside, the
        subject's colours go on, so that what looks across the edge sees no background. With an empty matte
        nothing is known of a subject, and the image comes back as it is.

    Raises
    ------
    ValueError
        If the sizes differ.
    """
    if image.shape[:2] != matte.shape:
        raise ValueError(f"the image is {image.shape[:2]} and the matte {matte.shape}; give both one size")
    solid = matte >= 1
    if solid.all() or not (matte > 0).any():
        return image.copy()
    window = _window(matte)
    top = float(np.iinfo(image.dtype).max)
    estimate = _solve if fine else _estimate
    part = estimate(image[window].astype(np.float32) / np.float32(top), matte[window])
    inside = np.rint(np.clip(part, 0, 1) * top).astype(image.dtype)
    found = np.pad(inside, _margins(window, matte.shape), "edge")
    return np.where(solid[..., None], image, found)


def _window(matte: F32) -> tuple[slice, slice]:
    """Return the box of all that is not 0, with room around it."""
    slices = []
    for axis, length in enumerate(matte.shape):
        filled = np.flatnonzero((matte > 0).any(axis=1 - axis))
        slices.append(slice(max(0, int(filled[0]) - _ROOM), min(length, int(filled[-1]) + 1 + _ROOM)))
    return slices[0], slices[1]


def _margins(window: tuple[slice, slice], shape: tuple[int, ...]) -> list[tuple[int, int]]:
    sides = [(part.start, length - part.stop) for part, length in zip(window, shape, strict=True)]
    return [*sides, (0, 0)]


def _estimate(image: NDArray[np.float32], matte: F32) -> NDArray[np.float32]:
    from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml

    with _ONE_AT_A_TIME:
        found: Any = estimate_foreground_ml(image, np.ascontiguousarray(matte, np.float32))
    return np.asarray(found, np.float32)


def _solve(image: NDArray[np.float32], matte: F32) -> NDArray[np.float32]:
    from pymatting.foreground.estimate_foreground_cf import estimate_foreground_cf

    with _ONE_AT_A_TIME:
        found: Any = estimate_foreground_cf(image.astype(np.float64), matte.astype(np.float64), rtol=_CLOSE)
    return np.asarray(found, np.float32)
