"""Mattes that are put to use while the next ones are made, on a thread of their own."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

from stylize.mattes.buffer import MatteSequence

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from propagate.arrays import F32
    from stylize.mattes.buffer import MatteBuffer

Heed: TypeAlias = "Callable[[Callable[[float], None]], Callable[[float], None]]"
"""Turns a progress function into one that also stops the work when nobody waits for it any more."""
_LOOK = 0.02
"""Seconds after which is looked again whether a matte has come."""


class _UnwantedError(Exception):
    """Nobody waits for what is being made."""


class _Coming(MatteSequence):
    """Mattes that `work` puts on a shelf; one that is not there yet is waited for."""

    def __init__(self, shelf: MatteBuffer, work: Future[None], count: int) -> None:
        super().__init__(shelf)
        self._shelf, self._work, self._count = shelf, work, count

    def __len__(self) -> int:
        return self._count

    def _at(self, at: int) -> F32:
        while at not in self._shelf and not self._work.done():
            wait([self._work], timeout=_LOOK)
        if self._work.done():
            self._work.result()  # raises what went wrong
        return self._shelf[at]


@contextmanager
def produce_in_background(make: Callable[[Heed], None], shelf: MatteBuffer, count: int) -> Iterator[MatteSequence]:
    """Run ``make(heed)``, which puts `count` mattes on `shelf`, beside the block; hand out the mattes.

    Parameters
    ----------
    make
        Is given a `Heed`, and calls all progress through it. What it raises is raised in the block where a
        matte is waited for, or at its end. If the block fails, it is stopped when it next tells of progress.
    shelf
        Each number is put there once.

    Yields
    ------
    MatteSequence
        As a sequence of `count` mattes.
    """
    unwanted = threading.Event()

    def cancellable(share: Callable[[float], None]) -> Callable[[float], None]:
        def told(part: float) -> None:
            if unwanted.is_set():
                raise _UnwantedError
            share(part)

        return told

    with ThreadPoolExecutor(1, "mattes") as pool:
        work = pool.submit(make, cancellable)
        try:
            yield _Coming(shelf, work, count)
            while not work.done():
                wait([work], timeout=0.2)  # by turns so short that an interrupt is heard on every platform
            work.result()
        finally:
            unwanted.set()
