"""The contact sheet of a project's plan, as a picture file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stylize.api.keys import needed_plan
from stylize.errors import UsageError
from stylize.media import read_image, write_image
from stylize.pipeline.context import measure_matte, open_run
from stylize.pipeline.keyframing import choose_keys
from stylize.pipeline.request import RunRequest
from stylize.progress import OnProgress, Overwrite, StageTimer, allowed, ignore
from stylize.report.contact_sheet import contact_sheet

if TYPE_CHECKING:
    from pathlib import Path

    from keyframes import Plan
    from propagate.arrays import Image
    from stylize.pipeline.context import RunContext

THUMB = 480
"""Long side in pixels of the frames that are shown."""


def write_sheet(
    clip: Path,
    place: Path | None = None,
    project: Path | None = None,
    *,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> Path:
    """Draw the keys of the plan with their reasons, how well they explain each frame, and what is lacking.

    The plan is not chosen anew: what is drawn is what `keyframes.toml` says now.

    Parameters
    ----------
    place
        A PNG; ``report/keys.png`` in the project by default, where it may be replaced.

    Raises
    ------
    UsageError
        If there is no plan, or the file exists.
    """
    with open_run(RunRequest(clip, project=project)) as context:
        target = place or context.project.report_path.with_name("keys.png")
        if place is not None and target.exists() and not allowed(overwrite, target):
            raise UsageError(f"{target}: exists; pass -y to replace it")
        plan = needed_plan(context)
        settings = replace(context.settings, select=plan.options)
        watch = StageTimer(on_progress)
        with context.project.lock():
            choice = choose_keys(measure_matte(replace(context, settings=settings), watch), watch)
        coverage = choice.coverage
        picture = contact_sheet(
            lambda frame: context.whole.small(frame, THUMB),
            choice.plan.keys,
            coverage,
            choice.plan.shots,
            title=context.whole.info.path.name,
            names=context.whole.info.names,
            painted=_painted(context, choice.plan),
        )
        write_image(target, picture)
    return target


def _painted(context: RunContext, plan: Plan) -> dict[int, Image]:
    """Return the painted keys that are there."""
    found = {}
    for key in plan.keys:
        name = context.whole.info.names[key.frame]
        path = context.project.keys.read(name)
        if path.exists():
            found[key.frame] = read_image(path)
    return found
