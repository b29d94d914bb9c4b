"""The plan of a project, keyframes.toml: made by the machine, changed by hand, read again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylize.atomic import write_text
from stylize.errors import UsageError
from stylize.fingerprint import step
from stylize.own_settings import check_own
from stylize.progress import portion
from stylize.shots import find_shots, small_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keyframes import AnalysisOptions, ClipFacts, Plan, Selection, SelectOptions, Shot, ShotAnalysis
    from stylize.compose.seen import Seen
    from stylize.media import Clip, ClipInfo
    from stylize.progress import Watch
    from stylize.project import Project
    from stylize.settings import Settings

__all__ = ["Choice", "choose_keys", "cut_to", "facts_of", "known_shots", "read_plan", "save_plan"]


@dataclass(frozen=True)
class Choice:
    """The plan and how well it explains the frames that were asked for.

    Attributes
    ----------
    plan
        Of the whole clip.
    shots
        Pieces of shots inside the range, frames of the clip.
    coverage
        Per frame of the range: share that the keys explain, 0 to 1.
    """

    plan: Plan
    shots: tuple[Shot, ...]
    coverage: tuple[float, ...]


@step(version=1)
def analyse_shot(
    clip: Clip, options: AnalysisOptions, on_progress: Callable[[float], None] | None = None
) -> ShotAnalysis:
    """Find out which frames of a shot explain which, looking at small frames."""
    from keyframes import analyse

    return analyse(small_frames(clip, options.side, on_progress), options)


def choose_keys(
    project: Project,
    whole: Clip,
    span: tuple[int, int],
    settings: Settings,
    watch: Watch,
    *,
    anew: bool = False,
    seen: Seen | None = None,
) -> Choice:
    """Find shots, look at them, choose keys, and write the plan; what a person put into the plan stays.

    Parameters
    ----------
    project
        Locked.
    whole
        The whole clip: plan and shots count from its first frame.
    span
        Frames [start, stop) that are worked on; the plan is left alone elsewhere.
    anew
        Choose again even where the plan has what was asked for. Otherwise a plan whose options and shots are
        those of now is taken as it is: what a person added or took out is not made up for.
    seen
        The matte: only what it shows has to be explained, and keys are chosen where it shows something.

    Raises
    ------
    UsageError
        If the plan is damaged or for another clip, or ``select.max_keys`` allows less than one key per shot.
    """
    from keyframes import merge, new_plan

    before = read_plan(project, whole.info)
    shots = known_shots(project, whole, settings, watch)
    plan = before or new_plan(facts_of(whole.info), shots)
    pieces = cut_to(shots, span) if seen is None else seen.with_subject(cut_to(shots, span))
    analyses = Analyses(project, whole, settings, seen)
    with watch.stage("analysis") as share:
        for index, piece in enumerate(pieces):
            analyses.of(piece, portion(share, index, 1, len(pieces)))
    painted = pieces if seen is None else seen.pieces(pieces)
    kept = before is not None and not anew and _answers(before, shots, painted, settings.select)
    with watch.stage("keys"):
        choose = _measure if kept else _select
        selections = choose(plan, pieces, analyses, settings.select)
    chosen = [key for selection in selections for key in selection.keys]
    elsewhere = [key for key in plan.keys if not span[0] <= key.frame < span[1]]
    plan = merge(replace(plan, shots=shots), [*chosen, *elsewhere], settings.select)
    save_plan(project, plan)
    coverage = [1.0] * (span[1] - span[0])  # where there is nothing to style, nothing is left unexplained
    for piece, selection in zip(pieces, selections, strict=True):
        coverage[piece.start - span[0] : piece.stop - span[0]] = map(float, selection.coverage)
    written = [[shot.start, shot.stop] for shot in shots]
    project.remember(shots=written, coverage=round(sum(coverage) / len(coverage), 4))
    return Choice(plan, painted, tuple(coverage))


def known_shots(project: Project, whole: Clip, settings: Settings, watch: Watch) -> tuple[Shot, ...]:
    """Return the shots of the whole clip: those of the plan where a person changed them, else found ones."""
    with watch.stage("shots") as share:
        found = project.recall("shots", find_shots, whole, settings.shots, on_progress=share)
    plan = read_plan(project, whole.info)
    return plan.shots if plan is not None and _edited(project, plan) else found


def cut_to(shots: Sequence[Shot], span: tuple[int, int]) -> tuple[Shot, ...]:
    """Return what of the shots lies in the frames [start, stop)."""
    first, stop = span
    return tuple(
        replace(shot, start=max(shot.start, first), stop=min(shot.stop, stop))
        for shot in shots
        if shot.start < stop and shot.stop > first
    )


class Analyses:
    """What is known of each shot, from the project's cache or made now."""

    def __init__(self, project: Project, whole: Clip, settings: Settings, seen: Seen | None = None) -> None:
        self._project, self._whole, self._options = project, whole, settings.analysis
        self.seen = seen

    def place(self, piece: Shot) -> Path:
        """Return where the analysis of a piece is cached."""
        return self._project.cached(
            "analysis", analyse_shot, self._whole[piece.start : piece.stop], self._options
        )

    def of(self, piece: Shot, on_progress: Callable[[float], None] | None = None) -> ShotAnalysis:
        """Return the analysis of a piece; kept on the disk, as a long clip would fill the memory."""
        clip = self._whole[piece.start : piece.stop]
        return self._project.recall("analysis", analyse_shot, clip, self._options, on_progress=on_progress)


