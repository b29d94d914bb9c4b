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
    from stylize.pipeline.request import RunRequest
    from stylize.pipeline.run import run_job
    from stylize.pipeline.status import preview
    from stylize.text import counted

    given = (ask.output, ask.project, ask.renderer, ask.keys, ask.matte, ask.start, ask.end, ask.scenes)
    request = RunRequest(ask.clip, tuple(ask.style or ()), *given)
    if ask.dry_run:
        steps = preview(request, ask.settings)
        lines = [f"{step.name:<10} {step.state:<7} {step.detail}" for step in steps]
        return Answer({"steps": [asdict(step) for step in steps]}, lines)
    result = run_job(request, ask.settings, ask.overwrite, ask.on_progress)
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
    from stylize.pipeline.request import RunRequest
    from stylize.pipeline.run import paint_job

    request = RunRequest(
        ask.clip, tuple(ask.style or ()), project=ask.project, renderer=ask.renderer, matte=ask.matte,
        scenes=ask.scenes,
    )  # fmt: skip
    keys = paint_job(request, ask.settings, ask.key, ask.on_progress, ask.region)
    return Answer({"keys": list(keys)}, [f"{k['frame']:>6}  {k['file']}  {k['reason']}" for k in keys])
