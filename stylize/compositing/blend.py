"""Layers over a plate: how much of each shows, and what it does to what is below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stylize.media.color import linear_to_srgb, srgb_to_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from propagate.arrays import F32, Image


class LayerSample(NamedTuple):
    """What a layer brings to a frame: straight color (H, W, 3), how much of it shows, and its blend."""

    color: Image
    alpha: F32
    blend: str = "over"


def composite_layers(plate: Image, samples: Sequence[LayerSample], *, linear: bool = False) -> Image:
    """Lay samples over a plate, bottom first.

    Parameters
    ----------
    plate
        (H, W, 3), uint8 or uint16.
    samples
        Of the plate's size and type.
    linear
        Mix light and not the values of the picture, taken as sRGB.

    Returns
    -------
    Image
        Where no sample shows anything, the plate bit for bit; where one covers all, its color bit for bit.
    """
    top = np.float32(np.iinfo(plate.dtype).max)
    exact = plate.copy()
    light: NDArray[np.float32] | None = None
    mixed = np.zeros(plate.shape[:2], bool)
    for color, alpha, blend in samples:
        shows = alpha > 0
        if not shows.any():
            continue
        if light is None:
            light = _light(plate, top, linear)
        covers = (alpha >= 1) & (blend == "over")
        exact[covers] = color[covers]
        mixed = (mixed | shows) & ~covers
        where = np.nonzero(shows)
        above, below, share = _light(color[where], top, linear), light[where], alpha[where][:, None]
        light[where] = below + share * (_blended(blend, below, above) - below)
    if light is None or not mixed.any():
        return exact
    values = np.clip(light[mixed], 0, 1)
    shown = linear_to_srgb(values) if linear else values
    exact[mixed] = np.rint(shown * top).astype(plate.dtype)
    return exact


def normalize_coverage(alphas: Sequence[F32], exclusive: Sequence[bool]) -> list[F32]:
    """Return how much each layer must show so that exclusive ones meet without a seam.

    Where the soft edges of two subjects meet, half of one over half of the other leaves a quarter of the
    plate. Exclusive layers share a pixel like the surfaces that their mattes describe: what they leave is one
    less their sum. The lower one shows more of itself, by as much as the upper ones will take from it.

    Parameters
    ----------
    alphas
        float32 (H, W), bottom first.
    exclusive
        Which of them share.

    Returns
    -------
    list
        Alphas that, laid over each other one by one, give every exclusive layer just its own share.
    """
    found = list(alphas)
    taken: Any = np.zeros((), np.float32)
    for index in reversed(range(len(found))):
        if not exclusive[index]:
            continue
        own = np.minimum(found[index], 1 - taken)
        left = 1 - taken
        found[index] = np.where(left > 1e-6, own / np.maximum(left, 1e-6), 0).astype(np.float32)
        taken = taken + own
    return found


def _blended(blend: str, below: Any, above: Any) -> Any:
    """Return what a pixel becomes where the layer shows in full (W3C Compositing and Blending, 10.1)."""
    if blend == "plus":
        return below + above
    if blend == "multiply":
        return below * above
    if blend == "screen":
        return below + above - below * above
    if blend == "mix":
        return (below + above) / 2
    return above


def _light(image: NDArray[Any], top: np.float32, linear: bool) -> NDArray[np.float32]:
    values = image.astype(np.float32) / top
    return srgb_to_linear(values) if linear else values