def read_plan(project: Project, info: ClipInfo) -> Plan | None:
    """Read keyframes.toml; None when there is none yet.

    Raises
    ------
    UsageError
        If it is damaged, or was made for another clip.
    """
    from keyframes import parse_plan

    if not project.plan_path.exists():
        return None
    try:
        plan = parse_plan(project.plan_path.read_text(encoding="utf-8"))
        plan.check_clip(facts_of(info))
        check_own(plan, project.plan_path)
    except (ValueError, OSError) as error:
        raise UsageError(f"{project.plan_path}: {error}") from error
    return plan


def save_plan(project: Project, plan: Plan) -> Plan:
    """Write keyframes.toml if the plan changed; a person's comments and spacing stay as they are."""
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


def _edited(project: Project, plan: Plan) -> bool:
    """Whether the plan's shots are not those that the machine wrote last: then a person changed them."""
    return [[shot.start, shot.stop] for shot in plan.shots] != project.about().get("shots")


def _answers(plan: Plan, shots: Sequence[Shot], pieces: Sequence[Shot], options: SelectOptions) -> bool:
    """Whether a plan is for these shots and options and has a key in every piece."""
    held = all(any(piece.start <= key.frame < piece.stop for key in plan.keys) for piece in pieces)
    return held and plan.options == options and tuple(plan.shots) == tuple(shots)


def _measure(
    plan: Plan, pieces: Sequence[Shot], analyses: Analyses, options: SelectOptions
) -> list[Selection]:
    """Take the plan's keys and find out what they explain: all other frames are banned for the while."""
    asked = replace(options, min_gap=1, max_gap=None, max_keys=None)
    selections = []
    for piece in pieces:
        keys = {key.frame: key.kind for key in plan.keys if piece.start <= key.frame < piece.stop}
        others = [frame for frame in range(piece.start, piece.stop) if frame not in keys]
        selections.append(_select_in(piece, analyses, asked, keys, others))
    return selections


def _select_in(
    piece: Shot, analyses: Analyses, options: SelectOptions, forced: dict[int, str], banned: Sequence[int]
) -> Selection:
    from keyframes import select_keyframes

    weights = None
    if (seen := analyses.seen) is not None:
        weights = seen.weights(piece)
        banned = sorted({*banned, *seen.blank(piece)} - set(forced))
    try:
        # Fewer keys than are forced cost infinity, which NumPy minds to take a remainder of.
        with np.errstate(invalid="ignore"):
            return select_keyframes(
                analyses.of(piece), options, forced=forced, banned=banned, weights=weights, offset=piece.start
            )
    except ValueError as error:
        raise UsageError(f"frames {piece.start} to {piece.stop - 1}: {error}") from error


def _select(
    plan: Plan, pieces: Sequence[Shot], analyses: Analyses, options: SelectOptions
) -> list[Selection]:
    """Choose the keys of every piece; where `max_keys` forbids some, the least useful ones of all go."""

    def select(piece: Shot, most: int | None) -> Selection:
        asked = replace(options, max_keys=most)
        return _select_in(piece, analyses, asked, plan.forced(piece), plan.shut(piece))

    free = [select(piece, None) for piece in pieces]
    if options.max_keys is None or sum(len(selection.keys) for selection in free) <= options.max_keys:
        return free
    counts = [max(len(plan.forced(piece)), 1) for piece in pieces]
    if sum(counts) > options.max_keys:
        raise UsageError(
            f"--max-keys {options.max_keys} is too few: {len(pieces)} shots and the keys set by hand need "
            f"{sum(counts)}; allow as many, or shorten the clip with --start and --end"
        )
    while sum(counts) < options.max_keys:
        gains = [
            (piece.stop - piece.start) * (selection.curve[count] - selection.curve[count - 1])
            if count < min(len(selection.keys), len(selection.curve))
            else -1.0
            for piece, selection, count in zip(pieces, free, counts, strict=True)
        ]
        best = max(range(len(gains)), key=gains.__getitem__)
        if gains[best] < 0:
            break
        counts[best] += 1
    limited = []
    for piece, selection, count in zip(pieces, free, counts, strict=True):
        forced = plan.forced(piece)
        if count >= len(selection.keys):
            limited.append(selection)
        elif count > len(forced):
            limited.append(select(piece, count - len(forced)))
        else:  # the keys set by hand and no other
            limited += _measure(
                replace(plan, keys=tuple(map(plan.key_at, forced))), [piece], analyses, options
            )
    return limited


def facts_of(info: ClipInfo) -> ClipFacts:
    """Return what a plan keeps of its clip."""
    from keyframes import ClipFacts

    return ClipFacts(Path(info.path).name, info.fingerprint, info.width, info.height, info.count)
