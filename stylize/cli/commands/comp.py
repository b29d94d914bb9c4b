"""Commands that composite and export a finished project."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from stylize.cli.commands import Answer, command
from stylize.cli.flags import Clip, End, Output, ProjectFolder, Start

PARTS = ["flat", "layers", "mattes", "exr", "otio", "nuke", "ae"]
FORMATS = ["png", "tif", "prores", "vp9"]
SPACES = ["srgb", "rec709", "linear", "acescg"]


@command("comp", "writing")
def comp(
    clip: Clip,
    output: Output = None,
    project: ProjectFolder = None,
    start: Start = None,
    end: End = None,
    *,
    settings: dict[str, Any],
    overwrite: Callable[[Path], bool],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Composite the finished layers of a project over its clip again; nothing is painted."""
    from stylize.api.composite import composite_project
    from stylize.text import counted

    result = composite_project(
        clip, output, project=project, start=start, end=end, settings=settings, overwrite=overwrite,
        on_progress=on_progress,
    )  # fmt: skip
    words = f"{result.output}  ({counted(result.frames, 'frame')}, layers {', '.join(result.layers)})"
    return Answer(asdict(result), [words])


@command("export", "light")
def export(
    clip: Clip,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for all files.")],
    what: Annotated[
        list[str] | None,
        typer.Option(
            "--what", metavar="|".join(PARTS), help="Part to write; repeatable.", autocompletion=lambda: PARTS
        ),
    ] = None,
    form: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            help="Format of layers: png, tif (16 bits), prores (4444) or vp9, all with alpha. Default: png.",
            autocompletion=lambda: FORMATS,
        ),
    ] = None,
    first: Annotated[
        int | None, typer.Option("--first", metavar="0..", min=0, help="Number of the first image. Default: 1001.")
    ] = None,
    color: Annotated[
        str | None,
        typer.Option(
            "--color",
            metavar="|".join(SPACES),
            help="Color space of images. Default: srgb, for EXR linear.",
            autocompletion=lambda: SPACES,
        ),
    ] = None,
    motion: Annotated[
        bool | None, typer.Option("--motion/--no-motion", help="Motion vectors in EXR frames. Default: on.")
    ] = None,
    project: ProjectFolder = None,
    start: Start = None,
    end: End = None,
    *,
    settings: dict[str, Any],
    overwrite: Callable[[Path], bool],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Write layers, mattes, EXR frames, and scripts for editors and compositors."""
    from stylize.api.export import export_project
    from stylize.export.options import ExportOptions

    given: dict[str, Any] = {
        "what": tuple(what) if what else None,
        "form": form,
        "first": first,
        "space": color,
        "motion": motion,
    }
    options = ExportOptions(**{name: value for name, value in given.items() if value is not None})
    result = export_project(
        clip, output, options, project=project, start=start, end=end, settings=settings, overwrite=overwrite,
        on_progress=on_progress,
    )  # fmt: skip
    return Answer(asdict(result), [f"{result.output}/{file}" for file in result.files.values()])
