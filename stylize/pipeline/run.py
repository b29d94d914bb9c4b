"""The whole way through: open, check, shots, analysis, keys, paint, propagate, write, report."""

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
from stylize.pipeline.stages import (
    layer_stage,
    make_recipe,
    make_renderer_for,
    paint_stage,
    write_stage,
)
from stylize.progress import OnProgress, Overwrite, StageTimer, ignore
from stylize.report.run_facts import gather_facts
from stylize.report.run_report import keep_facts, write_report

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stylize.pipeline.context import RunContext
    from stylize.settings.schema import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunResult:
    """What a run made.

    Attributes
    ----------
    output
        The video or folder.
    frames
        How many.
    keys
        Frames that were painted, counted from the clip's first.
    renderer
        Who painted them; ``files`` for keys painted by hand.
    seconds
        By stage, and in total.
    """

    output: Path
    frames: int
    keys: tuple[int, ...]
    renderer: str
    seconds: dict[str, float]


def run_job(
    request: RunRequest,
    settings: Settings | Mapping[str, Any] | None = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> RunResult:
    """Do `request`; see `stylize.api.run.stylize_clip`."""
    watch = StageTimer(on_progress)
    with open_run(request, settings) as context, ExitStack() as locks:
        check_distinct_paths({"output": context.output}, {"folder of keys": request.keys, "matte": request.matte})
        check_output_path(context.output, context.clip, overwrite, context.project)
        painters = [make_renderer_for(layer) for layer in context.layers]
        project = locks.enter_context(context.project.lock())
        note_start(context)
        for layer in context.parts:
            locks.enter_context(layer.project.lock())
            note_start(layer)
        stack = [layer_stage(*each, watch) for each in zip(context.layers, painters, strict=True)]
        if context.parts:
            project.remember(finished={"span": list(context.span)})
        recipe = make_recipe(context, stack)
        write_stage(context, stack, json.dumps(recipe, ensure_ascii=False, default=str), watch)
        with watch.stage("report"):
            facts = gather_facts(context, stack, recipe, watch.finished())
            keep_facts(project, facts)
            write_report(project)
        seconds = watch.finished()
        project.log("finished", output=str(context.output), seconds=seconds)
    keys = tuple(sorted({frame for layer in stack for frame in layer.keyed.frames}))
    return RunResult(context.output, len(context.clip), keys, facts["renderer"], seconds)


def paint_job(
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
        Frame of the one key to paint; with it are painted those that it must agree with.
    region
        Paint only the part of that key that is white in this picture.

    Raises
    ------
    UsageError
        If `only` is no key, or the keys are given as files.
    """
    watch = StageTimer(on_progress)
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
            raise UsageError("--region is a part of one key; name it with --key N")
        with context.project.lock():
            note_start(context)
            if region is not None and only is not None:
                return repaint_region(context, renderer, only, region, watch)
            return paint_stage(measure_matte(context, watch), renderer, watch, only).notes


def note_start(context: RunContext) -> None:
    """Tell what changed since the last run, and remember what this one was asked."""
    asked = inputs_to_remember(context.request)
    for change in context.project.note_settings(context.settings.to_dict()):
        log.warning("changed since the last run: %s", change)
    context.project.remember(inputs=asked)
    context.project.log("started", **asked)
