"""Shots of a clip: detection of cuts, scene lists, and keys by shot."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from propagate.prefetch import ahead
from stylize.errors import MediaError, UsageError
from stylize.storage.fingerprint import step

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from keyframes import Shot, ShotOptions
    from propagate.arrays import F32, Image
    from stylize.media import Clip, ClipInfo

DETECTION_SIDE = 320
"""Long side in pixels of the frames for cut detection; the default of the analysis, so that a short clip is decoded
once for both."""
T = TypeVar("T")


def small_frames(
    clip: Clip, side: int, on_progress: Callable[[float], None] | None = None
) -> Generator[Image, None, None]:
    """Yield every frame of the clip in order, its long side at most `side` pixels."""
    for index in range(len(clip)):
        yield clip.small(index, side)
        if on_progress is not None:
            on_progress((index + 1) / len(clip))


@step(version=3)
def measure_changes(clip: Clip, on_progress: Callable[[float], None] | None = None) -> F32:
    """Return how much each frame differs from those before it, the input of cut detection; float32 (frames,)."""
    from keyframes.shots import detect_shots

    return detect_shots(ahead(small_frames(clip, DETECTION_SIDE, on_progress), threads=2)).scores


def find_shots(
    clip: Clip,
    options: ShotOptions,
    on_progress: Callable[[float], None] | None = None,
    scenes: str | Path | None = None,
) -> tuple[Shot, ...]:
    """Return the shots of a clip, detected or from a scene list; they cover it without gaps.

    `scenes` is a scene list of the complete clip, of which `clip` may be a range; see `read_scenes`.
    """
    from keyframes.shots import shots_from_scores

    if scenes is not None:
        first, stop = clip.info.start, clip.info.start + clip.info.count
        return tuple(shot.moved(-first) for shot in cut_to(read_scenes(Path(scenes), clip.info), (first, stop)))
    return shots_from_scores(measure_changes(clip, on_progress), options)


def read_scenes(path: Path, info: ClipInfo) -> tuple[Shot, ...]:
    """Return the shots of a clip from a scene list of PySceneDetect.

    Raises
    ------
    UsageError
        If the file cannot be read, is not a scene list, or belongs to a clip of another length.
    """
    from keyframes import parse_scene_csv

    try:
        return tuple(parse_scene_csv(_text_of(path.read_bytes()), info.total))
    except OSError as error:
        raise UsageError(f"--scenes {path}: {error.strerror or error}; name a scene list (.csv)") from error
    except ValueError as error:
        raise UsageError(f"--scenes {path}: {error}") from error


def _text_of(data: bytes) -> str:
    """Decode a scene list: UTF-8, or UTF-16 with a byte order mark, as spreadsheets write it."""
    return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")


def cut_to(shots: Sequence[Shot], span: tuple[int, int]) -> tuple[Shot, ...]:
    """Return the shots, cut to the frames [start, stop)."""
    first, stop = span
    return tuple(shot.within(first, stop) for shot in shots if shot.start < stop and shot.stop > first)


def by_shot(shots: Sequence[Shot], keys: Mapping[int, T], clip: Clip) -> list[dict[int, T]]:
    """Return the keys of each shot, by frame of the shot; `keys` is by frame of the clip.

    Raises
    ------
    MediaError
        If a shot has no key: paint is not propagated across a cut.
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
