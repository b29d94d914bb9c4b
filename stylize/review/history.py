"""What undo and redo would do, kept in the project, so that it outlives the server."""

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

_MOST_STEPS = 50
_MOST_LETTERS = 2_000_000
"""Of all texts together: older steps are let go."""


@dataclass(frozen=True)
class Step:
    """One edit: what it did in words, and the text before and after."""

    words: str
    before: str
    after: str


class History:
    """Steps that were done and steps that were taken back, in a small file.

    The text that the steps lead to is a file of its own and may be changed by anybody, or the process may end
    between the two writes. So nothing here is believed that does not lead to the text as it stands.
    """

    def __init__(self, path: Path, same: Callable[[str], str]) -> None:
        """Read what is at `path`; texts of which `same` is equal count as one."""
        self._path, self._same = path, lru_cache(4 * _MOST_STEPS)(same)
        self._turn = threading.Lock()
        self._done, self._undone = _read(path)

    def reaching(self, text: str) -> tuple[list[Step], list[Step]]:
        """Return the steps that led to `text`, and those that lead on from it; both end with the nearest."""
        here = self._same(text)
        with self._turn:
            whole = [*self._done, *reversed(self._undone)]
            near = len(self._done)
        # the end of an edit may have been lost, so places beside the remembered one are tried too
        for at in sorted(range(len(whole) + 1), key=lambda at: abs(at - near)):
            left = at == 0 or self._same(whole[at - 1].after) == here
            right = at == len(whole) or self._same(whole[at].before) == here
            if whole and left and right:
                return whole[:at], whole[at:][::-1]
        return [], []

    def left_behind(self, text: str) -> bool:
        """Whether there are steps, and none of them leads to `text`: somebody else changed it."""
        with self._turn:
            some = bool(self._done or self._undone)
        return some and self.reaching(text) == ([], [])

    def keep(self, done: list[Step], undone: list[Step]) -> None:
        """Remember these steps and no others; a disk that is full does not undo the edit."""
        room, kept = _MOST_LETTERS, list[Step]()
        for step in done[: -_MOST_STEPS - 1 : -1]:
            room -= len(step.before) + len(step.after)
            if room < 0 and kept:
                break
            kept.append(step)
        with self._turn:
            self._done, self._undone = kept[::-1], undone[-_MOST_STEPS:]
            told = _facts(self._done, self._undone)
        with contextlib.suppress(StylizeError, OSError), placed(self._path, durable=False) as partial:
            partial.write_text(told, encoding="utf-8")

    def forget(self) -> None:
        """Remember nothing."""
        self.keep([], [])


def _facts(done: list[Step], undone: list[Step]) -> str:
    """Return steps as JSON; a text that one step ends with and the next begins with is there once."""
    texts = list(dict.fromkeys(text for step in (*done, *undone) for text in (step.before, step.after)))
    place = {text: at for at, text in enumerate(texts)}
    steps = {
        name: [[step.words, place[step.before], place[step.after]] for step in side]
        for name, side in (("done", done), ("undone", undone))
    }
    return json.dumps({"texts": texts, **steps}, ensure_ascii=False)


def _read(path: Path) -> tuple[list[Step], list[Step]]:
    """Return what the file says; nothing if it is damaged."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        texts = facts["texts"]
        done, undone = (
            [Step(str(words), str(texts[a]), str(texts[b])) for words, a, b in facts[name]]
            for name in ("done", "undone")
        )
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        return [], []
    return done, undone
