"""The `stylize` command: parse, call, show progress, set the exit code. Commands import what they call."""

import functools
import inspect
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import typer

from stylize.errors import StylizeError, UsageError
from stylize.flags import flags_of, pair_guides
from stylize.progress import Notes

ABOUT = "Paint a few frames of a clip, carry the paint to all others."
app = typer.Typer(
    name="stylize", help=ABOUT, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)
keys_app = typer.Typer(no_args_is_help=True, help="The plan: which frames are painted, and why.")
app.add_typer(keys_app, name="keys")

Clip = Annotated[Path, typer.Argument(metavar="CLIP", help="A video, a folder of images, or a project.")]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Images named by frame.")]
Frame = Annotated[int, typer.Argument(min=0, metavar="FRAME")]
Frames = Annotated[list[int], typer.Argument(min=0, metavar="FRAME...")]


def command(
    of: typer.Typer, name: str, *groups: str, needs: str = "", text: str | None = None
) -> Callable[[Callable[..., None]], None]:
    """Make a function a command with flags of `stylize.flags`, by group; those in `needs` must be given.

    The function takes its arguments by name and the flags as `ask`, settings among them as `ask.settings`.
    """
    flags = flags_of(*groups)

    def wrap(function: Callable[..., None]) -> None:
        def run(**given: Any) -> None:
            values = {flag: given.pop(flag.name) for flag in flags}
            ask = SimpleNamespace(**{flag.name: value for flag, value in values.items() if not flag.setting})
            ask.settings = {s: v for f, v in values.items() if v is not None for s in f.setting.split()}
            try:
                function(**given, ask=ask)
            except KeyboardInterrupt:
                print("stylize: interrupted; finished work is kept, run again to go on", file=sys.stderr)
                raise typer.Exit(130) from None

        own = [p for p in inspect.signature(function).parameters.values() if p.name != "ask"]
        only = inspect.Parameter.KEYWORD_ONLY
        for flag in flags:
            option = typer.Option(*flag.spelling.split(), metavar=flag.metavar or None, help=flag.help)
            plain = flag.kind is bool and not flag.setting
            must = flag.name in needs.split()
            default = inspect.Parameter.empty if must else False if plain else None
            note: Any = Annotated[flag.kind if plain or must else flag.kind | None, option]
            own.append(inspect.Parameter(flag.name, only, default=default, annotation=note))
        run.__annotations__ = {p.name: p.annotation for p in own}
        run.__signature__ = inspect.Signature([p.replace(kind=only) for p in own])  # type: ignore[attr-defined]
        of.command(name, help=text or function.__doc__)(run)

    return wrap


@contextmanager
def progress() -> Iterator[Callable[[str, float], None]]:
    """Show a bar with the remaining time for every stage; one final line each when not a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:<10}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    bars = Progress(*columns, TimeRemainingColumn(), TimeElapsedColumn(), console=Console(stderr=True))
    tasks: dict[str, Any] = {}

    def show_stage(stage: str, share: float) -> None:
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


def show(as_json: bool, result: dict[str, Any], lines: Sequence[str]) -> None:
    """Print `result` as one JSON object, or `lines` for a person."""
    print(json.dumps(result, default=str, ensure_ascii=False) if as_json else "\n".join(lines))


def show_plan(as_json: bool, plan: dict[str, Any]) -> None:
    """Show the keys of a plan, one line each."""
    lines = [f"{k['frame']:>6}  {k['kind']:<8}  {k['coverage']:.2f}  {k['reason']}" for k in plan["keys"]]
    show(as_json, plan, [*lines, f"{len(plan['keys'])} keys in {len(plan['shots'])} shots: {plan['plan']}"])


@app.callback(invoke_without_command=True, help=ABOUT)
def top(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Answer what is asked of no command."""
    if version:
        from stylize import __version__

        print(f"stylize {__version__}")
        raise typer.Exit


