"""Commands of the main job: run it, or only its painting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from stylize.cli.commands import Answer, command
from stylize.cli.flags import Clip, End, Keys, MatteSpec, Output, ProjectFolder, RendererName, Scenes, Start, Styles


@command("run", "reading shots keys painting diffusion models matte seed threads writing -light")
def run(
    clip: Clip,
    style: Styles = None,
    output: Output = None,
    project: ProjectFolder = None,
    renderer: RendererName = None,
    keys: Keys = None,
    matte: MatteSpec = None,
    start: Start = None,
    end: End = None,
    scenes: Scenes = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Show what a run would do, and do nothing.")
    ] = False,
    *,
    settings: dict[str, Any],
    overwrite: Callable[[Path], bool],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Stylize a clip: choose keyframes, paint them, carry the paint to all frames, write it with the clip's sound."""
    from stylize.api.run import run_status, stylize_clip
    from stylize.text import counted

    request: dict[str, Any] = {
        "project": project, "renderer": renderer, "keys": keys, "matte": matte, "start": start, "end": end,
        "scenes": scenes, "settings": settings,
    }  # fmt: skip
    if dry_run:
        steps = run_status(clip, style or (), output, **request)
        lines = [f"{step.name:<10} {step.state:<7} {step.detail}" for step in steps]
        return Answer({"steps": [asdict(step) for step in steps]}, lines)
    result = stylize_clip(clip, style or (), output, **request, overwrite=overwrite, on_progress=on_progress)
    counts = (counted(result.frames, "frame"), counted(len(result.keys), "key"), result.renderer)
    return Answer(asdict(result), [f"{result.output}  ({', '.join(counts)})"])


@command("paint", "reading shots keys painting diffusion models matte seed threads")
def paint(
    clip: Clip,
    key: Annotated[int | None, typer.Option("--key", metavar="N", help="Paint only the key of this frame.")] = None,
    region: Annotated[
        Path | None, typer.Option("--region", metavar="MASK", help="Repaint only the white part of this picture in it.")
    ] = None,
    style: Styles = None,
    project: ProjectFolder = None,
    renderer: RendererName = None,
    matte: MatteSpec = None,
    scenes: Scenes = None,
    *,
    settings: dict[str, Any],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Paint the keyframes and stop, to look at them or to change them by hand."""
    from stylize.api.paint import paint_keys

    painted = paint_keys(
        clip, style or (), key=key, region=region, project=project, renderer=renderer, matte=matte, scenes=scenes,
        settings=settings, on_progress=on_progress,
    ).keys  # fmt: skip
    return Answer({"keys": list(painted)}, [f"{k['frame']:>6}  {k['file']}  {k['reason']}" for k in painted])
