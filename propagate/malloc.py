"""Memory that was freed: what the C library does with it.

That of Linux (glibc) has a heap for each thread and keeps what was freed in the heaps of threads long gone,
which for big frames comes to more than the frames themselves. Elsewhere nothing is done.
"""

from __future__ import annotations

import ctypes
import sys
from typing import Any

_ARENA_MAX = -8
"""glibc's name for the number of heaps, from malloc.h."""


def use_single_arena() -> None:
    """Let all threads of this process share one heap; a program calls it at its start, a library does not."""
    set_option = _glibc("mallopt")
    if set_option is not None:
        set_option(_ARENA_MAX, 1)


def trim_heap() -> None:
    """Give freed memory back to the system."""
    trim = _glibc("malloc_trim")
    if trim is not None:
        trim(0)


def _glibc(name: str) -> Any:
    """Return a function of glibc; None under another library."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return getattr(library, name, None) if hasattr(library, "gnu_get_libc_version") else None
