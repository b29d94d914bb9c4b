"""Shots and keys: what this package talks about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    settings
        What this key is painted with in place of the run's settings, by full name: ``{"synthesis.seed": 3}``.
    take
        Number of the painting that stands, of those made so far; 0 for the one that the settings ask for.
    """

    frame: int
    reason: str = ""
    coverage: float = 0.0
    kind: str = "auto"
    note: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict, hash=False)
    take: int = 0
