"""The plan of a clip, keyframes.toml: which frames are painted, and why.

A person edits and diffs it.  Reading is strict: a mistake is named with its line, and nothing is guessed.
The field `chosen` remembers what the machine chose last, so that hand edits are recognized: a key of that
list that is gone was taken out by hand and stays out, an "auto" key that is not in it was put there by hand
and stays.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import tomlkit
import tomlkit.exceptions

from keyframes.model import KINDS, Key, Shot
from keyframes.options import SelectOptions
from propagate.option_fields import OptionError, option_fields

FORMAT = 1

_TOP = {"version": int, "revision": int, "banned": list, "chosen": list}
_CLIP = {"name": str, "fingerprint": str, "width": int, "height": int, "frames": int}
_SHOT = {"start": int, "stop": int, "begins": str, "fade_in": int, "fade_out": int}
_KEY = {"frame": int, "kind": str, "coverage": float, "reason": str, "note": str}
_KEY_MORE = {"settings": dict, "take": int}
_OPTIONS = {option.name: option.kind for option in option_fields(SelectOptions)}
_NAMES = {
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    list: "a list of frame numbers",
    dict: "a table",
}


@dataclass(frozen=True)
class ClipFacts:
    """What tells a clip from another: file name, content fingerprint, size in pixels, number of frames."""

    name: str
    fingerprint: str
    width: int
    height: int
    frames: int


@dataclass(frozen=True)
class Plan:
    """Which frames of a clip are keys.

    Attributes
    ----------
    clip
        The clip it was made for.
    shots
        In order, from frame 0 to the last, without gaps; none as long as nobody has looked for cuts.
    keys
        By frame; no two of one frame.
    banned
        Frames that must not become keys, ascending.
    options
        What the machine was asked for last.
    chosen
        Frames that it chose then.
    revision
        Counts changes; someone who edits a copy compares it before saving.
    """

    clip: ClipFacts
    shots: tuple[Shot, ...]
    keys: tuple[Key, ...] = ()
    banned: tuple[int, ...] = ()
    options: SelectOptions = field(default_factory=SelectOptions)
    chosen: tuple[int, ...] = ()
    revision: int = 1

    def key_at(self, frame: int) -> Key | None:
        """Return the key of a frame, if it is one."""
        return next((key for key in self.keys if key.frame == frame), None)

    def forced(self, shot: Shot) -> dict[int, str]:
        """Return the hand-made keys of a shot with their kinds, as `select_keyframes` takes them."""
        return {k.frame: k.kind for k in self.keys if k.kind != "auto" and shot.start <= k.frame < shot.stop}

    def shut(self, shot: Shot) -> list[int]:
        """Return the banned frames of a shot, as `select_keyframes` takes them."""
        return [frame for frame in self.banned if shot.start <= frame < shot.stop]

    def check_clip(self, clip: ClipFacts) -> None:
        """Raise ValueError unless the plan was made for `clip`; another name alone does not matter."""
        if self.clip.fingerprint != clip.fingerprint:
            raise ValueError(
                f"the plan was made for another clip ({self.clip.name}, {self.clip.frames} frames; this is "
                f"{clip.name}, "
                f"{clip.frames} frames); move keyframes.toml away to begin anew"
            )


@lru_cache(maxsize=8)  # one edit reads the same text several times, and TOML that keeps comments is slow to read
def parse_plan(text: str) -> Plan:
    """Read a plan.

    Parameters
    ----------
    text
        Content of keyframes.toml, TOML.

    Raises
    ------
    ValueError
        One line naming the line, the field, the value and the way out: no TOML, unknown or missing fields,
        wrong types, frames out of range, duplicates, a frame both key and banned, shots with gaps, a newer
        version.
    """
    try:
        data = tomlkit.parse(text.lstrip("\ufeff")).unwrap()
    except tomlkit.exceptions.TOMLKitError as error:
        raise ValueError(f"keyframes.toml is not TOML: {error}; mend that line") from None
    return _Reader(text).plan(data)


class _Reader:
    """Takes a parsed plan apart and names places in its text."""

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()

    def plan(self, data: dict[str, Any]) -> Plan:
        version = data.get("version", FORMAT)
        if isinstance(version, int) and version > FORMAT:
            raise self._fault("version", 0, "version", f"is {version}, newer than {FORMAT}; update this program")
        tables = {"clip": dict, "options": dict, "shot": list, "key": list}
        self._check(data, "", 0, {**_TOP, **tables}, ())
        clip = self._check(data.get("clip", {}), "clip", 0, _CLIP, tuple(_CLIP))
        facts = ClipFacts(**clip)
        for name in ("width", "height", "frames"):
            if clip[name] < 1:
                raise self._fault("clip", 0, name, f"is {clip[name]}; it must be 1 or more")
        shots = self._shots(data.get("shot", []), facts.frames)
        banned = self._frames(data.get("banned", []), "banned", facts.frames)
        chosen = self._frames(data.get("chosen", []), "chosen", facts.frames)
        keys = self._keys(data.get("key", []), facts.frames, banned, chosen)
        removed = set(chosen) - {key.frame for key in keys}
        options = self._check(data.get("options", {}), "options", 0, _OPTIONS, ())
        try:
            asked = SelectOptions(**options)
        except OptionError as error:
            raise self._fault("options", 0, error.name, f"is {error.value!r}; use {error.expected}") from None
        return Plan(facts, shots, keys, tuple(sorted(set(banned) | removed)), asked, chosen, data.get("revision", 1))

    def _shots(self, rows: list[Any], count: int) -> tuple[Shot, ...]:
        shots: list[Shot] = []
        for i, row in enumerate(rows):
            values = self._check(row, "shot", i, _SHOT, ("start", "stop"))
            shot = Shot(**{"begins": "cut" if shots else "start", **values})
            expected = shots[-1].stop if shots else 0
            if shot.start != expected:
                raise self._fault("shot", i, "start", f"is {shot.start}; shots leave no gaps, so it must be {expected}")
            if not shot.start < shot.stop <= count:
                raise self._fault("shot", i, "stop", f"is {shot.stop}; choose {shot.start + 1} to {count}")
            for name, mixed in (("fade_in", shot.fade_in), ("fade_out", shot.fade_out)):
                if not 0 <= mixed <= shot.stop - shot.start:
                    raise self._fault("shot", i, name, f"is {mixed}; choose 0 to {shot.stop - shot.start}")
            shots.append(shot)
        if shots and shots[-1].stop != count:
            last = shots[-1].stop
            raise self._fault("shot", len(shots) - 1, "stop", f"is {last}; the last shot must end at {count}")
        return tuple(shots)

    def _keys(self, rows: list[Any], count: int, banned: tuple[int, ...], chosen: tuple[int, ...]) -> tuple[Key, ...]:
        keys: dict[int, Key] = {}
        for i, row in enumerate(rows):
            values = self._check(row, "key", i, {**_KEY, **_KEY_MORE}, ("frame",))
            values["settings"] = self._own_settings(values.get("settings", {}), i)
            key = Key(**{"kind": "user", **values})
            if key.take < 0:
                raise self._fault("key", i, "take", f"is {key.take}; it is the number of a take, or 0 for none")
            if not 0 <= key.frame < count:
                raise self._fault("key", i, "frame", f"is {key.frame}; choose 0 to {count - 1}")
            if key.frame in keys:
                raise self._fault("key", i, "frame", f"is {key.frame}, which is a key already; take one of them out")
            if key.frame in banned:
                raise self._fault("key", i, "frame", f"is {key.frame}, which is banned; take it out of one of them")
            if key.kind not in KINDS:
                raise self._fault("key", i, "kind", f"is {key.kind!r}; choose {', '.join(KINDS)}")
            if not 0 <= key.coverage <= 1:
                raise self._fault("key", i, "coverage", f"is {key.coverage}; it is a share from 0 to 1")
            by_hand = key.kind == "auto" and key.frame not in chosen
            keys[key.frame] = replace(key, kind="user") if by_hand else key
        return tuple(keys[frame] for frame in sorted(keys))

    def _own_settings(self, tree: dict[str, Any], index: int, prefix: str = "") -> dict[str, Any]:
        """Return a key's settings by full name, however nested; only whoever paints knows the names."""
        found: dict[str, Any] = {}
        for name, value in tree.items():
            if isinstance(value, dict):
                found |= self._own_settings(value, index, f"{prefix}{name}.")
            elif "." not in prefix + name:
                raise self._fault(
                    "key",
                    index,
                    "settings",
                    f"holds {name}; write it with its section, such as synthesis.seed",
                )
            else:
                found[prefix + name] = value
        return dict(sorted(found.items()))

    def _frames(self, values: list[Any], name: str, count: int) -> tuple[int, ...]:
        for value in values:
            if not _is(value, int):
                raise self._fault("", 0, name, f"holds {value!r}; it is a list of frame numbers")
            if not 0 <= value < count:
                raise self._fault("", 0, name, f"holds {value}; choose 0 to {count - 1}")
        if len(set(values)) != len(values):
            twice = next(v for v in values if values.count(v) > 1)
            raise self._fault("", 0, name, f"holds {twice} twice; take one out")
        return tuple(sorted(values))

    def _check(
        self, table: Any, name: str, index: int, wanted: dict[str, type], needed: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return a table's values, numbers made float where wanted; raise for a field that is not right."""
        if not isinstance(table, dict):
            raise self._fault("", 0, name, f"must be written as [{name}]" if index == 0 else "must hold tables")
        for key, value in table.items():
            if key not in wanted:
                close = difflib.get_close_matches(key, wanted, 1)
                hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(wanted)}"
                raise self._fault(name, index, key, f"is unknown; {hint}")
            if not _is(value, wanted[key]):
                raise self._fault(name, index, key, f"is {_show(value)}; expected {_NAMES[wanted[key]]}")
        for key in needed:
            if key not in table:
                raise self._fault(name, index, key, "is missing; add it")
        return {key: value for key, value in table.items()}  # noqa: C416

    def _fault(self, table: str, index: int, name: str, what: str) -> ValueError:
        line = self._line(table, index, name)
        place = f"keyframes.toml line {line}" if line else "keyframes.toml"
        label = f"{table}.{name}" if table else name
        return ValueError(f"{place}: {label} {what}")

    def _line(self, table: str, index: int, name: str) -> int:
        """Return the line of a field, of its table's header if it is not there, 0 if neither is found."""
        inside, header, seen = table == "", 0, -1
        for number, line in enumerate(self._lines, start=1):
            words = line.strip()
            if words.startswith("["):
                title = words.split("]")[0].strip("[ ")
                seen += title == table
                inside = title == table and seen == index
                header = number if inside else header
                if table == "" and title == name:
                    return number
            elif inside and words.split("=")[0].strip().strip("\"'") == name:
                return number
        return header


def _is(value: Any, kind: type) -> bool:
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and value == value
    return isinstance(value, kind) and not (kind is int and isinstance(value, bool))


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."
