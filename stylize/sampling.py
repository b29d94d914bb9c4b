"""Where the time goes, seen from outside: a thread looks a hundred times a second which room is at work."""

from __future__ import annotations

import sys
import threading
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FrameType

CARRYING: dict[str, str | None] = {
    "stylize.media": "io",
    "propagate.prefetch": None,
    "propagate.blend": "join",
    "propagate.resample": "join",
    "propagate.span": "join",
    "propagate.hole_filling": "synthesis",
    "propagate.synthesis": "synthesis",
    "propagate": "flow",
}
"""Rooms that carry paint and the parts that they belong to; what is not named falls to its package,
and what has no part only waits."""


class Sampler:
    """Adds up the seconds of a block by part, without a change to the code that runs in it.

    A moment belongs to the room that the block's thread is in, seen from the outermost call: a warp for the
    sake of joining is joining. Only reading and writing are themselves wherever they happen. While that
    thread waits, the moment belongs to what another thread is at.

    Attributes
    ----------
    seconds
        By part; what belongs to none is left out.
    """

    def __init__(self, rooms: Mapping[str, str | None], entry: str, every: float = 0.01) -> None:
        self.seconds = dict.fromkeys((part for part in rooms.values() if part is not None), 0.0)
        self._rooms, self._entry, self._every = rooms, entry, every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._mine = 0

    def __enter__(self) -> Self:
        self._mine = threading.get_ident()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        last = time.perf_counter()
        while not self._stop.wait(self._every):
            now = time.perf_counter()
            part = self._part_now()
            if part is not None:
                self.seconds[part] += now - last
            last = now

    def _part_now(self) -> str | None:
        stacks = sys._current_frames()  # noqa: SLF001  documented, and the only way to look from outside
        # this one would refer to itself, and keep all others and their arrays until the collector runs
        stacks.pop(threading.get_ident(), None)
        own = stacks.pop(self._mine, None)
        part = self._part(own)
        if part is not None or own is None:
            return part
        others = map(self._part, stacks.values())
        return next((part for part in others if part is not None), None)

    def _part(self, frame: FrameType | None) -> str | None:
        """Return the part of a stack, None for one that waits or is elsewhere."""
        rooms: list[str] = []
        innermost = None
        while frame is not None:
            name = str(frame.f_globals.get("__name__", ""))
            innermost = innermost or name
            if name == self._entry:
                break
            rooms.append(name)
            frame = frame.f_back
        inside = frame is not None
        parts = [part for name in rooms if (part := self._named(name)) is not None]
        if parts:
            return "io" if "io" in parts else parts[-1]
        return self._named(self._entry) if inside and innermost == self._entry else None

    def _named(self, name: str) -> str | None:
        while name:
            if name in self._rooms:
                return self._rooms[name]
            name = name.rpartition(".")[0]
        return None
