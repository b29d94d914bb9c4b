"""What counts where: mattes and regions of interest, brought to the points of an analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from keyframes.options import parse_region
from propagate.arrays import F32

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from keyframes.coverage import ShotAnalysis

Weights: TypeAlias = Callable[[int], F32 | None] | Sequence[F32 | None]
"""For a frame of the shot, a float (H, W) map of any size, 0 (ignored) to 1; None: all of it counts."""

ALL_BITS = ~np.uint64(0)
"""Every point of a group."""
_SHOWN = 256  # long side of a region's map: finer than points are apart
_PLANES = 4
_LEVELS = 2**_PLANES - 1


@dataclass(frozen=True)
class Measure:
    """An analysis and what its points weigh: everything that is needed to count what keys leave unexplained.

    Attributes
    ----------
    planes
        uint64 (M, L, P / 64): point p weighs the sum of 2**i over the planes i in which its bit is set.
    heft
        float32 (M, P / 64): frames that a weight of 1 in a group of 64 points stands for.  Nodes that stand
        for several merged frames count for as many.
    """

    analysis: ShotAnalysis
    planes: NDArray[np.uint64]
    heft: F32

    @property
    def total(self) -> float:
        """Return the weight of everything, in frames."""
        return float(self.amount(ALL_BITS).sum())

    def amount(self, seen: NDArray[np.uint64] | np.uint64) -> NDArray[np.float64]:
        """Return for each node the weight in frames of the points in `seen`, uint64 (M, P / 64)."""
        return amount(seen, self.planes, self.heft)


def amount(seen: NDArray[np.uint64] | np.uint64, planes: NDArray[np.uint64], heft: F32) -> NDArray[np.float64]:
    """Sum the weights of the points in `seen`, (…, groups), with planes (…, L, groups)."""
    bits = np.expand_dims(seen, -2) if isinstance(seen, np.ndarray) else seen
    ones = np.bitwise_count(planes & bits) * (2.0 ** np.arange(planes.shape[-2]))[:, None]
    return np.asarray((ones.sum(axis=-2) * heft).sum(axis=-1))


def weigh(analysis: ShotAnalysis, weights: Weights | None) -> Measure:
    """Bring weight maps to the points of an analysis.

    Raises
    ------
    ValueError
        If there are fewer maps than frames, or a map is not two-dimensional, leaves 0 to 1 or is not finite.
    """
    nodes, groups = analysis.heft.shape
    ends = np.concatenate([[-0.5], (analysis.nodes[1:] + analysis.nodes[:-1]) / 2, [analysis.length - 0.5]])
    heft = (analysis.heft * np.diff(ends)[:, None]).astype(np.float32)
    if weights is None:
        return Measure(analysis, np.full((nodes, 1, groups), ALL_BITS), heft)
    if not callable(weights) and len(weights) != analysis.length:
        raise ValueError(f"there are {len(weights)} weight maps for {analysis.length} frames; give one for each")
    levels = np.full((nodes, groups * 64), _LEVELS, np.uint8)
    for node, frame in enumerate(analysis.nodes):
        weight = weights(int(frame)) if callable(weights) else weights[int(frame)]
        if weight is not None:
            levels[node] = _levels(np.asarray(weight), analysis.points[node], analysis.size, int(frame))
    planes = [np.packbits(levels >> i & 1, axis=1, bitorder="little") for i in range(_PLANES)]
    stacked = np.ascontiguousarray(np.stack(planes, axis=1)).view(np.uint64)
    return Measure(analysis, stacked, (heft / np.float32(_LEVELS)).astype(np.float32))


def region(roi: str, size: tuple[int, int]) -> F32:
    """Return the map of a region of interest, 1 inside and 0 outside.

    Parameters
    ----------
    roi
        Left, top, width and height, in pixels or in per cent of the frame: ``100,50,320,240`` or
        ``25%,0%,50%,100%``.
    size
        (width, height) of the frame in pixels.

    Returns
    -------
    float32 (H, W)
        Long side 256 at most.

    Raises
    ------
    ValueError
        If the region is spelled in another way, or nothing of it is in the frame.
    """
    parts = parse_region(roi)
    wide, tall = ((v * side / 100 if share else v) for (v, share), side in zip(parts[2:], size, strict=True))
    left, top = ((v * side / 100 if share else v) for (v, share), side in zip(parts[:2], size, strict=True))
    right, bottom = min(left + wide, size[0]), min(top + tall, size[1])
    if left >= size[0] or top >= size[1]:
        raise ValueError(f"roi {roi} is outside the frame of {size[0]}x{size[1]}; give X,Y,W,H within it")
    scale = min(_SHOWN / max(size), 1.0)
    width, height = max(round(size[0] * scale), 1), max(round(size[1] * scale), 1)
    x, y = (np.arange(width) + 0.5) / scale, (np.arange(height) + 0.5) / scale
    inside = ((x >= left) & (x < right))[None, :] & ((y >= top) & (y < bottom))[:, None]
    if not inside.any():  # smaller than a pixel of the map
        inside[min(int(top * scale), height - 1), min(int(left * scale), width - 1)] = True
    return inside.astype(np.float32)


def _levels(weight: F32, points: NDArray[np.uint16], size: tuple[int, int], frame: int) -> NDArray[np.uint8]:
    if weight.ndim != 2 or 0 in weight.shape:
        raise ValueError(f"the weight map of frame {frame} has shape {weight.shape}; expected (height, width)")
    if not (np.isfinite(weight).all() and weight.min() >= 0 and weight.max() <= 1):
        raise ValueError(f"the weight map of frame {frame} leaves 0 to 1; scale it")
    rows = (points[:, 1] + 0.5) * (weight.shape[0] / size[0])
    columns = (points[:, 0] + 0.5) * (weight.shape[1] / size[1])
    picked = weight[rows.astype(np.int32), columns.astype(np.int32)]
    return np.asarray(np.rint(picked * _LEVELS), np.uint8)
