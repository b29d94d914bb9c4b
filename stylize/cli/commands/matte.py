"""Commands that make, refine and check mattes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from stylize.cli.commands import Answer, command
from stylize.cli.flags import Clip, End, NeededOutput, Start

Matte = Annotated[str, typer.Argument(metavar="MATTE", help="A video, images named by frame, or FILE:CHANNEL.")]


@command("matte make", "making device dtype download matte_stabilize cut reading writing -light")
def make(
    clip: Clip,
    output: NeededOutput,
    box: Annotated[
        list[str] | None,
        typer.Option("--box", metavar="FRAME:X,Y,W,H", help="Box around the subject on one frame; repeatable."),
    ] = None,
    point: Annotated[
        list[str] | None,
        typer.Option("--point", metavar="FRAME:X,Y[,out]", help="Point on the subject, or beside it (out); for sam2."),
    ] = None,
    mattes: Annotated[
        Path | None,
        typer.Option("--mattes", metavar="DIR", help="Painted mattes named by frame; gray is unknown."),
    ] = None,
    chroma: Annotated[
        str | None,
        typer.Option("--chroma", metavar="COLOR", help="Screen to key out: auto, green, blue or #RRGGBB."),
    ] = None,
    foreground: Annotated[
        Path | None,
        typer.Option("--foreground", metavar="DIR", help="Also write the subject's own colors, without background."),
    ] = None,
    start: Start = None,
    end: End = None,
    *,
    settings: dict[str, Any],
    overwrite: Callable[[Path], bool],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Make a matte from boxes, points, painted mattes or a screen color; it is carried over every shot."""
    from stylize.api.mattes import make_matte

    made = make_matte(
        clip, output, boxes=box or (), points=point or (), mattes=mattes, chroma=chroma, colors=foreground,
        start=start, end=end, settings=settings, overwrite=overwrite, on_progress=on_progress,
    )  # fmt: skip
    return Answer(asdict(made), [f"{made.output}  ({made.frames} frames, {made.area:.0%} of the picture)"])


@command("matte refine", "edges matter device dtype download matte reading writing -light")
def refine(
    matte: Matte,
    clip: Annotated[Path, typer.Option("--clip", metavar="CLIP", help="Clip of the matte.")],
    output: NeededOutput,
    band: Annotated[
        float | None,
        typer.Option("--band", metavar="PIXELS", help="Width in pixels of the edge band to estimate again."),
    ] = None,
    start: Start = None,
    end: End = None,
    *,
    settings: dict[str, Any],
    overwrite: Callable[[Path], bool],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Find the edges of a rough matte in the picture, fur and hair too, and stabilize them."""
    from stylize.api.mattes import refine_matte

    made = refine_matte(
        matte, clip, output, band=band, start=start, end=end, settings=settings, overwrite=overwrite,
        on_progress=on_progress,
    )  # fmt: skip
    return Answer(asdict(made), [f"{made.output}  ({made.frames} frames, {made.area:.0%} of the picture)"])


@command("matte check", "matte_fit matte_missing matte_match reading")
def check(
    matte: Matte,
    clip: Annotated[
        Path | None,
        typer.Option("--clip", metavar="CLIP", help="Clip of the matte: chatter is then measured along it."),
    ] = None,
    start: Start = None,
    end: End = None,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="HTML", help="Also write a page of curves and worst frames.")
    ] = None,
    *,
    settings: dict[str, Any],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """List where a matte chatters, has holes or specks, or jumps; with --clip along the motion."""
    from stylize.api.check_matte import check_matte
    from stylize.mattes.metrics import issues

    found = check_matte(matte, clip, start=start, end=end, settings=settings, report=report, on_progress=on_progress)
    wrong = {one.frame: words for one in found.frames if (words := issues(one))}
    lines = [f"{frame:>6}  {', '.join(words)}" for frame, words in wrong.items()]
    lines.append(f"{len(found.frames)} frames, {len(wrong)} to look at; mean chatter {found.chatter:.3f}")
    frames = [{**asdict(one), "complaints": wrong.get(one.frame, [])} for one in found.frames]
    page = {} if found.report is None else {"report": str(found.report)}
    return Answer({"frames": frames, "chatter": found.chatter, **page}, [*lines, *page.values()])
