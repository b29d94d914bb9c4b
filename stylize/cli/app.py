"""The `stylize` command: parse, call, show progress, print, set the exit code.

What can be said is in `stylize.cli.commands`; here each of its commands becomes one of the terminal.
What takes time to import is imported by functions, so that `main` is there at once to answer Ctrl+C.
"""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    import inspect
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    import typer
    from typer.core import TyperCommand

    from stylize.cli.commands import Answer, Command
    from stylize.cli.flags import Flag

ABOUT = "Paint a few frames of a clip, carry the paint to all others."


def make_app() -> typer.Typer:
    """Make every command of `stylize.cli.commands` one of the terminal."""
    import typer

    from stylize.cli.commands import FAMILIES, all_commands

    top = typer.Typer(
        name="stylize", help=ABOUT, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    top.callback(invoke_without_command=True, help=ABOUT)(top_function())
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
    return top


def told_with_defaults(command: Command) -> type[TyperCommand]:
    """Return the class of a command whose help tells the defaults of its settings.

    They are asked of the settings when the page is asked for, and no earlier: rooms are slow to import.
    """
    from typer.core import TyperCommand

    from stylize.cli.flags import help_of

    class Told(TyperCommand):
        def format_help(self, ctx: Any, formatter: Any) -> None:
            from stylize.settings.schema import option_table

            defaults = option_table()
            helps = {flag.name: help_of(flag, defaults) for flag in command.flags}
            for one in self.params:
                one.help = helps.get(one.name or "", getattr(one, "help", None))  # type: ignore[attr-defined]
            super().format_help(ctx, formatter)

    return Told


def terminal_function(command: Command) -> Callable[..., None]:
    """Return the function whose signature typer reads: one parameter for each flag."""
    from types import SimpleNamespace

    import typer

    from stylize.cli.flags import settings_of

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

    return with_flags(run, command.flags, command.needs)


def top_function() -> Callable[..., None]:
    """Return what answers when no command is named."""
    import typer

    from stylize.cli.flags import Flag

    def top(version: bool) -> None:
        if version:
            from stylize import __version__

            print(f"stylize {__version__}")
            raise typer.Exit

    return with_flags(top, [Flag("", "--version", bool, "Print the version.")])


def with_flags(
    function: Callable[..., None], flags: Sequence[Flag], needs: Collection[str] = ()
) -> Callable[..., None]:
    """Give a function the signature that takes these flags; `needs` names those that must be given."""
    import inspect

    parameters = [parameter(flag, flag.name in needs) for flag in flags]
    function.__annotations__ = {p.name: p.annotation for p in parameters}
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return function


def parameter(flag: Flag, must: bool) -> inspect.Parameter:
    """Return a flag as a parameter that typer understands."""
    import inspect

    import typer

    from stylize.cli.flags import HEADINGS

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

    with answering_interrupts(note):
        yield lambda: bool(pressed)


@contextmanager
def answering_interrupts(answer: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have Ctrl+C answered by a function within the block, unless it is to be ignored."""
    before = signal.getsignal(signal.SIGINT)
    if not callable(before):
        yield
        return
    signal.signal(signal.SIGINT, answer)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def leave(_number: int, _frame: FrameType | None) -> None:
    """End before any work has begun; typer would answer KeyboardInterrupt itself, with another code."""
    print("stylize: interrupted", file=sys.stderr)
    raise SystemExit(130)


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
    import typer

    def answer(path: Path) -> bool:
        return yes or (sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(f"Overwrite {path}?", err=True))

    return answer


def show(answer: Answer, as_json: bool) -> None:
    """Print the facts as one JSON object, or the lines for a person."""
    import json

    print(json.dumps(answer.facts, default=str, ensure_ascii=False) if as_json else "\n".join(answer.lines))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that the error tree gives."""
    with answering_interrupts(leave):
        answer(sys.argv[1:] if arguments is None else arguments)


def answer(arguments: Sequence[str]) -> None:
    """Run one command line; every error is one line and a code."""
    import atexit
    import gc
    import logging

    import typer

    from propagate.malloc import use_single_arena
    from stylize.cli.ebsynth_args import normalize_arguments
    from stylize.errors import StylizeError
    from stylize.progress import Notes

    use_single_arena()
    atexit.register(gc.freeze)  # else the last collection looks at all of every library once more: 0.3 s
    logging.basicConfig(level=logging.WARNING, handlers=[Notes()], force=True)
    usage_error: Any = typer.BadParameter.__base__  # typer shows no name for all that it finds wrong
    try:
        code = make_app()(normalize_arguments(arguments), prog_name="stylize", standalone_mode=False)
    except usage_error as error:
        where = error.ctx.command_path if error.ctx else "stylize"
        what = " ".join(error.format_message().split()).rstrip(".")
        if what:  # else no command was named, and its family's page is the answer
            print(f"stylize: {what}; `{where} --help` lists what there is", file=sys.stderr)
        raise SystemExit(2) from None
    except typer.Abort:
        raise SystemExit("stylize: nothing was done") from None
    except StylizeError as error:
        print(f"stylize: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except ImportError as error:
        raise SystemExit(f"stylize: a package does not load: {error}; `stylize doctor` tells more") from None
    except RuntimeError as error:
        if "cannot cache function" not in str(error):
            raise
        what = "compiled kernels can be kept nowhere, neither beside the package nor in the user's cache"
        print(f"stylize: {what}; set NUMBA_CACHE_DIR to a folder that can be written", file=sys.stderr)
        raise SystemExit(6) from None
    except MemoryError:
        print("stylize: out of memory; close other programs, or use a smaller clip", file=sys.stderr)
        raise SystemExit(6) from None
    if isinstance(code, int):
        raise SystemExit(code)


if __name__ == "__main__":
    main()
