"""The flattened clip of a project's finished layers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylize.compositing.stack import stack_mark, write_stack
from stylize.pipeline.finished_run import open_finished
from stylize.pipeline.output import check_output_path, remember_output, written_by_project
from stylize.pipeline.stages import make_recipe
from stylize.progress import OnProgress, Overwrite, StageTimer, ignore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stylize.pipeline.request import RunRequest
    from stylize.settings.schema import Settings


@dataclass(frozen=True)
class CompResult:
    """What was written: where, how many frames, of which layers, in how many seconds."""

    output: Path
    frames: int
    layers: tuple[str, ...]
    seconds: float


def comp_project(
    request: RunRequest,
    settings: Settings | Mapping[str, Any] | None = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> CompResult:
    """Lay what the last run finished over the clip, with the blends, strengths and holdouts of now.

    Raises
    ------
    UsageError
        If something is not finished, or the output cannot be written.
    """
    watch = StageTimer(on_progress)
    with open_finished(request, settings) as (context, layers), context.project.lock() as project:
        check_output_path(context.output, context.clip, overwrite, project)
        recipe = json.dumps(make_recipe(context, layers), ensure_ascii=False, default=str)
        mark = stack_mark([(layer.context, layer.frames) for layer in layers], context.settings)
        with watch.stage("write") as share:
            if not written_by_project(project, context.output, mark):
                write_stack(context.output, context.clip, layers, context.settings, recipe, share)
                remember_output(project, context.output, mark)
    names = tuple(layer.name for layer in layers)
    return CompResult(context.output, len(context.clip), names, watch.finished()["total"])
