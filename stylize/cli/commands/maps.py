"""Command that renders control maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from stylize.cli.commands import Answer, command
from stylize.cli.flags import Clip, End, NeededOutput, Scenes, Start

WEIGHT_FREE = ["canny", "lineart", "scribble", "softedge", "tile", "color", "depth"]


@command("maps", "reading shots models writing -light")
def maps(
    clip: Clip,
    kind: Annotated[
        str,
        typer.Option(
            "--map",
            metavar="MAP",
            help="canny, lineart, scribble, softedge, tile, color, depth, or aux:NAME of controlnet-aux.",
            autocompletion=lambda: WEIGHT_FREE,
        ),
    ],
    output: NeededOutput,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME", help="Model for depth: a preset, org/name or a path.")
    ] = None,
    detail: Annotated[
        float | None, typer.Option("--detail", metavar="0..1", help="Lines in maps of lines: 0 few, 1 every one.")
    ] = None,
    start: Start = None,
    end: End = None,
    scenes: Scenes = None,
    *,
    settings: dict[str, Any],
    overwrite: Callable[[Path], bool],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Render a control map of every frame as a clip: depth for transitions, lines to paint over."""
    from stylize.api.maps import render_maps

    given = {name: value for name, value in (("model", model), ("detail", detail)) if value is not None}
    made = render_maps(
        clip, kind, output, start=start, end=end, scenes=scenes, settings=settings, overwrite=overwrite,
        on_progress=on_progress, **given,
    )  # fmt: skip
    return Answer(asdict(made), [f"{made.output}  ({made.map}, {made.frames} frames, {made.bits} bits)"])
