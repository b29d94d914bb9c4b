"""The contact sheet of a project's plan, as a picture file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from stylize.api.keys import needed_plan
from stylize.errors import UsageError
from stylize.media import read_image, write_image
from stylize.pipeline.context import Job, look, open_work
from stylize.pipeline.keyframing import choose_keys
from stylize.progress import OnProgress, Overwrite, Watch, allowed, ignore
from stylize.report.contact_sheet import contact_sheet

if TYPE_CHECKING:
    from pathlib import Path

    from keyframes import Plan
    from propagate.arrays import Image
    from stylize.pipeline.context import Work

__all__ = ["write_sheet"]

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
    with open_work(Job(clip, project=project)) as work:
        target = place or work.project.report_path.with_name("keys.png")
        if place is not None and target.exists() and not allowed(overwrite, target):
            raise UsageError(f"{target}: exists; pass -y to replace it")
        plan = needed_plan(work)
        settings = replace(work.settings, select=plan.options)
        watch = Watch(on_progress)
        with work.project.lock():
            choice = choose_keys(look(replace(work, settings=settings), watch), watch)
        coverage = choice.coverage
        picture = contact_sheet(
            lambda frame: work.whole.small(frame, THUMB),
            choice.plan.keys,
            coverage,
            choice.plan.shots,
            title=work.whole.info.path.name,
            names=work.whole.info.names,
            painted=_painted(work, choice.plan),
        )
        write_image(target, picture)
    return target


def _painted(work: Work, plan: Plan) -> dict[int, Image]:
    """Return the painted keys that are there."""
    found = {}
    for key in plan.keys:
        name = work.whole.info.names[key.frame]
        path = work.project.hand_painted(name) or work.project.key_path(name)
        if path.exists():
            found[key.frame] = read_image(path)
    return found
