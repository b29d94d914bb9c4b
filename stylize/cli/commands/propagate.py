"""Commands without a project: carry painted keys over a clip, synthesize one image."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from stylize.cli.commands import Answer, command
from stylize.cli.flags import Clip, End, MatteSpec, NeededKeys, NeededOutput, Scenes, Start
from stylize.errors import UsageError


@command("propagate", "reading shots matte seed threads writing -light")
def propagate(
    clip: Clip,
    keys: NeededKeys,
    output: NeededOutput,
    matte: MatteSpec = None,
    start: Start = None,
    end: End = None,
    confidence: Annotated[
        Path | None,
        typer.Option("--confidence", metavar="DIR", help="Also write how certain each pixel is, white for certain."),
    ] = None,
    error: Annotated[
        Path | None,
        typer.Option("--error", metavar="DIR", help="Also write the color difference to the key that explains it."),
    ] = None,
    scenes: Scenes = None,
    *,
    settings: dict[str, Any],
    overwrite: Callable[[Path], bool],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Carry painted keys over the frames of a clip, without a project."""
    from stylize.api.propagate import propagate_clip

    result = propagate_clip(
        clip, keys, output, matte=matte, start=start, end=end, confidence=confidence, error=error, scenes=scenes,
        settings=settings, overwrite=overwrite, on_progress=on_progress,
    )  # fmt: skip
    facts = {"output": result.output, "frames": result.frames, "seconds": result.seconds}
    return Answer(facts, [f"{result.output}  ({result.frames} frames)"])


@command("synth", "synthesis")
def synth(
    style: Annotated[Path, typer.Option("--style", "-style", metavar="S", help="The painting.")],
    guide: Annotated[
        list[Path], typer.Option("--guide", "-guide", metavar="A B", help="Guide of the style, and of the target.")
    ],
    weight: Annotated[
        list[float] | None,
        typer.Option("--weight", "-weight", metavar="W", help="Weight of the guide or style before it."),
    ] = None,
    style_weight: Annotated[
        float, typer.Option("--style-weight", "-styleweight", metavar="W", help="Weight of the style itself.")
    ] = 1.0,
    output: Annotated[Path, typer.Option("--output", "-output", "-o", metavar="OUT", help="Image to write.")] = Path(
        "output.png"
    ),
    error: Annotated[
        Path | None, typer.Option("--error", metavar="MAP", help="Also write how badly each pixel fits.")
    ] = None,
    *,
    settings: dict[str, Any],
    overwrite: Callable[[Path], bool],
    on_progress: Callable[[str, float], None],
) -> Answer:
    """Synthesize one image from a style and guides, as the EbSynth command does."""
    from stylize.api.synthesize import synthesize_image

    if len(guide) % 2:
        raise UsageError(f"--guide {guide[-1]} names one image; it takes two: --guide SOURCE TARGET")
    pairs = list(zip(guide[::2], guide[1::2], strict=True))
    result = synthesize_image(
        style, pairs, output, weights=weight or (), error=error, style_weight=style_weight, settings=settings,
        overwrite=overwrite, on_progress=on_progress,
    )  # fmt: skip
    return Answer(asdict(result), [f"{result.output}  (energy {result.energy:.3f})"])
