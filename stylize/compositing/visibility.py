"""What a matte shows of the shots of a clip: where there is something to style, and how much it counts."""

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
    """The mattes of a range of a clip and their outline; `first` is the range's first frame in the clip."""

    mattes: MatteClip
    outline: MatteBounds
    first: int

    def with_subject(self, shots: Sequence[Shot]) -> tuple[Shot, ...]:
        """Return the shots in which there is something to style."""
        return tuple(shot for shot in shots if len(self.blank(shot)) < shot.stop - shot.start)

    def pieces(self, shots: Sequence[Shot]) -> tuple[Shot, ...]:
        """Return the shots from the first to the last frame in which there is something to style."""
        return self.outline.pieces(shots, self.first)

    def blank(self, shot: Shot) -> list[int]:
        """Return the frames of the clip in which there is nothing to style."""
        return [f for f in range(shot.start, shot.stop) if not self.outline.shown(f - self.first)]

    def view(self, whole: Clip, shot: Shot, rendered: Callable[[str, Path], bool]) -> MattedView:
        """Return the shot as it is seen through the matte."""
        begin = shot.start - self.first
        return MattedView(
            whole[shot.start : shot.stop],
            self.mattes[begin : begin + shot.stop - shot.start],
            self.outline,
            begin,
            rendered,
        )
