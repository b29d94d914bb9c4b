"""What a long work tells its caller: how far it is, how long it took, what it would do."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OnProgress: TypeAlias = Callable[[str, float], None]
"""Called with the stage's name and its finished share, 0 to 1."""
Overwrite: TypeAlias = "bool | Callable[[Path], bool]"
"""Whether an existing output may be replaced, or whom to ask."""


def ignore(stage: str, share: float) -> None:
    """Tell nobody."""


class Notes(logging.Handler):
    """Writes what this package logs to stderr as it is at that moment, so that it does not run into bars."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        sys.stderr.write(f"note: {record.getMessage()}\n")


def allowed(overwrite: Overwrite, path: Path) -> bool:
    """Whether the existing `path` may be replaced."""
    return overwrite(path) if callable(overwrite) else overwrite


def subprogress(share: Callable[[float], None], before: int, size: int, total: int) -> Callable[[float], None]:
    """Return a progress function for `size` of `total` things, `before` of which are done."""
    return lambda part: share((before + part * size) / max(total, 1))


@dataclass
class StageTimer:
    """Seconds by stage, measured from outside, and progress to whoever listens."""

    on_progress: OnProgress = ignore
    seconds: dict[str, float] = field(default_factory=dict)
    began: float = field(default_factory=time.perf_counter)

    @contextmanager
    def stage(self, name: str) -> Iterator[Callable[[float], None]]:
        """Time the block as stage `name`; gives the function to report its share with."""
        began = time.perf_counter()
        self.on_progress(name, 0.0)
        try:
            yield lambda share: self.on_progress(name, share)
            self.on_progress(name, 1.0)
        finally:
            self.add(name, time.perf_counter() - began)

    def add(self, name: str, seconds: float) -> None:
        """Add seconds to stage `name`, as measured elsewhere."""
        self.seconds[name] = self.seconds.get(name, 0.0) + seconds

    def finished(self) -> dict[str, float]:
        """Return the seconds of every stage, and ``total`` since the watch was made."""
        seconds = {**self.seconds, "total": time.perf_counter() - self.began}
        return {name: round(value, 3) for name, value in seconds.items()}
