"""The main job, whole and in part."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from stylize.cli.commands import Answer, Ask, command
from stylize.cli.flags import Flag


@command(
    "run", "clip", "style", "output", "project", "renderer", "handmade", "matte", "range", "dry", "json",
    "yes", "reading", "shots", "keys", "agree", "paint", "diffusion", "models", "download", "seed", "write",
)  # fmt: skip
def run(ask: Ask) -> Answer:
    """Stylize a clip: choose keys, paint them, carry the paint to all frames, write with its sound."""
    from stylize.api.run import run_status, stylize_clip
    from stylize.text import counted

    request = {
        "clip": ask.clip, "style": ask.style or (), "output": ask.output, "project": ask.project,
        "renderer": ask.renderer, "keys": ask.keys, "matte": ask.matte, "start": ask.start, "end": ask.end,
        "scenes": ask.scenes, "settings": ask.settings,
    }  # fmt: skip
    if ask.dry_run:
        steps = run_status(**request)
        lines = [f"{step.name:<10} {step.state:<7} {step.detail}" for step in steps]
        return Answer({"steps": [asdict(step) for step in steps]}, lines)
    result = stylize_clip(**request, overwrite=ask.overwrite, on_progress=ask.on_progress)
    told = (counted(result.frames, "frame"), counted(len(result.keys), "key"), result.renderer)
    words = f"{result.output}  ({', '.join(told)})"
    return Answer(asdict(result), [words])


REGION = Flag("", "--region", Path, "Paint only a part of that key anew: white in this picture.", metavar="MASK")


@command(
    "paint", "clip", "key", REGION, "style", "project", "renderer", "matte", "json", "reading", "shots",
    "keys", "agree", "paint", "diffusion", "models", "download", "seed",
)  # fmt: skip
def paint(ask: Ask) -> Answer:
    """Paint the keys only, to look at them or to change them by hand."""
    from stylize.api.paint import paint_keys

    keys = paint_keys(
        ask.clip, ask.style or (), key=ask.key, region=ask.region, project=ask.project, renderer=ask.renderer,
        matte=ask.matte, scenes=ask.scenes, settings=ask.settings, on_progress=ask.on_progress,
    ).keys  # fmt: skip
    return Answer({"keys": list(keys)}, [f"{k['frame']:>6}  {k['file']}  {k['reason']}" for k in keys])
