"""What a finished project hands on."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from stylize.cli.commands import Answer, Ask, command
from stylize.cli.flags import Flag

WHAT = Flag("", "--what", list[str], "flat, layers, mattes, exr, otio, nuke, ae; may repeat.", metavar="PART")
FORMAT = Flag("", "--format", str, "png or tif with 16 bits, prores 4444, or vp9 with alpha.")
FIRST = Flag("", "--first", int, "Number of the first image; 1001 by default.", least=0)
COLOR = Flag("", "--color", str, "srgb, rec709, linear or acescg; EXR is linear by default.")
MOTION = Flag("", "--motion/--no-motion", bool, "Motion vectors in EXR frames; they are in by default.")
DELIVERY = Flag("", "--output -o", Path, "The folder for all of it.", metavar="DIR")


@command("comp", "clip", "output", "project", "range", "json", "yes", "write", LIGHT := Flag(
    "", "--light", str, "display mixes the pictures' values, linear mixes light.", "compose.light"
))  # fmt: skip
def comp(ask: Ask) -> Answer:
    """Lay the finished layers of a project over its clip again: one flattened clip, nothing is painted."""
    from stylize.api.composite import composite_project
    from stylize.text import counted

    result = composite_project(
        ask.clip, ask.output, project=ask.project, start=ask.start, end=ask.end, settings=ask.settings,
        overwrite=ask.overwrite, on_progress=ask.on_progress,
    )  # fmt: skip
    words = f"{result.output}  ({counted(result.frames, 'frame')}, layers {', '.join(result.layers)})"
    return Answer(asdict(result), [words])


@command(
    "export", "clip", DELIVERY, "project", "range", WHAT, FORMAT, FIRST, COLOR, MOTION, LIGHT, "json", "yes",
    needs="output",
)  # fmt: skip
def export(ask: Ask) -> Answer:
    """Write layers, mattes, EXR frames and scripts for editors and compositors."""
    from stylize.api.export import export_project
    from stylize.export.options import ExportOptions

    given = {
        "what": tuple(ask.what) if ask.what else None,
        "form": ask.format,
        "first": ask.first,
        "space": ask.color,
        "motion": ask.motion,
    }
    options = ExportOptions(**{name: value for name, value in given.items() if value is not None})
    result = export_project(
        ask.clip, ask.output, options, project=ask.project, start=ask.start, end=ask.end, settings=ask.settings,
        overwrite=ask.overwrite, on_progress=ask.on_progress,
    )  # fmt: skip
    lines = [f"{result.output}/{file}" for file in result.files.values()]
    return Answer(asdict(result), lines)
