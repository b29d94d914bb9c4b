"""Propagation of the painted mattes of some frames to all frames of the clip.

A span between two painted frames, or from one to the end of its shot, is propagated by itself: a new stroke on a
frame changes only the spans beside it. Spans are cached by the fingerprint of their inputs.
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
from stylize.review.roto.active_matte import MATTE, set_active_matte
from stylize.storage.atomic import disk_errors, write_text
from stylize.storage.fingerprint import file_hash, fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from keyframes import Shot
    from propagate.arrays import F32
    from stylize.pipeline.context import RunContext
    from stylize.progress import StageTimer

CHECKPOINT = ".work"
"""Subfolder of a span with the state from which an interrupted propagation resumes."""
_VERSION = 1
"""Raise when the same painted mattes give another result."""


@dataclass(frozen=True)
class Span:
    """Frames [start, stop) of the clip, propagated from the painted `keys` among them and stored in `folder`.

    Without keys their mattes are empty.
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
    """Return the spans to propagate, with their cache folders."""
    spans, cache = list[Span](), context.project.root / "cache" / "mattes"
    for shot in cut_to(shots, context.span):
        keys = [frame for frame in sorted(painted) if shot.start <= frame < shot.stop]
        if not keys:
            spans.append(Span(shot.start, shot.stop, (), cache))
            continue
        hashes = {frame: file_hash(painted[frame]) for frame in keys}
        tails = [(shot.start, keys[0] + 1, (keys[0],)), (keys[-1], shot.stop, (keys[-1],))]
        for start, stop, pair in [
            *tails,
            *((a, b + 1, (a, b)) for a, b in pairwise(keys)),
        ]:
            if stop - start > len(pair):
                source_fingerprint = context.whole[start:stop].info.fingerprint
                name = fingerprint(
                    "painted matte", _VERSION, source_fingerprint, [(k - start, hashes[k]) for k in pair]
                )
                spans.append(Span(start, stop, pair, cache / name[:20]))
    return sorted(spans, key=lambda span: span.start)


def last_spans(context: RunContext, painted: Mapping[int, Path]) -> list[Span]:
    """Return `spans_of` for the shots of the last propagation; empty without one."""
    from keyframes import Shot

    try:
        bounds = json.loads((context.project.root / MATTE / "shots.json").read_text(encoding="utf-8"))
        shots = [Shot(int(start), int(stop)) for start, stop in bounds]
    except (OSError, ValueError, TypeError):
        return []
    return spans_of(context, painted, shots)


def propagate_painted_matte(context: RunContext, near: int, timer: StageTimer) -> None:
    """Propagate the painted mattes over the range and activate the result; spans near the frame `near` come first.

    Raises
    ------
    UsageError
        If no matte is painted.
    """
    painted = painted_mattes(context)
    if not painted:
        raise UsageError("no matte is painted yet; paint on a frame that shows the subject")
    shots = known_shots(context, timer)
    root = context.project.root / MATTE
    write_text(root / "shots.json", json.dumps([[shot.start, shot.stop] for shot in shots]))
    spans, origins = spans_of(context, painted, shots), propagated_frames(context)
    with timer.stage("carry matte") as progress:
        pending = [span for span in spans if span.keys and not _is_complete(context, span, origins)]
        total, done = sum(span.stop - span.start for span in pending), 0
        for span in sorted(pending, key=lambda span: _distance(span, near)):
            keys = {frame - span.start: _checked_matte(context, painted[frame]) for frame in span.keys}
            part = subprogress(progress, done, span.stop - span.start, max(total, 1))
            propagate_mattes(context.whole[span.start : span.stop], keys, _SpanCheckpoint(context, span), part)
            shutil.rmtree(span.folder / CHECKPOINT, ignore_errors=True)
            done += span.stop - span.start
    _write_sequence(context, painted, spans)
    set_active_matte(context, context.project.painted_matte)


def read_matte(path: Path) -> F32:
    """Read the matte of an image file."""
    return extract_channel(read_image(path), "luma")


