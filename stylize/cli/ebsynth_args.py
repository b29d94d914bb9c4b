"""What the order of words says on the command line of EbSynth: guides in pairs, and whose a weight is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_STYLE, _GUIDE, _WEIGHT = ("--style", "-style"), ("--guide", "-guide"), ("--weight", "-weight")
_STYLE_WEIGHT = ("--style-weight", "-styleweight")


def normalize_arguments(arguments: Sequence[str]) -> list[str]:
    """Spell what is said by its place so that no place matters, as flags that repeat need it.

    ``--guide A B`` becomes ``--guide A --guide B``. A weight belongs to the guide or the style before it, and
    comes to stand at the end: one for every guide, in their order. As with EbSynth, a guide without one
    among others gets one share of as many as there are guides. All weights may also follow the last guide.

    Raises
    ------
    UsageError
        If it cannot be told whose a weight is.
    """
    rest: list[str] = []
    style: list[str] = []
    guides: list[list[str]] = []
    owner: list[str] | None = None
    words = list(arguments)
    while words:
        word, value = _split(words.pop(0))
        if word not in (*_STYLE, *_GUIDE, *_WEIGHT) or (value is None and not words):
            rest.append(word if value is None else f"{word}={value}")
            continue
        value = words.pop(0) if value is None else value
        if word in _WEIGHT:
            if owner is None:
                raise UsageError(f"{word} {value}: no style or guide before it; say it behind its own")
            owner.append(value)
            continue
        rest += [word, value]
        owner = style
        if word in _GUIDE:
            owner = []
            guides.append(owner)
            rest += [word, words.pop(0)] if words and not words[0].startswith("-") else []
    return rest + _style_weight(style, rest) + _guide_weights(guides)


def _split(word: str) -> tuple[str, str | None]:
    name, equals, value = word.partition("=")
    return (name, value) if equals and name in (*_STYLE, *_GUIDE, *_WEIGHT) else (word, None)


def _style_weight(said: list[str], rest: Sequence[str]) -> list[str]:
    if len(said) > 1 or (said and any(word.partition("=")[0] in _STYLE_WEIGHT for word in rest)):
        raise UsageError(f"the style has more than one weight: {', '.join(said)}; leave all but one out")
    return ["--style-weight", *said] if said else []


def _guide_weights(said: list[list[str]]) -> list[str]:
    if said and len(said[-1]) == len(said) and not any(said[:-1]):
        said = [[value] for value in said[-1]]
    for number, values in enumerate(said, 1):
        if len(values) > 1:
            raise UsageError(
                f"guide {number} of {len(said)} has more than one weight: {', '.join(values)}; "
                "say each --weight behind its own --guide"
            )
    if not any(said):
        return []
    return [word for values in said for word in ("--weight", *(values or [repr(1 / len(said))]))]
