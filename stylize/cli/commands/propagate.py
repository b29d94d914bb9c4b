"""The cores without a project: carrying keys over a clip, and one image from a style and guides."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from stylize.cli.commands import Answer, Ask, command
from stylize.cli.flags import Flag
from stylize.errors import UsageError

CONFIDENCE = Flag("", "--confidence", Path, "Also write how sure each pixel is.", metavar="DIR")
ERROR = Flag("", "--error", Path, "Also write how badly each pixel fits.", metavar="DIR")


@command(
    "propagate", "clip", "handmade", "output", "matte", "range", CONFIDENCE, ERROR, "json", "yes", "reading",
    "shots", "seed", "write", needs="keys output",
)  # fmt: skip
def propagate(ask: Ask) -> Answer:
    """Carry painted keys over the frames of a clip, without a project."""
    from stylize.api.propagate import propagate_clip

    result = propagate_clip(
        ask.clip, ask.keys, ask.output, matte=ask.matte, start=ask.start, end=ask.end,
        confidence=ask.confidence, error=ask.error, scenes=ask.scenes,
        settings=ask.settings, overwrite=ask.overwrite, on_progress=ask.on_progress,
    )  # fmt: skip
    facts = {"output": result.output, "frames": result.frames, "seconds": result.seconds}
    return Answer(facts, [f"{result.output}  ({result.frames} frames)"])


@command("synth", "ebsynth", "seed", "synth", "json", "yes", needs="style guide")
def synth(ask: Ask) -> Answer:
    """Make one image from a style and guides, as the EbSynth command does."""
    from stylize.api.synthesize import synthesize_image

    if len(ask.guide) % 2:
        raise UsageError(f"--guide {ask.guide[-1]} names one image; it takes two: --guide SOURCE TARGET")
    pairs = list(zip(ask.guide[::2], ask.guide[1::2], strict=True))
    result = synthesize_image(
        ask.style, pairs, ask.output or Path("output.png"), weights=ask.weight or (), error=ask.error,
        style_weight=1.0 if ask.style_weight is None else ask.style_weight,
        settings=ask.settings, overwrite=ask.overwrite, on_progress=ask.on_progress,
    )  # fmt: skip
    return Answer(asdict(result), [f"{result.output}  (energy {result.energy:.3f})"])
