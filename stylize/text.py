"""How numbers of things, and paths in commands, are spelled."""

from __future__ import annotations

import os
import shlex
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def quoted(path: Path) -> str:
    """Spell a path as a command takes it: within quotes where it has spaces or signs."""
    return subprocess.list2cmdline([str(path)]) if os.name == "nt" else shlex.quote(str(path))


def counted(number: int, word: str) -> str:
    """Spell a number of things.

    >>> counted(1, "key"), counted(0, "key"), counted(1200, "frame")
    ('1 key', '0 keys', '1200 frames')
    """
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
