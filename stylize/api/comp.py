"""The flattened clip of a project's finished layers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylize.compositing.stack import stack_mark, write_stack
from stylize.pipeline.finished_run import open_finished
from stylize.pipeline.output import check_place, is_ours, remember_output
from stylize.pipeline.stages import make_recipe
from stylize.progress import OnProgress, Overwrite, Watch, ignore

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stylize.pipeline.context import Job
    from stylize.settings.schema import Settings

__all__ = ["CompResult", "comp_project"]


@dataclass(frozen=True)
class CompResult:
    """What was written: where, how many frames, of which layers, in how many seconds."""

    output: Path
    frames: int
    layers: tuple[str, ...]
    seconds: float


def comp_project(
    job: Job,
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
    watch = Watch(on_progress)
    with open_finished(job, settings) as (work, layers), work.project.lock() as project:
        check_place(work.place, work.clip, overwrite, project)
        recipe = json.dumps(make_recipe(work, layers), ensure_ascii=False, default=str)
        mark = stack_mark([(layer.work, layer.frames) for layer in layers], work.settings)
        with watch.stage("write") as share:
            if not is_ours(project, work.place, mark):
                write_stack(work.place, work.clip, layers, work.settings, recipe, share)
                remember_output(project, work.place, mark)
    names = tuple(layer.name for layer in layers)
    return CompResult(work.place, len(work.clip), names, watch.finished()["total"])
