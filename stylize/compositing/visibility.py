"""Visibility of a matte: the shots and frames of a clip in which it shows something to style."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylize.compositing.shot_view import MattedView

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from keyframes import Shot
    from stylize.compositing.bounds import MatteBounds
    from stylize.mattes import MatteClip
    from stylize.media import Clip


@dataclass(frozen=True)
class MatteVisibility:
    """Mattes of a range of a clip and their bounds; `first` is the first frame of the range in the clip."""

    mattes: MatteClip
    outline: MatteBounds
    first: int

    def with_subject(self, shots: Sequence[Shot]) -> tuple[Shot, ...]:
        """Return the shots in which the matte is visible."""
        return tuple(shot for shot in shots if len(self.blank(shot)) < shot.stop - shot.start)

    def pieces(self, shots: Sequence[Shot]) -> tuple[Shot, ...]:
        """Return the shots, cut to the frames between the first and the last visible one."""
        return self.outline.pieces(shots, self.first)

    def blank(self, shot: Shot) -> list[int]:
        """Return the frames of the clip in which the matte is empty."""
        return [f for f in range(shot.start, shot.stop) if not self.outline.shown(f - self.first)]

    def view(self, whole: Clip, shot: Shot, rendered: Callable[[str, Path], bool]) -> MattedView:
        """Return the shot through the matte; `rendered` is that of `MattedView`."""
        begin = shot.start - self.first
        return MattedView(
            whole[shot.start : shot.stop],
            self.mattes[begin : begin + shot.stop - shot.start],
            self.outline,
            begin,
            rendered,
        )
