"""Writing the plan so that a person's comments, order and spacing survive.

The old text is cut into blocks at its table headers; comment lines right above a header belong to it.
Blocks whose shot or key still exists get their values changed in place, others go, new ones are put where
they belong.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.items import AoT

from keyframes.plan import FORMAT, parse_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from keyframes.model import Key, Shot
    from keyframes.plan import Plan

_INTRO = """\
# Which frames are painted, and why. Change what you like: keys that you add or alter stay as you made
# them, keys that you take out stay out, comments survive.
# kind: auto = chosen by the machine, user = yours, locked = fixed, override = painted by you
"""


@dataclass
class _Block:
    """Part of the text: a table's name ("" at the start), what stands above, its lines, the rest."""

    name: str
    above: str
    body: str
    below: str

    def text(self) -> str:
        return self.above + self.body + self.below

    def values(self) -> dict[str, Any]:
        table = _parsed(self.body)
        if not self.name:
            return table
        inner = table.get(self.name, {})
        values: dict[str, Any] = inner[0] if isinstance(inner, list) else inner
        return values


def format_plan(plan: Plan, previous_text: str | None = None) -> str:
    """Return the plan as TOML.

    Parameters
    ----------
    previous_text
        What the file held before.  Its comments, order and spacing are kept; a file that cannot be read is
        an error, not overwritten.

    Raises
    ------
    ValueError
        If `previous_text` is not a plan.
    """
    if previous_text is None:
        blocks = [_Block("", "", _INTRO, "\n")]
    else:
        parse_plan(previous_text)
        blocks = _split(previous_text.lstrip("\ufeff"))
    _write_table(blocks, "", _top(plan))
    _write_table(blocks, "clip", {f.name: getattr(plan.clip, f.name) for f in fields(plan.clip)})
    options = {f.name: getattr(plan.options, f.name) for f in fields(plan.options)}
    _write_table(blocks, "options", {name: value for name, value in options.items() if value is not None})
    _write_rows(blocks, "shot", "start", [_shot_row(shot) for shot in plan.shots])
    _write_rows(blocks, "key", "frame", [_key_row(key) for key in plan.keys])
    text = "".join(block.text() for block in blocks)
    return text if text.endswith("\n") else text + "\n"


def _top(plan: Plan) -> dict[str, Any]:
    return {
        "version": FORMAT,
        "revision": plan.revision,
        "banned": list(plan.banned),
        "chosen": list(plan.chosen),
    }


def _shot_row(shot: Shot) -> dict[str, Any]:
    row: dict[str, Any] = {"start": shot.start, "stop": shot.stop, "begins": shot.begins}
    mixed = {"fade_in": shot.fade_in, "fade_out": shot.fade_out}
    return {**row, **{name: frames for name, frames in mixed.items() if frames}}


def _key_row(key: Key) -> dict[str, Any]:
    row = {"frame": key.frame, "kind": key.kind, "coverage": round(key.coverage, 4), "reason": key.reason}
    more = {"note": key.note, "settings": dict(key.settings), "take": key.take}
    return {**row, **{name: value for name, value in more.items() if value}}


def _split(text: str) -> list[_Block]:
    """Cut the text at its headers; a header-like line inside a multi-line value does not count."""
    blocks = [_Block("", "", "", "")]
    for line in text.splitlines(keepends=True):
        block = blocks[-1]
        inner = line.replace(" ", "").startswith("[key.")  # a key's own table, such as [key.settings]
        if line.lstrip().startswith("[") and not inner and _complete(block.body):
            kept, above = _tail(block.body, lambda words: words.startswith("#"))
            block.body = kept
            blocks.append(_Block(line.split("]")[0].strip("[ \t"), above, line, ""))
        else:
            block.body += line
    for block in blocks:
        block.body, block.below = _tail(block.body, lambda words: not words or words.startswith("#"))
        if block.body and not block.body.endswith("\n"):
            block.body += "\n"
    loose = [name for name in ("clip", "options", "shot", "key") if name in blocks[0].values()]
    if loose:  # written inline or dotted: taken out here, written as tables of their own below
        document = tomlkit.parse(blocks[0].body)
        for name in loose:
            document.remove(name)
        blocks[0].body = tomlkit.dumps(document)
    return blocks


