"""Contact sheet: one image of the keys with their reasons, the coverage curve and suggestions for more keys."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from PIL.ImageDraw import ImageDraw

    from keyframes import Key, Shot, Suggestion
    from propagate.arrays import Image

Color: TypeAlias = tuple[int, int, int]

_PAPER = (24, 26, 30)
_PANEL = (34, 37, 43)
_INK = (236, 237, 240)
_QUIET = (152, 157, 168)
_LINE = (70, 75, 86)
_CURVE = (104, 178, 235)
_AREA = (43, 62, 80)
_WEAK = (238, 120, 92)
_KINDS: Mapping[str, Color] = {
    "auto": (104, 178, 235),
    "user": (246, 196, 83),
    "locked": (240, 137, 62),
    "override": (126, 204, 128),
}
_MARGIN = 28
"""Pixels around the sheet."""
_GAP = 16
"""Pixels between thumbnails."""
_CHART = 190
"""Height of the coverage curve in pixels."""
_MOST_KEYS = 60
"""Thumbnails of keys, at most; the review page shows plans with more."""
_COMPARED = 240
"""Long side in pixels at which structure is compared: brush strokes are smaller, shapes larger."""
_SSIM_WINDOW = 7
"""Side of scikit-image's window in pixels, the least side of an image."""
_WORST_FRAMES = 4
"""Frames of the lowest coverage that are shown."""


@dataclass(frozen=True)
class _Cell:
    frame: int
    color: Color
    head: str
    text: str


def contact_sheet(
    frame_at: Callable[[int], Image],
    keys: Sequence[Key],
    coverage: Sequence[float],
    shots: Sequence[Shot],
    *,
    title: str = "",
    names: Sequence[str] | None = None,
    painted: Mapping[int, Image] | None = None,
    width: int = 1600,
) -> Image:
    """Draw the keys with their reasons, the coverage curve, the worst frames and suggestions.

    Parameters
    ----------
    frame_at
        Returns a frame of the clip by number, RGB (H, W, 3), uint8 or uint16, in any size; small ones are faster.
    keys, shots
        The keys and shots of the plan.
    coverage
        Share of each frame of the clip that the keys explain, 0 to 1.
    names
        Names of the frames; their numbers if None.
    painted
        Painted keys to show in place of the frames, each with the structural similarity of its luminance to the
        frame's (Wang et al., "Image Quality Assessment", 2004): the lower, the less the painting follows the
        frame's shapes, and the more propagation has to smear.
    width
        Width of the sheet in pixels, 640 or more; its height follows from the number of keys.

    Returns
    -------
    Image
        uint8 (height, width, 3) RGB.

    Raises
    ------
    ValueError
        If `width` is below 640, or a key or shot lies outside `coverage`.
    """
    if width < 640:
        raise ValueError(f"width is {width}; choose 640 pixels or more")
    count = len(coverage)
    outside = [k.frame for k in keys if not 0 <= k.frame < count] or [s.stop for s in shots if s.stop > count]
    if outside:
        raise ValueError(f"frame {outside[0]} is outside the {count} frames that coverage is given for")
    share = np.clip(np.asarray(coverage, np.float64), 0, 1)
    suggestions = _suggestions(keys, share, shots)
    cells = []
    for key in keys[:_MOST_KEYS]:
        text = f"{key.reason}. {key.note}".rstrip(". ")
        if (image := (painted or {}).get(key.frame)) is not None:
            text = f"{100 * structural_similarity(image, frame_at(key.frame)):.0f} % of the structure kept. {text}"
        cells.append(_Cell(key.frame, _KINDS[key.kind], key.kind, text))
    taken = {key.frame for key in keys}
    order = [int(f) for f in np.argsort(share, kind="stable") if int(f) not in taken]
    worst = [_Cell(f, _WEAK, "", f"{100 * (1 - share[f]):.1f} % not explained") for f in _apart(order, count)]
    return _Sheet(frame_at, painted or {}, names, width).draw(title, cells, worst, suggestions, keys, share, shots)


