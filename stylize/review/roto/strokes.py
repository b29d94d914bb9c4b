"""What is painted on one frame to say what the subject is, and the matte that follows from it."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stylize.errors import UsageError
from stylize.mattes.segment.grabcut import segment_box, segment_scribbles

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from propagate.arrays import F32, Image
    from stylize.mattes.hints import Box

TOOLS: Final = ("add", "remove", "box", "empty", "keep", "clear")
"""Strokes on the subject and beside it; a box around it; frames in which it is not to be seen, whose matte is
right as it is, and on which nothing is said any more."""
_MOST_POINTS, _MOST_SIZE = 4000, 1000.0
_REACH = 0.06
"""Share of the frame's longer side around strokes within which a matte that was there is found anew."""
_WIDE = 3.0
"""The same in sizes of the brush, where that is more."""
_NEAR = 2.5
"""Sizes of the brush around a first stroke that are taken for the subject to begin with."""
_LIKELY, _UNLIKELY = 0.75, 0.25


@dataclass(frozen=True)
class Stroke:
    """One thing that was painted.

    Attributes
    ----------
    tool
        One of `TOOLS`.
    points
        Of a stroke its way, of a box two corners; (x, y) in pixels of the clip.
    size
        Radius of the brush in pixels.
    exact
        Whether the stroke is the matte itself; else the edge around it is found in the picture.
    number
        Counts all marks of a project: the highest is undone first.
    base
        For a first mark on a frame: the file of the matte that was there before; empty if there was none.
    """

    tool: str
    points: tuple[tuple[float, float], ...] = ()
    size: float = 0.0
    exact: bool = False
    number: int = 0
    base: str = ""

    def facts(self) -> dict[str, Any]:
        """Return it JSON-ready."""
        return asdict(self)


def read_stroke(facts: Any, width: int, height: int) -> Stroke:
    """Read a mark that comes from outside.

    Raises
    ------
    UsageError
        If a field is of another type or out of bounds.
    """
    if not isinstance(facts, dict) or facts.get("tool") not in TOOLS:
        raise UsageError(f"a mark is no object with a tool of {', '.join(TOOLS)}")
    tool, exact = facts["tool"], facts.get("exact", False)
    points = facts.get("points", [])
    drawn = tool in ("add", "remove", "box")
    if not isinstance(points, list) or not isinstance(exact, bool) or bool(points) != drawn:
        raise UsageError(f"the mark {tool!r} has no points, or has some and takes none")
    if len(points) > _MOST_POINTS or (tool == "box" and len(points) != 2):
        raise UsageError(f"a stroke has at most {_MOST_POINTS} points, a box has two")
    size = _number(facts.get("size", 0.0), 0.0, _MOST_SIZE)
    if tool in ("add", "remove") and size < 0.25:
        raise UsageError("the brush is smaller than a quarter of a pixel")
    placed = tuple(_point(point, width, height, size) for point in points)
    if tool == "box":
        (a, b), (c, d) = placed
        left, top = min(max(min(a, c), 0), width), min(max(min(b, d), 0), height)
        right, low = min(max(a, c), width), min(max(b, d), height)
        if right - left < 4 or low - top < 4:
            raise UsageError("the box holds nothing of the frame; draw a larger one")
        placed = ((left, top), (right, low))
    return Stroke(tool, placed, size, exact)


def active_strokes(marks: Sequence[Stroke]) -> list[Stroke]:
    """Return the marks of a frame that count: those after the last that takes all back."""
    last = max((at for at, mark in enumerate(marks) if mark.tool == "clear"), default=-1)
    return list(marks[last + 1 :])


def build_matte(
    image: Image,
    marks: Sequence[Stroke],
    base: F32 | None,
    cut: Callable[[Image, Box], F32] = segment_box,
) -> F32 | None:
    """Make the matte of a frame from what is painted on it.

    A box or a first scribble is the beginning of a matte. Where there is one already, a scribble changes it
    around itself only; an exact stroke changes what it covers and nothing else.

    Parameters
    ----------
    image : Image, (H, W, 3)
    marks
        In the order in which they were made.
    base : float32 (H, W)
        The matte that was there before; None if there was none.
    cut
        Cuts out what a box holds.

    Returns
    -------
    float32 (H, W), or None if nothing is said of the frame.
    """
    shape, counted = image.shape[:2], active_strokes(marks)
    if not counted:
        return None
    begins = [at for at, mark in enumerate(counted) if mark.tool in ("box", "empty")]
    if begins:
        first, counted = counted[begins[-1]], counted[begins[-1] + 1 :]
        if first.tool == "empty":
            base = np.zeros(shape, np.float32)
        else:
            (left, top), (right, low) = first.points
            box = (round(left), round(top), max(round(right - left), 4), max(round(low - top), 4))
            base = cut(image, box)
    strokes = [mark for mark in counted if mark.tool in ("add", "remove")]
    matte = _from_scribbles(image, [mark for mark in strokes if not mark.exact], base)
    return _with_exact(matte, strokes)


