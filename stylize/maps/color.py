"""Maps of color that need no weights: tile and color."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from stylize.errors import UsageError

if TYPE_CHECKING:
    from propagate.arrays import Image


def draw_tile(image: Image, *, blur: float = 0.0) -> Image:
    """Return the picture itself, for nets that keep colors and forms and draw detail anew.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    blur
        0 the picture as it is; 1 softened by a hundredth of its diagonal, so that more is drawn anew.
    """
    if not 0 <= blur <= 1:
        raise UsageError(f"blur is {blur:g}; expected 0 to 1")
    if blur == 0:
        return np.asarray(image, np.uint8).copy()
    sigma = 0.01 * blur * float(np.hypot(*image.shape[:2]))
    return np.asarray(cv2.GaussianBlur(image, (0, 0), max(sigma, 0.3)), np.uint8)


def draw_color(image: Image, *, cell: int = 64) -> Image:
    """Return the picture's colors as a coarse mosaic: where which color is, and no form.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    cell
        Side of a tile of the mosaic in pixels.
    """
    if cell < 1:
        raise UsageError(f"cell is {cell}; expected the side of a tile in pixels, 1 or more")
    height, width = image.shape[:2]
    small = (max(round(width / cell), 1), max(round(height / cell), 1))
    mosaic = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(mosaic, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
