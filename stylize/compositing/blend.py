"""Compositing of images over a plate: over, the other blend modes, and coverage of exclusive layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from stylize.media.color import linear_to_srgb, srgb_to_linear

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from propagate.arrays import F32, Image


class LayerSample(NamedTuple):
    """A layer in one frame: straight color (H, W, 3), coverage float32 (H, W), and blend mode."""

    color: Image
    alpha: F32
    blend: str = "over"


def composite_over(paint: Image, plate: Image, matte: F32 | None = None) -> Image:
    """Composite one image over a plate ("over", Porter and Duff 1984), by its straight alpha and a matte.

    Parameters
    ----------
    paint
        (H, W, 3) or, with straight alpha, (H, W, 4); uint8 or uint16.
    plate
        (H, W, 3), of the same type.
    matte
        float32 (H, W), 0 to 1; multiplies the alpha.

    Returns
    -------
    Image
        (H, W, 3): the paint bit for bit where it covers, the plate bit for bit where it does not show.
    """
    share: NDArray[np.float32] | None = None if matte is None else matte[..., None]
    color: NDArray[Any] = paint
    if paint.shape[2] == 4:
        alpha = (paint[..., 3:] / np.iinfo(paint.dtype).max).astype(np.float32)
        share = alpha if share is None else share * alpha
        color = paint[..., :3]
    if share is None:
        return paint
    mixed = np.rint(color * share + plate * (1 - share)).astype(paint.dtype)
    blended: Image = np.where(share >= 1, color, np.where(share <= 0, plate, mixed))
    return blended


def composite_layers(plate: Image, samples: Sequence[LayerSample], *, linear: bool = False) -> Image:
    """Composite the samples of layers over a plate.

    Parameters
    ----------
    plate
        (H, W, 3), uint8 or uint16.
    samples
        Bottom first, of the plate's size and type.
    linear
        Blend linear light; else the sRGB values themselves are blended.

    Returns
    -------
    Image
        The plate bit for bit where no sample shows, and the color of a sample bit for bit where it covers
        everything below in blend mode "over".
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
    """Return alphas with which exclusive layers meet without a seam.

    Where the soft edges of two subjects meet, half of one over half of the other lets a quarter of the plate
    shine through. Exclusive layers divide a pixel like the surfaces that their mattes describe: the plate keeps
    one less their sum. So the alpha of the lower layer is raised by the share that upper layers take from it.

    Parameters
    ----------
    alphas
        float32 (H, W), bottom first.
    exclusive
        Whether each layer is exclusive; the others keep their alpha.

    Returns
    -------
    list
        float32 (H, W) for each layer; composited one by one, every exclusive layer shows exactly its own share.
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
    """Return the color of fully covered pixels (W3C Compositing and Blending Level 1, section 10.1)."""
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
