"""What a person writes after ``--matte``: files, what to take of them, and how they go together."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from stylize.errors import UsageError

__all__ = ["OPERATORS", "Term", "absolute_spec", "parse_spec"]

OPERATORS: Final = {"+": "plus", "|": "union", "&": "intersect", "-": "subtract"}
"""Between two mattes, with a space on either side; read from left to right. ``+`` adds opacities, for pieces
that meet; ``|`` takes the greater, for pieces that overlap; ``&`` the lesser; ``-`` takes away."""
_CHANNELS = ("luma", "alpha", "red", "green", "blue")
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
        ``crypto=hero,chair``; empty for what the file suggests.
    invert
        Taken the other way round.
    operator
        How it joins what stands to its left.
    """

    path: Path
    select: str = ""
    invert: bool = False
    operator: str = "+"

    def __str__(self) -> str:
        return f"{self.path}:{self.select}" if self.select else str(self.path)


def parse_spec(spec: str | Path) -> tuple[Term, ...]:
    """Read ``PATH[:WHAT]``, or several such with `OPERATORS` between, each perhaps after ``not``.

    >>> [str(term) for term in parse_spec("shot.exr:crypto=hero - not hand.mov")]
    ['shot.exr:crypto=hero', 'hand.mov']

    Raises
    ------
    UsageError
        If there is nothing between two operators.
    """
    if isinstance(spec, Path):
        return (_term(str(spec), "+", whole=spec.exists()),)
    if Path(spec).exists():  # a name may have spaces and dashes of its own
        return (Term(Path(spec)),)
    words = re.split(r"\s+([+|&-])\s+", spec.strip())
    terms = [_term(words[0], "+")]
    terms += [_term(text, operator) for operator, text in zip(words[1::2], words[2::2], strict=True)]
    return tuple(terms)


def absolute_spec(spec: str | Path) -> str:
    """Spell a specification so that it means the same from any folder."""
    spelled = []
    for index, term in enumerate(parse_spec(spec)):
        words = [term.operator] if index else []
        words += ["not"] if term.invert else []
        spelled.append(" ".join([*words, str(replace(term, path=term.path.absolute()))]))
    return " ".join(spelled)


def _term(text: str, operator: str, *, whole: bool = False) -> Term:
    invert = text.startswith("not ") and not whole
    place = text.removeprefix("not ").strip() if invert else text.strip()
    if not place:
        raise UsageError("--matte: a matte is missing beside an operator; write A.mov - B.mov")
    path, select = (place, "") if whole else _split(place)
    return Term(Path(path), select, invert, operator)


def _split(text: str) -> tuple[str, str]:
    """Cut at the first colon behind which no folder comes: paths, too, may have colons."""
    if Path(text).exists():
        return text, ""
    for found in re.finditer(":", text):
        path, select = text[: found.start()], text[found.end() :]
        if len(path) == 1 and path.isalpha():  # a drive of Windows
            continue
        if "crypto=" in select or _SELECTOR.fullmatch(select):
            return path, select
    return text, ""
