"""How numbers of things are spelled."""

from __future__ import annotations

__all__ = ["counted"]


def counted(number: int, word: str) -> str:
    """Spell a number of things.

    >>> counted(1, "key"), counted(0, "key"), counted(1200, "frame")
    ('1 key', '0 keys', '1200 frames')
    """
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
