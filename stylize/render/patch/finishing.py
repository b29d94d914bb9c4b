"""The last touches on a painted key: forms set right, eyes and mouths drawn, colors kept if wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stylize.render.patch.structure import blur

if TYPE_CHECKING:
    from propagate.arrays import F32

_KEPT = ((1.0, 0.67, 0.3), (1.0, 0.79, 0.4), (1.0, 0.85, 0.6))
"""How far broad, middle and fine forms are set right at style strength 0, 0.6 and 1."""


def correct_tones(painted: F32, wanted: F32, light: F32, detail: F32, strength: float, unit: float) -> F32:
    """Move `painted` towards `wanted` in broad forms everywhere, and in fine ones where detail matters.

    The difference of the two is split into three bands; a stroke lives in the finer two, so those are only
    taken where `detail` says that the subject matters more than the stroke. This is the content term of
    Elad & Milanfar (2017, sec. III), one weight for each scale.

    Parameters
    ----------
    painted, wanted
        OKLab, float32 (H, W, 3): strokes of the style, and the frame in the style's colors.
    light
        float32 (H, W): the frame's lightness in the style's tones. Where a feature stands out more in it than
        in `wanted`, its contrast is taken: a palette of one orange must not close an eye.
    detail
        float32 (H, W), 0 to 1, see `structure.detail_map`.
    strength
        Style strength, 0 to 1. Larger leaves more to the strokes.
    unit
        Pixels of the finest band, about 1/400 of the frame's height.
    """
    fine, middle, broad = _bands(wanted - painted, unit)
    drawn, own = _bands(wanted[..., 0], unit), _bands(light, unit)
    for band, mapped, seen in zip((fine, middle), drawn[:2], own[:2], strict=True):
        band[..., 0] += np.where(np.abs(seen) > np.abs(mapped), seen - mapped, 0)
    share = detail[..., None]
    # Lightness draws the form; the hue is left to the palette, save for lips and eyes, and for a plain
    # surface whose color the style lacks: it would be patched together from several others.
    bound = np.maximum(share, patchiness(painted, wanted, unit)[..., None])
    hue, forms = np.ones_like(painted), np.repeat(0.3 + 0.7 * share, 3, axis=2)
    hue[..., 1:] = 0.45 + 0.55 * bound
    forms[..., 1:] = 0.3 + 0.7 * bound
    keep = [np.float32(np.interp(strength, (0, 0.6, 1), part)) for part in _KEPT]
    out = painted + keep[0] * hue * broad
    out += keep[1] * forms * hue * middle
    out += keep[2] * share * fine
    return out.astype(np.float32)


def patchiness(painted: F32, wanted: F32, unit: float) -> F32:
    """Where the hue of `painted` changes from patch to patch and that of `wanted` does not.

    Parameters
    ----------
    painted, wanted
        OKLab, float32 (H, W, 3).
    unit
        Pixels, about 1/400 of the frame's height; patches are some ten of them wide.

    Returns
    -------
    float32 (H, W), 0 to 1.
    """
    off = blur(painted[..., 1:] - wanted[..., 1:], 3 * unit)
    around = 15 * unit
    variance = (blur(off * off, around) - blur(off, around) ** 2).sum(2)
    return np.asarray(np.clip((np.sqrt(np.maximum(variance, 0)) - 0.008) / 0.012, 0, 1), np.float32)


def _bands(array: F32, unit: float) -> tuple[F32, F32, F32]:
    """Fine, middle and broad part of `array`; what is finer than `unit` is left out."""
    fine, middle, broad = (blur(array, size * unit) for size in (1.0, 3.0, 9.0))
    return fine - middle, middle - broad, broad


def crisp_gain(painted: F32, style: F32, zoom: float) -> float:
    """How much fainter the finest texture of the painting is than the style's: 1 to 1.7.

    Voting averages patches that overlap, which costs about half of a brush's relief.
    """
    relief = [float(np.abs(light - blur(light, 2 * zoom))[::2, ::2].mean()) for light in (style, painted)]
    return min(max(relief[0] / max(relief[1], 1e-4), 1.0), 1.7)


def sharpen(painted: F32, gain: float, zoom: float, detail: F32) -> F32:
    """Raise the finest texture of OKLab (H, W, 3) by `gain`, less on what `detail` says must stay legible.

    `zoom` is full size over working size.
    """
    amount = np.float32(gain - 1) * (1 - 0.7 * detail[..., None])
    return np.asarray(painted + amount * (painted - blur(painted, 2 * zoom)), np.float32)


def keep_colors(painted: F32, frame: F32, amount: float, unit: float) -> F32:
    """Give `painted` back the frame's hues: the style's light and strokes, the frame's a and b.

    Parameters
    ----------
    painted, frame
        OKLab, float32 (H, W, 3).
    amount
        0 keeps the style's colors, 1 takes the frame's (luminance-only transfer, Gatys et al. 2016b).
    unit
        Pixels; the frame's hues are taken from broader areas than this, so that strokes stay whole.
    """
    if amount <= 0:
        return painted
    out = painted.copy()
    broad = painted[..., 1:] - blur(painted[..., 1:], 2 * unit)
    own = blur(frame[..., 1:], unit) + 0.5 * broad
    out[..., 1:] += np.float32(amount) * (own - out[..., 1:])
    return out
