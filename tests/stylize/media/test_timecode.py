"""Frames, seconds and timecode name the frames that people mean."""

from __future__ import annotations

from fractions import Fraction

import pytest

from stylize.errors import UsageError
from stylize.media import parse_time
from tests.stylize.media.make_clips import VFR_TIMES

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("text", "rate", "frame"),
    [
        ("10", Fraction(25), 10),
        (7, Fraction(25), 7),
        ("2s", Fraction(25), 50),
        ("2.5 s", Fraction(24), 60),
        (".5s", Fraction(24), 12),
        ("0.01s", Fraction(24), 1),
        ("0:02", Fraction(24), 48),
        ("1:00:00.5", Fraction(24), 86412),
        ("00:00:02:12", Fraction(24), 60),
        ("00:01:00:00", NTSC, 1800),
        ("00:01:00;02", NTSC, 1800),
        ("00:10:00;00", NTSC, 17982),
        ("01:00:00;00", Fraction(60000, 1001), 215784),
        ("1s", NTSC, 30),
    ],
)
def test_forms(text: str | int, rate: Fraction, frame: int) -> None:
    assert parse_time(text, rate) == frame


def test_variable_rate_uses_the_times() -> None:
    base = Fraction(1, 90000)
    assert parse_time("1s", Fraction(30), VFR_TIMES, base) == VFR_TIMES.index(90000)
    assert parse_time("2.01s", Fraction(30), VFR_TIMES, base) == VFR_TIMES.index(180000) + 1
    assert parse_time("9s", Fraction(30), VFR_TIMES, base) > len(VFR_TIMES)


@pytest.mark.parametrize(
    "text", ["", "abc", "-5", "2.5", "1:2:3:4:5", "00:00:02:24", "00:61:00:00", "5 m", "00:01:00;00"]
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_time(text, NTSC if ";" in text else Fraction(24))
