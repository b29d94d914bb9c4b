"""Mattes for a whole clip from hints on a few of its frames."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from stylize.errors import MediaError, UsageError
from stylize.mattes.boxes import Box, cut_out_box, cut_out_scribbles
from stylize.mattes.edges import band_for, refine_edge
from stylize.mattes.following import follow_matte
from stylize.mattes.keeping import Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from keyframes import Shot
    from propagate.arrays import F32
    from stylize.media import Clip, ClipInfo

__all__ = ["Hints", "fill_shelf", "follow_mattes", "parse_boxes", "read_hints"]

_UNKNOWN = 0.03
"""Share of grey pixels from which on a painted matte is scribbles: a soft edge has less."""


@dataclass(frozen=True)
class Hints:
    """What a person says of the subject: boxes, and painted mattes, by frame of the clip."""

    boxes: dict[int, Box] = field(default_factory=dict)
    painted: dict[int, Path] = field(default_factory=dict)

    @property
    def frames(self) -> list[int]:
        """The frames that have one, in order."""
        return sorted({*self.boxes, *self.painted})


def parse_boxes(texts: Sequence[str], info: ClipInfo) -> dict[int, Box]:
    """Read ``FRAME:X,Y,W,H``; the frame as for ``--start``.

    Raises
    ------
    UsageError
        If one is no such box, or lies outside the frame.
    """
    from stylize.media import parse_time

    found: dict[int, Box] = {}
    for text in texts:
        when, _, sides = text.rpartition(":")
        try:
            left, top, width, height = (round(float(side)) for side in sides.split(","))
        except ValueError:
            raise UsageError(f"--box {text} is no box; write FRAME:X,Y,W,H as 0:12,40,200,300") from None
        frame = parse_time(when or "0", info.rate, info.pts, info.time_base)
        if not 0 <= frame < info.count:
            raise UsageError(f"--box {text}: the clip has frames 0 to {info.count - 1}; choose one of them")
        inside = min(left + width, info.width) > max(left, 0) and min(top + height, info.height) > max(top, 0)
        if width < 4 or height < 4 or not inside:
            raise UsageError(f"--box {text} holds nothing of the frame, which is {info.width}x{info.height}")
        found[frame] = (left, top, width, height)
    return found


def read_hints(boxes: Sequence[str], folder: Path | None, info: ClipInfo) -> Hints:
    """Put boxes and a folder of painted mattes together; a painted matte goes before a box."""
    from stylize.keyfiles import find_keys

    painted = find_keys(folder, info) if folder is not None else {}
    hints = Hints({f: box for f, box in parse_boxes(boxes, info).items() if f not in painted}, painted)
    if not hints.frames:
        raise UsageError(
            "nothing says what the subject is; give --box FRAME:X,Y,W,H, --mattes DIR, or --chroma COLOR"
        )
    return hints


def fill_shelf(
    clip: Clip, hints: Hints, shots: Sequence[Shot], shelf: Shelf, on_progress: Callable[[float], None]
) -> list[int]:
    """Make the matte of every frame and put it on the shelf; nothing crosses a cut.

    Returns
    -------
    list
        The frames of shots without a hint, whose mattes are empty.
    """
    empty: list[int] = []
    for shot in shots:
        hinted = [frame for frame in hints.frames if shot.start <= frame < shot.stop]
        if hinted:
            keys = {frame - shot.start: start_matte(clip, frame, hints) for frame in hinted}
            _Part(clip[shot.start : shot.stop], keys, shot.start, shelf, on_progress, len(clip)).fill()
        else:
            empty += range(shot.start, shot.stop)
            for at in range(shot.start, shot.stop):
                shelf.put(at, np.zeros((clip.info.height, clip.info.width), np.float32))
        on_progress(shot.stop / len(clip))
    return empty


def follow_mattes(
    frames: Clip, keys: Mapping[int, F32], shelf: Shelf, on_progress: Callable[[float], None]
) -> None:
    """Follow finished mattes, by frame of a range without a cut, to all its frames; all go on the shelf."""
    _Part(frames, dict(keys), 0, shelf, on_progress, len(frames)).fill()


def start_matte(clip: Clip, frame: int, hints: Hints) -> F32:
    """Make the matte of a frame that has a hint."""
    if frame in hints.boxes:
        return cut_out_box(clip[frame], hints.boxes[frame])
    from stylize.mattes.planes import one_plane
    from stylize.media import read_image

    path = hints.painted[frame]
    hint = one_plane(read_image(path), "luma")
    if hint.shape != (clip.info.height, clip.info.width):
        raise MediaError(
            f"{path}: {hint.shape[1]}x{hint.shape[0]}, but the clip is {clip.info.width}x{clip.info.height}; "
            "paint it at the clip's size"
        )
    grey = ((hint > 0.05) & (hint < 0.95)).mean()
    if grey > _UNKNOWN:
        return cut_out_scribbles(clip[frame], hint)
    hard = np.isin(hint, (0, 1)).all()  # as a mask that was painted without soft edges
    return refine_edge(clip[frame], hint, band_for(hint.shape) / 2) if hard else hint


@dataclass(frozen=True)
class _Part:
    """One shot: its frames, the mattes of some of them, and where the mattes of all go."""

    frames: Clip
    keys: dict[int, F32]
    first: int
    shelf: Shelf
    on_progress: Callable[[float], None]
    total: int

    def fill(self) -> None:
        """Follow each key to its neighbours; between two keys both are followed and blended."""
        marks = sorted(self.keys)
        for at in marks:
            self.put(at, self.keys[at])
        for at, matte, _ in self.followed(marks[0], range(marks[0] - 1, -1, -1)):
            self.put(at, matte)
        for a, b in pairwise(marks):
            self.between(a, b)
        for at, matte, _ in self.followed(marks[-1], range(marks[-1] + 1, len(self.frames))):
            self.put(at, matte)

    def followed(self, key: int, order: range) -> Iterator[tuple[int, F32, F32]]:
        """Follow one key; see `follow_matte`."""
        return follow_matte(self.frames, key, self.keys[key], order)

    def put(self, at: int, matte: F32) -> None:
        """Keep the matte of a frame of the shot."""
        self.shelf.put(self.first + at, matte)
        self.on_progress(len(self.shelf) / self.total)

    def between(self, a: int, b: int) -> None:
        """Blend by how far away a key is, and by how well the picture agrees with it."""
        with Shelf() as mattes, Shelf() as sureness:
            for at, matte, sure in self.followed(b, range(b - 1, a, -1)):
                mattes.put(at, matte)
                sureness.put(at, sure)
            for at, matte, sure in self.followed(a, range(a + 1, b)):
                from_a, from_b = (b - at) * (sure + 0.01), (at - a) * (sureness[at] + np.float32(0.01))
                blended = (matte * from_a + mattes[at] * from_b) / (from_a + from_b)
                self.put(at, np.asarray(blended, np.float32))
