"""The `stylize` command: parse, call, show progress, print, set the exit code.

The commands are in `stylize.cli.commands`; here each of them becomes one of the terminal. Slow imports are inside of
functions, so that `main` answers Ctrl+C at once.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path
    from types import FrameType

    import typer

    from stylize.cli.commands import Answer, Command

ABOUT = "Paint a few frames of a clip, carry the paint to all others."


def make_app(words: Collection[str] | None = None) -> typer.Typer:
    """Make the typer application: every command of `stylize.cli.commands` becomes one of the terminal.

    Parameters
    ----------
    words
        The words of the command line. Commands that they do not name get no parameters, which saves their import;
        None gives all of them.
    """
    import typer

    from stylize.cli.commands import FAMILIES, all_commands, show_version

    top = typer.Typer(name="stylize", help=ABOUT, no_args_is_help=True, pretty_exceptions_enable=False)
    top.callback(invoke_without_command=True, help=ABOUT)(show_version)
    families: dict[str, typer.Typer] = {}
    for command in all_commands():
        *first, name = command.words.split()
        of = top
        if first:
            if first[0] not in families:
                families[first[0]] = typer.Typer(no_args_is_help=True, help=FAMILIES[first[0]])
                top.add_typer(families[first[0]], name=first[0])
            of = families[first[0]]
        named = words is None or not {name, *first}.isdisjoint(words)
        of.command(name, help=command.help)(terminal_function(command) if named else _unnamed)
    return top


def _unnamed() -> None:
    """Stand for a command that the command line does not name."""


def terminal_function(command: Command) -> Callable[..., None]:
    """Return the function whose signature typer reads: the command's own parameters, and one for each setting."""
    import inspect
    from typing import get_type_hints

    import typer

    from stylize.cli.commands import PROVIDED
    from stylize.cli.flags import AsJson, Yes, setting_parameter, setting_values

    hints = get_type_hints(command.call, include_extras=True)
    own = [
        one.replace(annotation=hints[one.name], kind=one.KEYWORD_ONLY)
        for one in inspect.signature(command.call).parameters.values()
    ]
    wanted = {one.name for one in own if one.name in PROVIDED}
    own = [one for one in own if one.name not in PROVIDED]
    generated = [setting_parameter(flag) for flag in command.flags]
    if "overwrite" in wanted:
        generated.append(inspect.Parameter("yes", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=Yes))
    if command.json:
        generated.append(inspect.Parameter("as_json", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=AsJson))

    def run(**given: Any) -> None:
        asked = {one.name: given[one.name] for one in own}
        if "settings" in wanted:
            asked["settings"] = setting_values(command.flags, given)
        if "overwrite" in wanted:
            asked["overwrite"] = may_overwrite(given["yes"])
        try:
            with interrupts() as interrupted, progress(interrupted) as on_progress:
                if "on_progress" in wanted:
                    asked["on_progress"] = on_progress
                answer = command.call(**asked)
        except KeyboardInterrupt as stop:
            code = 143 if isinstance(stop, Terminated) else 130
            word = "terminated" if code == 143 else "interrupted"
            print(f"stylize: {word}; finished work is kept, run again to resume", file=sys.stderr)
            raise typer.Exit(code) from None
        show(answer, given.get("as_json", False))
        raise typer.Exit(answer.exit_code)

    run.__annotations__ = {one.name: one.annotation for one in (*own, *generated)}
    run.__signature__ = inspect.Signature([*own, *generated])  # type: ignore[attr-defined]
    return run


class Terminated(KeyboardInterrupt):
    """The request of the system to end: SIGTERM."""


@contextmanager
def interrupts() -> Iterator[Callable[[], KeyboardInterrupt | None]]:
    """Yield the function that returns the request to end, if there was one.

    The exception of a signal is lost where it arrives in a callback of the kernels' compiler.
    """
    requests: list[KeyboardInterrupt] = []

    def note(number: int, _frame: FrameType | None) -> None:
        requests.append(Terminated() if number == signal.SIGTERM else KeyboardInterrupt())
        raise requests[-1]

    with answering_signals(note):
        yield lambda: requests[-1] if requests else None


@contextmanager
def answering_signals(answer: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Answer Ctrl+C and SIGTERM by a function within the block; a signal that is ignored stays so."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in before.items():
        if callable(handler) or handler == signal.SIG_DFL:
            signal.signal(number, answer)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave(number: int, _frame: FrameType | None) -> None:
    """End before any work has begun; typer would answer KeyboardInterrupt itself, with another code."""
    print(f"stylize: {'terminated' if number == signal.SIGTERM else 'interrupted'}", file=sys.stderr)
    raise SystemExit(128 + number)


@contextmanager
def progress(interrupted: Callable[[], KeyboardInterrupt | None]) -> Iterator[Callable[[str, float], None]]:
    """Show a bar with the remaining time for every stage; one final line each when not a terminal.

    Progress updates raise KeyboardInterrupt once `interrupted` returns one.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    bars = Progress(*columns, TimeRemainingColumn(), TimeElapsedColumn(), console=Console(stderr=True))
    tasks: dict[str, Any] = {}

    def show_stage(stage: str, share: float) -> None:
        if (request := interrupted()) is not None:
            raise request
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
    with answering_signals(leave):
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
        words = [*arguments, *os.environ.get("COMP_WORDS", "").split()]  # the latter while a shell completes a line
        code = make_app(words)(normalize_arguments(arguments), prog_name="stylize", standalone_mode=False)
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
