"""Prompts and numbers that change along the clip, in the syntax that Deforum made common.

``0: a fox, 60: a wolf`` is a fox until frame 60; ``0:(0.6), 30:(0.4)`` falls evenly from 0.6 to 0.4;
``0:(0.4 + 0.2*sin(2*pi*t/30))`` swings. What holds no frame is the same all along. Times may be seconds too,
``2.5s: a wolf``. As in Deforum, a number runs straight to the next key's value, an expression of t is worked
out at every frame until the next key, what comes before the first key is the first key's, and prompts hold;
they can also blend.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias, overload

from stylize.errors import UsageError
from stylize.schedules.expressions import Expression, parse_expression

if TYPE_CHECKING:
    from collections.abc import Sequence

Kind: TypeAlias = Literal["prompt", "number"]
KEY = r"\d+(?:\.\d+)?s|\d+"
"""A frame, or seconds."""
ALMOST = r"[-+]?\d[\w.]*"
"""What looks like a key and may be a misspelt one."""
OPEN, CLOSE = "([{", ")]}"
NEGATIVE = "--neg"


@dataclass(frozen=True)
class PromptAt:
    """A prompt at one frame; its text is ``str(...)``.

    Attributes
    ----------
    parts
        (text, weight) of the prompts that hold there, weights adding up to 1; one unless prompts blend.
    negative
        What stood behind ``--neg``: what shall not be seen; likewise.
    """

    parts: tuple[tuple[str, float], ...]
    negative: tuple[tuple[str, float], ...] = ()

    def __str__(self) -> str:
        return _weighted(self.parts)

    @property
    def negative_text(self) -> str:
        """What shall not be seen, as one text."""
        return _weighted(self.negative)


@dataclass(frozen=True)
class Key:
    """A moment of a schedule: frames, or seconds if `in_seconds`."""

    time: float
    in_seconds: bool
    text: str

    def frame(self, frame: int, seconds: float | None) -> float:
        """Return where it is in frames, as seen from a frame and its time."""
        if not self.in_seconds:
            return self.time
        if seconds is None:
            raise UsageError(f"{self.text!r} stands at {self.time:g}s; the clip's rate is not known here")
        return self.time * frame / seconds if seconds > 0 else 0.0 if self.time == 0 else float("inf")


@dataclass(frozen=True)
class PromptSchedule:
    """Prompts by frame; `blend` runs from one into the next, else each holds until the next."""

    keys: tuple[Key, ...]
    blend: bool = False

    def at(self, frame: int, seconds: float | None = None) -> PromptAt:
        """Return the prompt at a frame of the clip, whose time is `seconds`."""
        here, following, share = _around(self.keys, frame, seconds)
        parts = [(self.keys[here].text, 1.0)]
        if self.blend and following is not None and share > 0:
            parts = [(self.keys[here].text, 1 - share), (self.keys[following].text, share)]
        sides = [(*text.partition(NEGATIVE)[::2], weight) for text, weight in parts]
        wanted = tuple((wish.strip(), weight) for wish, _, weight in sides)
        return PromptAt(wanted, tuple((not_.strip(), weight) for _, not_, weight in sides if not_.strip()))


@dataclass(frozen=True)
class NumberSchedule:
    """Numbers by frame."""

    keys: tuple[Key, ...]
    values: tuple[Expression, ...]

    def at(self, frame: int, seconds: float | None = None, last: int | None = None) -> float:
        """Return the number at a frame of the clip.

        Parameters
        ----------
        frame
            Counted from 0; ``t`` in expressions.
        seconds
            Its time; ``s`` in expressions.
        last
            Number of the clip's last frame; ``max_f`` in expressions.

        Raises
        ------
        UsageError
            If an expression has no value there, or needs what is not given.
        """
        here, following, share = _around(self.keys, frame, seconds)
        value = _worth(self.values[here], frame, seconds, last)
        if self.values[here].names or following is None:
            return value
        there = self.keys[following].frame(frame, seconds)
        if there == float("inf"):
            return value
        return value + share * (_worth(self.values[following], there, seconds, last) - value)


@overload
def parse_schedule(text: str, kind: Literal["prompt"], *, blend: bool = False) -> PromptSchedule: ...
@overload
def parse_schedule(text: str, kind: Literal["number"], *, blend: bool = False) -> NumberSchedule: ...
def parse_schedule(text: str, kind: Kind, *, blend: bool = False) -> PromptSchedule | NumberSchedule:
    """Read a schedule.

    Parameters
    ----------
    text
        See the head of this file. Prompts may hold commas, colons, weights in brackets and any script; one
        that holds ``, 60:`` itself goes in double quotes. ``{"0": "a fox", "60": "a wolf"}`` is read too. A
        number may stand with or without brackets.
    kind
        ``prompt`` or ``number``.
    blend
        Prompts run into each other; by default each holds until the next.

    Raises
    ------
    UsageError
        If it is misspelt, with the place.
    """
    found = _read_json(text) if text.lstrip().startswith("{") else _split(text, kind)
    keys = []
    for label, value in found:
        seconds = label.endswith("s")
        keys.append(Key(float(label.rstrip("s")), seconds, value))
    times = [(key.time, key.in_seconds) for key in keys]
    twice = next((time for time in times if times.count(time) > 1), None)
    if twice is not None:
        raise UsageError(f"schedule {_short(text)}: {twice[0]:g}{'s' * twice[1]} stands twice")
    if kind == "prompt":
        return PromptSchedule(tuple(keys), blend)
    try:
        values = tuple(parse_expression(_without_brackets(key.text)) for key in keys)
    except UsageError as error:
        raise UsageError(f"schedule {_short(text)}: {error}") from error
    return NumberSchedule(tuple(keys), values)


def _split(text: str, kind: Kind) -> list[tuple[str, str]]:
    """Part a text at its keys: (label, value) each; one with label 0 if there are none."""
    # a prompt may say 16:9 or 12:30, so there a digit must not follow the colon
    behind = r"\s*:(?!\d)" if kind == "prompt" else r"\s*:"
    first = re.compile(rf"\s*({KEY}){behind}")
    later = re.compile(rf",\s*({KEY}){behind}")
    suspect = re.compile(rf"(?:^|,)\s*({ALMOST}){behind}")
    begin = first.match(text)
    if begin is None:
        wrong = suspect.match(text) or later.search(text)
        if wrong is None:
            return [("0", text.strip())]
        hint = "a schedule begins with a frame, as in 0: …" if wrong.re is later else "it is no frame"
        raise UsageError(_misspelt(text, wrong.start(1), wrong[1], hint))
    found: list[tuple[str, str]] = []
    label, at = begin[1], begin.end()
    while True:
        value, following = _value_from(text, at, later, suspect)
        if not value:
            raise UsageError(_misspelt(text, at, f"{label}:", "nothing stands behind it"))
        found.append((label, value))
        if following is None:
            return found
        label, at = following[1], following.end()


def _value_from(
    text: str, at: int, later: re.Pattern[str], suspect: re.Pattern[str]
) -> tuple[str, re.Match[str] | None]:
    """Read the value that begins at `at`, up to the next key outside brackets; return both."""
    quoted = re.compile(r'\s*"((?:[^"\\]|\\.)*)"\s*(?=,|$)').match(text, at)
    if quoted:
        following = later.match(text, quoted.end())
        rest = text[quoted.end() :].strip()
        if following is None and rest not in ("", ","):
            raise UsageError(_misspelt(text, quoted.end(), rest[:12], "a frame is missing"))
        return re.sub(r"\\(.)", r"\1", quoted[1]), following
    opened: list[int] = []
    place = at
    while place < len(text):
        letter = text[place]
        if letter == "\\":
            place += 1
        elif letter in OPEN:
            opened.append(place)
        elif letter in CLOSE and opened:
            opened.pop()
        elif letter == "," and not opened:
            following = later.match(text, place)
            if following:
                return text[at:place].strip(), following
            wrong = suspect.match(text[place:])
            if wrong:
                raise UsageError(
                    _misspelt(text, place + wrong.start(1), wrong[1], "it is no frame; quote a prompt that holds it")
                )
        place += 1
    if opened:
        raise UsageError(_misspelt(text, opened[-1], text[opened[-1] :][:12], "the bracket is never closed"))
    return text[at:].strip().removesuffix(",").rstrip(), None


def _read_json(text: str) -> list[tuple[str, str]]:
    try:
        pairs = json.loads(text, object_pairs_hook=list)
    except ValueError as error:
        raise UsageError(f"schedule {_short(text)}: no JSON ({error})") from error
    for label, value in pairs:
        if not re.fullmatch(KEY, str(label)):
            raise UsageError(f"schedule {_short(text)}: {label!r} is no frame")
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise UsageError(f"schedule {_short(text)}: what stands at {label} is neither text nor number")
    if not pairs:
        raise UsageError("schedule {}: it is empty")
    return [(str(label), str(value)) for label, value in pairs]


def _around(keys: Sequence[Key], frame: int, seconds: float | None) -> tuple[int, int | None, float]:
    """Return the key that holds at a frame, the next one, and how far the frame is on the way, 0 to 1."""
    places = [key.frame(frame, seconds) for key in keys]
    order = sorted(range(len(keys)), key=places.__getitem__)
    passed = [index for index in order if places[index] <= frame]
    if not passed:
        return order[0], None, 0.0
    here = passed[-1]
    following = order[len(passed)] if len(passed) < len(order) else None
    if following is None or places[following] == float("inf"):
        return here, following, 0.0
    return here, following, (frame - places[here]) / (places[following] - places[here])


def _worth(value: Expression, frame: float, seconds: float | None, last: int | None) -> float:
    given = {"t": float(frame), "s": seconds, "max_f": last}
    for name in value.names:
        if given[name] is None:
            raise UsageError(f"{value.text!r}: {name} is not known here; write the number itself")
    return value.at(**{name: number for name, number in given.items() if number is not None})


def _without_brackets(text: str) -> str:
    """Take away one pair of brackets around the whole."""
    text, depth = text.strip(), 0
    if not (text.startswith("(") and text.endswith(")")):
        return text
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and place < len(text) - 1:
            return text
    return text[1:-1]


def _weighted(parts: Sequence[tuple[str, float]]) -> str:
    """Write prompts and weights as one text: the strongest weighs 1, others less, in brackets."""
    kept = [(text, weight) for text, weight in parts if text]
    if len(kept) <= 1:
        return kept[0][0] if kept else ""
    most = max(weight for _, weight in kept)
    return ", ".join(text if weight == most else f"({text}:{weight / most:.3f})" for text, weight in kept)


def _misspelt(text: str, at: int, piece: str, why: str) -> str:
    return f"schedule {_short(text)}: {piece!r} at character {at + 1}: {why}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}…")
