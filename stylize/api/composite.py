"""The flattened clip of a project's finished layers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylize.api._arguments import AnySettings, PathLike, make_request
from stylize.pipeline.composite import composite_fingerprint, write_composite
from stylize.pipeline.finished_run import open_finished
from stylize.pipeline.output import check_output_path, remember_output, written_by_project
from stylize.pipeline.stages import make_recipe
from stylize.progress import OnProgress, Overwrite, StageTimer, ignore

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class CompositeResult:
    """The video or folder, its number of frames, the layers' names bottom first, seconds in total."""

    output: Path
    frames: int
    layers: tuple[str, ...]
    seconds: float


def composite_project(
    clip: PathLike,
    output: PathLike | None = None,
    *,
    project: PathLike | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    settings: AnySettings = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> CompositeResult:
    """Composite the finished layers of a project over its clip; nothing is painted or propagated.

    Blend modes, strengths and holdouts are read now, so that changes of them show without another run.

    Parameters
    ----------
    clip
        The clip or the project folder.
    output
        A video or a folder for images; that of the last run by default.
    project
        Folder of the project; ``NAME.stylize`` beside the clip by default.
    start, end
        Half-open range; the last run's by default.
    settings
        The sections ``compose`` and ``output`` are read.
    overwrite
        True replaces an existing output; a function is asked for each path.
    on_progress
        Called with a stage's name and its finished share, 0 to 1.

    Raises
    ------
    UsageError
        If a frame of a layer is not finished, or the output cannot be written.
    """
    watch = StageTimer(on_progress)
    request = make_request(clip, output=output, project=project, start=start, end=end)
    with open_finished(request, settings) as (context, layers), context.project.lock() as held:
        check_output_path(context.output, context.clip, overwrite, held)
        recipe = json.dumps(make_recipe(context, layers), ensure_ascii=False, default=str)
        mark = composite_fingerprint([(layer.context, layer.frames) for layer in layers], context.settings)
        with watch.stage("write") as share:
            if not written_by_project(held, context.output, mark):
                write_composite(context, layers, recipe, share)
                remember_output(held, context.output, mark)
    names = tuple(layer.name for layer in layers)
    return CompositeResult(context.output, len(context.clip), names, watch.finished()["total"])
