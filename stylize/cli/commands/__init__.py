"""Every command: its words, its flags and the call behind it.

A command is a function from what was asked to an `Answer`. It imports what it calls when it is called, prints
nothing, and knows no terminal: `cli` parses, shows progress, prints and sets the exit code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from stylize.cli.flags import Flag, flags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["FAMILIES", "Answer", "Ask", "Command", "all_commands", "command"]

MODULES: Final = ("run", "keys", "propagate", "matte", "review", "comp", "project", "models", "maps")
"""Files of this room, in the order in which ``stylize --help`` lists their commands."""

FAMILIES: Final = {
    "keys": "The plan: which frames are painted, and why.",
    "matte": "Mattes: made from a few hints, refined, checked.",
    "models": "Weights of learned painters: known ones, where they are, fetching them.",
}
"""Commands of two words: the first word and what it is about."""

Ask: TypeAlias = SimpleNamespace
"""What was asked: the value of every flag by name; ``settings`` by full name; ``overwrite``, whether an
existing file may be replaced; ``on_progress``, called with a stage and its finished share."""


@dataclass(frozen=True)
class Answer:
    """What a command has to say.

    Attributes
    ----------
    facts
        The object that ``--json`` prints.
    lines
        The same for a person.
    exit_code
        0 when all is well.
    """

    facts: dict[str, Any]
    lines: Sequence[str]
    exit_code: int = 0


@dataclass(frozen=True)
class Command:
    """A command by its words (``keys auto``), flags, those of them that must be given, help and function."""

    words: str
    flags: tuple[Flag, ...]
    needs: frozenset[str]
    help: str
    call: Callable[[Ask], Answer] = field(repr=False)


_COMMANDS: dict[str, Command] = {}


def command(
    words: str, *flags: str | Flag, needs: str = "", text: str | None = None
) -> Callable[[Callable[[Ask], Answer]], Callable[[Ask], Answer]]:
    """Make a function a command.

    Parameters
    ----------
    words
        As a person types them.
    flags
        Groups of `stylize.cli.flags`, and flags that only this command has.
    needs
        Names of flags that must be given; those without dashes must too, unless their metavar is in brackets.
    text
        The help, in place of the function's docstring.
    """
    own = tuple(one for each in flags for one in ([each] if isinstance(each, Flag) else flags_of(each)))
    must = frozenset(needs.split()) | {f.name for f in own if f.positional and f.metavar[:1] != "["}

    def wrap(function: Callable[[Ask], Answer]) -> Callable[[Ask], Answer]:
        _COMMANDS[words] = Command(words, own, must, text or function.__doc__ or "", function)
        return function

    return wrap


def all_commands() -> tuple[Command, ...]:
    """Return every command; importing them is light."""
    for name in MODULES:
        import_module(f"stylize.cli.commands.{name}")
    return tuple(_COMMANDS.values())
