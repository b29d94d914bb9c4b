"""Matte editor of the review page: strokes on frames, their mattes, and the state of propagation."""

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
from stylize.review.roto.active_matte import MATTE, set_active_matte
from stylize.review.roto.propagation import last_spans, painted_mattes, propagated_frames, read_matte, write_matte
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

_MAX_STROKES = 400
"""Strokes on one frame."""
_MAX_UNDONE = 100
"""Strokes that can be redone."""


class MatteEditor:
    """Editor of the painted matte of an opened project; safe to use from several threads.

    Strokes are stored by frame in ``matte/marks``, so that they can be undone at any later time; the matte made
    from them is ``matte/painted/NAME.png``. An image that another program puts there counts too.
    """

    def __init__(self, context: RunContext, project_lock: Callable[[], AbstractContextManager[None]]) -> None:
        """Read the strokes of the project; `project_lock` locks it."""
        self.context, self._project_lock = context, project_lock
        self._root = context.project.root / MATTE
        self._lock = threading.RLock()
        self._undone: list[tuple[int, Stroke]] = []
        info = context.whole.info
        self._store = StrokeStore(self._root / "marks", info.names, info.width, info.height)
        self._project_matte: Any = None
        self._last_box: tuple[tuple[int, Box], F32] | None = None
        self._warmed_up = False
        self._resources = ExitStack()

    def set_context(self, context: RunContext) -> None:
        """Use another run context, after a change of the active matte."""
        with self._lock:
            self.context, self._project_matte = context, None

    def close(self) -> None:
        """Close the active matte."""
        self._resources.close()

    def fields(self) -> dict[str, Any]:
        """Return the painted and propagated frames and the undo state, for JSON.

        ``carried`` are the frames propagated from the current strokes, ``old`` those propagated from earlier ones.
        """
        if not self._warmed_up:
            self._warmed_up = True
            threading.Thread(target=_warm_up, daemon=True).start()
        with self._lock:
            painted, names = painted_mattes(self.context), self.context.whole.info.names
            carried, outdated, spans = dict[int, str](), dict[int, str](), last_spans(self.context, painted)
            origins = propagated_frames(self.context)
            cached = {folder: _file_names(folder) for folder in {span.folder for span in spans if span.keys}}
            for span in spans:
                for frame in range(span.start, span.stop) if span.keys else ():
                    name = f"{names[frame]}.png"
                    known_as = origins.get(name) == span.folder.name
                    if frame not in painted and (known_as or name in cached[span.folder]):
                        carried[frame] = span.folder.name[:8]
            by_frame, in_carried = self._store.strokes, _file_names(self.context.project.painted_matte)
            version = _version(self.context.project.painted_matte)
            empty = {frame for span in spans if not span.keys for frame in range(span.start, span.stop)}
            for frame in range(*self.context.span):
                if (
                    frame not in painted
                    and frame not in carried
                    and frame not in empty
                    and f"{names[frame]}.png" in in_carried
                ):
                    outdated[frame] = version
            last = self._store.last()
            return {
                "painted": {frame: _version(path) for frame, path in painted.items()},
                "strokes": {frame: len(active) for frame, all_ in by_frame.items() if (active := active_strokes(all_))},
                "carried": carried,
                "old": outdated,
                "left": len(self.context.clip) - len(painted) - len(carried) - len(empty) if painted else 0,
                "empty": len(empty),
                "use": self._active_kind(),
                "source": "" if self.context.request.matte is None else _short_name(str(self.context.request.matte)),
                "former": _former_matte(self._root),
                "can": {
                    "undo": None if last is None else last[1].tool,
                    "redo": self._undone[-1][1].tool if self._undone else None,
                },
            }

    def file(self, frame: int) -> Path:
        """Return the newest image of a frame's matte: painted, propagated now, or propagated earlier.

        Raises
        ------
        FileNotFoundError
            If there is none.
        """
        name = f"{self.context.whole.info.names[frame]}.png"
        painted = painted_mattes(self.context)
        if frame in painted:
            return painted[frame]
        for span in last_spans(self.context, painted):
            if span.keys and span.start <= frame < span.stop and (span.folder / name).is_file():
                return span.folder / name
        found = self.context.project.painted_matte / name
        if found.is_file():
            return found
        raise FileNotFoundError

    def matte(self, frame: int) -> F32:
        """Return the matte of a frame without refinement: painted, propagated, or the active one."""
        try:
            return read_matte(self.file(frame))
        except FileNotFoundError:
            if self.context.request.matte is None:
                raise
            with self._lock:
                if self._project_matte is None:
                    options = self.context.settings.matte
                    plain = MatteOptions(fit=options.fit, missing=options.missing, match=options.match, stabilize=0.0)
                    self._project_matte = self._resources.enter_context(
                        open_matte(self.context.request.matte, self.context.clip.info, plain)
                    )
                found: F32 = self._project_matte[frame - self.context.span[0]]
                return found

    def add(self, frame: int, fields: Any) -> None:
        """Add a stroke to a frame; `fields` as for `read_stroke`."""
        info = self.context.whole.info
        stroke = read_stroke(fields, info.width, info.height)
        with self._lock:
            with self._project_lock():  # a locked project fails before the matte is computed
                pass
            strokes = self._strokes_of(frame)
            if len(strokes) >= _MAX_STROKES:
                raise UsageError(f"frame {frame} has {_MAX_STROKES} strokes; clear it, or start with a box")
            stroke = replace(stroke, number=self._store.next(strokes))
            if not active_strokes(strokes) and stroke.tool != "clear":
                stroke = replace(stroke, base=self._base_matte(frame, stroke))
            if stroke.tool == "clear" and not active_strokes(strokes) and frame not in painted_mattes(self.context):
                raise UsageError(f"frame {frame} has no strokes to clear")
            self._set_strokes(frame, [*strokes, stroke])
            self._undone.clear()

    def undo(self) -> int:
        """Undo the newest stroke of any frame; return its frame."""
        with self._lock:
            found = self._store.last()
            if found is None:
                raise UsageError("nothing to undo in the matte; paint a stroke first")
            frame, last = found
            remaining = self._store.strokes[frame][:-1]
            self._set_strokes(frame, remaining)
            self._undone = [*self._undone, (frame, last)][-_MAX_UNDONE:]
            return frame

    def redo(self) -> int:
        """Redo the stroke that was undone last; return its frame."""
        with self._lock:
            if not self._undone:
                raise UsageError("nothing to redo in the matte; undo a stroke first")
            frame, stroke = self._undone[-1]
            self._set_strokes(frame, [*self._store.strokes.get(frame, []), stroke])
            self._undone.pop()
            return frame

    def activate(self, wanted: bool) -> None:
        """Activate the propagated matte, or the former matte if `wanted` is false."""
        with self._lock, self._project_lock():
            carried = self.context.project.painted_matte
            if wanted and not carried.is_dir():
                raise UsageError("the painted matte is not propagated yet; propagate it first")
            set_active_matte(self.context, carried if wanted else None)

    def _active_kind(self) -> str:
        if self.context.request.matte is None:
            return "none"
        mine = str((self.context.project.painted_matte).absolute())
        return "painted" if str(self.context.request.matte) == mine else "other"

    def _strokes_of(self, frame: int) -> list[Stroke]:
        """Return the strokes of a frame; a matte file of another program replaces them as a ``keep`` stroke."""
        strokes, path = self._store.strokes.get(frame, []), painted_mattes(self.context).get(frame)
        if path is None or self._store.file(frame) == file_hash(path):
            return strokes
        number, name = self._store.next(strokes), self.context.whole.info.names[frame]
        base = self._write_base(name, number + 1, read_matte(path))
        return [*strokes, Stroke("clear", number=number), Stroke("keep", number=number + 1, base=base)]

    def _segment_box(self, frame: int, image: Image, box: Box) -> F32:
        """Segment the subject in a box; the last result is kept for later strokes."""
        if self._last_box is None or self._last_box[0] != (frame, box):
            self._last_box = ((frame, box), segment_box(image, box))
        return self._last_box[1]

    def _base_matte(self, frame: int, stroke: Stroke) -> str:
        """Store the matte that a first stroke changes; return its file name, or nothing for a box or an empty frame."""
        if stroke.tool in ("box", "empty"):
            return ""
        try:
            matte = self.matte(frame)
        except FileNotFoundError:
            if stroke.tool == "keep":
                raise UsageError(f"frame {frame} has no matte to keep; paint one") from None
            return ""
        return self._write_base(self.context.whole.info.names[frame], stroke.number, matte)

    def _write_base(self, name: str, number: int, matte: F32) -> str:
        write_matte(self._root / "base" / f"{name}-{number}.png", matte)
        return f"{name}-{number}.png"

    def _set_strokes(self, frame: int, strokes: list[Stroke]) -> None:
        """Replace the strokes of a frame; its matte is computed first, before the project is locked."""
        name, active = self.context.whole.info.names[frame], active_strokes(strokes)
        base = next((stroke.base for stroke in active if stroke.base), "")
        path = self._root / "base" / base
        base_matte = read_matte(path) if base and path.parent.name == "base" and path.is_file() else None
        matte = build_matte(
            self.context.whole[frame], strokes, base_matte, lambda image, box: self._segment_box(frame, image, box)
        )
        path = self._root / "painted" / f"{name}.png"
        with self._project_lock():
            if matte is None:
                with disk_errors(path):
                    path.unlink(missing_ok=True)
            else:
                write_matte(path, matte)
            self._store.save(frame, strokes, "" if matte is None else file_hash(path))


def _former_matte(root: Path) -> str:
    """Return the short name of the matte that was active before the painted one; empty for none."""
    try:
        spec = json.loads((root / "former.json").read_text(encoding="utf-8"))["matte"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    return _short_name(str(spec)) if spec else ""


def _warm_up() -> None:
    """Load the segmentation and its kernels, which takes seconds, before the first stroke."""
    image = np.zeros((48, 48, 3), np.uint8)
    image[16:32, 16:32] = 200
    segment_box(image, (12, 12, 24, 24))


def _file_names(folder: Path) -> set[str]:
    """Return the names of the files in a folder; empty without the folder."""
    try:
        return {path.name for path in folder.iterdir()}
    except OSError:
        return set()


def _version(path: Path) -> str:
    try:
        return f"{path.stat().st_mtime_ns:x}"
    except OSError:
        return ""


def _short_name(spec: str) -> str:
    return Path(spec).name if Path(spec).exists() else spec