@command(
    app, "run", "style", "output", "project", "renderer", "handmade", "matte", "range", "dry", "json", "yes",
    "clip", "shots", "keys", "paint", "seed", "write",
)  # fmt: skip
def run(clip: Clip, ask: SimpleNamespace) -> None:
    """Stylize a clip: choose keys, paint them, carry the paint to all frames, write with its sound."""
    from stylize.job import Job
    from stylize.pipeline import run_job
    from stylize.preview import preview

    given = (ask.output, ask.project, ask.renderer, ask.keys, ask.matte, ask.start, ask.end)
    job = Job(clip, tuple(ask.style or ()), *given)
    if ask.dry_run:
        steps = preview(job, ask.settings)
        lines = [f"{step.name:<10} {step.state:<7} {step.detail}" for step in steps]
        return show(ask.json, {"steps": [asdict(step) for step in steps]}, lines)
    with progress() as on_progress:
        result = run_job(job, ask.settings, may_overwrite(ask.yes), on_progress)
    words = f"{result.output}  ({result.frames} frames, {len(result.keys)} keys, {result.renderer})"
    return show(ask.json, asdict(result), [words])


@command(keys_app, "auto", "project", "range", "json", "clip", "shots", "keys")
def keys_auto(clip: Clip, ask: SimpleNamespace) -> None:
    """Find shots and choose the frames to paint; keys set by hand stay."""
    from stylize.editing import auto_keys

    with progress() as on_progress:
        plan = auto_keys(clip, ask.project, (ask.start, ask.end), ask.settings, on_progress)
    show_plan(ask.json, plan)


@command(keys_app, "list", "project", "json")
def keys_list(clip: Clip, ask: SimpleNamespace) -> None:
    """Show the plan."""
    from stylize.editing import list_keys

    show_plan(ask.json, list_keys(clip, ask.project))


def edit_frames(name: str, clip: Clip, frames: Frames, ask: SimpleNamespace) -> None:
    """Apply an edit of `keyframes.edits` to frames: to all of them, or to none."""
    from keyframes import edits
    from stylize.editing import change_plan

    edit = getattr(edits, name)
    show_plan(ask.json, change_plan(clip, ask.project, lambda plan: functools.reduce(edit, frames, plan)))


for edit_name, edit_text in {
    "add": "Make frames keys.",
    "remove": "Take keys out; the machine does not choose them again.",
    "lock": "Fix keys: neither the machine nor another command changes them.",
    "unlock": "Let keys be changed again.",
    "ban": "Keep frames from becoming keys.",
    "unban": "Let frames become keys again.",
}.items():
    command(keys_app, edit_name, "project", "json", text=edit_text)(functools.partial(edit_frames, edit_name))


@command(keys_app, "move", "project", "json")
def keys_move(clip: Clip, frame: Frame, to: Frame, ask: SimpleNamespace) -> None:
    """Move a key from one frame to another."""
    from keyframes import edits
    from stylize.editing import change_plan

    show_plan(ask.json, change_plan(clip, ask.project, lambda plan: edits.move(plan, frame, to)))


@command(keys_app, "import", "project", "json", "yes")
def keys_import(clip: Clip, folder: Folder, ask: SimpleNamespace) -> None:
    """Take in keys painted by hand: images named by frame."""
    from stylize.editing import import_keys

    show_plan(ask.json, import_keys(clip, folder, ask.project, overwrite=may_overwrite(ask.yes)))


@command(keys_app, "export", "project", "json", "yes")
def keys_export(clip: Clip, folder: Folder, ask: SimpleNamespace) -> None:
    """Write the keys as images named by frame: painted, or to be painted over."""
    from stylize.editing import export_keys

    files = [str(path) for path in export_keys(clip, folder, ask.project, overwrite=may_overwrite(ask.yes))]
    show(ask.json, {"files": files}, files)


