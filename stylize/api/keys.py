"""The plan by hand: list, change, import and export keys of a project."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stylize.errors import UsageError
from stylize.media.frame_images import check_keys, files_for, find_keys
from stylize.pipeline.context import measure_matte, open_run
from stylize.pipeline.keyframing import choose_keys
from stylize.pipeline.request import RunRequest
from stylize.progress import OnProgress, Overwrite, StageTimer, allowed, ignore
from stylize.project.plan_file import clip_facts, read_plan, save_plan
from stylize.storage.atomic import disk_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from keyframes import Plan
    from stylize.pipeline.context import RunContext


def auto_keys(
    request: RunRequest, settings: Mapping[str, Any] | None = None, on_progress: OnProgress = ignore
) -> dict[str, Any]:
    """Choose the keys of a clip, keep the plan, and return it as `list_keys` does."""
    with open_run(request, settings) as context, context.project.lock():
        watch = StageTimer(on_progress)
        choose_keys(measure_matte(context, watch), watch, anew=True)
        return _listing(context)


def list_keys(clip: Path, project: Path | None = None) -> dict[str, Any]:
    """Return the plan, JSON-ready: keys with frame, reason, coverage and kind, shots, coverage in all."""
    with open_run(RunRequest(clip, project=project)) as context:
        return _listing(context)


def change_plan(clip: Path, project: Path | None, change: Callable[[Plan], Plan]) -> dict[str, Any]:
    """Apply a change of `keyframes.edits` to the project's plan and return it as `list_keys` does.

    Raises
    ------
    UsageError
        If there is no plan yet, another run holds the project, or the change is not possible.
    """
    with open_run(RunRequest(clip, project=project)) as context:
        needed_plan(context)
        with context.project.lock():
            try:
                save_plan(context.project, change(needed_plan(context)))
            except ValueError as error:
                raise UsageError(f"{context.project.plan_path}: {error}") from error
            return _listing(context)


def import_keys(
    clip: Path, folder: Path, project: Path | None = None, *, overwrite: Overwrite = False
) -> dict[str, Any]:
    """Take a folder of keys painted by hand, named by frame, into the project's overrides.

    The files are copied as they are, and their frames become keys of kind ``override``. A project without a
    plan gets one of these keys only.
    """
    from keyframes import Key, merge, new_plan

    with open_run(RunRequest(clip, project=project)) as context, context.project.lock():
        info = context.whole.info
        found = find_keys(folder, info, context.project.keys.layer_cache)
        check_keys(found, info)
        place = context.project.keys.overrides
        for index, path in found.items():
            target = place / f"{info.names[index]}{path.suffix.lower()}"
            if target.exists() and not allowed(overwrite, target):
                raise UsageError(f"{target}: exists; pass -y to replace it")
            with disk_errors(target):
                place.mkdir(parents=True, exist_ok=True)
                for old in files_for(place, info.names[index]):
                    old.unlink()
                shutil.copyfile(path, target)
        plan = read_plan(context.project, info) or new_plan(clip_facts(info), ())
        keys = [Key(index, f"painted by hand: {path.name}", 0.0, "override") for index, path in found.items()]
        left = [key for key in plan.keys if key.frame not in found]
        save_plan(context.project, merge(plan, [*left, *keys]))
        return _listing(context)


def needed_plan(context: RunContext) -> Plan:
    """Return the project's plan; raise UsageError when there is none."""
    plan = read_plan(context.project, context.whole.info)
    if plan is None:
        raise UsageError(f"{context.project.root}: no plan yet; make one with: stylize keys auto {context.named}")
    return plan


def _listing(context: RunContext) -> dict[str, Any]:
    plan = needed_plan(context)
    fields = ("frame", "reason", "coverage", "kind")
    return {
        "keys": [{name: asdict(key)[name] for name in fields} for key in plan.keys],
        "shots": [[shot.start, shot.stop] for shot in plan.shots],
        "banned": list(plan.banned),
        "coverage": context.project.about().get("coverage"),
        "plan": str(context.project.plan_path),
    }
