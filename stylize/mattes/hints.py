"""Hints of a person on the subject: boxes, points and painted mattes, by frame."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stylize.media import ClipInfo

log = logging.getLogger(__name__)

Box = tuple[int, int, int, int]
"""(left, top, width, height) in pixels."""
Point = tuple[float, float, bool]
"""x and y in pixels, and True on the subject, False on the background."""

_SMALLEST = 4
"""Least width and height of a box in pixels."""
_LARGEST = 0.9
"""Share of the frame above which a box leaves too little background to learn its colors."""


@dataclass(frozen=True)
class Hints:
    """Hints on the subject: boxes, painted mattes and points, by frame of the clip."""

    type_id: ClassVar[str] = "matte-hints"
    boxes: dict[int, Box] = field(default_factory=dict)
    painted: dict[int, Path] = field(default_factory=dict)
    points: dict[int, tuple[Point, ...]] = field(default_factory=dict)

    @property
    def frames(self) -> list[int]:
        """Frames with a hint, in order."""
        return sorted({*self.boxes, *self.painted, *self.points})


def parse_boxes(texts: Sequence[str], info: ClipInfo, whole: ClipInfo | None = None) -> dict[int, Box]:
    """Parse ``FRAME:X,Y,W,H``, with FRAME as for ``--start``; return boxes by frame of `info`, a range of `whole`.

    Raises
    ------
    UsageError
        If a box is invalid, or lies outside the frame.
    """
    found: dict[int, Box] = {}
    for text in texts:
        when, _, sides = text.rpartition(":")
        try:
            left, top, width, height = (round(float(side)) for side in sides.split(","))
        except ValueError:
            raise UsageError(f"invalid --box {text}; write FRAME:X,Y,W,H as 0:12,40,200,300") from None
        frame = _frame(f"--box {text}", when, info, whole or info)
        found[frame] = _in_frame(text, (left, top, width, height), info)
    return found


def _in_frame(text: str, box: Box, info: ClipInfo) -> Box:
    left, top, width, height = box
    size = f"{info.width}x{info.height}"
    if width < _SMALLEST or height < _SMALLEST:
        raise UsageError(
            f"--box {text} is only {width}x{height} pixels; draw it around the complete subject, "
            f"at least {_SMALLEST} pixels wide and high"
        )
    right, bottom = min(left + width, info.width), min(top + height, info.height)
    cut = max(left, 0), max(top, 0), right - max(left, 0), bottom - max(top, 0)
    if cut[2] <= 0 or cut[3] <= 0:
        raise UsageError(
            f"--box {text} lies outside the frame, which is {size}; X,Y of FRAME:X,Y,W,H is the upper left corner "
            "of the box, in pixels from that of the frame"
        )
    if cut != box:
        log.warning("--box %s extends beyond the frame, which is %s; %d,%d,%d,%d is used", text, size, *cut)
    if cut[2] * cut[3] > _LARGEST * info.width * info.height:
        log.warning(
            "--box %s covers nearly all of the frame, so that little background is visible; check the matte, and paint "
            "one frame (--mattes DIR) if it includes the background",
            text,
        )
    return cut


def parse_points(texts: Sequence[str], info: ClipInfo, whole: ClipInfo | None = None) -> dict[int, tuple[Point, ...]]:
    """Parse ``FRAME:X,Y`` on the subject and ``FRAME:X,Y,out`` on the background; frames as for `parse_boxes`.

    Raises
    ------
    UsageError
        If a point is invalid, or lies outside the frame.
    """
    found: dict[int, tuple[Point, ...]] = {}
    for text in texts:
        when, _, rest = text.rpartition(":")
        place, word = rest.split(",")[:2], rest.split(",")[2:]
        try:
            x, y = (float(side) for side in place)
        except ValueError:
            x = np.nan
        if np.isnan(x) or word not in ([], ["out"]):
            raise UsageError(f"invalid --point {text}; write FRAME:X,Y, or FRAME:X,Y,out beside the subject")
        frame = _frame(f"--point {text}", when, info, whole or info)
        if not (0 <= x < info.width and 0 <= y < info.height):
            raise UsageError(f"--point {text} is outside the frame, which is {info.width}x{info.height}")
        found[frame] = (*found.get(frame, ()), (x, y, not word))
    return found


def read_hints(
    boxes: Sequence[str],
    folder: Path | None,
    info: ClipInfo,
    points: Sequence[str] = (),
    whole: ClipInfo | None = None,
) -> Hints:
    """Combine boxes, a folder of painted mattes and points; a painted matte overrides the others in its frame.

    Texts count frames of the `whole` clip; the result counts frames of `info`, which may be a range of it.
    """
    from stylize.media.frame_images import find_keys

    painted = find_keys(folder, info) if folder is not None else {}
    hints = Hints(
        {f: box for f, box in parse_boxes(boxes, info, whole).items() if f not in painted},
        painted,
        {f: marks for f, marks in parse_points(points, info, whole).items() if f not in painted},
    )
    if not hints.frames:
        raise UsageError("missing hint on the subject; give --box FRAME:X,Y,W,H, --mattes DIR, or --chroma COLOR")
    return hints


def _frame(option: str, when: str, info: ClipInfo, whole: ClipInfo) -> int:
    """Return the number within `info` of a frame of the complete clip."""
    from stylize.media import parse_time

    frame = parse_time(when or str(info.start), whole.rate, whole.pts, whole.time_base) - info.start
    if not 0 <= frame < info.count:
        last = info.start + info.count - 1
        raise UsageError(f"{option}: the frames are {info.start} to {last}; choose one of them")
    return frame
