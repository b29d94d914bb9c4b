"""The marks of every frame, kept in small files, one for each frame."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stylize.errors import StylizeError
from stylize.review.roto.strokes import read_stroke
from stylize.storage.atomic import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stylize.review.roto.strokes import Stroke


class StrokeStore:
    """Marks by frame of the clip, read once; a damaged file says nothing.

    Attributes
    ----------
    marks
        In the order in which they were made; a frame may have an empty list.
    """

    def __init__(self, folder: Path, names: Sequence[str], width: int, height: int) -> None:
        """Read the files in `folder`, which are called as the frames of a clip of this size."""
        self._folder, self._names = folder, names
        self.marks: dict[int, list[Stroke]] = {}
        self._files: dict[int, str] = {}
        frames = {name: frame for frame, name in enumerate(names)}
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            try:
                told = json.loads(path.read_text(encoding="utf-8"))
                marks = [_fingerprint(one, width, height) for one in told["marks"]]
            except (OSError, ValueError, KeyError, TypeError, StylizeError):
                continue
            if path.stem in frames:
                self.marks[frames[path.stem]] = marks
                self._files[frames[path.stem]] = str(told.get("file", ""))

    def keep(self, frame: int, marks: Sequence[Stroke], file: str) -> None:
        """Let these be the marks of a frame; `file` is the hash of the matte that follows from them."""
        facts = {"marks": [mark.facts() for mark in marks], "file": file}
        write_text(self._folder / f"{self._names[frame]}.json", json.dumps(facts))
        self.marks[frame], self._files[frame] = list(marks), file

    def file(self, frame: int) -> str:
        """Return the hash that was kept with the marks of a frame; empty if there is none."""
        return self._files.get(frame, "")

    def last(self) -> tuple[int, Stroke] | None:
        """Return the mark that was made last, and its frame."""
        ends = [(frame, marks[-1]) for frame, marks in self.marks.items() if marks]
        return max(ends, key=lambda end: end[1].number, default=None)

    def next(self, besides: Sequence[Stroke] = ()) -> int:
        """Return the number of the next mark, above all there are and `besides`."""
        last = self.last()
        return 1 + max([0 if last is None else last[1].number, *(mark.number for mark in besides)])


def _fingerprint(facts: Any, width: int, height: int) -> Stroke:
    base = facts["base"]
    if not isinstance(base, str) or set(base) & set("/\\:"):  # it names a file of ours and nothing else
        raise ValueError(f"base is {base!r}")
    points = [list(point) for point in facts["points"]]
    return replace(read_stroke({**facts, "points": points}, width, height), number=int(facts["number"]), base=base)
