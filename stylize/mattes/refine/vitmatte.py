"""ViTMatte (Yao et al. 2023): learned matting of hair and motion blur, from a frame and a trimap."""

from __future__ import annotations

import logging
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import DeviceError, ModelError
from stylize.mattes.learned_models import load_learned, memory_errors
from stylize.mattes.refine.trimap import make_trimap

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from propagate.arrays import F32, Image
    from stylize.mattes.options import MakingOptions

log = logging.getLogger(__name__)

_ROOM = 32
"""Pixels around the unknown region that the model sees."""
_DIVISOR = 32
"""Sides are padded to multiples of this (the model's size divisibility)."""
_TILE = 1024
"""Longest side in pixels of a tile."""
_SMALLEST_TILE = 256
"""Longest side in pixels of a tile below which a device has too little memory."""
_OVERLAP = 64
"""Pixels over which neighboring tiles are blended."""


class VitMatte:
    """A loaded ViTMatte model."""

    def __init__(self, path: Path, options: MakingOptions) -> None:
        self.loaded = load_learned("matter", path, options)
        self._tile = _TILE

    def refine(self, image: Image, matte: F32, band: float) -> F32:
        """Estimate the opacity in a band along the edge; see `stylize.mattes.refine.trimap.refine_edge`."""
        return self.solve(image, make_trimap(matte, band))

    def solve(self, image: Image, trimap: F32) -> F32:
        """Estimate the opacity where it is unknown.

        Parameters
        ----------
        image : Image, (H, W, 3)
            uint8 or uint16.
        trimap : float32 (H, W)
            1 is the subject, 0 the background, values between are unknown.

        Returns
        -------
        float32 (H, W)
            Exactly the trimap where that is 0 or 1.

        Raises
        ------
        DeviceError
            If memory is too small even for the smallest tiles.
        """
        unknown = (trimap > 0) & (trimap < 1)
        if not unknown.any():
            return trimap.copy()
        while True:
            try:
                return np.asarray(np.where(unknown, self._tiled(image, trimap, unknown), trimap), np.float32)
            except DeviceError:
                if self._tile <= _SMALLEST_TILE:
                    raise
                self._tile //= 2
                log.warning("out of memory on %s; tiles are now %d pixels", self.loaded.device, self._tile)

    def _tiled(self, image: Image, trimap: F32, unknown: Any) -> F32:
        """Estimate the box around the unknown region tile by tile, and blend the tiles where they overlap."""
        total, weight = np.zeros(trimap.shape, np.float32), np.full(trimap.shape, 1e-6, np.float32)
        rows, columns = _box(unknown)
        for top, bottom in _parts(rows, self._tile):
            for left, right in _parts(columns, self._tile):
                place = (slice(top, bottom), slice(left, right))
                if not unknown[place].any():
                    continue
                share = np.minimum.outer(_ramp(bottom - top), _ramp(right - left))
                total[place] += share * self._alpha(image[place], trimap[place])
                weight[place] += share
        return total / weight

    def _alpha(self, image: Image, trimap: F32) -> F32:
        """Return the alpha of one tile, float32 (H, W)."""
        loaded = self.loaded
        torch = loaded.torch
        height, width = trimap.shape
        known = np.where((trimap > 0) & (trimap < 1), np.float32(0.5), trimap)
        with torch.inference_mode(), memory_errors("matter", loaded.device):
            seen = torch.cat([loaded.pixels(image), torch.from_numpy(known)[None, None]], dim=1)
            filled = torch.nn.functional.pad(seen, (0, -width % _DIVISOR, 0, -height % _DIVISOR))
            alpha = loaded.net(pixel_values=filled.to(loaded.device, loaded.dtype)).alphas
            found = alpha[0, 0, :height, :width].float().cpu().numpy()
        if not np.isfinite(found).all():
            raise ModelError("invalid output of ViTMatte (NaN); use --dtype float32, or run: stylize models check")
        return np.asarray(np.clip(found, 0, 1), np.float32)


def _box(unknown: Any) -> list[tuple[int, int]]:
    sides = []
    for axis, length in enumerate(unknown.shape):
        places = np.flatnonzero(unknown.any(axis=1 - axis))
        sides.append((max(0, int(places[0]) - _ROOM), min(length, int(places[-1]) + 1 + _ROOM)))
    return sides


def _parts(side: tuple[int, int], tile: int) -> Iterator[tuple[int, int]]:
    """Yield [begin, end) of even parts of a side, of at most `tile` pixels, with `_OVERLAP` into the next."""
    begin, end = side
    count = max(1, -(-(end - begin - _OVERLAP) // (tile - _OVERLAP)))
    marks = np.linspace(begin, end - _OVERLAP, count + 1).round().astype(int) if count > 1 else [begin, end]
    for first, last in pairwise(marks):
        yield int(first), min(end, int(last) + (_OVERLAP if count > 1 else 0))


def _ramp(length: int) -> F32:
    """Return blend weights that fall towards both ends of a tile."""
    from_end = np.minimum(np.arange(length), np.arange(length)[::-1]) + 1
    return np.asarray(np.minimum(from_end / _OVERLAP, 1), np.float32)
