"""A painted matte carried from the frames on which it was painted to all others, and put to use.

Between two painted frames, and beyond the first and last of a shot, frames are followed on their own: what is
painted anew on a frame concerns only the frames up to the painted ones beside it. They are kept in the cache
under what they were made from, so that nothing is made twice.
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from stylize.errors import MediaError, UsageError
from stylize.mattes.buffer import MatteCheckpoint
from stylize.mattes.segment.from_hints import propagate_mattes
from stylize.mattes.sources.channels import extract_channel
from stylize.media import read_image, write_image
from stylize.media.frame_images import find_keys, key_files
from stylize.pipeline.keyframing import known_shots
from stylize.pipeline.shots import cut_to
from stylize.progress import subprogress
from stylize.review.roto.active_matte import MATTE, use
from stylize.storage.atomic import disk_errors, write_text
from stylize.storage.fingerprint import file_hash, fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from keyframes import Shot
    from propagate.arrays import F32
    from stylize.pipeline.context import RunContext
    from stylize.progress import StageTimer

WORK = ".work"
"""In a span's folder, while it is carried: from what it goes on after an interruption."""
_VERSION = 1
"""Raise when the same painted frames are followed otherwise."""


@dataclass(frozen=True)
class Span:
    """Frames [start, stop) of the clip that follow from the painted `keys` among them, kept in `folder`.

    Without keys nothing is said of them, and their mattes are empty.
    """

    start: int
    stop: int
    keys: tuple[int, ...]
    folder: Path


def painted_mattes(context: RunContext) -> dict[int, Path]:
    """Return the painted mattes of the range, by frame of the clip."""
    folder = context.project.root / MATTE / "painted"
    if not folder.is_dir() or not key_files(folder):
        return {}
    first = context.span[0]
    return {first + index: path for index, path in find_keys(folder, context.clip.info).items()}


def spans_of(context: RunContext, painted: Mapping[int, Path], shots: Sequence[Shot]) -> list[Span]:
    """Return what is to be followed, and where it is kept."""
    spans, cache = list[Span](), context.project.root / "cache" / "mattes"
    for shot in cut_to(shots, context.span):
        keys = [frame for frame in sorted(painted) if shot.start <= frame < shot.stop]
        if not keys:
            spans.append(Span(shot.start, shot.stop, (), cache))
            continue
        marks = {frame: file_hash(painted[frame]) for frame in keys}
        ends = [(shot.start, keys[0] + 1, (keys[0],)), (keys[-1], shot.stop, (keys[-1],))]
        for start, stop, ends_of in [
            *ends,
            *((a, b + 1, (a, b)) for a, b in pairwise(keys)),
        ]:
            if stop - start > len(ends_of):
                seen = context.whole[start:stop].info.fingerprint
                name = fingerprint("painted matte", _VERSION, seen, [(k - start, marks[k]) for k in ends_of])
                spans.append(Span(start, stop, ends_of, cache / name[:20]))
    return sorted(spans, key=lambda span: span.start)


def known_spans(context: RunContext, painted: Mapping[int, Path]) -> list[Span]:
    """Return `spans_of` the shots that were found when it was carried last; none if it never was."""
    from keyframes import Shot

    try:
        ends = json.loads((context.project.root / MATTE / "shots.json").read_text(encoding="utf-8"))
        shots = [Shot(int(start), int(stop)) for start, stop in ends]
    except (OSError, ValueError, TypeError):
        return []
    return spans_of(context, painted, shots)


def propagate_painted_matte(context: RunContext, near: int, watch: StageTimer) -> None:
    """Carry what is painted over the range, the frames around `near` first, and put it to use.

    Raises
    ------
    UsageError
        If nothing is painted yet.
    """
    painted = painted_mattes(context)
    if not painted:
        raise UsageError("no matte is painted yet; paint on a frame that shows the subject")
    shots = known_shots(context, watch)
    place = context.project.root / MATTE
    write_text(place / "shots.json", json.dumps([[shot.start, shot.stop] for shot in shots]))
    spans, told = spans_of(context, painted, shots), propagated_frames(context)
    with watch.stage("carry matte") as share:
        todo = [span for span in spans if span.keys and not _whole(context, span, told)]
        total, done = sum(span.stop - span.start for span in todo), 0
        for span in sorted(todo, key=lambda span: _away(span, near)):
            keys = {frame - span.start: _fitting(context, painted[frame]) for frame in span.keys}
            part = subprogress(share, done, span.stop - span.start, max(total, 1))
            propagate_mattes(context.whole[span.start : span.stop], keys, _SpanCheckpoint(context, span), part)
            shutil.rmtree(span.folder / WORK, ignore_errors=True)
            done += span.stop - span.start
    _publish(context, painted, spans)
    use(context, context.project.painted_matte)


