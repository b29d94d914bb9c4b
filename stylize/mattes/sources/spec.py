"""Matte specifications (``--matte``): files, their channels, and operators that combine them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stylize.errors import UsageError

OPERATORS: Final = {"+": "plus", "|": "union", "&": "intersect", "-": "subtract"}
"""Operators between two mattes, with a space on either side, applied from left to right. ``+`` adds opacities, for
adjacent pieces; ``|`` is the maximum, for overlapping pieces; ``&`` the minimum; ``-`` subtracts."""
_SELECTOR = re.compile(r"[^/\\]+")


@dataclass(frozen=True)
class Term:
    """One matte of a combination.

    Attributes
    ----------
    path
        A video, a folder of images, or one image.
    select
        ``alpha``, ``luma``, ``red``, ``green``, ``blue``, an EXR channel ``layer.channel``, or
        ``crypto=hero,chair``; empty for the default of the file.
    invert
        Use one minus the matte.
    operator
        Combines the matte with the result to its left.
    """

    path: Path
    select: str = ""
    invert: bool = False
    operator: str = "+"

    def __str__(self) -> str:
        return f"{self.path}:{self.select}" if self.select else str(self.path)


def parse_spec(spec: str | Path, folder: Path = Path()) -> tuple[Term, ...]:
    """Parse ``PATH[:CHANNEL]``, or several of these with `OPERATORS` between; ``not`` before one inverts it.

    Paths are relative to `folder`.

    >>> [str(term) for term in parse_spec("shot.exr:crypto=hero - not hand.mov")]
    ['shot.exr:crypto=hero', 'hand.mov']

    Raises
    ------
    UsageError
        If an operator has no matte beside it.
    """
    text = str(spec)
    if (folder / text).exists():  # a file name may have spaces and dashes
        return (Term(folder / text),)
    words = re.split(r"\s+([+|&-])(?=\s)", text.strip())
    operators = ["+", *words[1::2]]
    return tuple(_term(one, operator, folder) for one, operator in zip(words[::2], operators, strict=True))


def absolute_spec(spec: str | Path, folder: Path = Path()) -> str:
    """Return a specification, whose paths are relative to `folder`, with absolute paths."""
    spelled = []
    for index, term in enumerate(parse_spec(spec, folder)):
        words = [term.operator] if index else []
        words += ["not"] if term.invert else []
        spelled.append(" ".join([*words, str(replace(term, path=term.path.absolute()))]))
    return " ".join(spelled)


def _term(text: str, operator: str, folder: Path) -> Term:
    invert = text.strip().startswith("not ")
    place = text.strip().removeprefix("not ").strip()
    if not place:
        raise UsageError("a matte is missing beside an operator; write A.mov - B.mov")
    path, select = _split(place, folder)
    return Term(folder / path, select, invert, operator)


def _split(text: str, folder: Path) -> tuple[str, str]:
    """Split at the first colon that no folder follows: paths may have colons too."""
    if (folder / text).exists():
        return text, ""
    for found in re.finditer(":", text):
        path, select = text[: found.start()], text[found.end() :]
        if len(path) == 1 and path.isalpha():  # a drive letter of Windows
            continue
        if "crypto=" in select or _SELECTOR.fullmatch(select):
            return path, select
    return text, ""