def _checked_matte(context: RunContext, path: Path) -> F32:
    matte, info = read_matte(path), context.whole.info
    if matte.shape != (info.height, info.width):
        raise MediaError(
            f"{path}: {matte.shape[1]}x{matte.shape[0]}, but the clip is {info.width}x{info.height}; "
            "paint it at the clip's size"
        )
    return matte


class _SpanCheckpoint(MatteCheckpoint):
    """Checkpoint of a span that also writes its mattes as images for the page."""

    def __init__(self, context: RunContext, span: Span) -> None:
        super().__init__(span.folder / CHECKPOINT, span.folder.name)
        self._names, self._span = context.whole.info.names, span

    def write(self, index: int, matte: F32) -> None:
        """Write the matte of a frame; painted frames have a file already."""
        super().write(index, matte)
        frame = self._span.start + index
        if frame not in self._span.keys:
            write_matte(self._span.folder / f"{self._names[frame]}.png", matte)


def write_matte(path: Path, matte: F32) -> None:
    """Write a matte as a gray image of 16 bits."""
    gray = np.rint(np.clip(matte, 0, 1) * 65535).astype(np.uint16)[..., None]
    write_image(path, gray, compression=1, durable=False)


def propagated_frames(context: RunContext) -> dict[str, str]:
    """Return the folder name of the span of each image in ``carried/``, by file name, as far as recorded."""
    root = context.project.root / MATTE
    try:
        origins = json.loads((root / "carried.json").read_text(encoding="utf-8"))
        return {str(name): str(span) for name, span in origins.items() if (root / "carried" / name).is_file()}
    except (OSError, ValueError, AttributeError):
        return {}


def _is_complete(context: RunContext, span: Span, origins: Mapping[str, str]) -> bool:
    """Return whether all mattes of a span are in the cache or in ``carried/``."""
    names = context.whole.info.names
    needed = {f"{names[frame]}.png" for frame in range(span.start, span.stop) if frame not in span.keys}
    stored = {path.name for path in span.folder.iterdir()} if span.folder.is_dir() else set()
    return all(name in stored or origins.get(name) == span.folder.name for name in needed)


def _distance(span: Span, frame: int) -> int:
    return max(span.start - frame, frame - span.stop + 1, 0)


def _write_sequence(context: RunContext, painted: Mapping[int, Path], spans: Sequence[Span]) -> None:
    """Write the mattes of the range into a new folder that replaces ``carried/`` by a rename."""
    root = context.project.root / MATTE
    old, new, obsolete = root / "carried", root / ".carried.new", root / ".carried.old"
    names, info = context.whole.info.names, context.whole.info
    origins = propagated_frames(context)
    with disk_errors(root):
        if obsolete.is_dir() and not old.exists():  # the process ended between the two renames
            obsolete.replace(old)
        for leftover in (new, obsolete):
            shutil.rmtree(leftover, ignore_errors=True)
        new.mkdir(parents=True)
        in_range = {f"{names[frame]}.png" for frame in range(*context.span)}
        for path in old.iterdir() if old.is_dir() else ():
            if path.name not in in_range:  # outside of the range
                _link_or_copy(path, new / path.name)
        empty = new / ".empty.png"
        write_matte(empty, np.zeros((info.height, info.width), np.float32))
        for span in spans:
            for frame in range(span.start, span.stop):
                name = f"{names[frame]}.png"
                if frame in painted:
                    continue
                source = span.folder / name if span.keys else empty
                _link_or_copy(source if source.is_file() else old / name, new / name)
                origins[name] = span.folder.name if span.keys else ""
        for frame, path in painted.items():
            write_matte(new / f"{names[frame]}.png", read_matte(path))
            origins.pop(f"{names[frame]}.png", None)
        empty.unlink()
        (root / "carried.json").unlink(missing_ok=True)  # it must not describe images of another folder
        if old.exists():
            old.replace(obsolete)
        new.replace(old)
        write_text(root / "carried.json", json.dumps(origins))
        shutil.rmtree(obsolete, ignore_errors=True)


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, target)
