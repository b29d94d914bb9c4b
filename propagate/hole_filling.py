"""New surface: what no key shows is synthesized in the style of the keys around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from propagate.flow import inside
from propagate.guides import Guide
from propagate.options import SynthesisOptions
from propagate.resample import detail_energy, restore_detail, split
from propagate.synthesis import synthesize
from propagate.threads import ThreadTeam
from propagate.warp import identity, warp

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import F32, I32, Bool, Flow, Image
    from propagate.synthesis import Synthesis

_LEAST_SIDE, _PATCH, _ROOM = 3, 5, 64
_COLOR, _EDGE, _BEFORE = 6.0, 0.5, 2.0
_LASTING, _WHOLLY, _GAIN = 0.6, 0.98, 0.35


@dataclass(frozen=True)
class PreviousFrame:
    """The frame before, as it was made.

    Attributes
    ----------
    image : Image, (H, W, C)
    made : bool (H, W)
        Where it shows new surface.
    back : float32 (H, W, 2)
        The flow to it.
    shown : float32 (H, W)
        How surely it shows each place of the frame, 0 to 1.
    """

    image: Image
    made: Bool
    back: Flow
    shown: F32


def unexplained_mask(confidence: F32, below: float, matte: F32 | None) -> Bool:
    """Where no key shows the frame: confidence under `below`, specks left out, borders included."""
    # the running sums of a blur may end a little under 0
    low = (np.maximum(cv2.blur(confidence, (3, 3)), 0) < below).astype(np.uint8)
    if matte is not None:
        low &= (matte > 0).astype(np.uint8)
    core = cv2.morphologyEx(low, cv2.MORPH_OPEN, np.ones((_LEAST_SIDE, _LEAST_SIDE), np.uint8))
    return cv2.dilate(core, np.ones((_LEAST_SIDE, _LEAST_SIDE), np.uint8)) > 0


def synthesize_fill(  # noqa: PLR0913  a frame, its keys, and where to start
    frame: Image,
    canvas: Image,
    where: Bool,
    sources: Sequence[tuple[Image, Image]],
    flows: Sequence[Flow],
    *,
    before: PreviousFrame | None,
    usable: Sequence[Bool] | None,
    seed: int,
    threads: int | None,
) -> Image:
    """Paint the pixels of `where` patch by patch from the keys, guided by the frame.

    Parameters
    ----------
    frame : uint8 (H, W, 3)
    canvas : Image, (H, W, C)
        The joined picture; it is kept outside `where` and continued without a seam. In frames too small to
        hold a patch, under 3 pixels, it is kept everywhere.
    where : bool (H, W)
    sources
        (key's frame uint8 (H, W, 3), painted key (H, W, C)) per key, all of one size.
    flows
        float32 (H, W, 2) per key, where its match field starts.
    before
        The frame before; new surface that it shows already goes on with the motion.
    usable
        Per key, bool (H, W): pixels that may be taken.
    seed, threads
        See `SynthesisOptions`.
    """
    whole, moved = canvas, None
    if before is not None:
        moved = warp(before.image, before.back), before.shown
        whole, where = _gone_on(canvas, where, before, moved[0])
    for place in _apart(where) if where.any() else ():
        whole = _painted(frame, whole, place, sources, flows, moved, usable, seed, threads)
    return whole


def _gone_on(canvas: Image, where: Bool, before: PreviousFrame, moved: Image) -> tuple[Image, Bool]:
    """Return the canvas with the new surface of the frame before moved in, and what is still to be made.

    Made anew for every frame, it would boil, and every making takes some of its strokes.
    """
    there = warp(before.made.astype(np.float32), before.back, interpolation="linear") > _WHOLLY
    # grain makes everything a little unlike; what stays is as like as most of the picture
    lasting = before.shown > _LASTING * np.median(before.shown)
    stays = where & there & lasting & inside(before.back)
    if not stays.any():
        return canvas, where
    worn = _steps(moved)
    had = warp(detail_energy(split(_steps(before.image))[1]), before.back, interpolation="linear")
    return np.where(stays[..., None], _as(canvas, restore_detail(worn, had, ThreadTeam(1))), canvas), where & ~stays


def _steps(picture: Image) -> F32:
    """Return a picture as float32 in 8-bit steps."""
    return picture.astype(np.float32) * np.float32(1 / 257 if picture.dtype == np.uint16 else 1)


def _as(model: Image, picture: F32) -> Image:
    """Return a picture in 8-bit steps as an image of the type of `model`."""
    top = np.float32(257 if model.dtype == np.uint16 else 1)
    image: Image = np.rint(np.clip(picture, 0, 255) * top).astype(model.dtype)
    return image


def _apart(where: Bool) -> list[Bool]:
    """Return places of `where` that lie so far from each other that each is made by itself.

    Else two specks in opposite corners would have the whole frame searched.
    """
    h, w = where.shape
    rows, columns = np.arange(0, h, _ROOM // 2), np.arange(0, w, _ROOM // 2)
    cells = np.logical_or.reduceat(np.logical_or.reduceat(where, rows, axis=0), columns, axis=1)
    near = cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8))
    count, labels = cv2.connectedComponents(near)
    if count <= 2:
        return [where]
    whole = np.repeat(np.repeat(labels, _ROOM // 2, axis=0), _ROOM // 2, axis=1)[:h, :w]
    return [where & (whole == i) for i in range(1, count)]


def _painted(  # noqa: PLR0913  as `synthesize_fill`, one place
    frame: Image,
    canvas: Image,
    where: Bool,
    sources: Sequence[tuple[Image, Image]],
    flows: Sequence[Flow],
    before: tuple[Image, F32] | None,
    usable: Sequence[Bool] | None,
    seed: int,
    threads: int | None,
) -> Image:
    here = _around([where])
    there = _around([_pointed_at(where, flow) for flow in flows])
    masks = [np.ones(where.shape, bool) if usable is None else usable[i] for i in range(len(sources))]
    if not any(mask[there].any() for mask in masks):
        there = (slice(None), slice(None))
    # the keys stand below each other with an unusable row between, one source for the search
    gap = np.zeros((1, where[there].shape[1]), bool)
    valid = np.concatenate([part for mask in masks for part in (mask[there], gap)])
    patch = min(_PATCH, (min(*where[here].shape, *where[there].shape) - 1) // 2 * 2 + 1)
    if patch < _LEAST_SIDE or not valid.any():
        return canvas
    frames_ = _stacked([s[0][there] for s in sources])
    style = _stacked([s[1][there] for s in sources])
    look, known = (_stacked([image[here]])[:-1] for image in (frame, canvas))
    guides = [Guide(frames_, look, _COLOR), Guide(_edges(frames_), _edges(look), _EDGE)]
    if before is not None:
        guides.append(Guide(style, _stacked([before[0][here]])[:-1], _BEFORE, before[1][here].copy()))
    options = SynthesisOptions(
        patch_size=patch,
        pyramid_levels=4,
        search_vote_iters=4,
        uniformity=0.0,
        seed=seed,
        threads=threads,
        backend="cpu",
    )
    made = synthesize(
        style,
        guides,
        options,
        source_valid=valid,
        target_valid=where[here].copy(),
        initial=known,
        initial_matches=_start(flows[0], here, there),
    )
    whole = canvas.copy()
    whole[here] = np.where(where[here][..., None], _less_washed(made, style), made.image)
    return whole


def _less_washed(made: Synthesis, style: Image) -> Image:
    """Return what was made with most of the fine detail that its patches have in the style.

    Where patches do not fit each other their mean has less. Not all of it: a mean has no strokes to raise,
    and what else there is would stand out.
    """
    known = made.matches[..., 0] >= 0
    had = np.zeros(known.shape, np.float32)
    x, y = made.matches[known].T
    had[known] = detail_energy(split(_steps(style))[1])[y, x]
    share = _around_each(known.astype(np.float32))
    want = _around_each(had) / (share + np.float32(1e-3))
    return _as(made.image, restore_detail(_steps(made.image), want, ThreadTeam(1), gain=_GAIN))


def _around_each(picture: F32) -> F32:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 4.0), np.float32)


Box = tuple[slice, slice]


def _around(masks: Sequence[Bool]) -> Box:
    """Return the box of all that is marked, with room around it in which to look."""
    marked = np.logical_or.reduce(list(masks))
    rows, columns = np.flatnonzero(marked.any(axis=1)), np.flatnonzero(marked.any(axis=0))
    return (
        slice(max(int(rows[0]) - _ROOM, 0), int(rows[-1]) + 1 + _ROOM),
        slice(max(int(columns[0]) - _ROOM, 0), int(columns[-1]) + 1 + _ROOM),
    )


def _pointed_at(where: Bool, flow: Flow) -> Bool:
    """Return the pixels of the key that the pixels of `where` point at, those outside moved to the border."""
    h, w = where.shape
    y, x = np.nonzero(where)
    there = np.zeros_like(where)
    to = np.rint(flow[y, x])
    there[np.clip(y + to[:, 1], 0, h - 1).astype(int), np.clip(x + to[:, 0], 0, w - 1).astype(int)] = True
    return there


def _start(flow: Flow, here: Box, there: Box) -> I32:
    """Return the match field of the box `here` into the box `there` of the key that `flow` leads to."""
    h, w = flow.shape[:2]
    top, bottom, _ = there[0].indices(h)
    left, right, _ = there[1].indices(w)
    places = identity(h, w)[here] + np.rint(flow[here])
    held = np.clip(places - (left, top), 0, (right - left - 1, bottom - top - 1))
    return np.asarray(held, np.int32)


def _stacked(pictures: Sequence[Image]) -> Image:
    return np.concatenate([part for p in pictures for part in (p, np.zeros_like(p[:1]))])


def _edges(frame: Image) -> Image:
    """Return the frame's luminance less its surroundings, uint8 (H, W, 1), 128 where it is even."""
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    detail = np.clip(gray - cv2.GaussianBlur(gray, (0, 0), 3.0) + 128, 0, 255)
    return np.asarray(detail, np.float32).astype(np.uint8)[..., None]
