"""The plan by hand."""

from __future__ import annotations

import functools
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.cli.commands import Answer, Ask, command
from stylize.cli.flags import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FRAMES = Flag("", "FRAMES", list[str], "Frames, counted from 0; several: 10-20.", metavar="FRAME...")
FROM = Flag("", "FRAME", int, "Where it is.", least=0)
TO = Flag("", "TO", int, "Where it shall be.", least=0)
SHEET = Flag("", "--output -o", Path, "The PNG to write; in the project by default.", metavar="PNG")
OUT = Flag("", "OUT", Path, "A folder; or NAME.ebs, a project of the EbSynth application.")
FOLDER = Flag("", "DIR", Path, "Images named by frame.")


def show_plan(plan: dict[str, Any]) -> Answer:
    """Tell the keys of a plan, one line each."""
    from stylize.text import counted

    keys = counted(len(plan["keys"]), "key")
    lines = [f"{k['frame']:>6}  {k['kind']:<8}  {k['coverage']:.2f}  {k['reason']}" for k in plan["keys"]]
    return Answer(plan, [*lines, f"{keys} in {counted(len(plan['shots']), 'shot')}: {plan['plan']}"])


@command("keys auto", "clip", "project", "matte", "range", "json", "reading", "shots", "keys")
def keys_auto(ask: Ask) -> Answer:
    """Find shots and choose the frames to paint; keys set by hand stay."""
    from stylize.api.keys import auto_keys
    from stylize.pipeline.request import RunRequest

    request = RunRequest(
        ask.clip, project=ask.project, matte=ask.matte, start=ask.start, end=ask.end, scenes=ask.scenes
    )
    return show_plan(auto_keys(request, ask.settings, ask.on_progress))


@command("keys list", "clip", "project", "json")
def keys_list(ask: Ask) -> Answer:
    """Show the plan."""
    from stylize.api.keys import list_keys

    return show_plan(list_keys(ask.clip, ask.project))


def frames_of(texts: Sequence[str]) -> Iterator[int]:
    """Read frames, and ranges of them of which the last one counts too.

    Raises
    ------
    UsageError
        If one is neither.
    """
    from stylize.errors import UsageError

    frames: list[range] = []
    for text in texts:
        found = re.fullmatch(r"(\d{1,9})(?:-(\d{1,9}))?", text)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if last < first:
            raise UsageError(f"frame {text!r} is no frame; write its number as 12, or several as 10-20")
        frames.append(range(first, last + 1))
    return itertools.chain.from_iterable(frames)


def edit_frames(name: str, ask: Ask) -> Answer:
    """Apply an edit of `keyframes.edits` to frames: to all of them, or to none."""
    from keyframes import edits
    from stylize.api.keys import change_plan

    edit = getattr(edits, name)
    change = functools.partial(functools.reduce, edit, frames_of(ask.frames))
    return show_plan(change_plan(ask.clip, ask.project, change))


for edit_name, edit_text in {
    "add": "Make frames keys.",
    "remove": "Take keys out; the machine does not choose them again.",
    "lock": "Fix keys: neither the machine nor another command changes them.",
    "unlock": "Let keys be changed again.",
    "ban": "Keep frames from becoming keys.",
    "unban": "Let frames become keys again.",
}.items():
    command(f"keys {edit_name}", "clip", FRAMES, "project", "json", text=edit_text)(
        functools.partial(edit_frames, edit_name)
    )


@command("keys move", "clip", FROM, TO, "project", "json")
def keys_move(ask: Ask) -> Answer:
    """Move a key from one frame to another."""
    from keyframes import edits
    from stylize.api.keys import change_plan

    return show_plan(change_plan(ask.clip, ask.project, lambda plan: edits.move(plan, ask.frame, ask.to)))


@command("keys sheet", "clip", "project", SHEET, "json", "yes")
def keys_sheet(ask: Ask) -> Answer:
    """Draw a contact sheet: the keys, why each is one, how well they explain the clip, what is lacking."""
    from stylize.api.key_sheet import write_sheet

    sheet = write_sheet(ask.clip, ask.output, ask.project, overwrite=ask.overwrite, on_progress=ask.on_progress)
    return Answer({"sheet": sheet}, [str(sheet)])


@command("keys import", "clip", FOLDER, "project", "json", "yes")
def keys_import(ask: Ask) -> Answer:
    """Take in keys painted by hand: images named by frame."""
    from stylize.api.keys import import_keys

    return show_plan(import_keys(ask.clip, ask.dir, ask.project, overwrite=ask.overwrite))


@command("keys export", "clip", OUT, "project", "json", "yes")
def keys_export(ask: Ask) -> Answer:
    """Write the keys as images named by frame, painted or to be painted over; OUT.ebs: for EbSynth."""
    from stylize.api.keys_export import export_keys

    written = export_keys(ask.clip, ask.out, ask.project, overwrite=ask.overwrite, on_progress=ask.on_progress)
    files = [str(path) for path in written]
    return Answer({"files": files}, files)