def _from_scribbles(image: Image, strokes: Sequence[Stroke], base: F32 | None) -> F32:
    import cv2

    shape = image.shape[:2]
    if not strokes:
        return np.zeros(shape, np.float32) if base is None else base
    said = np.full(shape, np.nan, np.float32)
    for mark in strokes:
        said[_drawn(shape, mark) > 0.5] = mark.tool == "add"
    known = ~np.isnan(said)
    if base is None:
        near = np.zeros(shape, bool)
        for mark in strokes:
            near |= (mark.tool == "add") & _around(shape, mark, (_NEAR - 1) * mark.size)
        hint = np.where(known, said, np.where(near, _LIKELY, _UNLIKELY)).astype(np.float32)
        return _touched(segment_scribbles(image, hint), said == 1)
    zone = np.zeros(shape, np.float32)
    for mark in strokes:
        reach = max(_REACH * max(shape), (_WIDE - 1) * mark.size)
        zone[_around(shape, mark, reach)] = 1
    likely = np.where(base > 0.5, _LIKELY, _UNLIKELY)
    hint = np.where(known, said, np.where(zone > 0.5, likely, base > 0.5)).astype(np.float32)
    found = segment_scribbles(image, hint)
    soft = max(2.0, _REACH * max(shape) / 6)
    share = np.where(known, 1, cv2.GaussianBlur(zone, (0, 0), soft) * (zone > 0.5))
    return np.asarray(base + share * (found - base), np.float32)


def _with_exact(matte: F32, strokes: Sequence[Stroke]) -> F32:
    """Lay exact strokes over a matte; a later scribble takes away what it covers of them."""
    if not any(mark.exact for mark in strokes):
        return matte
    value, share = np.zeros_like(matte), np.zeros_like(matte)
    for mark in strokes:
        drawn = _drawn(matte.shape, mark)
        if mark.exact:
            value = value * (1 - drawn) + (mark.tool == "add") * drawn
            share = share + drawn - share * drawn
        else:
            value, share = value * (1 - drawn), share * (1 - drawn)
    return np.asarray(np.clip(value + matte * (1 - share), 0, 1), np.float32)


def _drawn(shape: tuple[int, ...], mark: Stroke) -> F32:
    """Return how much of each pixel a stroke covers, 0 to 1: from the distance to its way."""
    height, width = shape[:2]
    covered = np.zeros((height, width), np.float32)
    points = np.array(mark.points, np.float32)
    for a, b in zip(points, np.vstack([points[1:], points[-1:]]), strict=True):
        low = np.floor(np.minimum(a, b) - mark.size - 1).astype(int)
        high = np.ceil(np.maximum(a, b) + mark.size + 1).astype(int)
        left, top, right, bottom = max(low[0], 0), max(low[1], 0), min(high[0], width), min(high[1], height)
        if left >= right or top >= bottom:
            continue
        x, y = np.arange(left, right) + 0.5 - a[0], (np.arange(top, bottom) + 0.5 - a[1])[:, None]
        (dx, dy), length = b - a, float(np.dot(b - a, b - a))
        along = np.clip((x * dx + y * dy) / length, 0, 1) if length > 0 else 0.0
        distance = np.hypot(x - along * dx, y - along * dy)
        part = covered[top:bottom, left:right]
        np.maximum(part, np.clip(mark.size + 0.5 - distance, 0, 1), out=part)
    return covered


def _around(shape: tuple[int, ...], mark: Stroke, wider: float) -> NDArray[np.bool_]:
    """Return what lies within a stroke and `wider` pixels around it, roughly."""
    import cv2

    canvas: NDArray[np.uint8] = np.zeros(shape[:2], np.uint8)
    points = np.rint(np.array(mark.points) - 0.5).astype(np.int32)
    reach = max(1, round(mark.size + wider))
    for point in points:
        cv2.circle(canvas, point.tolist(), reach, 1, -1)
    if len(points) > 1:
        cv2.polylines(canvas, [points[:, None]], False, 1, 2 * reach)
    return canvas > 0


def _touched(matte: F32, painted: NDArray[np.bool_]) -> F32:
    """Keep the pieces of a matte that somebody painted on; the same colors elsewhere are not meant."""
    import cv2

    _, pieces = cv2.connectedComponents((matte > 0.1).astype(np.uint8))
    wanted = np.unique(pieces[painted])
    return np.where(np.isin(pieces, wanted[wanted > 0]), matte, 0).astype(np.float32)


def _point(point: Any, width: int, height: int, margin: float) -> tuple[float, float]:
    if not isinstance(point, list) or len(point) != 2:
        raise UsageError("a point of a mark is no pair of numbers")
    x, y = point
    return (
        round(_number(x, -margin - width, 2 * width + margin), 2),
        round(_number(y, -margin - height, 2 * height + margin), 2),
    )


def _number(value: Any, least: float, most: float) -> float:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not whole or not least <= value <= most:
        raise UsageError(f"a number of a mark is {str(value)[:30]}; expected {least:g} to {most:g}")
    return float(value)
