"""Which matte of a file belongs to which frame of the clip, and at what size."""

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
"""Where people begin to number the images of a clip; another first number is the frame that it says."""


def match_frames(source: MatteSource, info: ClipInfo, options: MatteOptions) -> list[int | None]:
    """Return, for every frame of the range `info`, the place of its matte in `source`; None for none.

    Parameters
    ----------
    source
        Opened mattes.
    info
        The range of the clip that is worked on; its `total` is the length of the whole clip.
    options
        ``match`` and ``missing`` are read.

    Raises
    ------
    MediaError
        If frames have no matte, and none is to stand in.
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
    """By frame number; with `counts` one for one where the clip, or the range, has as many frames."""
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
    """Frame numbers of a sequence's files; a video has none of its own."""
    if not info.is_sequence:
        return None
    found = [re.search(r"(\d+)\D*$", name) for name in info.names]
    return [int(match[1]) for match in found if match] if all(found) else None


def _by_time(source: MatteSource, info: ClipInfo) -> list[int | None]:
    """Take the matte on screen as each frame begins; both begin together.

    It is looked for a little later, safe from rounded times: a quarter of the frame or of the shortest matte.
    """
    if source.times is None:
        raise MediaError(f"{source.path} are images and have no times; match them by number: --matte-match number")
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
    """Return the time of the whole clip's first frame; a range keeps its own times only."""
    if not info.is_range or info.is_sequence:
        return info.pts[0] - (info.start if info.is_sequence else 0)
    from stylize.media import probe

    return probe(info.path, allow_truncated=True).pts[0]


def _lacking(source: MatteSource, info: ClipInfo, absent: list[int]) -> str:
    first = info.names[absent[0]] if info.is_sequence else str(info.start + absent[0])
    more = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
    ways = "make one for every frame, or pass --matte-missing hold or black"
    if source.times is not None and len(source) > 1 and not _same_rate(source, info):
        ways = "its rate is another: pass --matte-match time"
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
        If its size is another and it is not to be fitted.
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
