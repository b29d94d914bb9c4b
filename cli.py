"""The `stylize` command: parse, call, show progress, print, set the exit code.

What can be said is in `stylize.commands`; here each of its commands becomes one of the terminal.
"""

import inspect
import json
import logging
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from propagate.memory import one_heap
from stylize.commands import FAMILIES, Answer, Command, all_commands
from stylize.errors import StylizeError
from stylize.flags import HEADINGS, Flag, help_of, settings_of
from stylize.progress import Notes
from stylize.spelled import by_place

ABOUT = "Paint a few frames of a clip, carry the paint to all others."
app = typer.Typer(
    name="stylize", help=ABOUT, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


def add_commands(top: typer.Typer) -> None:
    """Make every command of `stylize.commands` one of the terminal."""
    families: dict[str, typer.Typer] = {}
    for command in all_commands():
        *first, name = command.words.split()
        of = top
        if first:
            if first[0] not in families:
                families[first[0]] = typer.Typer(no_args_is_help=True, help=FAMILIES[first[0]])
                top.add_typer(families[first[0]], name=first[0])
            of = families[first[0]]
        of.command(name, help=command.help, cls=told_with_defaults(command))(terminal_function(command))


def told_with_defaults(command: Command) -> type[TyperCommand]:
    """Return the class of a command whose help tells the defaults of its settings.

    They are asked of the settings when the page is asked for, and no earlier: rooms are slow to import.
    """

    class Told(TyperCommand):
        def format_help(self, ctx: Any, formatter: Any) -> None:
            from stylize.settings import describe

            defaults = describe()
            helps = {flag.name: help_of(flag, defaults) for flag in command.flags}
            for one in self.params:
                one.help = helps.get(one.name or "", getattr(one, "help", None))  # type: ignore[attr-defined]
            super().format_help(ctx, formatter)

    return Told


def terminal_function(command: Command) -> Callable[..., None]:
    """Return the function whose signature typer reads: one parameter for each flag."""

    def run(**given: Any) -> None:
        values = {flag: given[flag.name] for flag in command.flags}
        ask = SimpleNamespace(**{flag.name: value for flag, value in values.items() if not flag.setting})
        ask.settings = settings_of(values)
        ask.overwrite = may_overwrite(getattr(ask, "yes", False))
        try:
            with interrupts() as interrupted, progress(interrupted) as ask.on_progress:
                answer = command.call(ask)
        except KeyboardInterrupt:
            print("stylize: interrupted; finished work is kept, run again to go on", file=sys.stderr)
            raise typer.Exit(130) from None
        show(answer, getattr(ask, "json", False))
        raise typer.Exit(answer.exit_code)

    parameters = [parameter(flag, flag.name in command.needs) for flag in command.flags]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return run


def parameter(flag: Flag, must: bool) -> inspect.Parameter:
    """Return a flag as a parameter that typer understands."""
    plain = flag.kind is bool and not flag.setting and "/" not in flag.spelling
    texts: dict[str, Any] = {"help": flag.help, "min": flag.least}
    texts["metavar"] = "" if flag.kind is bool else flag.metavar or None
    if flag.positional:
        note: Any = typer.Argument(**{**texts, "metavar": flag.metavar or flag.spelling})
    else:
        note = typer.Option(*flag.spelling.split(), **texts, rich_help_panel=HEADINGS.get(flag.group))
    default = inspect.Parameter.empty if must else False if plain else None
    kind: Any = flag.kind if plain or must else flag.kind | None
    only = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(flag.name, only, default=default, annotation=Annotated[kind, note])


@contextmanager
def interrupts() -> Iterator[Callable[[], bool]]:
    """Hand out whether Ctrl+C was pressed: its exception is lost in callbacks of the compiler of kernels."""
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    mine = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # else it is to be ignored
    if mine:
        signal.signal(signal.SIGINT, note)
    try:
        yield lambda: bool(pressed)
    finally:
        if mine:
            signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def progress(interrupted: Callable[[], bool]) -> Iterator[Callable[[str, float], None]]:
    """Show a bar with the remaining time for every stage; one final line each when not a terminal.

    What is told of progress afterwards raises KeyboardInterrupt once `interrupted` says so.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    bars = Progress(*columns, TimeRemainingColumn(), TimeElapsedColumn(), console=Console(stderr=True))
    tasks: dict[str, Any] = {}

    def show_stage(stage: str, share: float) -> None:
        if interrupted():
            raise KeyboardInterrupt
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=1.0)
            bars.start()
        bars.update(tasks[stage], completed=min(share, 1.0))

    try:
        yield show_stage
    finally:
        if tasks:
            bars.stop()


def may_overwrite(yes: bool) -> Callable[[Path], bool]:
    """Whether an existing output may be replaced: yes with -y, asked at a terminal, else no."""

    def answer(path: Path) -> bool:
        return yes or (
            sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(f"Overwrite {path}?", err=True)
        )

    return answer


def show(answer: Answer, as_json: bool) -> None:
    """Print the facts as one JSON object, or the lines for a person."""
    print(json.dumps(answer.facts, default=str, ensure_ascii=False) if as_json else "\n".join(answer.lines))


@app.callback(invoke_without_command=True, help=ABOUT)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Answer what is asked of no command."""
    if version:
        from stylize import __version__

        print(f"stylize {__version__}")
        raise typer.Exit


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that the error tree gives."""
    one_heap()
    logging.basicConfig(level=logging.WARNING, handlers=[Notes()], force=True)
    try:
        app(by_place(sys.argv[1:] if arguments is None else arguments))
    except StylizeError as error:
        print(f"stylize: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except ImportError as error:
        raise SystemExit(f"stylize: a package does not load: {error}; `stylize doctor` tells more") from None
    except MemoryError:
        print("stylize: out of memory; close other programs, or use a smaller clip", file=sys.stderr)
        raise SystemExit(6) from None


add_commands(app)

if __name__ == "__main__":
    main()
