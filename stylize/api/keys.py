"""The plan of a project: choose, list, edit and import keys."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.api._arguments import AnySettings, PathLike, make_request
from stylize.errors import OutputExistsError, UsageError
from stylize.media.frame_images import check_keys, find_keys
from stylize.pipeline import keyframing
from stylize.pipeline.context import measure_matte, open_run
from stylize.progress import OnProgress, Overwrite, StageTimer, allowed, ignore
from stylize.project.plan_file import clip_facts, read_plan, save_plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from keyframes import Plan
    from stylize.pipeline.context import RunContext


@dataclass(frozen=True)
class PlannedKey:
    """A key: its frame, why it is one, how well it explains its neighborhood (0 to 1), and its kind."""

    frame: int
    reason: str
    coverage: float
    kind: str


@dataclass(frozen=True)
class KeyPlan:
    """The plan of a project.

    Attributes
    ----------
    keys
        In the order of frames, which count from 0.
    shots
        [start, stop) of each.
    banned
        Frames that are never chosen.
    coverage
        Mean share of a frame that the keys explain, 0 to 1; None before the first analysis.
    plan
        The file, keyframes.toml.
    """

    keys: tuple[PlannedKey, ...]
    shots: tuple[tuple[int, int], ...]
    banned: tuple[int, ...]
    coverage: float | None
    plan: str


def choose_keys(
    clip: PathLike,
    *,
    project: PathLike | None = None,
    matte: PathLike | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    scenes: PathLike | None = None,
    settings: AnySettings = None,
    on_progress: OnProgress = ignore,
) -> KeyPlan:
    """Detect shots, choose the frames to paint, and save the plan; keys that were set by hand stay.

    Parameters
    ----------
    clip, project, matte, start, end, scenes, settings, on_progress
        As for `stylize.api.run.stylize_clip`; the sections ``shots``, ``analysis`` and ``select`` are read.

    Raises
    ------
    UsageError
        If the plan is damaged or belongs to another clip, or ``select.max_keys`` allows less than one key per
        shot.
    """
    request = make_request(clip, project=project, matte=matte, start=start, end=end, scenes=scenes)
    with open_run(request, settings) as context, context.project.lock():
        watch = StageTimer(on_progress)
        keyframing.choose_keys(measure_matte(context, watch), watch, reselect=True)
        return _listing(context)


def list_keys(clip: PathLike, *, project: PathLike | None = None) -> KeyPlan:
    """Return the plan of a project.

    Parameters
    ----------
    clip
        The clip or the project folder.
    project
        Folder of the project; ``NAME.stylize`` beside the clip by default.

    Raises
    ------
    UsageError
        If there is no plan yet.
    """
    with open_run(make_request(clip, project=project)) as context:
        return _listing(context)


def change_plan(clip: PathLike, change: Callable[[Plan], Plan], *, project: PathLike | None = None) -> KeyPlan:
    """Apply a function to the plan of a project and save the result.

    Parameters
    ----------
    clip, project
        As for `list_keys`.
    change
        Takes a `keyframes.Plan` and returns another, such as the functions of `keyframes.edits`.

    Raises
    ------
    UsageError
        If there is no plan yet, another run holds the project, or `change` raises ValueError; then the plan is
        as it was.
    """
    with open_run(make_request(clip, project=project)) as context:
        needed_plan(context)
        with context.project.lock():
            try:
                save_plan(context.project, change(needed_plan(context)))
            except ValueError as error:
                raise UsageError(f"{context.project.plan_path}: {error}") from error
            return _listing(context)


def add_keys(clip: PathLike, frames: Iterable[int], *, project: PathLike | None = None) -> KeyPlan:
    """Make frames keys: all of them or, on an error, none; see `change_plan`."""
    from keyframes import edits

    return _edit_frames(clip, frames, edits.add, project)


def remove_keys(clip: PathLike, frames: Iterable[int], *, project: PathLike | None = None) -> KeyPlan:
    """Remove keys; automatic selection does not choose their frames again. See `change_plan`."""
    from keyframes import edits

    return _edit_frames(clip, frames, edits.remove, project)


def lock_keys(clip: PathLike, frames: Iterable[int], *, project: PathLike | None = None) -> KeyPlan:
    """Lock keys: neither automatic selection nor an edit changes them. See `change_plan`."""
    from keyframes import edits

    return _edit_frames(clip, frames, edits.lock, project)


def unlock_keys(clip: PathLike, frames: Iterable[int], *, project: PathLike | None = None) -> KeyPlan:
    """Unlock keys; see `change_plan`."""
    from keyframes import edits

    return _edit_frames(clip, frames, edits.unlock, project)


def ban_frames(clip: PathLike, frames: Iterable[int], *, project: PathLike | None = None) -> KeyPlan:
    """Ban frames: automatic selection does not choose them. See `change_plan`."""
    from keyframes import edits

    return _edit_frames(clip, frames, edits.ban, project)


def unban_frames(clip: PathLike, frames: Iterable[int], *, project: PathLike | None = None) -> KeyPlan:
    """Allow banned frames to be chosen again; see `change_plan`."""
    from keyframes import edits

    return _edit_frames(clip, frames, edits.unban, project)


def move_key(clip: PathLike, frame: int, to: int, *, project: PathLike | None = None) -> KeyPlan:
    """Move the key of `frame` to the frame `to`; see `change_plan`."""
    from keyframes import edits

    return change_plan(clip, lambda plan: edits.move(plan, frame, to), project=project)


def import_keys(
    clip: PathLike, folder: PathLike, *, project: PathLike | None = None, overwrite: Overwrite = False
) -> KeyPlan:
    """Copy painted keys into the project's overrides; their frames become keys of kind ``override``.

    Parameters
    ----------
    clip, project
        As for `list_keys`. A project without a plan gets one of these keys only.
    folder
        Images named by frame; they are copied bit for bit and never overwritten by a run.
    overwrite
        True replaces existing overrides; a function is asked for each path.

    Raises
    ------
    MediaError
        If an image is damaged or does not fit the clip.
    UsageError
        If an override exists.
    """
    from keyframes import Key, merge, new_plan

    with open_run(make_request(clip, project=project)) as context, context.project.lock():
        info = context.whole.info
        found = find_keys(Path(folder), info, context.project.keys.layer_cache)
        check_keys(found, info)
        store = context.project.keys
        for index, path in found.items():
            target = store.override_path(info.names[index], path)
            if target.exists() and not allowed(overwrite, target):
                raise OutputExistsError(f"{target}: exists; pass -y to replace it")
            store.import_override(info.names[index], path)
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


def _edit_frames(
    clip: PathLike, frames: Iterable[int], edit: Callable[[Plan, int], Plan], project: PathLike | None
) -> KeyPlan:
    return change_plan(clip, lambda plan: functools.reduce(edit, frames, plan), project=project)


def _listing(context: RunContext) -> KeyPlan:
    plan = needed_plan(context)
    return KeyPlan(
        keys=tuple(PlannedKey(key.frame, key.reason, key.coverage, key.kind) for key in plan.keys),
        shots=tuple((shot.start, shot.stop) for shot in plan.shots),
        banned=tuple(plan.banned),
        coverage=context.project.about().get("coverage"),
        plan=str(context.project.plan_path),
    )
