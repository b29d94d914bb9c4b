"""What a run would do, from what, and how much of it is there already; nothing is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stylize.compositing.stack import stack_mark
from stylize.media.frame_images import check_keys, find_keys
from stylize.pipeline.analysis import Analyses
from stylize.pipeline.context import look, open_work
from stylize.pipeline.key_renderers import painters_of
from stylize.pipeline.keyframing import known_shots, read_plan
from stylize.pipeline.output import check_place, is_ours
from stylize.pipeline.painting import key_states
from stylize.pipeline.propagation import layers_of
from stylize.pipeline.shots import by_shot, cut_to, measure_changes
from stylize.pipeline.stages import make_painter
from stylize.progress import Step, Watch

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stylize.pipeline.context import Job, Work
    from stylize.pipeline.propagation import Layer
    from stylize.render import Renderer
    from stylize.settings.schema import Settings

__all__ = ["preview"]


def preview(job: Job, settings: Settings | Mapping[str, Any] | None = None) -> list[Step]:
    """Return the steps of a run without running it; everything is checked that can be checked before work.

    The output's place is taken as one that may be overwritten.

    Raises
    ------
    StylizeError
        What the run would raise before its work starts.
    """
    with open_work(job, settings) as work:
        check_place(work.place, work.clip, overwrite=True)
        info = work.clip.info
        steps = [
            Step("clip", "given", f"{info.path}: {info.count} frames, {info.width}x{info.height}"),
            Step("project", _state(bool(work.project.about())), str(work.project.root)),
        ]
        stack: list[tuple[Work, list[Layer | None] | None]] = []
        for layer in work.layers:
            seen = look(layer, Watch(), keep=False)
            mine, frames = _layer_steps(seen)
            named = f"{layer.layer.name}: " if work.parts else ""
            steps += [replace(step, detail=named + step.detail) for step in mine]
            stack.append((seen, frames))
        finished = [(seen, frames) for seen, frames in stack if frames is not None]
        there = len(finished) == len(stack) and is_ours(
            work.project, work.place, stack_mark(finished, work.settings)
        )
        steps.append(Step("write", _state(there), str(work.place)))
    return steps


def _layer_steps(work: Work) -> tuple[list[Step], list[Layer | None] | None]:
    """Return the steps from shots to frames of one layer, and its frames once all are finished."""
    options, info = work.settings, work.clip.info
    renderer = make_painter(work)
    measured = work.project.cached("changes", measure_changes, work.whole).exists()
    shots_known = measured or work.scenes is not None
    steps = [
        Step("shots", "given", f"{len(work.scenes)} from {work.job.scenes}")
        if work.scenes is not None
        else Step("shots", _state(shots_known), "cuts, sought in all frames")
    ]
    files: dict[int, Path] | None = None  # painted keys by frame of the whole clip, once all are known
    if work.job.keys is not None:
        found = find_keys(work.job.keys, info)
        check_keys(found, info)
        files = {work.span[0] + index: path for index, path in found.items()}
        names = ", ".join(path.name for path in found.values())
        steps.append(Step("keys", "given", f"{len(found)} from {work.job.keys}: {names}"))
    elif renderer is not None:
        painting, files = _painting(work, options, renderer)
        steps += painting
    frames, done, wanted = None, 0, info.count
    if files is not None and shots_known:
        frames, done, wanted = _finished(work, options, files)
    steps.append(Step("propagate", _state(done == wanted), f"{done} of {wanted} frames finished"))
    return steps, frames if done == wanted else None


def _painting(
    work: Work, settings: Settings, renderer: Renderer
) -> tuple[list[Step], dict[int, Path] | None]:
    """Return the steps up to the painted keys, and these if all of them are there."""
    plan = read_plan(work.project, work.whole.info)
    if plan is None:
        names = ", ".join(path.name for path in work.job.styles)
        return [
            Step("analysis", "to do", f"what is new in each of {work.clip.info.count} frames"),
            Step("keys", "to do", "chosen after the analysis"),
            Step("paint", "to do", f"by renderer {renderer.name}, in the style of {names}"),
        ], None
    analyses = Analyses(work)
    shots = cut_to(plan.shots, work.span)
    if work.seen is not None:
        shots = work.seen.with_subject(shots)
    pieces, looked = work.pieces(shots), sum(analyses.place(shot).exists() for shot in shots)
    keys = [key.frame for key in plan.keys if any(p.start <= key.frame < p.stop for p in pieces)]
    steps = [
        Step("analysis", _state(looked == len(shots)), f"{looked} of {len(shots)} shots"),
        Step("keys", _state(looked == len(shots)), f"{len(keys)} in {work.project.plan_path}"),
    ]
    renderer = painters_of(renderer, plan.keys, str(work.job.renderer), work.job.styles, settings)
    files: dict[int, Path] = {}
    for piece in pieces:
        mine = [frame for frame in keys if piece.start <= frame < piece.stop]
        view = work.view(piece)
        locked = [key.frame - piece.start for key in plan.keys if key.kind == "locked"]
        states = key_states(
            work.project,
            view,
            [f - piece.start for f in mine],
            renderer,
            settings.synthesis.seed,
            settings.agreement,
            locked,
            {key.frame - piece.start: key.take for key in plan.keys},
        )
        for index, (state, path) in states.items():
            name = view.info.names[index]
            steps.append(
                Step("paint", state, f"key {piece.start + index}: {path if state != 'to do' else name}")
            )
            if state != "to do":
                files[piece.start + index] = path
    return steps, files if len(files) == len(keys) else None


def _finished(
    work: Work, settings: Settings, files: Mapping[int, Path]
) -> tuple[list[Layer | None], int, int]:
    """Return the frames' places, how many frames need not be carried again, and of how many."""
    shots = work.pieces(cut_to(known_shots(work, Watch()), work.span))
    frames: list[Layer | None] = [None] * len(work.clip)
    done = 0
    for shot, group in zip(shots, by_shot(shots, files, work.whole), strict=True):
        layers = layers_of(work.project, work.view(shot), group, settings.propagate)
        frames[shot.start - work.span[0] : shot.stop - work.span[0]] = layers
        done += sum(len(layer.facts()) for layer in dict.fromkeys(layers))
    return frames, done, sum(shot.stop - shot.start for shot in shots)


def _state(there: bool) -> str:
    return "cached" if there else "to do"
