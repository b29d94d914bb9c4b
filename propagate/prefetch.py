"""Make the next item of a sequence while the last one is used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterator
    from concurrent.futures import Future

T = TypeVar("T")


def ahead(steps: Generator[T, None, None], *, threads: int) -> Generator[T, None, None]:
    """Yield what `steps` yields; on more than one thread the next is made while the caller has the last."""
    if threads < 2:
        yield from steps
        return
    with ThreadPoolExecutor(1) as pool:
        try:
            coming = pool.submit(_next, steps)
            while wait_interruptible([coming]) and (found := coming.result()) is not None:
                coming = pool.submit(_next, steps)
                yield found[0]
        finally:
            pool.submit(steps.close)


def wait_interruptible(jobs: Collection[Future[Any]]) -> bool:
    """Wait for all `jobs`, by turns so short that an interrupt is heard on every platform; return True."""
    while wait(jobs, timeout=0.2).not_done:
        pass
    return True


def _next(steps: Iterator[T]) -> tuple[T] | None:
    for step in steps:
        return (step,)
    return None
