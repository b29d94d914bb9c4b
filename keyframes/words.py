"""Shots and keys: what this package talks about."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["KINDS", "Key", "Shot"]

KINDS = ("auto", "user", "locked", "override")


@dataclass(frozen=True)
class Shot:
    """Frames [start, stop) without a cut; `begins` is "start", "cut", "dissolve" or "fade"."""

    start: int
    stop: int
    begins: str = "cut"


@dataclass(frozen=True)
class Key:
    """A frame to be painted.

    Attributes
    ----------
    frame
        Frame number; counts from the start of the shot, plus the `offset` given to `select_keyframes`.
    reason
        One sentence for a person.
    coverage
        Share of the shot that this key alone explains, 0 to 1.
    kind
        "auto" (chosen by the machine, which may change its mind), "user" (chosen by a person), "locked"
        (may not be changed but by unlocking it) or "override" (painted by a person).
    note
        A person's remark; the machine only carries it along.
    """

    frame: int
    reason: str = ""
    coverage: float = 0.0
    kind: str = "auto"
    note: str = ""
