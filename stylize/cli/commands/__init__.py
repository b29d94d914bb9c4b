"""Registry of commands: each is a typed function from its arguments to an `Answer`.

A command imports the public function behind it when it is called, and prints nothing; `stylize.cli.app` parses, shows
progress, prints and sets the exit code.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from stylize.cli.flags import SettingFlag, select_flags

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["FAMILIES", "Answer", "Command", "all_commands", "command", "show_version"]

MODULES: Final = ("run", "keys", "propagate", "matte", "review", "comp", "project", "models", "maps")
"""Files of this room, in the order in which ``stylize --help`` lists their commands."""

FAMILIES: Final = {
    "keys": "Choose keyframes, change the plan, import and export keys.",
    "matte": "Make mattes from a few hints, refine them, check them.",
    "models": "List, locate, verify and download the weights of learned painters.",
}
"""Commands of two words: the first word and its help."""

PROVIDED: Final = ("settings", "overwrite", "on_progress")
"""Parameters of a command that the application provides: values of settings by full name; the answer whether an
existing file may be replaced; the function that takes a stage and its finished share."""


@dataclass(frozen=True)
class Answer:
    """The result of a command.

    Attributes
    ----------
    facts
        The object that ``--json`` prints.
    lines
        The same for a person.
    exit_code
        0 for success.
    """

    facts: dict[str, Any]
    lines: Sequence[str]
    exit_code: int = 0


@dataclass(frozen=True)
class Command:
    """A command by its words (``keys auto``), with its function, the flags of its settings, and its help."""

    words: str
    call: Callable[..., Answer] = field(repr=False)
    flags: tuple[SettingFlag, ...]
    help: str
    json: bool


_COMMANDS: dict[str, Command] = {}


def command(
    words: str, settings: str = "", *, text: str = "", json: bool = True
) -> Callable[[Callable[..., Answer]], Callable[..., Answer]]:
    """Register a function as a command.

    Parameters
    ----------
    words
        The command as a person types it.
    settings
        Groups and names of the setting flags that it takes, see `select_flags`; their values arrive as `settings`.
    text
        Help in place of the function's docstring.
    json
        True if it takes ``--json``.
    """

    def register(function: Callable[..., Answer]) -> Callable[..., Answer]:
        _COMMANDS[words] = Command(words, function, select_flags(settings), text or function.__doc__ or "", json)
        return function

    return register


def all_commands() -> tuple[Command, ...]:
    """Return every command; importing them is light."""
    for name in MODULES:
        import_module(f"stylize.cli.commands.{name}")
    return tuple(_COMMANDS.values())


def show_version(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Print the version if it is asked for; the command line without a command."""
    if version:
        from stylize import __version__

        print(f"stylize {__version__}")
        raise typer.Exit
