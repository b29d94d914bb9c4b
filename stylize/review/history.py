"""What undo and redo would do, kept in the project, so that it outlives the server."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from stylize.errors import StylizeError
from stylize.media.place import placed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["History", "Step"]

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
        self._path, self._same = path, same
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
            facts = {"done": [asdict(s) for s in self._done], "undone": [asdict(s) for s in self._undone]}
        with contextlib.suppress(StylizeError, OSError), placed(self._path, durable=False) as partial:
            partial.write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")

    def forget(self) -> None:
        """Remember nothing."""
        self.keep([], [])


def _read(path: Path) -> tuple[list[Step], list[Step]]:
    """Return what the file says; nothing if it is damaged."""
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
        done, undone = ([Step(**step) for step in facts[name]] for name in ("done", "undone"))
    except (OSError, ValueError, KeyError, TypeError):
        return [], []
    texts = [text for step in (*done, *undone) for text in asdict(step).values()]
    return (done, undone) if all(isinstance(text, str) for text in texts) else ([], [])
