"""Plan file: keyframes.toml of a project, read, checked and written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import PlanError
from stylize.settings.key_settings import check_plan_settings
from stylize.storage.atomic import write_text

if TYPE_CHECKING:
    from keyframes import ClipFacts, Plan
    from stylize.media import ClipInfo
    from stylize.project.project import Project


def read_plan(project: Project, info: ClipInfo) -> Plan | None:
    """Return the plan in keyframes.toml; None without the file.

    Raises
    ------
    PlanError
        If the file is damaged, was made for another clip, or has invalid settings of a key.
    """
    from keyframes import parse_plan

    if not project.plan_path.exists():
        return None
    try:
        plan = parse_plan(project.plan_path.read_text(encoding="utf-8"))
        plan.check_clip(clip_facts(info))
        check_plan_settings(plan, project.plan_path)
    except (ValueError, OSError) as error:
        raise PlanError(f"{project.plan_path}: {error}") from error
    return plan


def save_plan(project: Project, plan: Plan) -> Plan:
    """Write keyframes.toml if the plan changed; the artist's comments and spacing are kept.

    Returns
    -------
    The plan with its revision: one more than that of the file, if it changed.
    """
    from keyframes import format_plan, parse_plan

    path = project.plan_path
    before = path.read_text(encoding="utf-8") if path.exists() else None
    if before is not None:
        revision = parse_plan(before).revision
        if format_plan(replace(plan, revision=revision), before) == before:
            return replace(plan, revision=revision)
        plan = replace(plan, revision=revision + 1)
    write_text(path, format_plan(plan, before))
    return plan


def clip_facts(info: ClipInfo) -> ClipFacts:
    """Return the clip's properties that a plan records."""
    from keyframes import ClipFacts

    return ClipFacts(Path(info.path).name, info.fingerprint, info.width, info.height, info.count)