@command(
    app, "paint", "key", "style", "project", "renderer", "json", "clip", "shots", "keys", "paint", "seed"
)
def paint(clip: Clip, ask: SimpleNamespace) -> None:
    """Paint the keys only, to look at them or to change them by hand."""
    from stylize.job import Job
    from stylize.pipeline import paint_job

    job = Job(clip, tuple(ask.style or ()), project=ask.project, renderer=ask.renderer)
    with progress() as on_progress:
        keys = paint_job(job, ask.settings, ask.key, on_progress)
    show(ask.json, {"keys": list(keys)}, [f"{k['frame']:>6}  {k['file']}  {k['reason']}" for k in keys])


@command(
    app, "propagate", "handmade", "output", "matte", "range", "maps", "json", "yes", "clip", "shots", "seed",
    "write", needs="keys output",
)  # fmt: skip
def propagate(clip: Clip, ask: SimpleNamespace) -> None:
    """Carry painted keys over the frames of a clip, without a project."""
    from stylize.carry import carry_keys
    from stylize.settings import load_settings

    with progress() as on_progress:
        result = carry_keys(
            clip, ask.keys, ask.output, matte=ask.matte, start=ask.start, end=ask.end,
            confidence=ask.confidence, error=ask.error, settings=load_settings(flags=ask.settings),
            overwrite=may_overwrite(ask.yes), on_progress=on_progress,
        )  # fmt: skip
    facts = {"output": result.output, "frames": result.frames, "seconds": result.seconds}
    show(ask.json, facts, [f"{result.output}  ({result.frames} frames)"])


@command(app, "synth", "ebsynth", "seed", "synth", "json", "yes", needs="style guide output")
def synth(ask: SimpleNamespace) -> None:
    """Make one image from a style and guides, as the EbSynth command does."""
    from stylize.settings import load_settings
    from stylize.synth import synth_image

    if len(ask.guide) % 2:
        raise UsageError(f"--guide {ask.guide[-1]} names one image; it takes two: --guide SOURCE TARGET")
    pairs = list(zip(ask.guide[::2], ask.guide[1::2], strict=True))
    with progress() as on_progress:
        result = synth_image(
            ask.style, pairs, ask.output, weights=ask.weight or (), error=ask.error,
            style_weight=1.0 if ask.style_weight is None else ask.style_weight,
            settings=load_settings(flags=ask.settings), overwrite=may_overwrite(ask.yes),
            on_progress=on_progress,
        )  # fmt: skip
    show(ask.json, asdict(result), [f"{result.output}  (energy {result.energy:.3f})"])


@command(app, "report", "project", "json")
def report(clip: Clip, ask: SimpleNamespace) -> None:
    """Write the report page of a project again."""
    from stylize.job import open_project
    from stylize.project import Project
    from stylize.report import write_report

    page = write_report(Project.open(open_project(clip, ask.project)[1]))
    show(ask.json, {"report": page}, [str(page)])


@command(app, "doctor", "json")
def doctor(ask: SimpleNamespace) -> None:
    """Check that everything is here that a run needs, and say how to mend what is not."""
    from stylize.doctor import examine, spell

    checks = examine()
    show(ask.json, {"checks": [asdict(check) for check in checks]}, [spell(check) for check in checks])
    raise typer.Exit(int(any(check.state == "bad" for check in checks)))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with the code that the error tree gives."""
    logging.basicConfig(level=logging.WARNING, handlers=[Notes()], force=True)
    try:
        app(pair_guides(sys.argv[1:] if arguments is None else arguments))
    except StylizeError as error:
        print(f"stylize: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except ImportError as error:
        raise SystemExit(f"stylize: a package does not load: {error}; `stylize doctor` tells more") from None
    except MemoryError:
        print("stylize: out of memory; close other programs, or use a smaller clip", file=sys.stderr)
        raise SystemExit(6) from None


if __name__ == "__main__":
    main()
