"""Style images made ready to paint from: checked, brought to the size of the strokes, laid side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from propagate.arrays import check_image
from stylize.errors import MediaError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import F32, Bool, Image

SMALLEST_SIDE = 32
"""Below this there is no stroke to copy, only a few blots."""
LARGEST_SIDE = 4096
"""Larger pictures are brought down to this: no stroke survives the frame's size beyond it."""
_GAP = 8


@dataclass(frozen=True)
class StyleAtlas:
    """All styles in one picture at working size.

    Attributes
    ----------
    image
        uint8 (H, W, 3) RGB.
    valid
        bool (H, W): where there is paint; False on transparent parts and between the styles.
    notices
        One line for each thing that was done to a style and that its owner may want to know.
    """

    image: Image
    valid: Bool
    notices: tuple[str, ...]


def check_styles(styles: Sequence[Image]) -> None:
    """Raise MediaError unless every style can be painted from."""
    if not styles:
        raise MediaError("no style image is given; the patch renderer paints from at least one")
    for i, style in enumerate(styles):
        name = f"style {i + 1} of {len(styles)}"
        try:
            check_image(name, style)
        except ValueError as error:
            raise MediaError(str(error)) from error
        height, width = style.shape[:2]
        if min(height, width) < SMALLEST_SIDE:
            raise MediaError(
                f"{name} is {width}x{height}; there is no stroke in it to copy, "
                f"give a picture of at least {SMALLEST_SIDE}x{SMALLEST_SIDE}"
            )
        if style.shape[2] in (2, 4):
            painted = float((style[..., -1] > np.iinfo(style.dtype).max // 2).mean())
            if painted * height * width < SMALLEST_SIDE**2:
                raise MediaError(f"{name} is transparent all over; give a picture with at least some opaque paint")


def build_style_atlas(styles: Sequence[Image], frame_size: tuple[int, int], stroke_scale: float) -> StyleAtlas:
    """Bring the styles to working size and lay them side by side.

    Parameters
    ----------
    styles
        uint8 or uint16 (H, W, 1 to 4), as `check_styles` passes them.
    frame_size
        (height, width) of the frame at working size.
    stroke_scale
        1 shows a style as if it filled a picture somewhat larger than the frame; 2 doubles its strokes.
    """
    notices = []
    pieces = []
    for i, style in enumerate(styles):
        height, width = style.shape[:2]
        if max(height, width) > LARGEST_SIDE:
            notices.append(f"style {i + 1} is {width}x{height}; reduced to {LARGEST_SIDE} pixels on its longer side")
        scale = stroke_scale * (1.6 * frame_size[0] * frame_size[1] / (height * width)) ** 0.5
        # Enlarged paint only gets blurred; strokes of a small style are left at most twice their size.
        scale = min(scale, 2.0 * max(stroke_scale, 1.0), LARGEST_SIDE / max(height, width))
        scale = max(scale, SMALLEST_SIDE / min(height, width))
        pieces.append(_resized(style, scale))
    if len(pieces) == 1:
        return StyleAtlas(*pieces[0], tuple(notices))
    tall = max(image.shape[0] for image, _ in pieces)
    wide = sum(image.shape[1] for image, _ in pieces) + _GAP * (len(pieces) - 1)
    sheet = np.zeros((tall, wide, 3), np.uint8)
    valid = np.zeros((tall, wide), np.bool_)
    left = 0
    for image, opaque in pieces:
        box = np.s_[: image.shape[0], left : left + image.shape[1]]
        sheet[box], valid[box] = image, opaque
        left += image.shape[1] + _GAP
    return StyleAtlas(sheet, valid, tuple(notices))


def _resized(style: Image, scale: float) -> tuple[Image, Bool]:
    """RGB uint8 and opacity of `style` at `scale`; transparent pixels do not bleed into their neighbors."""
    full = style.astype(np.float32) * (255 / np.iinfo(style.dtype).max)
    if style.shape[2] in (2, 4):
        color, alpha = full[..., :-1], full[..., -1:] / 255
    else:
        color, alpha = full, np.ones((*style.shape[:2], 1), np.float32)
    color = np.broadcast_to(color, (*style.shape[:2], 3)) if color.shape[2] == 1 else color
    stacked = _scaled(np.dstack([color * alpha, alpha]).astype(np.float32), scale)
    opacity = np.clip(stacked[..., 3], 0, 1)
    rgb = stacked[..., :3] / np.maximum(stacked[..., 3:], 1e-3)
    return np.clip(np.rint(rgb), 0, 255).astype(np.uint8), opacity > 0.9


def _scaled(array: F32, scale: float) -> F32:
    size = (max(round(array.shape[1] * scale), 1), max(round(array.shape[0] * scale), 1))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(array, size, interpolation=how), np.float32)
