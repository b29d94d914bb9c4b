"""Keeping what libraries print by themselves out of the answer on stdout."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOCK = threading.Lock()
_kept: list[Any] = []
"""The one stdout that is kept, once for each block that runs."""


@contextmanager
def stdout_aside() -> Iterator[None]:
    """Let whatever the block prints go to stderr: OpenEXR sends warnings to Python's stdout.

    Blocks in several threads may overlap: stdout comes back with the last one.
    """
    with _LOCK:
        _kept.append(_kept[0] if _kept else sys.stdout)
        sys.stdout = sys.stderr
    try:
        yield
    finally:
        with _LOCK:
            last = _kept.pop()
            if not _kept:
                sys.stdout = last
