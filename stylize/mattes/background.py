"""Mattes produced on a background thread while the first ones are already in use."""

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

CancellableProgress: TypeAlias = "Callable[[Callable[[float], None]], Callable[[float], None]]"
"""Turns a progress function into one that also stops the work once its result is no longer needed."""
_POLL = 0.02
"""Seconds between two looks for a new matte: far below the time that making one takes."""
_POLL_AT_END = 0.2
"""Seconds between two looks at the end: short enough that an interrupt is noticed on every platform."""


class _CancelledError(Exception):
    """The result is no longer needed."""


class _PendingMattes(MatteSequence):
    """Mattes that `work` writes to a buffer; reading one waits until it is there."""

    def __init__(self, buffer: MatteBuffer, work: Future[None], count: int) -> None:
        super().__init__(buffer)
        self._buffer, self._work, self._count = buffer, work, count

    def __len__(self) -> int:
        return self._count

    def _item(self, index: int) -> F32:
        while index not in self._buffer and not self._work.done():
            wait([self._work], timeout=_POLL)
        if self._work.done():
            self._work.result()  # raises the error of the work
        return self._buffer[index]


@contextmanager
def produce_in_background(
    make: Callable[[CancellableProgress], None], buffer: MatteBuffer, count: int
) -> Iterator[MatteSequence]:
    """Run ``make(cancellable)`` on a thread of its own and yield the mattes that it writes to `buffer`.

    Parameters
    ----------
    make
        Is given a `CancellableProgress` and passes all progress functions through it. Its errors are raised
        in the block where a matte is waited for, or at the end of the block. If the block fails, `make` is
        stopped at its next report of progress.
    buffer
        `make` writes each number once.

    Yields
    ------
    MatteSequence
        `count` mattes; reading one waits for it.
    """
    cancelled = threading.Event()

    def cancellable(on_progress: Callable[[float], None]) -> Callable[[float], None]:
        def report(share: float) -> None:
            if cancelled.is_set():
                raise _CancelledError
            on_progress(share)

        return report

    with ThreadPoolExecutor(1, "mattes") as pool:
        work = pool.submit(make, cancellable)
        try:
            yield _PendingMattes(buffer, work, count)
            while not work.done():
                wait([work], timeout=_POLL_AT_END)
            work.result()
        finally:
            cancelled.set()
