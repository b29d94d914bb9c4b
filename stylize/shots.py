"""Shots of a clip and the keys that each of them has."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from stylize.errors import MediaError
from stylize.fingerprint import step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from keyframes import Shot, ShotOptions
    from propagate.arrays import Image
    from stylize.media import Clip

__all__ = ["by_shot", "find_shots", "small_frames"]

LOOK = 160
"""Long side in pixels of the frames in which cuts are sought."""
T = TypeVar("T")


def small_frames(
    clip: Clip, side: int, on_progress: Callable[[float], None] | None = None
) -> Iterator[Image]:
    """Give every frame of the clip, small, in order."""
    for index in range(len(clip)):
        yield clip.small(index, side)
        if on_progress is not None:
            on_progress((index + 1) / len(clip))


@step(version=1)
def find_shots(
    clip: Clip, options: ShotOptions, on_progress: Callable[[float], None] | None = None
) -> tuple[Shot, ...]:
    """Find the shots of a clip; they cover it without gaps."""
    from keyframes import detect_shots

    return tuple(detect_shots(small_frames(clip, LOOK, on_progress), options).shots)


def by_shot(shots: Sequence[Shot], keys: Mapping[int, T], clip: Clip) -> list[dict[int, T]]:
    """Sort what is known by frame into shots, frames counted from the start of the shot.

    Raises
    ------
    MediaError
        If a shot has none: nothing crosses a cut, so its frames could not be painted.
    """
    groups = [{f - shot.start: v for f, v in keys.items() if shot.start <= f < shot.stop} for shot in shots]
    for shot, group in zip(shots, groups, strict=True):
        if not group:
            first, last = clip.info.names[shot.start], clip.info.names[shot.stop - 1]
            raise MediaError(
                f"{clip.info.path}: no painted key for the shot of frames {first} to {last}; "
                "paint one of them, or if there is no cut, pass --cut 1"
            )
    return groups
