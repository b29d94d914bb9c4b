"""A complete run: open, check, shots, analysis, keys, paint, propagate, write, report."""

from __future__ import annotations

import json
import logging
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylize.errors import UsageError
from stylize.pipeline.context import measure_matte, open_run
from stylize.pipeline.inpainting import repaint_region
from stylize.pipeline.output import check_distinct_paths, check_output_path
from stylize.pipeline.request import RunRequest, inputs_to_remember
from stylize.pipeline.results import run_record
from stylize.pipeline.stages import (
    layer_stage,
    make_recipe,
    make_renderer_for,
    paint_stage,
    write_stage,
)
from stylize.progress import OnProgress, Overwrite, StageTimer, ignore
from stylize.report.run_report import save_record, write_report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stylize.pipeline.context import RunContext
    from stylize.settings.schema import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunResult:
    """The result of a run.

    Attributes
    ----------
    output
        The video or folder.
    frames
        The number of frames.
    keys
        The painted frames, counted from the clip's first.
    renderer
        The renderer's name; ``files`` for keys painted by the artist.
    seconds
        Seconds by stage, and ``total``.
    """

    output: Path
    frames: int
    keys: tuple[int, ...]
    renderer: str
    seconds: dict[str, float]


def run_request(
    request: RunRequest,
    settings: Settings | Mapping[str, Any] | None = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> RunResult:
    """Run `request`; see `stylize.api.run.stylize_clip`."""
    timer = StageTimer(on_progress)
    with open_run(request, settings) as context, ExitStack() as locks:
        check_distinct_paths({"output": context.output}, {"folder of keys": request.keys, "matte": request.matte})
        check_output_path(context.output, context.clip, overwrite, context.project)
        renderers = [make_renderer_for(layer) for layer in context.layers]
        project = locks.enter_context(context.project.lock())
        remember_start(context)
        for layer in context.parts:
            locks.enter_context(layer.project.lock())
            remember_start(layer)
        layers = [layer_stage(*each, timer) for each in zip(context.layers, renderers, strict=True)]
        if context.parts:
            project.remember(finished={"span": list(context.span)})
        recipe = make_recipe(context, layers)
        write_stage(context, layers, json.dumps(recipe, ensure_ascii=False, default=str), timer)
        with timer.stage("report"):
            record = run_record(context, layers, recipe, timer.finished())
            save_record(project, record)
            write_report(project)
        seconds = timer.finished()
        project.log("finished", output=str(context.output), seconds=seconds)
    keys = tuple(sorted({frame for layer in layers for frame in layer.keys.frames}))
    return RunResult(context.output, len(context.clip), keys, record["renderer"], seconds)


def paint_request(
    request: RunRequest,
    settings: Settings | Mapping[str, Any] | None = None,
    only: int | None = None,
    on_progress: OnProgress = ignore,
    region: Path | None = None,
) -> tuple[dict[str, Any], ...]:
    """Paint the keys of a project and stop; return each key's frame, reason, kind and file.

    Parameters
    ----------
    only
        The frame of the one key to paint; the keys that it follows are painted too.
    region
        A mask image; only the part of that key that is white in it is repainted.

    Raises
    ------
    UsageError
        If `only` is not a key, or the keys are given as files.
    """
    timer = StageTimer(on_progress)
    with open_run(request, settings) as context:
        if context.parts:
            folders = ", ".join(str(layer.project.root) for layer in context.parts)
            raise UsageError(f"{context.project.root}: has several layers; paint one of them: {folders}")
        renderer = make_renderer_for(context)
        if renderer is None:
            raise UsageError(
                f"{context.project.root}: its keys are given as files; name a style to paint with: --style REF"
            )
        if region is not None and only is None:
            raise UsageError("--region needs a key; name it with --key N")
        with context.project.lock():
            remember_start(context)
            if region is not None and only is not None:
                return repaint_region(context, renderer, only, region, timer)
            return paint_stage(measure_matte(context, timer), renderer, timer, only).records


def remember_start(context: RunContext) -> None:
    """Log the settings that changed since the last run, and record the inputs of this one."""
    inputs = inputs_to_remember(context.request)
    for change in context.project.record_settings(context.settings.to_dict()):
        log.warning("changed since the last run: %s", change)
    context.project.remember(inputs=inputs)
    context.project.log("started", **inputs)
