"""Shots and keys: what this package talks about."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

KINDS = ("auto", "user", "locked", "override")


@dataclass(frozen=True)
class Shot:
    """Frames [start, stop) without a cut.

    Attributes
    ----------
    begins
        "start", "cut", "dissolve" or "fade".
    fade_in, fade_out
        Frames at its start and at its end that a dissolve mixes with the other shot, or a fade with black.
        They belong to the shot that they show more of, but make poor keys.
    """

    start: int
    stop: int
    begins: str = "cut"
    fade_in: int = 0
    fade_out: int = 0

    @property
    def clear(self) -> range:
        """The frames that nothing else is mixed into; all of them where none is clear."""
        found = range(self.start + self.fade_in, self.stop - self.fade_out)
        return found or range(self.start, self.stop)

    def moved(self, by: int) -> Shot:
        """Return the shot with all its frame numbers raised by `by`."""
        return replace(self, start=self.start + by, stop=self.stop + by)

    def within(self, first: int, stop: int) -> Shot:
        """Return the part of the shot that lies in the frames [first, stop)."""
        start, end = max(self.start, first), min(self.stop, stop)
        into, out = self.start + self.fade_in - start, end - (self.stop - self.fade_out)
        return replace(self, start=start, stop=end, fade_in=max(into, 0), fade_out=max(out, 0))


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
