"""Times as people write them: frames, seconds, timecode."""

from __future__ import annotations

import re
from bisect import bisect_left
from fractions import Fraction
from typing import TYPE_CHECKING

from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FRAME = re.compile(r"\d+")
_SECONDS = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*s")
_CLOCK = re.compile(r"(?:(\d+):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")
_TIMECODE = re.compile(r"(\d{1,2}):([0-5]\d):([0-5]\d)([:;])(\d{1,3})")
_WAY_OUT = "write a frame as 10, seconds as 2.5s, a clock time as 0:02.5 or a timecode as 00:00:02:12"


def frame_rate(text: str | float) -> Fraction:
    """Return the rate that a person means by ``25``, ``24000/1001`` or ``23.976``.

    Rates of television are exact: 23.976, 23.98, 29.97, 59.94 and 119.88 are n * 1000 / 1001.

    Raises
    ------
    ValueError
        If it is no number above 0 and up to 1000.
    """
    try:
        rate = Fraction(str(text).strip())
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if not 0 < rate <= 1000:
        raise ValueError(f"rate is {text!r}; expected frames per second as 25, 23.976 or 24000/1001")
    for whole in (24, 30, 48, 60, 120):
        exact = Fraction(whole * 1000, 1001)
        if abs(rate - exact) < Fraction(5, 1000):
            return exact
    return rate


def parse_time(
    text: str | int, rate: Fraction, pts: Sequence[int] | None = None, time_base: Fraction | None = None
) -> int:
    """Return the frame that a time names.

    ``10`` is a frame, ``2.5s`` are seconds, ``1:02.5`` and ``0:01:02.5`` are clock times, ``00:00:02:12`` is
    a timecode with frames last; with ``;`` before the frames it is a drop-frame timecode (29.97 and 59.94
    only). Times count from the first frame. Seconds name the first frame that begins at or after them, so
    that the same reading serves as the start and as the excluded end of a range.

    Parameters
    ----------
    text
        The time.
    rate
        Frames per second.
    pts, time_base
        The clip's own times, so that seconds are right in a clip of variable rate; without, `rate` decides.

    Raises
    ------
    UsageError
        If `text` is not one of these forms.
    """
    words = str(text).strip()
    if _FRAME.fullmatch(words):
        return int(words)
    if found := _TIMECODE.fullmatch(words):
        return _timecode(words, found, rate)
    if found := _SECONDS.fullmatch(words):
        seconds = Fraction(found[1])
    elif found := _CLOCK.fullmatch(words):
        seconds = int(found[1] or 0) * 3600 + int(found[2]) * 60 + Fraction(found[3])
    else:
        raise UsageError(f"{words!r} is not a time; {_WAY_OUT}")
    if pts is None or time_base is None:
        return -int(-seconds * rate // 1)
    wanted = pts[0] + seconds / time_base
    if wanted <= pts[-1]:
        return bisect_left(pts, wanted)
    # Beyond the last frame's beginning: count on, so that a time past the end is seen as such.
    return len(pts) - 1 - int(-(wanted - pts[-1]) * time_base * rate // 1)


def _timecode(words: str, found: re.Match[str], rate: Fraction) -> int:
    hours, minutes, seconds, frames = (int(found[part]) for part in (1, 2, 3, 5))
    nominal = round(rate)
    if frames >= nominal:
        raise UsageError(f"{words!r} has frame {frames} in a second of {nominal}; {_WAY_OUT}")
    index = ((hours * 60 + minutes) * 60 + seconds) * nominal + frames
    if found[4] == ":":
        return index
    if nominal not in (30, 60) or rate.denominator == 1:
        raise UsageError(
            f"{words!r} is a drop-frame timecode and the clip has {float(rate):g} frames per second; use ':'"
        )
    # Two numbers (four at 59.94) are left out each minute but the tenth (SMPTE 12M).
    dropped = nominal // 15
    if frames < dropped and seconds == 0 and minutes % 10:
        raise UsageError(f"{words!r} is a number that drop-frame timecode leaves out; use frame {dropped} or later")
    total_minutes = hours * 60 + minutes
    return index - dropped * (total_minutes - total_minutes // 10)
