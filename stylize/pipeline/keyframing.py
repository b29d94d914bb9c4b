"""Keyframing: shots, analysis and selection of keys, into a plan that keeps every change by the artist."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from stylize.errors import UsageError
from stylize.media.frame_images import find_keys, key_files
from stylize.pipeline.analysis import Analyses
from stylize.pipeline.shots import cut_to, measure_changes
from stylize.progress import subprogress
from stylize.project.plan_file import clip_facts, read_plan, save_plan

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from keyframes import Plan, Selection, SelectOptions, Shot
    from stylize.pipeline.context import RunContext
    from stylize.progress import StageTimer
    from stylize.project.project import Project

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeyframeSelection:
    """The plan, and its coverage of the frames in the range.

    Attributes
    ----------
    plan
        The plan of the complete clip.
    shots
        The shots, cut to the range; frames of the complete clip.
    coverage
        Per frame of the range, the share that the keys explain, 0 to 1.
    """

    plan: Plan
    shots: tuple[Shot, ...]
    coverage: tuple[float, ...]


def choose_keys(context: RunContext, timer: StageTimer, *, reselect: bool = False) -> KeyframeSelection:
    """Detect shots, analyze them, select keys and save the plan; the artist's changes to the plan are kept.

    Parameters
    ----------
    context
        With its matte measured and its project locked. The plan is changed only inside the range.
    reselect
        Select keys even if the plan is current. Otherwise a plan for the same options, shots and matte is used as it
        is: keys that the artist added or removed are not compensated.

    Raises
    ------
    UsageError
        If the plan is damaged or for another clip, or ``select.max_keys`` allows less than one key per shot.
    """
    from keyframes import merge, new_plan

    project, info, visibility = context.project, context.whole.info, context.visibility
    options = context.settings.select
    before = read_plan(project, info)
    shots = known_shots(context, timer)
    if context.scenes is None and not (before and _set_by_hand(project, before)):
        project.remember(shots=_ends(shots))  # to recognize shots that the artist changed
    plan = with_overrides(context, before or new_plan(clip_facts(info), shots))
    pieces = cut_to(shots, context.span) if visibility is None else visibility.with_subject(cut_to(shots, context.span))
    painted = context.pieces(pieces)
    analyses = Analyses(context)
    with timer.stage("analysis") as progress:
        for index, piece in enumerate(pieces):
            analyses.of(piece, subprogress(progress, index, 1, len(pieces)))
    same = project.about().get("seen_through") == analyses.matte
    kept = before is not None and not reselect and same and _is_current(before, shots, painted, options)
    with timer.stage("keys"):
        choose = measure_keys if kept else _select
        selections = choose(plan, pieces, analyses, options)
    chosen = [key for selection in selections for key in selection.keys]
    elsewhere = [key for key in plan.keys if not context.span[0] <= key.frame < context.span[1]]
    plan = merge(replace(plan, shots=shots), [*chosen, *elsewhere], options)
    save_plan(project, plan)
    first, stop = context.span
    coverage = [1.0] * (stop - first)  # frames without a subject need no key
    for piece, selection in zip(pieces, selections, strict=True):
        coverage[piece.start - first : piece.stop - first] = map(float, selection.coverage)
    project.remember(coverage=round(sum(coverage) / len(coverage), 4), seen_through=analyses.matte)
    return KeyframeSelection(plan, painted, tuple(coverage))


def with_overrides(context: RunContext, plan: Plan) -> Plan:
    """Return the plan with a key for every file in the project's overrides, unless its frame is banned.

    A key of kind ``override`` whose file was deleted becomes a key of kind ``user``.
    """
    from keyframes import edits

    folder, info = context.project.keys.overrides, context.whole.info
    painted: dict[int, Path] = {}
    if folder.is_dir() and key_files(folder):
        painted = find_keys(folder, info, context.project.keys.layer_cache)
    for frame in painted:
        key = plan.key_at(frame)
        if frame not in plan.banned and (key is None or key.kind == "auto"):
            plan = edits.add(plan, frame, kind="override")
    deleted = {
        key.frame
        for key in plan.keys
        if key.kind == "override" and not context.project.keys.manual_key(info.names[key.frame])
    }
    keys = tuple(replace(key, kind="user") if key.frame in deleted else key for key in plan.keys)
    return replace(plan, keys=keys)


def known_shots(context: RunContext, timer: StageTimer) -> tuple[Shot, ...]:
    """Return the shots of the complete clip; see `ready_shots`. Cuts that are not known yet are searched for."""
    from keyframes.shots import shots_from_scores

    project, settings = context.project, context.settings.shots
    if context.scenes is not None:
        return context.scenes
    plan = read_plan(project, context.whole.info)
    if plan is not None and _set_by_hand(project, plan):
        if settings != type(settings)():
            log.warning(
                "%s: its shots were set by hand, so options of cut detection are ignored; "
                "remove its [[shot]] tables to detect cuts again",
                project.plan_path,
            )
        return tuple(plan.shots)
    with timer.stage("shots") as progress:
        scores = project.cache.recall("changes", measure_changes, context.whole, on_progress=progress)
    return shots_from_scores(scores, settings)


def ready_shots(context: RunContext, plan: Plan | None) -> tuple[Shot, ...] | None:
    """Return the shots of the complete clip if they are known without a search for cuts.

    The first of these that applies: the scene list that the request names; the shots of the plan, where an
    artist or an earlier scene list changed them; the cuts in the cache.
    """
    from keyframes.shots import shots_from_scores

    project = context.project
    if context.scenes is not None:
        return context.scenes
    if plan is not None and _set_by_hand(project, plan):
        return tuple(plan.shots)
    if not project.cache.path("changes", measure_changes, context.whole).exists():
        return None
    return shots_from_scores(project.cache.recall("changes", measure_changes, context.whole), context.settings.shots)


def _set_by_hand(project: Project, plan: Plan) -> bool:
    """Return whether the plan has other shots than those that were detected last."""
    return bool(plan.shots) and _ends(plan.shots) != project.about().get("shots")


def _ends(shots: Sequence[Shot]) -> list[list[int]]:
    return [[shot.start, shot.stop] for shot in shots]


def _is_current(plan: Plan, shots: Sequence[Shot], pieces: Sequence[Shot], options: SelectOptions) -> bool:
    """Return whether a plan is for these shots and options and has a key in every piece."""
    complete = all(any(piece.start <= key.frame < piece.stop for key in plan.keys) for piece in pieces)
    return complete and plan.options == options and tuple(plan.shots) == tuple(shots)


def measure_keys(plan: Plan, pieces: Sequence[Shot], analyses: Analyses, options: SelectOptions) -> list[Selection]:
    """Return the coverage of the plan's keys, without a selection of new ones."""
    unlimited = replace(options, min_gap=1, max_gap=None, max_keys=None)
    selections = []
    for piece in pieces:
        keys = {key.frame: key.kind for key in plan.keys if piece.start <= key.frame < piece.stop}
        others = [frame for frame in range(piece.start, piece.stop) if frame not in keys]
        selections.append(analyses.select(piece, unlimited, keys, others))
    return selections


