"""Keys of one shot that agree: which is painted first, what it tells the next, and how well they agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stylize.render.protocol import Anchor

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from propagate.arrays import Image
    from stylize.render.protocol import PaintedKey, Progress, Renderer

__all__ = ["Agreement", "anchors_for", "measure_agreement", "paint_order", "paint_shot"]

_NEIGHBOURS = 2
"""Anchors come from this many finished keys, nearest first; those farther away show little besides."""
_SHARED = 0.5
"""Confidence from which a place counts as the same surface in both keys."""


@dataclass(frozen=True)
class Agreement:
    """How well a painted key agrees with the keys painted before it.

    Attributes
    ----------
    difference
        Mean colour difference on the shared surface, OKLab distance times 100: about 1 is just visible,
        5 clearly another colour. NaN if nothing is shared.
    shared
        Share of the picture that shows the same surface, 0 to 1.
    """

    difference: float
    shared: float


def paint_order(keys: Sequence[int]) -> list[int]:
    """Order in which a shot's keys are best painted: the middle one, then outwards.

    Each key then has a finished neighbour, and no key is more than half of them away from the first.
    """
    ordered = sorted(keys)
    middle = len(ordered) // 2
    return sorted(ordered, key=lambda key: (abs(ordered.index(key) - middle), key))


def anchors_for(index: int, frames: Sequence[Image], painted: Mapping[int, Image]) -> list[Anchor]:
    """Warp finished keys of the shot to the frame that is painted next.

    Parameters
    ----------
    index
        The frame about to be painted.
    frames
        The frames of the shot, uint8 or uint16 (H, W, 3) RGB, read by index.
    painted
        Finished keys by frame, (H, W, 3) RGB of the frames' size.

    Returns
    -------
    One anchor for each of the nearest finished keys, nearest first; empty if none is finished.

    Raises
    ------
    ValueError
        If a painted key has another size than the frames.
    """
    if not painted:
        return []
    from propagate.register import register
    from propagate.warp import warp

    frame = frames[index]
    nearest = sorted((key for key in painted if key != index), key=lambda key: (abs(key - index), key))
    anchors = []
    for key in nearest[:_NEIGHBOURS]:
        if painted[key].shape[:2] != frame.shape[:2]:
            height, width = painted[key].shape[:2]
            raise ValueError(
                f"painted key {key} is {width}x{height} and its frame {frame.shape[1]}x{frame.shape[0]}; "
                "both need one size"
            )
        found = register(frame, frames[key])
        anchors.append(Anchor(warp(painted[key][..., :3], found.flow), found.confidence))
    return anchors


def measure_agreement(painted: Image, anchors: Sequence[Anchor]) -> Agreement:
    """Compare a painted key with its anchors where they are sure.

    Parameters
    ----------
    painted
        uint8 or uint16 (H, W, 3) RGB.
    anchors
        What `anchors_for` gave for it.
    """
    if not anchors:
        return Agreement(float("nan"), 0.0)
    from stylize.render.oklab import rgb_to_oklab

    lab = rgb_to_oklab(painted)
    total = np.zeros(lab.shape[:2])
    weight = np.zeros(lab.shape[:2])
    for anchor in anchors:
        sure = np.where(anchor.confidence >= _SHARED, anchor.confidence, 0)
        apart = np.sqrt(((lab - rgb_to_oklab(anchor.image)) ** 2).sum(2))
        total += sure * apart
        weight += sure
    if not weight.any():
        return Agreement(float("nan"), 0.0)
    return Agreement(100 * float(total.sum() / weight.sum()), float((weight > 0).mean()))


def paint_shot(
    frames: Sequence[Image],
    keys: Sequence[int],
    renderer: Renderer,
    *,
    seed: int = 0,
    finished: Mapping[int, Image] | None = None,
    on_progress: Progress | None = None,
) -> Iterator[tuple[int, PaintedKey]]:
    """Paint a shot's keys one after the other, each agreeing with those before it.

    Parameters
    ----------
    frames
        The frames of one shot, read by index.
    keys
        The frames to paint, counted in the shot.
    renderer
        Who paints.
    seed
        The same for all keys, so that what one key does not see of another still looks alike.
    finished
        Keys that are already there, by hand or from an earlier run: they are followed, not painted.
    on_progress
        Called with the finished share, 0 to 1.

    Yields
    ------
    (frame, painted key) in the order of painting; the recipe tells the agreement.
    """
    there = dict(finished or {})
    wanted = [key for key in paint_order(keys) if key not in there]
    for done, key in enumerate(wanted):
        anchors = anchors_for(key, frames, there)

        def report(share: float, done: int = done) -> None:
            if on_progress is not None:
                on_progress((done + share) / len(wanted))

        made = renderer.paint(frames[key], anchors, seed=seed, on_progress=report)
        agreement = measure_agreement(made.image, anchors)
        made.recipe["agreement"] = {
            "difference": None if np.isnan(agreement.difference) else round(agreement.difference, 3),
            "shared": round(agreement.shared, 4),
        }
        there[key] = made.image
        yield key, made
