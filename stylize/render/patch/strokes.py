"""Strokes of the style laid in the forms of the frame: guides, synthesis, and enlargement to full size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from propagate.guides import Guide
from propagate.options import SynthesisOptions
from propagate.synthesis import synthesize
from stylize.render.oklab import oklab_to_rgb, rgb_to_oklab
from stylize.render.patch.structure import blur, detail_map, directions, flatten, local_contrast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import F32, I32, Image
    from stylize.render.patch.color_transfer import ColorMap
    from stylize.render.patch.style_images import StyleAtlas
    from stylize.render.protocol import Anchor, Progress

STROKE = 4.0
"""Pixels at working size over which the style's color is averaged: neighboring strokes are one color."""
_UNIFORMITY = 500.0


class AnchorGuide:
    """Anchors joined, the surest first, at a given size.

    Attributes
    ----------
    lab
        float32 (H, W, 3), OKLab.
    confidence
        float32 (H, W), 0 to 1.
    """

    def __init__(self, anchors: Sequence[Anchor], size: tuple[int, int]) -> None:
        image, confidence = anchors[0].image, anchors[0].confidence
        for anchor in anchors[1:]:
            surer = anchor.confidence > confidence
            image = np.where(surer[..., None], anchor.image, image)
            confidence = np.where(surer, anchor.confidence, confidence)
        self.lab = resized(rgb_to_oklab(image), size)
        self.confidence = np.clip(resized(confidence.astype(np.float32), size), 0, 1)


@dataclass(frozen=True)
class PatchContext:
    """What one picture is painted from.

    Attributes
    ----------
    colors
        The map from the frame's colors to the style's.
    strength
        Style strength, 0 to 1.
    anchors
        Earlier keys, warped to this frame.
    seed
        Another seed, other strokes.
    """

    colors: ColorMap
    strength: float
    anchors: Sequence[Anchor]
    seed: int


def compose(lab: F32, sheet: StyleAtlas, sitting: PatchContext, report: Progress) -> tuple[Image, I32]:
    """Lay strokes over the whole picture, from coarse to fine.

    Parameters
    ----------
    lab
        The frame at working size, OKLab, float32 (H, W, 3).
    sheet
        The styles at the same scale.

    Returns
    -------
    uint8 (H, W, 3) RGB, and int32 (H, W, 2): which place of the sheet each pixel comes from.
    """
    options = SynthesisOptions(
        patch_size=5, uniformity=_UNIFORMITY, search_vote_iters=4, patchmatch_iters=2, seed=sitting.seed
    )
    made = synthesize(
        sheet.image,
        _guides(lab, sheet, sitting, 1.0),
        options,
        source_valid=sheet.valid,
        on_progress=report,
    )
    return made.image, made.matches


def enlarge(lab: F32, sheet: StyleAtlas, sitting: PatchContext, matches: I32, report: Progress) -> Image:
    """Lay the same strokes again at full size, from the style itself, so that they stay as crisp as it is.

    `lab` and `sheet` are at full size, `matches` those of `compose`; all is only settled, not searched anew.
    """
    height, width = lab.shape[:2]
    zoom = height / matches.shape[0]
    start = _enlarged_matches(matches, (height, width), sheet.image.shape[:2])
    options = SynthesisOptions(
        patch_size=5,
        uniformity=0,
        pyramid_levels=1,
        search_vote_iters=2,
        patchmatch_iters=1,
        seed=sitting.seed,
    )
    made = synthesize(
        sheet.image,
        _guides(lab, sheet, sitting, zoom),
        options,
        source_valid=sheet.valid,
        initial_matches=start,
        on_progress=report,
    )
    return made.image


def _guides(lab: F32, sheet: StyleAtlas, sitting: PatchContext, zoom: float) -> list[Guide]:
    """Broad color, exact color where detail matters, direction, busyness, and what earlier keys show."""
    unit = lab.shape[0] / 400
    # At strength 0 four times as much of the frame is asked of a patch as at 1.
    hold = 4.0 ** (0.6 - sitting.strength)
    detail = detail_map(lab[..., 0], 2 * unit)
    share = detail[..., None]
    calm = share * flatten(lab, 1.5 + unit) + (1 - share) * flatten(lab, 2 + 4 * unit, 0.1)
    wanted = sitting.colors(calm, calm)
    style = rgb_to_oklab(sheet.image)
    stroke = STROKE * zoom
    ways = [
        _bytes(directions(style[..., 0], (2 * zoom, 5 * zoom, 10 * zoom))),
        _bytes(directions(wanted[..., 0], (2 * zoom, 8 * zoom, 24 * zoom))),
    ]
    guides = [
        Guide(_colors(blur(style, stroke)), _colors(blur(wanted, zoom)), 2.0 * hold),
        Guide(_colors(blur(style, 0.7 * zoom)), _colors(wanted), 3.6 * hold**1.3, detail),
        Guide(ways[0], ways[1], 0.8 * hold**0.5),
        Guide(_busy(style, stroke), _busy(wanted, stroke), 0.4),
    ]
    if sitting.anchors:
        held = AnchorGuide(sitting.anchors, (lab.shape[0], lab.shape[1]))
        guides.append(Guide(sheet.image, oklab_to_rgb(held.lab), 6.0, held.confidence))
    return guides


def _enlarged_matches(matches: I32, size: tuple[int, int], source: tuple[int, int]) -> I32:
    """Bring the match field to `size`: what shares a small pixel comes from neighbors in the style."""
    zoom_y, zoom_x = size[0] / matches.shape[0], size[1] / matches.shape[1]
    y, x = np.mgrid[0 : size[0], 0 : size[1]]
    small_y = np.minimum((y / zoom_y).astype(np.int32), matches.shape[0] - 1)
    small_x = np.minimum((x / zoom_x).astype(np.int32), matches.shape[1] - 1)
    found = matches[small_y, small_x]
    out = np.empty((*size, 2), np.int32)
    out[..., 0] = np.clip(np.rint((found[..., 0] - small_x) * zoom_x + x), 0, source[1] - 1)
    out[..., 1] = np.clip(np.rint((found[..., 1] - small_y) * zoom_y + y), 0, source[0] - 1)
    out[(found < 0).any(axis=2)] = -1
    return out


def resized(array: F32, size: tuple[int, int]) -> F32:
    """`array` (H, W) or (H, W, C) at (height, width) `size`."""
    if array.shape[:2] == size:
        return array
    how = cv2.INTER_AREA if size[0] < array.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(array, size[::-1], interpolation=how), np.float32)


def _colors(lab: F32) -> Image:
    """OKLab as three bytes, hue three times as loud as lightness."""
    scaled = lab * np.array([255, 750, 750], np.float32) + np.array([0, 128, 128], np.float32)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _busy(lab: F32, stroke: float) -> Image:
    """Busyness from the picture's calm tenth to its busiest twentieth as one byte, (H, W, 1)."""
    busy = local_contrast(lab, stroke)
    low, high = np.quantile(busy[::4, ::4], (0.1, 0.95))
    return _bytes((busy - low) / max(high - low, 1e-4))[..., None]


def _bytes(array: F32) -> Image:
    return np.clip(np.rint(array * 255), 0, 255).astype(np.uint8)
