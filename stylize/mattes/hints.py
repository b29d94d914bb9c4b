"""Hints of a person on the subject: boxes, points and painted mattes, by frame."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

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
"""x and y in pixels, and whether the subject is there."""

_LEAST = 4
"""Pixels that a box is wide and high at least."""
_ALL = 0.9
"""Share of the frame from which on a box leaves too little of the ground."""


@dataclass(frozen=True)
class Hints:
    """What a person says of the subject: boxes, painted mattes, and points, by frame of the clip."""

    boxes: dict[int, Box] = field(default_factory=dict)
    painted: dict[int, Path] = field(default_factory=dict)
    points: dict[int, tuple[Point, ...]] = field(default_factory=dict)

    @property
    def frames(self) -> list[int]:
        """The frames that have one, in order."""
        return sorted({*self.boxes, *self.painted, *self.points})


def parse_boxes(texts: Sequence[str], info: ClipInfo, whole: ClipInfo | None = None) -> dict[int, Box]:
    """Read ``FRAME:X,Y,W,H``; the frame as for ``--start``, by its number in `info`, a range of `whole`.

    Raises
    ------
    UsageError
        If one is no such box, or lies outside the frame.
    """
    found: dict[int, Box] = {}
    for text in texts:
        when, _, sides = text.rpartition(":")
        try:
            left, top, width, height = (round(float(side)) for side in sides.split(","))
        except ValueError:
            raise UsageError(f"--box {text} is no box; write FRAME:X,Y,W,H as 0:12,40,200,300") from None
        frame = _frame(f"--box {text}", when, info, whole or info)
        found[frame] = _in_frame(text, (left, top, width, height), info)
    return found


def _in_frame(text: str, box: Box, info: ClipInfo) -> Box:
    left, top, width, height = box
    size = f"{info.width}x{info.height}"
    if width < _LEAST or height < _LEAST:
        raise UsageError(
            f"--box {text} is {width}x{height} pixels; draw it around the whole subject, "
            f"{_LEAST} pixels wide and high at least"
        )
    right, bottom = min(left + width, info.width), min(top + height, info.height)
    cut = max(left, 0), max(top, 0), right - max(left, 0), bottom - max(top, 0)
    if cut[2] <= 0 or cut[3] <= 0:
        raise UsageError(
            f"--box {text} holds nothing of the frame, which is {size}; FRAME:X,Y,W,H counts pixels from the "
            "upper left corner, and X,Y is that of the box"
        )
    if cut != box:
        log.warning("--box %s reaches beyond the frame, which is %s; %d,%d,%d,%d is taken", text, size, *cut)
    if cut[2] * cut[3] > _ALL * info.width * info.height:
        log.warning(
            "--box %s holds nearly all of the frame: little is left that shows what the ground looks like; "
            "look at the matte, and paint one frame (--mattes DIR) if it took the ground along",
            text,
        )
    return cut


def parse_points(texts: Sequence[str], info: ClipInfo, whole: ClipInfo | None = None) -> dict[int, tuple[Point, ...]]:
    """Read ``FRAME:X,Y`` on the subject and ``FRAME:X,Y,out`` beside it; frames as for `parse_boxes`.

    Raises
    ------
    UsageError
        If one is no such point, or lies outside the frame.
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
            raise UsageError(f"--point {text} is no point; write FRAME:X,Y, or FRAME:X,Y,out beside the subject")
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
    """Put boxes, a folder of painted mattes and points together; a painted matte goes before the others.

    They are told by frame of the `whole` clip, and given by number within `info`, which may be a range of it.
    """
    from stylize.media.frame_images import find_keys

    painted = find_keys(folder, info) if folder is not None else {}
    hints = Hints(
        {f: box for f, box in parse_boxes(boxes, info, whole).items() if f not in painted},
        painted,
        {f: marks for f, marks in parse_points(points, info, whole).items() if f not in painted},
    )
    if not hints.frames:
        raise UsageError("nothing says what the subject is; give --box FRAME:X,Y,W,H, --mattes DIR, or --chroma COLOR")
    return hints


def _frame(option: str, when: str, info: ClipInfo, whole: ClipInfo) -> int:
    """Return the number within `info` of a frame that is named as one of the whole clip."""
    from stylize.media import parse_time

    frame = parse_time(when or str(info.start), whole.rate, whole.pts, whole.time_base) - info.start
    if not 0 <= frame < info.count:
        last = info.start + info.count - 1
        raise UsageError(f"{option}: the frames are {info.start} to {last}; choose one of them")
    return frame
