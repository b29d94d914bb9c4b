"""The `stylize` command: parse, call, show progress, set the exit code. Heavy packages load inside commands."""

import functools
import inspect
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from stylize.errors import StylizeError, UsageError
from stylize.flags import FLAGS

app = typer.Typer(
    name="stylize",
    help="Paint a few frames of a clip, carry the paint to all others.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
keys_app = typer.Typer(no_args_is_help=True, help="The plan: which frames are painted, and why.")
app.add_typer(keys_app, name="keys")

Clip = Annotated[Path, typer.Argument(metavar="CLIP", help="A video, a folder of numbered images, or a project.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="OUT")]
MaybeOutput = Annotated[
    Path | None, typer.Option("--output", "-o", metavar="OUT", help="A video file, or a folder for PNGs.")
]
ProjectPlace = Annotated[
    Path | None, typer.Option("--project", metavar="DIR", help="Where the work is kept; beside the clip by default.")
]
Time = Annotated[str | None, typer.Option(metavar="T", help="Frame 10, seconds 2.5s or timecode.")]
Matte = Annotated[Path | None, typer.Option(metavar="M", help="A video, or images by frame: white is styled.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Overwrite an existing output without asking.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Frame = Annotated[int, typer.Argument(min=0, metavar="FRAME")]


def with_flags(*groups: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the flags of `groups`; it gets those that were given as `flags`, by setting."""
    chosen = [flag for flag in FLAGS if flag.group in groups]

    def wrap(function: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(function)
        def command(**given: Any) -> None:
            values = {flag: given.pop(flag.name) for flag in chosen}
            function(**given, flags={s: v for flag, v in values.items() for s in flag.settings if v is not None})

        own = [p for p in inspect.signature(function).parameters.values() if p.name != "flags"]
        options = {
            flag.name: Annotated[flag.kind | None, typer.Option(*flag.spelling, help=flag.help)] for flag in chosen
        }
        more = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=note)
            for name, note in options.items()
        ]
        command.__dict__.pop("__wrapped__")
        command.__annotations__ = {p.name: p.annotation for p in own} | options
        command.__signature__ = inspect.Signature([p.replace(kind=p.KEYWORD_ONLY) for p in own] + more)  # type: ignore[attr-defined]
        return command

    return wrap


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Show a bar with the remaining time for every stage; one final line each when not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    with Progress(*columns, TimeRemainingColumn(), TimeElapsedColumn(), console=Console(stderr=True)) as bars:
        tasks: dict[str, Any] = {}

        def show(stage: str, share: float) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=1.0)
            bars.update(tasks[stage], completed=min(share, 1.0))

        yield show


def may_overwrite(yes: bool) -> Callable[[Path], bool]:
    """Whether an existing output may be replaced: yes with -y, asked at a terminal, else no."""

    def ask(path: Path) -> bool:
        return yes or (sys.stdin.isatty() and sys.stderr.isatty() and typer.confirm(f"Overwrite {path}?", err=True))

    return ask


def show(as_json: bool, result: dict[str, Any], lines: Sequence[str]) -> None:
    """Print `result` as one JSON object, or `lines` for a person."""
    print(json.dumps(result, default=str, ensure_ascii=False) if as_json else "\n".join(lines))


@app.callback(invoke_without_command=True)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Paint a few frames of a clip, carry the paint to all others."""
    if version:
        from stylize import __version__

        print(f"stylize {__version__}")
        raise typer.Exit


@app.command()
@with_flags("keys", "paint", "seed", "threads", "output")
def run(
    clip: Clip,
    flags: dict[str, Any],
    style: Annotated[list[Path] | None, typer.Option(metavar="REF", help="A picture to paint like; may repeat.")] = None,
    output: MaybeOutput = None,
    project: ProjectPlace = None,
    renderer: Annotated[str, typer.Option(metavar="auto|patch|sd|files", help="Who paints the keys.")] = "auto",
    keys: Annotated[Path | None, typer.Option(metavar="DIR", help="Keys painted by you, named by frame.")] = None,
    matte: Matte = None,
    start: Time = None,
    end: Time = None,
    dry_run: DryRun = False,
    as_json: Json = False,
    yes: Yes = False,
) -> None:
    """Stylize a clip: choose keys, paint them, carry the paint to every frame, write with the clip's sound."""
    from stylize.pipeline import Job, preview, stylize_clip

    job = Job(
        clip, tuple(style or ()), output, project=project, renderer=renderer, keys=keys, matte=matte, start=start, end=end
    )
    if dry_run:
        steps = preview(job, settings=flags)
        show(as_json, {"steps": [asdict(s) for s in steps]}, [f"{s.name:<10} {s.state:<8} {s.detail}" for s in steps])
        return
    with progress() as on_progress:
        result = stylize_clip(job, settings=flags, overwrite=may_overwrite(yes), on_progress=on_progress)
    show(as_json, asdict(result), [f"{result.output}  ({result.frames} frames, {len(result.keys)} keys, {result.renderer})"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that the error tree gives."""
    logging.basicConfig(level=logging.WARNING, format="stylize: %(message)s", stream=sys.stderr)
    try:
        app(list(arguments) if arguments is not None else None)
    except StylizeError as error:
        print(f"stylize: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except MemoryError:
        print("stylize: out of memory; try a smaller clip or fewer threads", file=sys.stderr)
        raise SystemExit(6) from None
    except KeyboardInterrupt:
        print("stylize: interrupted; finished work is kept, run again to go on", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
