"""Matching of mattes to the frames of a clip, by number or by time, and fitting to its size."""

from __future__ import annotations

import re
from bisect import bisect_right
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from stylize.errors import MediaError

if TYPE_CHECKING:
    from propagate.arrays import F32
    from stylize.mattes.options import MatteOptions
    from stylize.mattes.sources.base import MatteSource
    from stylize.media import ClipInfo

_FIRST_NUMBERS = (0, 1, 1001)
"""Common first numbers of an image sequence, which all mean frame 0; any other is the number of a frame."""


def match_frames(source: MatteSource, info: ClipInfo, options: MatteOptions) -> list[int | None]:
    """Return, for every frame of the range `info`, the position of its matte in `source`; None without a matte.

    Parameters
    ----------
    source
        The opened mattes.
    info
        The range of the clip; its `total` is the length of the complete clip.
    options
        Of which ``match`` and ``missing`` are used.

    Raises
    ------
    MediaError
        If frames have no matte and ``missing`` is ``error``.
    """
    if source.still:
        return [0] * info.count
    if options.match == "time":
        found = _by_time(source, info)
    else:
        found = _by_number(source, info, counts=options.match == "auto")
    absent = [index for index, place in enumerate(found) if place is None]
    if absent and options.missing == "error":
        raise MediaError(_lacking(source, info, absent))
    if options.missing == "hold":
        for index in absent:
            found[index] = found[index - 1] if index else None
    return found


def _by_number(source: MatteSource, info: ClipInfo, *, counts: bool) -> list[int | None]:
    """Match by frame number; with `counts` one by one if the clip, or the range, has as many frames."""
    frames = range(info.start, info.start + info.count)
    if counts and len(source) == info.total:
        return list(frames)
    numbers = _numbers(info)
    if source.numbers is not None and numbers is not None:
        places = {number: place for place, number in enumerate(source.numbers)}
        if any(number in places for number in numbers):
            return [places.get(number) for number in numbers]
    if counts and len(source) == info.count:
        return list(range(info.count))
    numbered = source.numbers or (0,)
    first = 0 if counts and numbered[0] in _FIRST_NUMBERS else numbered[0]
    return [frame - first if first <= frame < first + len(source) else None for frame in frames]


def _numbers(info: ClipInfo) -> list[int] | None:
    """Return the frame numbers in the file names of a sequence; None for a video."""
    if not info.is_sequence:
        return None
    found = [re.search(r"(\d+)\D*$", name) for name in info.names]
    return [int(match[1]) for match in found if match] if all(found) else None


def _by_time(source: MatteSource, info: ClipInfo) -> list[int | None]:
    """Match each frame to the matte on screen when it begins; clip and matte begin together.

    The time is a quarter of the frame, or of the shortest matte, later: so rounded times cannot miss it.
    """
    if source.times is None:
        raise MediaError(f"{source.path}: images have no times; match them by number: --matte-match number")
    ends = [*(info.pts[1:]), info.pts[-1] + info.last_duration]
    start = _first_time(info)
    shortest = min(after - before for before, after in pairwise(source.times))
    found: list[int | None] = []
    for begin, end in zip(info.pts, ends, strict=True):
        later = min((end - begin) * info.time_base, shortest) / 4
        moment = (begin - start) * info.time_base + later
        inside = source.times[0] <= moment < source.times[-1]
        found.append(bisect_right(source.times, moment) - 1 if inside else None)
    return found


def _first_time(info: ClipInfo) -> int:
    """Return the time of the first frame of the complete clip; a range keeps only its own times."""
    if not info.is_range or info.is_sequence:
        return info.pts[0] - (info.start if info.is_sequence else 0)
    from stylize.media import probe

    return probe(info.path, allow_truncated=True).pts[0]


def _lacking(source: MatteSource, info: ClipInfo, absent: list[int]) -> str:
    first = info.names[absent[0]] if info.is_sequence else str(info.start + absent[0])
    more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
    ways = "make one for every frame, or pass --matte-missing hold or black"
    if source.times is not None and len(source) > 1 and not _same_rate(source, info):
        ways = "its frame rate differs: pass --matte-match time"
    have = f"{len(source)} frames, but the clip has {info.total}"
    return f"{source.path}: {have}; none for frame {first}{more}; {ways}"


def _same_rate(source: MatteSource, info: ClipInfo) -> bool:
    if source.times is None:
        return True
    return abs(len(source) / source.times[-1] / info.rate - 1) < Fraction(1, 100)


def fit_to_clip(matte: F32, info: ClipInfo, options: MatteOptions, name: object) -> F32:
    """Return a matte at the clip's size, as ``options.fit`` says.

    Raises
    ------
    MediaError
        If its size differs and ``options.fit`` is ``error``.
    """
    height, width = matte.shape
    if (width, height) == (info.width, info.height):
        return matte
    if options.fit == "error":
        raise MediaError(
            f"{name}: {width}x{height}, but the clip is {info.width}x{info.height}; "
            "make the matte at the clip's size, or pass --matte-fit scale or crop"
        )
    if options.fit == "scale":
        import cv2

        how = cv2.INTER_AREA if width > info.width else cv2.INTER_LINEAR
        return np.asarray(cv2.resize(matte, (info.width, info.height), interpolation=how), np.float32)
    found = np.zeros((info.height, info.width), np.float32)
    top, left = (info.height - height) // 2, (info.width - width) // 2
    rows = slice(max(0, top), min(info.height, top + height))
    columns = slice(max(0, left), min(info.width, left + width))
    found[rows, columns] = matte[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return found
