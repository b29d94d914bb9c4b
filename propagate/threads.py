"""Thread team: kernels that release the GIL, run on slices of a list of items."""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numba

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from types import TracebackType
    from typing import Self

_SMALL = 4096
"""Pixels below which work is not shared out: to wake a thread takes longer."""
_PAUSE = 1e-4
"""Seconds that a thread sleeps while it waits for another one."""


class ThreadTeam:
    """Threads that share out a list of items; a kernel releases the GIL and works on a slice of them.

    Own threads and not Numba's: kernels compile in a third of the time, several callers may work at once
    (Numba's plainest layer aborts the process then), and slices are dealt out as threads get free, which on a
    busy machine is worth a factor.  ``threads=None`` follows ``numba.get_num_threads()``.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = numba.get_num_threads() if threads is None else threads
        self._pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None
        self._taken: list[None] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    @contextmanager
    def taken(self) -> Generator[None, None, None]:
        """Tell that the caller keeps a thread busy meanwhile.

        While all threads are, `run` shares nothing out: who wakes another only waits for it, and both find
        their caches emptied.
        """
        self._taken.append(None)
        try:
            yield
        finally:
            self._taken.pop()

    def run(self, kernel: Callable[..., None], items: int, *arguments: Any, pixels: int = _SMALL) -> None:
        """Call ``kernel(first, last, *arguments)`` until 0 to `items` are covered; return when all are done.

        Work on fewer `pixels` than it takes to wake a thread is done at once.
        """
        if self._pool is None or items <= 1 or pixels < _SMALL or len(self._taken) >= self.threads:
            if items > 0:
                kernel(0, items, *arguments)
            return
        # A few slices per thread, so that one slow slice does not leave the others waiting.  Each begins with
        # its own part of the whole, always the same one, which it may still have in its cache.
        threads = min(self.threads, items)
        slices = min(items, 4 * threads)
        edges = [items * i // slices for i in range(slices + 1)]
        bounds = [slices * i // threads for i in range(threads + 1)]
        tickets = [itertools.count(first) for first in bounds[:-1]]

        def work(me: int) -> None:
            for k in range(threads):
                owner = (me + k) % threads
                for i in tickets[owner]:
                    if i >= bounds[owner + 1]:
                        break
                    kernel(edges[i], edges[i + 1], *arguments)

        helpers = [self._pool.submit(work, me) for me in range(1, threads)]
        work(0)
        for helper in helpers:
            # one that has not begun, as its thread is at another caller's work, has nothing left to do
            if not helper.cancel():
                helper.result()

    def together(self, kernel: Callable[..., bool], *arguments: Any, pixels: int = _SMALL) -> None:
        """Call ``kernel(me, threads, *arguments)`` on all threads at once until it returns True.

        It shares out its work by itself; False says that it waits for another thread.
        """
        stop = False
        threads = 1 if pixels < _SMALL else self.threads

        def work(me: int) -> None:
            while not stop and not kernel(me, threads, *arguments):
                time.sleep(_PAUSE)

        if self._pool is None or threads == 1:
            work(0)
            return
        helpers = [self._pool.submit(work, me) for me in range(1, threads)]
        try:
            work(0)
        finally:
            stop = True
            for helper in helpers:
                if not helper.cancel():
                    helper.result()
