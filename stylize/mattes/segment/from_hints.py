"""Mattes for a whole clip from hints on a few of its frames."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from stylize.errors import MediaError, UsageError
from stylize.mattes.refine.trimap import band_for, refine_edge
from stylize.mattes.segment.flow_tracker import FlowTracker
from stylize.mattes.segment.grabcut import Box, cut_out_scribbles, segment_box

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from keyframes import Shot
    from propagate.arrays import F32
    from stylize.mattes.buffer import MatteBuffer
    from stylize.mattes.segment.sam2 import Prompt, Segmenter
    from stylize.media import Clip, ClipInfo

log = logging.getLogger(__name__)

Point = tuple[float, float, bool]
"""x and y in pixels, and whether the subject is there."""

_STEPS = (1, 2, 4)
"""Frames that are looked at beside one with a box, by how far away they are."""
_LEAST = 4
"""Pixels that a box is wide and high at least."""
_ALL = 0.9
"""Share of the frame from which on a box leaves too little of the ground."""
_UNKNOWN = 0.03
"""Share of gray pixels from which on a painted matte is scribbles: a soft edge has less."""


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


def generate_mattes(
    clip: Clip,
    hints: Hints,
    shots: Sequence[Shot],
    shelf: MatteBuffer,
    on_progress: Callable[[float], None],
    segmenter: Segmenter | None = None,
) -> list[int]:
    """Make the matte of every frame and put it on the shelf; nothing crosses a cut.

    With `segmenter` SAM 2 makes them, else they are cut out by color and followed along the motion.

    Returns
    -------
    list
        The frames of shots without a hint, whose mattes are empty.
    """
    empty: list[int] = []
    for shot in shots:
        hinted = [frame for frame in hints.frames if shot.start <= frame < shot.stop]
        frames, rest = clip[shot.start : shot.stop], (shot.start, shelf, on_progress, len(clip))
        if not hinted:
            empty += range(shot.start, shot.stop)
            for at in range(shot.start, shot.stop):
                shelf.put(at, np.zeros((clip.info.height, clip.info.width), np.float32))
        elif segmenter is None:
            keys = {frame - shot.start: start_matte(clip, frame, hints, shot) for frame in hinted}
            FlowTracker(frames, keys, *rest).fill()
        else:
            from stylize.mattes.segment.sam2_tracker import Sam2Tracker

            prompts = {frame - shot.start: _prompt(clip, frame, hints) for frame in hinted}
            Sam2Tracker(segmenter, frames, prompts, *rest).fill()
        on_progress(shot.stop / len(clip))
    return empty


def follow_mattes(
    frames: Clip, keys: Mapping[int, F32], shelf: MatteBuffer, on_progress: Callable[[float], None]
) -> None:
    """Follow finished mattes, by frame of a range without a cut, to all its frames; all go on the shelf."""
    FlowTracker(frames, keys, 0, shelf, on_progress, len(frames)).fill()


def start_matte(clip: Clip, frame: int, hints: Hints, shot: Shot | None = None) -> F32:
    """Make the matte of a frame that has a box or a painted one; how the rest of `shot` moves helps a box."""
    if frame not in hints.painted:
        near = [[frame + way * step for step in _STEPS] for way in (-1, 1)] if shot else []
        ways = [[clip[at] for at in way if shot and shot.start <= at < shot.stop] for way in near]
        return segment_box(clip[frame], hints.boxes[frame], ways)
    hint = _painted(clip, frame, hints)
    if is_scribbles(hint):
        return cut_out_scribbles(clip[frame], hint)
    hard = np.isin(hint, (0, 1)).all()  # as a mask that was painted without soft edges
    return refine_edge(clip[frame], hint, band_for(hint.shape) / 2) if hard else hint


def painted_mattes(clip: Clip, hints: Hints) -> dict[int, F32]:
    """Return the mattes that were painted whole: these stay as they are."""
    found = {}
    for frame in hints.painted:
        if not is_scribbles(_painted(clip, frame, hints)):
            found[frame] = start_matte(clip, frame, hints)
    return found


def is_scribbles(hint: F32) -> bool:
    """Whether much of a painted matte is unknown."""
    return bool(((hint > 0.05) & (hint < 0.95)).mean() > _UNKNOWN)


def _prompt(clip: Clip, frame: int, hints: Hints) -> Prompt:
    from stylize.mattes.segment.sam2 import Prompt
    from stylize.mattes.segment.sam2_tracker import points_of_scribbles

    if frame not in hints.painted:
        return Prompt(hints.boxes.get(frame), hints.points.get(frame, ()))
    hint = _painted(clip, frame, hints)
    if is_scribbles(hint):
        return Prompt(points=points_of_scribbles(hint))
    return Prompt(matte=start_matte(clip, frame, hints))


def _painted(clip: Clip, frame: int, hints: Hints) -> F32:
    from stylize.mattes.sources.channels import one_plane
    from stylize.media import read_image

    path = hints.painted[frame]
    hint = one_plane(read_image(path), "luma")
    if hint.shape != (clip.info.height, clip.info.width):
        raise MediaError(
            f"{path}: {hint.shape[1]}x{hint.shape[0]}, but the clip is {clip.info.width}x{clip.info.height}; "
            "paint it at the clip's size"
        )
    return hint


def _frame(option: str, when: str, info: ClipInfo, whole: ClipInfo) -> int:
    """Return the number within `info` of a frame that is named as one of the whole clip."""
    from stylize.media import parse_time

    frame = parse_time(when or str(info.start), whole.rate, whole.pts, whole.time_base) - info.start
    if not 0 <= frame < info.count:
        last = info.start + info.count - 1
        raise UsageError(f"{option}: the frames are {info.start} to {last}; choose one of them")
    return frame