def structural_similarity(painted: Image, frame: Image) -> float:
    """Return the structural similarity of two images' luminance, 0 to 1, at a size of about 240 pixels.

    Parameters
    ----------
    painted, frame
        Of the same proportions, in any size from 7 pixels.
    """
    from skimage.metrics import structural_similarity as similarity

    scale = _COMPARED / max(frame.shape[:2])
    height, width = (max(round(length * scale), _SSIM_WINDOW) for length in frame.shape[:2])
    gray = [cv2.cvtColor(_resize(image, (width, height)), cv2.COLOR_RGB2GRAY) for image in (painted, frame)]
    return float(np.clip(similarity(*gray), 0, 1))  # type: ignore[no-untyped-call]


def _suggestions(keys: Sequence[Key], share: np.ndarray, shots: Sequence[Shot]) -> list[Suggestion]:
    from keyframes import suggest

    found = [
        s
        for shot in shots
        for s in suggest(
            share[shot.start : shot.stop],
            keys=[k.frame for k in keys if shot.start <= k.frame < shot.stop],
            offset=shot.start,
        )
    ]
    return sorted(found, key=lambda s: -s.gain)[:3]


def _apart(order: Sequence[int], count: int) -> list[int]:
    """Return the first frames of `order` that are not close to each other."""
    least = max(count // 12, 2)  # neighbors look the same
    kept: list[int] = []
    for frame in order:
        if len(kept) == _WORST_FRAMES:
            break
        if all(abs(frame - other) >= least for other in kept):
            kept.append(frame)
    return sorted(kept)


class _Sheet:
    """Drawing of one sheet, from top to bottom."""

    def __init__(
        self,
        frame_at: Callable[[int], Image],
        painted: Mapping[int, Image],
        names: Sequence[str] | None,
        width: int,
    ) -> None:
        self._frame_at, self._painted, self._names, self._width = frame_at, painted, names, width
        self._columns = max(2, min(6, width // 300))
        self._cell = (width - 2 * _MARGIN - (self._columns - 1) * _GAP) // self._columns
        height, across = frame_at(0).shape[:2]
        self._thumb = max(24, min(round(self._cell * height / across), self._cell * 2))

    def draw(
        self,
        title: str,
        cells: Sequence[_Cell],
        worst: Sequence[_Cell],
        suggestions: Sequence[Suggestion],
        keys: Sequence[Key],
        share: np.ndarray,
        shots: Sequence[Shot],
    ) -> Image:
        from PIL import Image as Canvas
        from PIL import ImageDraw

        rows = -(-len(cells) // self._columns) + -(-len(worst) // self._columns)
        height = 2 * _MARGIN + 84 + _CHART + 60 + rows * (self._thumb + 108) + 130 + 26 * (len(suggestions) + 1)
        canvas = Canvas.new("RGB", (self._width, height), _PAPER)
        pen = ImageDraw.Draw(canvas)
        y = _MARGIN
        self._text(pen, (_MARGIN, y), title or "Keys", 26, _INK)
        shown = "" if len(keys) <= _MOST_KEYS else f" (the first {_MOST_KEYS} below)"
        facts = (
            f"{len(share)} frames, {len(shots)} {'shot' if len(shots) == 1 else 'shots'}, {len(keys)} "
            f"{'key' if len(keys) == 1 else 'keys'}{shown}: {100 * share.mean():.1f} % explained"
        )
        self._text(pen, (_MARGIN, y + 38), facts, 17, _QUIET)
        y += 76
        self._chart(pen, y, keys, share, shots, suggestions)
        y += _CHART + 44
        pictures: list[tuple[int, int, Image]] = []
        y = self._cells(pen, pictures, y, cells)
        if worst:
            self._text(pen, (_MARGIN, y + 6), "Least explained", 19, _INK)
            y = self._cells(pen, pictures, y + 42, worst)
        if suggestions:
            self._text(pen, (_MARGIN, y + 6), "One more key would help most at", 19, _INK)
            y += 38
            for suggestion in suggestions:
                self._text(pen, (_MARGIN, y), self._name(suggestion.frame), 16, _WEAK)
                self._text(pen, (_MARGIN + 110, y), suggestion.reason, 16, _QUIET)
                y += 26
        sheet = np.array(canvas)[: y + _MARGIN]
        for x, top, picture in pictures:
            sheet[top : top + picture.shape[0], x : x + picture.shape[1]] = picture
        return sheet

    def _name(self, frame: int) -> str:
        return self._names[frame] if self._names is not None else str(frame)

    def _text(self, pen: ImageDraw, place: tuple[float, float], text: str, size: int, color: Color) -> None:
        from PIL import ImageFont

        pen.text(place, text, fill=color, font=ImageFont.load_default(size))

    def _chart(
        self,
        pen: ImageDraw,
        top: int,
        keys: Sequence[Key],
        share: np.ndarray,
        shots: Sequence[Shot],
        suggestions: Sequence[Suggestion],
    ) -> None:
        """Draw the coverage of each frame with shots, keys and suggestions, from just below the worst up."""
        left, right, bottom = _MARGIN + 54, self._width - _MARGIN, top + _CHART - 22
        pen.rectangle((left, top, right, bottom), fill=_PANEL)
        low = float(min(np.floor(share.min() * 10) / 10, 0.9))
        across = (right - left) / max(len(share), 1)

        def at(frame: float, value: float) -> tuple[float, float]:
            return left + (frame + 0.5) * across, bottom - (value - low) / (1 - low) * (bottom - top - 14)

        for value in (low, (1 + low) / 2, 1.0):
            _, y = at(0, value)
            pen.line((left, y, right, y), fill=_LINE)
            self._text(pen, (_MARGIN, y - 8), f"{100 * value:.0f} %", 14, _QUIET)
        for i, shot in enumerate(shots):
            x = left + shot.start * across
            if i:
                pen.line((x, top, x, bottom), fill=_INK, width=2)
            self._text(pen, (x + 3, bottom + 4), self._name(shot.start), 13, _QUIET)
        curve = [at(t, float(v)) for t, v in enumerate(share)]
        pen.polygon([(curve[0][0], bottom), *curve, (curve[-1][0], bottom)], fill=_AREA)
        if len(curve) > 1:
            pen.line(curve, fill=_CURVE, width=2)
        for suggestion in suggestions:
            x, y = at(suggestion.frame, float(share[suggestion.frame]))
            pen.polygon([(x, y + 4), (x - 6, y + 15), (x + 6, y + 15)], fill=_WEAK)
        for key in keys:
            x, y = at(key.frame, 1.0)
            pen.line((x, y, x, bottom), fill=_KINDS[key.kind], width=1)
            pen.ellipse((x - 5, y - 5, x + 5, y + 5), fill=_KINDS[key.kind], outline=_PAPER)

    def _cells(self, pen: ImageDraw, pictures: list[tuple[int, int, Image]], top: int, cells: Sequence[_Cell]) -> int:
        """Draw rows of thumbnails with their texts; return where they end."""
        for start in range(0, len(cells), self._columns):
            lines = 0
            for column, cell in enumerate(cells[start : start + self._columns]):
                x = _MARGIN + column * (self._cell + _GAP)
                picture = self._painted.get(cell.frame)
                small = _fit(self._frame_at(cell.frame) if picture is None else picture, self._cell, self._thumb)
                pen.rectangle((x, top, x + self._cell - 1, top + self._thumb - 1), fill=_PANEL)
                dx, dy = (self._cell - small.shape[1]) // 2, (self._thumb - small.shape[0]) // 2
                pictures.append((x + dx, top + dy, small))
                pen.rectangle((x, top + self._thumb, x + self._cell - 1, top + self._thumb + 3), fill=cell.color)
                name = self._name(cell.frame)
                self._text(pen, (x, top + self._thumb + 9), name, 18, _INK)
                self._text(pen, (x + 12 + 11 * len(name), top + self._thumb + 11), cell.head, 15, cell.color)
                wrapped = textwrap.wrap(cell.text, max(self._cell // 8, 12))[:3]
                lines = max(lines, len(wrapped))
                for i, line in enumerate(wrapped):
                    self._text(pen, (x, top + self._thumb + 34 + 19 * i), line, 14, _QUIET)
            top += self._thumb + 48 + 19 * lines
        return top


def _fit(image: Image, width: int, height: int) -> Image:
    """Return an image resized to fit a box, as 8-bit RGB."""
    scale = min(width / image.shape[1], height / image.shape[0])
    return _resize(image, (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1)))


def _resize(image: Image, size: tuple[int, int]) -> Image:
    """Return an image in `size` (width, height), as 8-bit RGB."""
    small = (image >> 8 if image.dtype == np.uint16 else image).astype(np.uint8)
    small = small[..., :3] if small.shape[2] >= 3 else np.repeat(small[..., :1], 3, axis=2)
    method = cv2.INTER_AREA if size[0] < small.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(np.ascontiguousarray(small), size, interpolation=method), np.uint8)
