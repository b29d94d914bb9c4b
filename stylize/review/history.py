"""Undo history of the plan, stored in the project so that it outlives the server."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from stylize.errors import StylizeError
from stylize.storage.partial import placed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_MAX_STEPS = 50
"""Edits that can be undone."""
_MAX_CHARACTERS = 2_000_000
"""Characters of all texts together (about 2 MB of JSON); older steps are dropped."""


@dataclass(frozen=True)
class Step:
    """One edit: its description, and the text before and after."""

    words: str
    before: str
    after: str


class History:
    """Done and undone steps of a text file, in a JSON file beside it.

    The text may be changed by another program, or the process may end between the two writes. So a step counts
    only if it leads to the current text.
    """

    def __init__(self, path: Path, normalize: Callable[[str], str]) -> None:
        """Read the file at `path`; texts with an equal `normalize` count as equal."""
        self._path, self._normalize = path, lru_cache(4 * _MAX_STEPS)(normalize)
        self._lock = threading.Lock()
        self._done, self._undone = _read(path)

    def steps_around(self, text: str) -> tuple[list[Step], list[Step]]:
        """Return the steps to undo and to redo from `text`; the nearest step is last in both."""
        current = self._normalize(text)
        with self._lock:
            steps = [*self._done, *reversed(self._undone)]
            last = len(self._done)
        # the last write may have been lost, so positions beside the stored one are tried too
        for index in sorted(range(len(steps) + 1), key=lambda index: abs(index - last)):
            before = index == 0 or self._normalize(steps[index - 1].after) == current
            after = index == len(steps) or self._normalize(steps[index].before) == current
            if steps and before and after:
                return steps[:index], steps[index:][::-1]
        return [], []

    def changed_outside(self, text: str) -> bool:
        """Return whether there are steps and none leads to `text`: another program changed it."""
        with self._lock:
            some = bool(self._done or self._undone)
        return some and self.steps_around(text) == ([], [])

    def save(self, done: list[Step], undone: list[Step]) -> None:
        """Replace the stored steps; a full disk does not undo the edit."""
        budget, kept = _MAX_CHARACTERS, list[Step]()
        for step in done[: -_MAX_STEPS - 1 : -1]:
            budget -= len(step.before) + len(step.after)
            if budget < 0 and kept:
                break
            kept.append(step)
        with self._lock:
            self._done, self._undone = kept[::-1], undone[-_MAX_STEPS:]
            text = _to_json(self._done, self._undone)
        with contextlib.suppress(StylizeError, OSError), placed(self._path, durable=False) as partial:
            partial.write_text(text, encoding="utf-8")

    def clear(self) -> None:
        """Remove all steps."""
        self.save([], [])


def _to_json(done: list[Step], undone: list[Step]) -> str:
    """Return the steps as JSON; each text is stored once."""
    texts = list(dict.fromkeys(text for step in (*done, *undone) for text in (step.before, step.after)))
    position = {text: index for index, text in enumerate(texts)}
    steps = {
        name: [[step.words, position[step.before], position[step.after]] for step in side]
        for name, side in (("done", done), ("undone", undone))
    }
    return json.dumps({"texts": texts, **steps}, ensure_ascii=False)


def _read(path: Path) -> tuple[list[Step], list[Step]]:
    """Read the steps; a missing or damaged file gives none."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        texts = record["texts"]
        done, undone = (
            [Step(str(words), str(texts[a]), str(texts[b])) for words, a, b in record[name]]
            for name in ("done", "undone")
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return [], []
    return done, undone
