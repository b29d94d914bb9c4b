"""The plan by hand."""

from __future__ import annotations

import functools
import itertools
import re
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.cli.commands import Answer, Ask, command
from stylize.cli.flags import Flag

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from stylize.api.keys import KeyPlan

FRAMES = Flag("", "FRAMES", list[str], "Frames, counted from 0; several: 10-20.", metavar="FRAME...")
FROM = Flag("", "FRAME", int, "Where it is.", least=0)
TO = Flag("", "TO", int, "Where it shall be.", least=0)
SHEET = Flag("", "--output -o", Path, "The PNG to write; in the project by default.", metavar="PNG")
OUT = Flag("", "OUT", Path, "A folder; or NAME.ebs, a project of the EbSynth application.")
FOLDER = Flag("", "DIR", Path, "Images named by frame.")


def show_plan(plan: KeyPlan) -> Answer:
    """Return the keys of a plan, one line each."""
    from dataclasses import asdict

    from stylize.text import counted

    keys = counted(len(plan.keys), "key")
    lines = [f"{k.frame:>6}  {k.kind:<8}  {k.coverage:.2f}  {k.reason}" for k in plan.keys]
    return Answer(asdict(plan), [*lines, f"{keys} in {counted(len(plan.shots), 'shot')}: {plan.plan}"])


@command("keys auto", "clip", "project", "matte", "range", "json", "reading", "shots", "keys")
def keys_auto(ask: Ask) -> Answer:
    """Find shots and choose the frames to paint; keys set by hand stay."""
    from stylize.api.keys import choose_keys

    plan = choose_keys(
        ask.clip, project=ask.project, matte=ask.matte, start=ask.start, end=ask.end, scenes=ask.scenes,
        settings=ask.settings, on_progress=ask.on_progress,
    )  # fmt: skip
    return show_plan(plan)


@command("keys list", "clip", "project", "json")
def keys_list(ask: Ask) -> Answer:
    """Show the plan."""
    from stylize.api.keys import list_keys

    return show_plan(list_keys(ask.clip, project=ask.project))


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
    """Apply an edit of `stylize.api.keys` to frames: to all of them, or to none."""
    from stylize.api import keys

    return show_plan(getattr(keys, name)(ask.clip, frames_of(ask.frames), project=ask.project))


for edit_name, edit_text in {
    "add_keys": "Make frames keys.",
    "remove_keys": "Take keys out; the machine does not choose them again.",
    "lock_keys": "Fix keys: neither the machine nor another command changes them.",
    "unlock_keys": "Let keys be changed again.",
    "ban_frames": "Keep frames from becoming keys.",
    "unban_frames": "Let frames become keys again.",
}.items():
    command(f"keys {edit_name.partition('_')[0]}", "clip", FRAMES, "project", "json", text=edit_text)(
        functools.partial(edit_frames, edit_name)
    )


@command("keys move", "clip", FROM, TO, "project", "json")
def keys_move(ask: Ask) -> Answer:
    """Move a key from one frame to another."""
    from stylize.api.keys import move_key

    return show_plan(move_key(ask.clip, ask.frame, ask.to, project=ask.project))


@command("keys sheet", "clip", "project", SHEET, "json", "yes")
def keys_sheet(ask: Ask) -> Answer:
    """Draw a contact sheet: the keys, why each is one, how well they explain the clip, what is lacking."""
    from stylize.api.key_sheet import key_sheet

    made = key_sheet(ask.clip, ask.output, project=ask.project, overwrite=ask.overwrite, on_progress=ask.on_progress)
    return Answer({"sheet": made.sheet}, [str(made.sheet)])


@command("keys import", "clip", FOLDER, "project", "json", "yes")
def keys_import(ask: Ask) -> Answer:
    """Take in keys painted by hand: images named by frame."""
    from stylize.api.keys import import_keys

    return show_plan(import_keys(ask.clip, ask.dir, project=ask.project, overwrite=ask.overwrite))


@command("keys export", "clip", OUT, "project", "json", "yes")
def keys_export(ask: Ask) -> Answer:
    """Write the keys as images named by frame, painted or to be painted over; OUT.ebs: for EbSynth."""
    from stylize.api.keys_export import export_keys

    written = export_keys(ask.clip, ask.out, project=ask.project, overwrite=ask.overwrite, on_progress=ask.on_progress)
    files = [str(path) for path in written.files]
    return Answer({"files": files}, files)
