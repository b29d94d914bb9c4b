"""From the clip's size to one that the model paints well at, and back without losing a pixel of place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import F32, Image

_GUIDED_EPS = 1e-3
"""Regularisation of the guided filter on values of 0 to 1: edges fainter than about 3 % are not followed."""


@dataclass(frozen=True)
class Fit:
    """How a picture is brought to working size: scaled alike both ways, then padded by reflection.

    Attributes
    ----------
    full
        (height, width) of the clip.
    inner
        (height, width) of the scaled picture.
    work
        (height, width) after padding at the right and below, multiples of what the model needs.
    """

    full: tuple[int, int]
    inner: tuple[int, int]
    work: tuple[int, int]

    def down(self, image: NDArray[Any]) -> F32:
        """Bring a picture, uint8 or uint16 (H, W, C), to working size: float32 (h, w, C), 0 to 1.

        A picture of another size than the clip's, such as a style, is stretched to it.
        """
        return self.down_float(image.astype(np.float32) / np.float32(np.iinfo(image.dtype).max))

    def down_float(self, image: F32) -> F32:
        """Bring float32 (H, W) or (H, W, C), 0 to 1, to working size."""
        return self.pad(self._scaled(image))

    def pad(self, image: NDArray[Any]) -> NDArray[Any]:
        """Fill a picture of `inner` size up to working size by mirroring it at its edges."""
        below, right = self.work[0] - self.inner[0], self.work[1] - self.inner[1]
        if not below and not right:
            return np.ascontiguousarray(image)
        # a mirror needs a picture larger than what it fills; a tiny one is mirrored again and again
        rows = np.pad(np.arange(self.inner[0]), (0, below), "reflect" if self.inner[0] > 1 else "edge")
        columns = np.pad(np.arange(self.inner[1]), (0, right), "reflect" if self.inner[1] > 1 else "edge")
        return np.ascontiguousarray(image[rows][:, columns])

    def up(self, painted: F32, frame: Image, edges: float) -> Image:
        """Bring a painting of working size to the clip's size and type.

        Enlarged paint has soft edges. Where paint and frame go together locally, the guided filter (He et
        al. 2010) says by how much, and that share of the frame's own sharpness is added; strokes that the
        frame does not have are left as they are.

        Parameters
        ----------
        painted
            float32 (h, w, 3), 0 to 1.
        frame
            uint8 or uint16 (H, W, 3), the full-size frame.
        edges
            0 to 1: how much of that is done.
        """
        inner = painted[: self.inner[0], : self.inner[1]]
        top = np.iinfo(frame.dtype).max
        if self.inner != self.full:
            smaller = self.full[0] < self.inner[0]
            how = cv2.INTER_AREA if smaller else cv2.INTER_LANCZOS4
            full = np.asarray(cv2.resize(inner, self.full[::-1], interpolation=how), np.float32)
            inner = np.asarray(full if smaller or edges <= 0 else _sharpened(full, frame, self, edges), np.float32)
        kind: Any = frame.dtype
        return np.asarray(np.clip(np.rint(inner * top), 0, top), kind)

    def _scaled(self, image: F32) -> F32:
        if image.shape[:2] == self.inner:
            return image
        how = cv2.INTER_AREA if self.inner[0] < image.shape[0] else cv2.INTER_CUBIC
        scaled = cv2.resize(image, self.inner[::-1], interpolation=how).reshape(*self.inner, *image.shape[2:])
        return np.asarray(np.clip(scaled, 0, 1), np.float32)


def fit_size(height: int, width: int, area: float, multiple: int = 8) -> Fit:
    """Choose the working size of a clip.

    Parameters
    ----------
    height, width
        Of the clip.
    area
        Pixels that the model paints well.
    multiple
        What height and width must be multiples of.
    """
    scale = (area / (height * width)) ** 0.5
    if 0.98 < scale < 1.02:
        scale = 1.0  # as good as there: every pixel stays
    inner = max(round(height * scale), multiple), max(round(width * scale), multiple)
    work = -(-inner[0] // multiple) * multiple, -(-inner[1] // multiple) * multiple
    return Fit((height, width), inner, work)


def _sharpened(full: F32, frame: Image, fit: Fit, edges: float) -> F32:
    from cv2 import ximgproc

    # lightness alone: with three channels that go together, as in gray footage, the filter does nothing
    sharp = frame.astype(np.float32).mean(2) / np.float32(np.iinfo(frame.dtype).max)
    small = cv2.resize(sharp, fit.inner[::-1], interpolation=cv2.INTER_AREA)
    soft = np.asarray(cv2.resize(small, fit.full[::-1], interpolation=cv2.INTER_LANCZOS4), np.float32)
    radius = max(round(2 * fit.full[0] / fit.inner[0]), 2)
    guided = [ximgproc.guidedFilter(guide, full, radius, _GUIDED_EPS) for guide in (sharp, soft)]
    return np.asarray(np.clip(full + np.float32(edges) * (guided[0] - guided[1]), 0, 1), np.float32)