def _complete(body: str) -> bool:
    try:
        _parsed(body)
    except tomlkit.exceptions.ParseError:
        return False
    return True


@lru_cache(maxsize=4096)  # an edit changes one block of hundreds, and TOML that keeps comments is slow to read
def _parsed(body: str) -> dict[str, Any]:
    """Return the values in a block's lines, to look at only."""
    return tomlkit.parse(body).unwrap()


def _tail(body: str, belongs: Callable[[str], bool]) -> tuple[str, str]:
    """Split off the last lines, those that all belong together."""
    lines = body.splitlines(keepends=True)
    cut = len(lines)
    while cut > 0 and belongs(lines[cut - 1].strip()):
        cut -= 1
    return "".join(lines[:cut]), "".join(lines[cut:])


def _write_table(blocks: list[_Block], name: str, values: dict[str, Any]) -> None:
    block = next((b for b in blocks if b.name == name), None)
    if block is None:
        block = _Block(name, "", f"[{name}]\n", "\n")
        first_row = next((i for i, b in enumerate(blocks) if b.name in ("shot", "key")), len(blocks))
        blocks.insert(first_row, block)
    _update(block, values)


def _write_rows(blocks: list[_Block], name: str, mark: str, rows: Iterable[dict[str, Any]]) -> None:
    """Bring all blocks called `name` in line with `rows`, told apart by their field `mark`."""
    wanted = {row[mark]: row for row in rows}
    kept: list[tuple[int, _Block]] = []
    for block in [b for b in blocks if b.name == name]:
        place = block.values()[mark]
        row = wanted.pop(place, None)
        if row is None:
            # what a person wrote above a key goes with it; what stands below it may be about anything
            at = blocks.index(block)
            blocks[at - 1].below += block.below.lstrip("\n") if "#" in block.below else ""
            del blocks[at]
        else:
            _update(block, row)
            kept.append((place, block))
    for place in sorted(wanted):
        block = _Block(name, "", f"[[{name}]]\n", "\n")
        _update(block, wanted[place])
        later = next((other for there, other in kept if there > place), None)
        if later is not None:
            at = blocks.index(later)
        elif kept:
            at = max(i for i, other in enumerate(blocks) if other.name == name) + 1
        else:
            before_keys = next((i for i, b in enumerate(blocks) if b.name == "key"), len(blocks))
            at = before_keys if name == "shot" else len(blocks)
        if at and not blocks[at - 1].below.endswith("\n"):
            blocks[at - 1].below += "\n"
        blocks.insert(at, block)
        kept.insert(next((i for i, (_, other) in enumerate(kept) if other is later), len(kept)), (place, block))


def _update(block: _Block, values: dict[str, Any]) -> None:
    if block.values() == values:
        return
    document = tomlkit.parse(block.body)
    table: Any = document
    if block.name:
        table = document[block.name]
        table = table[0] if isinstance(table, AoT) else table
    for field in [field for field in table if field not in values and field not in ("clip", "options", "shot", "key")]:
        table.remove(field)
    for field, value in values.items():
        if field in table and (table[field] == value or _flat(table[field]) == value):
            continue
        table[field] = _inline(value) if isinstance(value, dict) else value
    block.body = tomlkit.dumps(document)


def _inline(values: dict[str, Any]) -> Any:
    """Spell a table in one line, so that it stays with its key."""
    table = tomlkit.inline_table()
    table.update(values)
    return table


def _flat(tree: Any, prefix: str = "") -> Any:
    """Return a table's values by full name, as a key's settings are held."""
    if not isinstance(tree, dict):
        return None
    found: dict[str, Any] = {}
    for name, value in tree.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else {prefix + name: value}
    return found
