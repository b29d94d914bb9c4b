"""Strokes of all frames, stored in one JSON file per frame."""

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
    """Strokes by frame of the clip, read once; a damaged file is ignored.

    Attributes
    ----------
    marks
        In drawing order; a frame may have an empty list.
    """

    def __init__(self, folder: Path, names: Sequence[str], width: int, height: int) -> None:
        """Read the files in `folder`, named like the frames of a clip of this size in pixels."""
        self._folder, self._names = folder, names
        self.strokes: dict[int, list[Stroke]] = {}
        self._files: dict[int, str] = {}
        frames = {name: frame for frame, name in enumerate(names)}
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            try:
                record = json.loads(path.read_text(encoding="utf-8"))
                strokes = [_stored_stroke(one, width, height) for one in record["marks"]]
            except (OSError, ValueError, KeyError, TypeError, StylizeError):
                continue
            if path.stem in frames:
                self.strokes[frames[path.stem]] = strokes
                self._files[frames[path.stem]] = str(record.get("file", ""))

    def save(self, frame: int, strokes: Sequence[Stroke], file: str) -> None:
        """Replace the strokes of a frame; `file` is the hash of the matte made from them."""
        record = {"marks": [stroke.to_dict() for stroke in strokes], "file": file}
        write_text(self._folder / f"{self._names[frame]}.json", json.dumps(record))
        self.strokes[frame], self._files[frame] = list(strokes), file

    def file(self, frame: int) -> str:
        """Return the hash stored with the strokes of a frame; empty if there is none."""
        return self._files.get(frame, "")

    def last(self) -> tuple[int, Stroke] | None:
        """Return the newest stroke and its frame."""
        newest = [(frame, strokes[-1]) for frame, strokes in self.strokes.items() if strokes]
        return max(newest, key=lambda one: one[1].number, default=None)

    def next(self, others: Sequence[Stroke] = ()) -> int:
        """Return the number of the next stroke, above all stored ones and `others`."""
        last = self.last()
        return 1 + max([0 if last is None else last[1].number, *(stroke.number for stroke in others)])


def _stored_stroke(record: Any, width: int, height: int) -> Stroke:
    base = record["base"]
    if not isinstance(base, str) or set(base) & set("/\\:"):  # it must be a file name without a folder
        raise ValueError(f"invalid base {base!r}")
    points = [list(point) for point in record["points"]]
    return replace(read_stroke({**record, "points": points}, width, height), number=int(record["number"]), base=base)
