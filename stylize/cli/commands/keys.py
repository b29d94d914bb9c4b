"""Commands that choose keyframes and change the plan."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from stylize.cli.commands import Answer, command
from stylize.cli.flags import Clip, End, MatteSpec, ProjectFolder, Scenes, Start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stylize.api.keys import KeyPlan

Frames = Annotated[
    list[str], typer.Argument(metavar="FRAME...", help="Frames, counted from 0; several as 10-20.", show_default=False)
]


def show_plan(plan: KeyPlan) -> Answer:
    """Return the keys of a plan, one line each."""
    from dataclasses import asdict

    from stylize.text import counted

    keys = counted(len(plan.keys), "key")
    lines = [f"{k.frame:>6}  {k.kind:<8}  {k.coverage:.2f}  {k.reason}" for k in plan.keys]
    return Answer(asdict(plan), [*lines, f"{keys} in {counted(len(plan.shots), 'shot')}: {plan.plan}"])


@command("keys auto", "matte reading shots keys")
def keys_auto(
    clip: Clip,
    project: ProjectFolder = None,
    matte: MatteSpec = None,
    start: Start = None,
    end: End = None,
    scenes: Scenes = None,
    *,
    settings: dict[str, Any],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Find shots and choose the frames to paint; keys set by hand stay."""
    from stylize.api.keys import choose_keys

    plan = choose_keys(
        clip, project=project, matte=matte, start=start, end=end, scenes=scenes, settings=settings,
        on_progress=on_progress,
    )  # fmt: skip
    return show_plan(plan)


@command("keys list")
def keys_list(clip: Clip, project: ProjectFolder = None) -> Answer:
    """Show the plan."""
    from stylize.api.keys import list_keys

    return show_plan(list_keys(clip, project=project))


def parse_frames(texts: Sequence[str]) -> Iterator[int]:
    """Yield the frames of numbers and ranges; the last frame of a range is included.

    Raises
    ------
    UsageError
        If a text is neither.
    """
    from stylize.errors import UsageError

    frames: list[range] = []
    for text in texts:
        found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first:
            raise UsageError(f"invalid frame {text!r}; use a frame number (12) or a range (10-20)")
        frames.append(range(first, last + 1))
    return itertools.chain.from_iterable(frames)


def frames_command(words: str, edit: str, text: str) -> None:
    """Register a command that applies an edit of `stylize.api.keys` to frames: to all of them, or to none."""

    @command(words, text=text)
    def edit_frames(clip: Clip, frames: Frames, project: ProjectFolder = None) -> Answer:
        from stylize.api import keys

        return show_plan(getattr(keys, edit)(clip, parse_frames(frames), project=project))


frames_command("keys add", "add_keys", "Make frames keys.")
frames_command("keys remove", "remove_keys", "Remove keys; they are not chosen again.")
frames_command("keys lock", "lock_keys", "Lock keys: nothing changes them until they are unlocked.")
frames_command("keys unlock", "unlock_keys", "Unlock keys.")
frames_command("keys ban", "ban_frames", "Ban frames: they are never chosen as keys.")
frames_command("keys unban", "unban_frames", "Allow frames to be chosen as keys again.")


@command("keys move")
def keys_move(
    clip: Clip,
    frame: Annotated[int, typer.Argument(metavar="FRAME", min=0, help="Frame of the key.", show_default=False)],
    to: Annotated[int, typer.Argument(metavar="TO", min=0, help="Target frame.", show_default=False)],
    project: ProjectFolder = None,
) -> Answer:
    """Move a key to another frame."""
    from stylize.api.keys import move_key

    return show_plan(move_key(clip, frame, to, project=project))


@command("keys sheet")
def keys_sheet(
    clip: Clip,
    project: ProjectFolder = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="PNG", help="PNG to write; default: in the project.")
    ] = None,
    *,
    overwrite: Callable[[Path], bool],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Draw a contact sheet: the keys with their reasons, and how well they explain the clip."""
    from stylize.api.key_sheet import key_sheet

    made = key_sheet(clip, output, project=project, overwrite=overwrite, on_progress=on_progress)
    return Answer({"sheet": made.sheet}, [str(made.sheet)])


@command("keys import")
def keys_import(
    clip: Clip,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Images named by frame.", show_default=False)],
    project: ProjectFolder = None,
    *,
    overwrite: Callable[[Path], bool],
) -> Answer:
    """Import keys painted by hand: images named by frame."""
    from stylize.api.keys import import_keys

    return show_plan(import_keys(clip, folder, project=project, overwrite=overwrite))


@command("keys export")
def keys_export(
    clip: Clip,
    out: Annotated[
        Path,
        typer.Argument(metavar="OUT", help="A folder; or NAME.ebs, a project of EbSynth.", show_default=False),
    ],
    project: ProjectFolder = None,
    *,
    overwrite: Callable[[Path], bool],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Export the keys as images named by frame, painted or to be painted over; NAME.ebs: for EbSynth."""
    from stylize.api.keys_export import export_keys

    written = export_keys(clip, out, project=project, overwrite=overwrite, on_progress=on_progress)
    files = [str(path) for path in written.files]
    return Answer({"files": files}, files)