def _select(plan: Plan, pieces: Sequence[Shot], analyses: Analyses, options: SelectOptions) -> list[Selection]:
    """Select the keys of every piece; with `max_keys`, those that explain the most frames of all."""
    from keyframes.select import distribute_keys

    def select(piece: Shot, limit: int | None) -> Selection:
        forced = plan.forced(piece)
        banned = {*plan.shut(piece), *(set(range(piece.start, piece.stop)) - set(piece.clear) - set(forced))}
        if not forced and len(banned) == piece.stop - piece.start:
            banned = set(plan.shut(piece))  # a key in a mixed frame is better than none
        return analyses.select(piece, replace(options, max_keys=limit), forced, sorted(banned))

    unlimited = [select(piece, None) for piece in pieces]
    if options.max_keys is None or sum(len(selection.keys) for selection in unlimited) <= options.max_keys:
        return unlimited
    if len(pieces) > options.max_keys:
        raise UsageError(
            f"--max-keys {options.max_keys} is too few: each of the {len(pieces)} shots needs a key; "
            "allow as many, or shorten the clip with --start and --end"
        )
    counts = [max(len(plan.forced(piece)), 1) for piece in pieces]
    if sum(counts) > options.max_keys:
        log.warning(
            "--max-keys %d: %d keys were set by hand; all of these are kept, and no key is added",
            options.max_keys,
            sum(counts),
        )
    counts = distribute_keys([piece.stop - piece.start for piece in pieces], unlimited, counts, options.max_keys)
    return [
        selection if count >= len(selection.keys) else select(piece, count)
        for piece, selection, count in zip(pieces, unlimited, counts, strict=True)
    ]
