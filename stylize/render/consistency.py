"""Keys of one shot that agree: which is painted first, what it tells the next, and how well they agree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from stylize.render.batching import paint_group, painting_order, take_group
from stylize.render.options import AgreementOptions
from stylize.render.overlap import Overlap
from stylize.render.protocol import Anchor, PaintTask

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from propagate import Registration
    from propagate.arrays import Flow, Image
    from stylize.render.protocol import PaintedKey, Progress, Renderer

_USUAL = AgreementOptions()
_SURE = 0.7
"""Mean confidence from which a straight registration of two keys is not questioned."""
_CHAIN_SIDE, _STATIONS = 320, 16
"""Longer side of the pictures, and the most stops, with which a key is followed through its shot."""
_WEAK = 0.5
"""How much of their confidence anchors keep when keys agree weakly: no longer enough to stand as they are."""
_SHARED = 0.5
"""Confidence from which a place counts as the same surface in both keys."""


@dataclass(frozen=True)
class Agreement:
    """How well a painted key agrees with the keys painted before it.

    Attributes
    ----------
    difference
        Mean color difference on the shared surface, OKLab distance times 100: about 1 is just visible,
        5 clearly another color. NaN if nothing is shared.
    shared
        Share of the picture that shows the same surface, 0 to 1.
    """

    difference: float
    shared: float


def anchors_for(
    index: int, frames: Sequence[Image], painted: Mapping[int, Image], parents: Sequence[int]
) -> list[Anchor]:
    """Warp finished keys of the shot to the frame that is painted next.

    Parameters
    ----------
    index
        The frame about to be painted.
    frames
        The frames of the shot, uint8 or uint16 (H, W, 3) RGB, read by index.
    painted
        Finished keys by frame, (H, W, 3) RGB of the frames' size.
    parents
        Those of them that are followed, the most important first.

    Returns
    -------
    One anchor for each of `parents`, in their order.

    Raises
    ------
    ValueError
        If a painted key has another size than the frames.
    """
    from propagate.warp import warp

    frame = frames[index]
    anchors = []
    for key in parents:
        if painted[key].shape[:2] != frame.shape[:2]:
            height, width = painted[key].shape[:2]
            raise ValueError(
                f"painted key {key} is {width}x{height} and its frame {frame.shape[1]}x{frame.shape[0]}; "
                "both need one size"
            )
        there = frames[key]
        found = _find(index, key, frames, frame, there)
        paint = painted[key][..., :3]
        anchors.append(Anchor(warp(paint, found.flow), found.confidence, key, there, paint))
    return anchors


def _find(index: int, key: int, frames: Sequence[Image], frame: Image, there: Image) -> Registration:
    """Register a frame to a key: straight, and where that leaves doubt, along the frames in between."""
    from propagate.registration import register

    straight = register(frame, there)
    if abs(index - key) < 2 or straight.confidence.mean() >= _SURE:
        return straight
    along = register(frame, there, initial=_chained(index, key, frames, (frame.shape[0], frame.shape[1])))
    return along if along.confidence.mean() > straight.confidence.mean() else straight


def _chained(index: int, key: int, frames: Sequence[Image], size: tuple[int, int]) -> Flow:
    """Flow from frame `index` to frame `key` by way of some of the frames in between, found small."""
    import cv2

    from propagate.flow import chain, eight_bit, estimate_flow

    scale = min(_CHAIN_SIDE / max(size), 1.0)
    small = (max(round(size[1] * scale), 1), max(round(size[0] * scale), 1))
    stations = np.unique(np.linspace(index, key, min(abs(index - key), _STATIONS) + 1).round().astype(int))
    stations = stations if index < key else stations[::-1]
    before = None
    flow = np.zeros((small[1], small[0], 2), np.float32)
    for station in stations:
        seen = eight_bit(frames[int(station)])
        here = np.asarray(cv2.resize(seen, small, interpolation=cv2.INTER_AREA), np.uint8)
        if before is not None:
            flow = chain(flow, estimate_flow(before, here))
        before = here
    full = cv2.resize(flow, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(full * np.array([size[1] / small[0], size[0] / small[1]], np.float32), np.float32)


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


def paint_shot(  # noqa: PLR0913  what is there, what is wanted, and who listens
    frames: Sequence[Image],
    keys: Sequence[int],
    renderer: Renderer | Callable[[int], Renderer],
    *,
    seed: int = 0,
    finished: Mapping[int, Image] | None = None,
    agreement: AgreementOptions = _USUAL,
    locked: Collection[int] = (),
    recorded: Mapping[int, Sequence[int]] | None = None,
    last: int | None = None,
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
        Who paints; or a function that says who, for the frame it is given.
    seed
        The same for all keys, so that what one key does not see of another still looks alike.
    finished
        Keys that are already there, by hand or from an earlier run: they are followed, not painted.
    agreement
        How far keys follow each other.
    locked
        Keys that are painted before the others.
    recorded
        Keys that a key to be repainted followed the last time, and follows again.
    last
        The key after which the caller stops: none is painted together with it that comes later.
    on_progress
        Called with the finished share, 0 to 1.

    Yields
    ------
    (frame, painted key) in the order of painting; the recipe tells the parents, frames of the shot, and how
    well the key agrees with them.
    """
    there = dict(finished or {})
    wanted = {key for key in keys if key not in there}
    total, settled = max(len(wanted), 1), recorded or {}
    overlap = Overlap(frames, sorted({*keys, *there}))
    while wanted:
        done = total - len(wanted)
        order = painting_order(overlap, wanted, there, locked, settled, agreement)
        group = take_group(order, renderer, there, last)
        tasks, around = [], []
        for key, parents, painter in group:
            anchors = anchors_for(key, frames, there, parents)
            followed = anchors if agreement.level == "strong" else [_weakened(anchor) for anchor in anchors]
            tasks.append(PaintTask(painter, frames[key], followed))
            around.append(anchors)

        def report(share: float, done: int = done, count: int = len(tasks)) -> None:
            if on_progress is not None:
                on_progress((done + share * count) / total)

        for (key, _, _), anchors, made in zip(group, around, paint_group(tasks, seed, report), strict=True):
            there[key] = made.image
            wanted.remove(key)
            yield key, _told(made, anchors, agreement)


def _told(made: PaintedKey, anchors: Sequence[Anchor], agreement: AgreementOptions) -> PaintedKey:
    """Write into the recipe whom a key followed, and how well it agrees with them."""
    found = measure_agreement(made.image, anchors)
    made.recipe["parents"] = [anchor.key for anchor in anchors]
    made.recipe["agreement"] = {
        "level": agreement.level,
        "difference": None if np.isnan(found.difference) else round(found.difference, 3),
        "shared": round(found.shared, 4),
    }
    return made


def _weakened(anchor: Anchor) -> Anchor:
    """Return an anchor that is painted over in the end, and that no painter looks at while it paints."""
    return replace(anchor, confidence=np.float32(_WEAK) * anchor.confidence, frame=None, painted=None)
