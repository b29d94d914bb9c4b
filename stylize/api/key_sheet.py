"""The contact sheet of a project's keys, as an image file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.api._arguments import PathLike, make_request
from stylize.api.keys import needed_plan
from stylize.errors import OutputExistsError
from stylize.media import read_image, write_image
from stylize.pipeline.context import measure_matte, open_run
from stylize.pipeline.keyframing import choose_keys
from stylize.progress import OnProgress, Overwrite, StageTimer, allowed, ignore
from stylize.report.contact_sheet import contact_sheet

if TYPE_CHECKING:
    from keyframes import Plan
    from propagate.arrays import Image
    from stylize.pipeline.context import RunContext

THUMB = 480
"""Long side of the thumbnails in pixels."""


@dataclass(frozen=True)
class SheetResult:
    """The PNG that was written."""

    sheet: Path


def key_sheet(
    clip: PathLike,
    output: PathLike | None = None,
    *,
    project: PathLike | None = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> SheetResult:
    """Draw a contact sheet: the keys with their reasons, the coverage of every frame, and missing keys.

    The plan is not changed: the sheet shows the keys of keyframes.toml.

    Parameters
    ----------
    clip
        The clip or the project folder.
    output
        A PNG; ``report/keys.png`` in the project by default, which is replaced without asking.
    project
        Folder of the project; ``NAME.stylize`` beside the clip by default.
    overwrite
        True replaces an existing `output`; a function is asked for each path.
    on_progress
        Called with a stage's name and its finished share, 0 to 1.

    Raises
    ------
    UsageError
        If there is no plan, or the file exists.
    """
    with open_run(make_request(clip, project=project)) as context:
        target = Path(output) if output else context.project.report_path.with_name("keys.png")
        if output is not None and target.exists() and not allowed(overwrite, target):
            raise OutputExistsError(f"{target}: exists; pass -y to replace it")
        plan = needed_plan(context)
        settings = replace(context.settings, select=plan.options)
        watch = StageTimer(on_progress)
        with context.project.lock():
            choice = choose_keys(measure_matte(replace(context, settings=settings), watch), watch)
        coverage = choice.coverage
        image = contact_sheet(
            lambda frame: context.whole.small(frame, THUMB),
            choice.plan.keys,
            coverage,
            choice.plan.shots,
            title=context.whole.info.path.name,
            names=context.whole.info.names,
            painted=_painted(context, choice.plan),
        )
        write_image(target, image)
    return SheetResult(target)


def _painted(context: RunContext, plan: Plan) -> dict[int, Image]:
    """Return the painted keys by frame; keys without a painting are left out."""
    found = {}
    for key in plan.keys:
        name = context.whole.info.names[key.frame]
        path = context.project.keys.read(name)
        if path.exists():
            found[key.frame] = read_image(path)
    return found
