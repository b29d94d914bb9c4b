"""Strokes on one frame that mark the subject, and the matte computed from them."""

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
"""Strokes on the subject and on the background; a box around the subject; a frame without the subject, with a
correct matte, or with all its strokes removed."""
_MAX_POINTS = 4000
"""Points of one stroke."""
_MAX_RADIUS = 1000.0
"""Radius of the brush in pixels."""
_ZONE_SHARE = 0.06
"""Width of the zone around strokes in which an existing matte changes, as a share of the frame's longer side."""
_ZONE_RADII = 3.0
"""Least width of that zone in brush radii."""
_START_RADII = 2.5
"""Brush radii around a first stroke that start as probable subject."""
_PROBABLY_SUBJECT = 0.75
"""Hint for `segment_scribbles`, where 1 is certain."""
_PROBABLY_BACKGROUND = 0.25
"""Hint for `segment_scribbles`, where 0 is certain."""


@dataclass(frozen=True)
class Stroke:
    """One stroke, box or other mark on a frame.

    Attributes
    ----------
    tool
        One of `TOOLS`.
    points
        Path of a stroke or two corners of a box; (x, y) in pixels of the clip.
    size
        Radius of the brush in pixels.
    exact
        Whether the stroke is the matte itself; otherwise the edge near it is segmented in the image.
    number
        Order over all frames of a project; the highest is undone first.
    base
        File of the matte that the first stroke on a frame changes; empty if there was none.
    """

    tool: str
    points: tuple[tuple[float, float], ...] = ()
    size: float = 0.0
    exact: bool = False
    number: int = 0
    base: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the stroke for JSON."""
        return asdict(self)


def read_stroke(fields: Any, width: int, height: int) -> Stroke:
    """Validate a stroke from the browser or a file.

    `fields` are those of `Stroke`; `width` and `height` are the clip's size in pixels.

    Raises
    ------
    UsageError
        If a field has another type or is out of bounds.
    """
    if not isinstance(fields, dict) or fields.get("tool") not in TOOLS:
        raise UsageError(f"invalid tool of a stroke; choose {', '.join(TOOLS)}")
    tool, exact = fields["tool"], fields.get("exact", False)
    points = fields.get("points", [])
    needs_points = tool in ("add", "remove", "box")
    if not isinstance(exact, bool):
        raise UsageError(f"invalid exact of the stroke {tool!r}; choose true or false")
    if not isinstance(points, list) or bool(points) != needs_points:
        raise UsageError(f"invalid points of the stroke {tool!r}; send {'a list' if needs_points else 'none'}")
    if len(points) > _MAX_POINTS or (tool == "box" and len(points) != 2):
        raise UsageError(f"invalid count of points {len(points)}; a stroke has at most {_MAX_POINTS}, a box two")
    size = _number(fields.get("size", 0.0), 0.0, _MAX_RADIUS)
    if tool in ("add", "remove") and size < 0.25:
        raise UsageError("invalid size of a stroke; choose a radius of at least 0.25 pixels")
    pixels = tuple(_point(point, width, height, size) for point in points)
    if tool == "box":
        (a, b), (c, d) = pixels
        left, top = min(max(min(a, c), 0), width), min(max(min(b, d), 0), height)
        right, low = min(max(a, c), width), min(max(b, d), height)
        if right - left < 4 or low - top < 4:
            raise UsageError("the box covers less than 4x4 pixels of the frame; draw a larger one")
        pixels = ((left, top), (right, low))
    return Stroke(tool, pixels, size, exact)


def active_strokes(strokes: Sequence[Stroke]) -> list[Stroke]:
    """Return the strokes of a frame after the last ``clear``."""
    last = max((at for at, stroke in enumerate(strokes) if stroke.tool == "clear"), default=-1)
    return list(strokes[last + 1 :])


def build_matte(
    image: Image,
    strokes: Sequence[Stroke],
    base: F32 | None,
    segment: Callable[[Image, Box], F32] = segment_box,
) -> F32 | None:
    """Return the matte of a frame from the strokes on it.

    A box or a first scribble starts a matte. A scribble on an existing matte changes it near the scribble only; an
    exact stroke changes the pixels that it covers only.

    Parameters
    ----------
    image : Image, (H, W, 3)
    marks
        In drawing order.
    base : float32 (H, W)
        The matte before the first stroke; None if there was none.
    segment
        Segments the subject in a box.

    Returns
    -------
    float32 (H, W), or None without active strokes.
    """
    shape, active = image.shape[:2], active_strokes(strokes)
    if not active:
        return None
    starts = [at for at, stroke in enumerate(active) if stroke.tool in ("box", "empty")]
    if starts:
        first, active = active[starts[-1]], active[starts[-1] + 1 :]
        if first.tool == "empty":
            base = np.zeros(shape, np.float32)
        else:
            (left, top), (right, low) = first.points
            box = (round(left), round(top), max(round(right - left), 4), max(round(low - top), 4))
            base = segment(image, box)
    strokes = [stroke for stroke in active if stroke.tool in ("add", "remove")]
    matte = _apply_scribbles(image, [stroke for stroke in strokes if not stroke.exact], base)
    return _apply_exact(matte, strokes)


def _apply_scribbles(image: Image, strokes: Sequence[Stroke], base: F32 | None) -> F32:
    import cv2

    shape = image.shape[:2]
    if not strokes:
        return np.zeros(shape, np.float32) if base is None else base
    painted = np.full(shape, np.nan, np.float32)
    for stroke in strokes:
        painted[_coverage(shape, stroke) > 0.5] = stroke.tool == "add"
    known = ~np.isnan(painted)
    if base is None:
        near = np.zeros(shape, bool)
        for stroke in strokes:
            near |= (stroke.tool == "add") & _dilated(shape, stroke, (_START_RADII - 1) * stroke.size)
        hint = np.where(known, painted, np.where(near, _PROBABLY_SUBJECT, _PROBABLY_BACKGROUND)).astype(np.float32)
        return _painted_components(segment_scribbles(image, hint), painted == 1)
    zone = np.zeros(shape, np.float32)
    for stroke in strokes:
        margin = max(_ZONE_SHARE * max(shape), (_ZONE_RADII - 1) * stroke.size)
        zone[_dilated(shape, stroke, margin)] = 1
    prior = np.where(base > 0.5, _PROBABLY_SUBJECT, _PROBABLY_BACKGROUND)
    hint = np.where(known, painted, np.where(zone > 0.5, prior, base > 0.5)).astype(np.float32)
    found = segment_scribbles(image, hint)
    soft = max(2.0, _ZONE_SHARE * max(shape) / 6)
    weight = np.where(known, 1, cv2.GaussianBlur(zone, (0, 0), soft) * (zone > 0.5))
    return np.asarray(base + weight * (found - base), np.float32)


def _apply_exact(matte: F32, strokes: Sequence[Stroke]) -> F32:
    """Apply exact strokes to a matte; a later scribble removes the part of them that it covers."""
    if not any(stroke.exact for stroke in strokes):
        return matte
    value, weight = np.zeros_like(matte), np.zeros_like(matte)
    for stroke in strokes:
        covered = _coverage(matte.shape, stroke)
        if stroke.exact:
            value = value * (1 - covered) + (stroke.tool == "add") * covered
            weight = weight + covered - weight * covered
        else:
            value, weight = value * (1 - covered), weight * (1 - covered)
    return np.asarray(np.clip(value + matte * (1 - weight), 0, 1), np.float32)


def _coverage(shape: tuple[int, ...], stroke: Stroke) -> F32:
    """Return the coverage of each pixel by a stroke, 0 to 1, from the distance to its path."""
    height, width = shape[:2]
    covered = np.zeros((height, width), np.float32)
    points = np.array(stroke.points, np.float32)
    for a, b in zip(points, np.vstack([points[1:], points[-1:]]), strict=True):
        low = np.floor(np.minimum(a, b) - stroke.size - 1).astype(int)
        high = np.ceil(np.maximum(a, b) + stroke.size + 1).astype(int)
        left, top, right, bottom = max(low[0], 0), max(low[1], 0), min(high[0], width), min(high[1], height)
        if left >= right or top >= bottom:
            continue
        x, y = np.arange(left, right) + 0.5 - a[0], (np.arange(top, bottom) + 0.5 - a[1])[:, None]
        (dx, dy), length = b - a, float(np.dot(b - a, b - a))
        along = np.clip((x * dx + y * dy) / length, 0, 1) if length > 0 else 0.0
        distance = np.hypot(x - along * dx, y - along * dy)
        part = covered[top:bottom, left:right]
        np.maximum(part, np.clip(stroke.size + 0.5 - distance, 0, 1), out=part)
    return covered


def _dilated(shape: tuple[int, ...], stroke: Stroke, extra: float) -> NDArray[np.bool_]:
    """Return the pixels of a stroke and `extra` pixels around it, without antialiasing."""
    import cv2

    canvas: NDArray[np.uint8] = np.zeros(shape[:2], np.uint8)
    points = np.rint(np.array(stroke.points) - 0.5).astype(np.int32)
    margin = max(1, round(stroke.size + extra))
    for point in points:
        cv2.circle(canvas, point.tolist(), margin, 1, -1)
    if len(points) > 1:
        cv2.polylines(canvas, [points[:, None]], False, 1, 2 * margin)
    return canvas > 0


def _painted_components(matte: F32, painted: NDArray[np.bool_]) -> F32:
    """Keep the connected components of a matte that strokes touch: the same colors elsewhere are not meant."""
    import cv2

    _, components = cv2.connectedComponents((matte > 0.1).astype(np.uint8))
    wanted = np.unique(components[painted])
    return np.where(np.isin(components, wanted[wanted > 0]), matte, 0).astype(np.float32)


def _point(point: Any, width: int, height: int, margin: float) -> tuple[float, float]:
    if not isinstance(point, list) or len(point) != 2:
        raise UsageError("invalid point of a stroke; send [x, y]")
    x, y = point
    return (
        round(_number(x, -margin - width, 2 * width + margin), 2),
        round(_number(y, -margin - height, 2 * height + margin), 2),
    )


def _number(value: Any, low: float, high: float) -> float:
    finite = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not finite or not low <= value <= high:
        raise UsageError(f"invalid number {str(value)[:30]} in a stroke; choose {low:g} to {high:g}")
    return float(value)
