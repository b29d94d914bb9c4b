"""The matte that is painted at the page: marks on frames, their mattes, and how far these are carried."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import UsageError
from stylize.mattes import open_matte
from stylize.mattes.options import MatteOptions
from stylize.mattes.segment.grabcut import segment_box
from stylize.review.roto.active_matte import MATTE, use
from stylize.review.roto.propagation import known_spans, painted_mattes, propagated_frames, read_matte, write_matte
from stylize.review.roto.stroke_store import StrokeStore
from stylize.review.roto.strokes import Stroke, active_strokes, build_matte, read_stroke
from stylize.storage.atomic import disk_errors
from stylize.storage.fingerprint import file_hash

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from propagate.arrays import F32, Image
    from stylize.mattes.hints import Box
    from stylize.pipeline.context import RunContext

_MOST_MARKS = 400
"""On one frame."""
_MOST_UNDONE = 100


class MatteEditor:
    """Reads and changes the painted matte of an opened project; safe to use from several threads.

    Marks are kept with the frame that they are on, in ``matte/marks``, so they can be taken back at any later
    time; the matte that follows from them is ``matte/painted/NAME.png``. An image that somebody puts there by
    hand counts as well.
    """

    def __init__(self, context: RunContext, hold: Callable[[], AbstractContextManager[None]]) -> None:
        """Read what was painted; `hold` keeps others out of the project."""
        self.context, self._hold = context, hold
        self._root = context.project.root / MATTE
        self._turn = threading.RLock()
        self._undone: list[tuple[int, Stroke]] = []
        info = context.whole.info
        self._book = StrokeStore(self._root / "marks", info.names, info.width, info.height)
        self._raw: Any = None
        self._boxed: tuple[tuple[int, Box], F32] | None = None
        self._warm = False
        self._open = ExitStack()

    def adopt(self, context: RunContext) -> None:
        """Take the work as it is after its matte became another one."""
        with self._turn:
            self.context, self._raw = context, None

    def close(self) -> None:
        """Close what was opened."""
        self._open.close()

    def facts(self) -> dict[str, Any]:
        """Return which frames are painted and carried, and what can be undone, JSON-ready.

        ``carried`` holds frames that follow from what is painted now, ``old`` those that followed from what
        was painted when it was last carried to the end.
        """
        if not self._warm:
            self._warm = True
            threading.Thread(target=_warm_up, daemon=True).start()
        with self._turn:
            painted, names = painted_mattes(self.context), self.context.whole.info.names
            carried, old, spans = dict[int, str](), dict[int, str](), known_spans(self.context, painted)
            told = propagated_frames(self.context)
            there = {folder: _listing(folder) for folder in {span.folder for span in spans if span.keys}}
            for span in spans:
                for frame in range(span.start, span.stop) if span.keys else ():
                    name = f"{names[frame]}.png"
                    known_as = told.get(name) == span.folder.name
                    if frame not in painted and (known_as or name in there[span.folder]):
                        carried[frame] = span.folder.name[:8]
            known, kept = self._book.marks, _listing(self.context.project.painted_matte)
            mark = _stamp(self.context.project.painted_matte)
            blank = {frame for span in spans if not span.keys for frame in range(span.start, span.stop)}
            for frame in range(*self.context.span):
                if (
                    frame not in painted
                    and frame not in carried
                    and frame not in blank
                    and f"{names[frame]}.png" in kept
                ):
                    old[frame] = mark
            last = self._book.last()
            return {
                "painted": {frame: _stamp(path) for frame, path in painted.items()},
                "marks": {frame: len(active_strokes(marks)) for frame, marks in known.items() if active_strokes(marks)},
                "carried": carried,
                "old": old,
                "left": len(self.context.clip) - len(painted) - len(carried) - len(blank) if painted else 0,
                "empty": len(blank),
                "use": self._use(),
                "source": "" if self.context.request.matte is None else _short(str(self.context.request.matte)),
                "former": _former(self._root),
                "can": {
                    "undo": None if last is None else last[1].tool,
                    "redo": self._undone[-1][1].tool if self._undone else None,
                },
            }

    def file(self, frame: int) -> Path:
        """Return the image of a frame's matte, the freshest there is.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        name = f"{self.context.whole.info.names[frame]}.png"
        painted = painted_mattes(self.context)
        if frame in painted:
            return painted[frame]
        for span in known_spans(self.context, painted):
            if span.keys and span.start <= frame < span.stop and (span.folder / name).is_file():
                return span.folder / name
        found = self.context.project.painted_matte / name
        if found.is_file():
            return found
        raise FileNotFoundError

    def matte(self, frame: int) -> F32:
        """Return the matte of a frame before any shaping: painted, carried, or the project's own."""
        try:
            return read_matte(self.file(frame))
        except FileNotFoundError:
            if self.context.request.matte is None:
                raise
            with self._turn:
                if self._raw is None:
                    options = self.context.settings.matte
                    plain = MatteOptions(fit=options.fit, missing=options.missing, match=options.match, stabilize=0.0)
                    self._raw = self._open.enter_context(
                        open_matte(self.context.request.matte, self.context.clip.info, plain)
                    )
                found: F32 = self._raw[frame - self.context.span[0]]
                return found

    def add(self, frame: int, facts: Any) -> None:
        """Do what somebody paints on a frame: `facts` as for `read_stroke`."""
        info = self.context.whole.info
        mark = read_stroke(facts, info.width, info.height)
        with self._turn:
            with self._hold():  # or it would be for nothing that the matte is made
                pass
            marks = self._own(frame)
            if len(marks) >= _MOST_MARKS:
                raise UsageError(f"frame {frame} has {_MOST_MARKS} marks; clear it, or start with a box")
            mark = replace(mark, number=self._book.next(marks))
            if not active_strokes(marks) and mark.tool != "clear":
                mark = replace(mark, base=self._base(frame, mark))
            if mark.tool == "clear" and not active_strokes(marks) and frame not in painted_mattes(self.context):
                raise UsageError(f"nothing is painted on frame {frame}")
            self._set(frame, [*marks, mark])
            self._undone.clear()

    def undo(self) -> int:
        """Take back what was painted last, on whatever frame; returns that frame."""
        with self._turn:
            found = self._book.last()
            if found is None:
                raise UsageError("nothing of the matte can be taken back")
            frame, last = found
            rest = self._book.marks[frame][:-1]
            self._set(frame, rest)
            self._undone = [*self._undone, (frame, last)][-_MOST_UNDONE:]
            return frame

    def redo(self) -> int:
        """Paint again what was taken back last; returns its frame."""
        with self._turn:
            if not self._undone:
                raise UsageError("nothing of the matte can be done again")
            frame, mark = self._undone[-1]
            self._set(frame, [*self._book.marks.get(frame, []), mark])
            self._undone.pop()
            return frame

    def use(self, wanted: bool) -> None:
        """Make the carried matte the project's, or bring back the one before."""
        with self._turn, self._hold():
            carried = self.context.project.painted_matte
            if wanted and not carried.is_dir():
                raise UsageError("the painted matte is not carried yet; carry it first")
            use(self.context, carried if wanted else None)

    def _use(self) -> str:
        if self.context.request.matte is None:
            return "none"
        mine = str((self.context.project.painted_matte).absolute())
        return "painted" if str(self.context.request.matte) == mine else "other"

    def _own(self, frame: int) -> list[Stroke]:
        """Return the marks of a frame; a matte that somebody put there by hand is taken over as one."""
        marks, path = self._book.marks.get(frame, []), painted_mattes(self.context).get(frame)
        if path is None or self._book.file(frame) == file_hash(path):
            return marks
        number, name = self._book.next(marks), self.context.whole.info.names[frame]
        base = self._keep(name, number + 1, read_matte(path))
        return [*marks, Stroke("clear", number=number), Stroke("keep", number=number + 1, base=base)]

    def _cut(self, frame: int, image: Image, box: Box) -> F32:
        """Cut out what a box holds, once: what is painted afterwards begins from it."""
        if self._boxed is None or self._boxed[0] != (frame, box):
            self._boxed = ((frame, box), segment_box(image, box))
        return self._boxed[1]

    def _base(self, frame: int, mark: Stroke) -> str:
        """Keep the matte that a first mark changes; a box or an empty frame changes none."""
        if mark.tool in ("box", "empty"):
            return ""
        try:
            matte = self.matte(frame)
        except FileNotFoundError:
            if mark.tool == "keep":
                raise UsageError(f"frame {frame} has no matte yet that could be kept") from None
            return ""
        return self._keep(self.context.whole.info.names[frame], mark.number, matte)

    def _keep(self, name: str, number: int, matte: F32) -> str:
        write_matte(self._root / "base" / f"{name}-{number}.png", matte)
        return f"{name}-{number}.png"

    def _set(self, frame: int, marks: list[Stroke]) -> None:
        """Let these be the marks of a frame: its matte first, which takes a while to make, then the marks."""
        name, counted = self.context.whole.info.names[frame], active_strokes(marks)
        base = next((mark.base for mark in counted if mark.base), "")
        kept = self._root / "base" / base
        under = read_matte(kept) if base and kept.parent.name == "base" and kept.is_file() else None
        matte = build_matte(self.context.whole[frame], marks, under, lambda *asked: self._cut(frame, *asked))
        path = self._root / "painted" / f"{name}.png"
        with self._hold():
            if matte is None:
                with disk_errors(path):
                    path.unlink(missing_ok=True)
            else:
                write_matte(path, matte)
            self._book.keep(frame, marks, "" if matte is None else file_hash(path))


def _former(root: Path) -> str:
    """Return what was in use before the painted matte, in short; empty for none."""
    try:
        spec = json.loads((root / "former.json").read_text(encoding="utf-8"))["matte"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return _short(str(spec)) if spec else ""


def _warm_up() -> None:
    """Have the solver of edges ready before the first stroke: loading it takes seconds."""
    image = np.zeros((48, 48, 3), np.uint8)
    image[16:32, 16:32] = 200
    segment_box(image, (12, 12, 24, 24))


def _listing(folder: Path) -> set[str]:
    """Return the names of the files in a folder; none if it is not there."""
    try:
        return {path.name for path in folder.iterdir()}
    except OSError:
        return set()


def _stamp(path: Path) -> str:
    try:
        return f"{path.stat().st_mtime_ns:x}"
    except OSError:
        return ""


def _short(spec: str) -> str:
    return Path(spec).name if Path(spec).exists() else spec