def read_matte(path: Path) -> F32:
    """Read a matte that was kept as an image."""
    return extract_channel(read_image(path), "luma")


def _fitting(context: RunContext, path: Path) -> F32:
    matte, info = read_matte(path), context.whole.info
    if matte.shape != (info.height, info.width):
        raise MediaError(
            f"{path}: {matte.shape[1]}x{matte.shape[0]}, but the clip is {info.width}x{info.height}; "
            "paint it at the clip's size"
        )
    return matte


class _SpanCheckpoint(MatteCheckpoint):
    """A span's mattes, also as images that the page can show; what is interrupted is gone on with."""

    def __init__(self, context: RunContext, span: Span) -> None:
        super().__init__(span.folder / WORK, span.folder.name)
        self._names, self._span = context.whole.info.names, span

    def write(self, index: int, matte: F32) -> None:
        """Keep one; a painted frame stands as a file of its own already."""
        super().write(index, matte)
        frame = self._span.start + index
        if frame not in self._span.keys:
            write_matte(self._span.folder / f"{self._names[frame]}.png", matte)


def write_matte(path: Path, matte: F32) -> None:
    """Keep a matte as a gray image of 16 bits."""
    gray = np.rint(np.clip(matte, 0, 1) * 65535).astype(np.uint16)[..., None]
    write_image(path, gray, compression=1, durable=False)


def propagated_frames(context: RunContext) -> dict[str, str]:
    """Return from which span each image in ``carried/`` is, by name; of older ones nothing is known."""
    place = context.project.root / MATTE
    try:
        told = json.loads((place / "carried.json").read_text(encoding="utf-8"))
        return {str(name): str(span) for name, span in told.items() if (place / "carried" / name).is_file()}
    except (OSError, ValueError, AttributeError):
        return {}


def _whole(context: RunContext, span: Span, told: Mapping[str, str]) -> bool:
    """Whether a span is carried: in the cache, or where it was put when it was in use."""
    names = context.whole.info.names
    wanted = {f"{names[frame]}.png" for frame in range(span.start, span.stop) if frame not in span.keys}
    here = {path.name for path in span.folder.iterdir()} if span.folder.is_dir() else set()
    return all(name in here or told.get(name) == span.folder.name for name in wanted)


def _away(span: Span, frame: int) -> int:
    return max(span.start - frame, frame - span.stop + 1, 0)


def _publish(context: RunContext, painted: Mapping[int, Path], spans: Sequence[Span]) -> None:
    """Put the mattes of the range together in a folder that takes the old one's place at once."""
    root = context.project.root / MATTE
    old, new, gone = root / "carried", root / ".carried.new", root / ".carried.old"
    names, info = context.whole.info.names, context.whole.info
    told = propagated_frames(context)
    with disk_errors(root):
        if gone.is_dir() and not old.exists():  # ended between the two renames
            gone.replace(old)
        for leftover in (new, gone):
            shutil.rmtree(leftover, ignore_errors=True)
        new.mkdir(parents=True)
        inside = {f"{names[frame]}.png" for frame in range(*context.span)}
        for kept in old.iterdir() if old.is_dir() else ():
            if kept.name not in inside:  # of a part of the clip that is not looked at now
                _link(kept, new / kept.name)
        empty = new / ".empty.png"
        write_matte(empty, np.zeros((info.height, info.width), np.float32))
        for span in spans:
            for frame in range(span.start, span.stop):
                name = f"{names[frame]}.png"
                if frame in painted:
                    continue
                made = span.folder / name if span.keys else empty
                _link(made if made.is_file() else old / name, new / name)
                told[name] = span.folder.name if span.keys else ""
        for frame, path in painted.items():
            write_matte(new / f"{names[frame]}.png", read_matte(path))
            told.pop(f"{names[frame]}.png", None)
        empty.unlink()
        (root / "carried.json").unlink(missing_ok=True)  # it must not speak of other images than those there
        if old.exists():
            old.replace(gone)
        new.replace(old)
        write_text(root / "carried.json", json.dumps(told))
        shutil.rmtree(gone, ignore_errors=True)


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without links
        shutil.copyfile(source, target)
