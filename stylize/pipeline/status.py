"""What a run would do, from what, and how much of it is there already; nothing is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from stylize.compositing.stack import stack_mark
from stylize.media.frame_images import check_keys, find_keys
from stylize.pipeline.analysis import Analyses
from stylize.pipeline.context import measure_matte, open_run
from stylize.pipeline.key_renderers import renderer_for_keys
from stylize.pipeline.keyframing import known_shots
from stylize.pipeline.output import check_output_path, written_by_project
from stylize.pipeline.painting import key_states
from stylize.pipeline.propagation import frame_stores
from stylize.pipeline.shots import by_shot, cut_to, measure_changes
from stylize.pipeline.stages import make_renderer_for
from stylize.progress import StageTimer, Step
from stylize.project.plan_file import read_plan

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stylize.pipeline.context import RunContext
    from stylize.pipeline.request import RunRequest
    from stylize.project.frame_store import FrameStore
    from stylize.render import Renderer
    from stylize.settings.schema import Settings


def preview(request: RunRequest, settings: Settings | Mapping[str, Any] | None = None) -> list[Step]:
    """Return the steps of a run without running it; everything is checked that can be checked before work.

    The output's place is taken as one that may be overwritten.

    Raises
    ------
    StylizeError
        What the run would raise before its work starts.
    """
    with open_run(request, settings) as context:
        check_output_path(context.output, context.clip, overwrite=True)
        info = context.clip.info
        steps = [
            Step("clip", "given", f"{info.path}: {info.count} frames, {info.width}x{info.height}"),
            Step("project", _state(bool(context.project.about())), str(context.project.root)),
        ]
        stack: list[tuple[RunContext, list[FrameStore | None] | None]] = []
        for layer in context.layers:
            seen = measure_matte(layer, StageTimer(), keep=False)
            mine, frames = _layer_steps(seen)
            named = f"{layer.layer.name}: " if context.parts else ""
            steps += [replace(step, detail=named + step.detail) for step in mine]
            stack.append((seen, frames))
        finished = [(seen, frames) for seen, frames in stack if frames is not None]
        there = len(finished) == len(stack) and written_by_project(
            context.project, context.output, stack_mark(finished, context.settings)
        )
        steps.append(Step("write", _state(there), str(context.output)))
    return steps


def _layer_steps(context: RunContext) -> tuple[list[Step], list[FrameStore | None] | None]:
    """Return the steps from shots to frames of one layer, and its frames once all are finished."""
    options, info = context.settings, context.clip.info
    renderer = make_renderer_for(context)
    measured = context.project.cached("changes", measure_changes, context.whole).exists()
    shots_known = measured or context.scenes is not None
    steps = [
        Step("shots", "given", f"{len(context.scenes)} from {context.request.scenes}")
        if context.scenes is not None
        else Step("shots", _state(shots_known), "cuts, sought in all frames")
    ]
    files: dict[int, Path] | None = None  # painted keys by frame of the whole clip, once all are known
    if context.request.keys is not None:
        found = find_keys(context.request.keys, info)
        check_keys(found, info)
        files = {context.span[0] + index: path for index, path in found.items()}
        names = ", ".join(path.name for path in found.values())
        steps.append(Step("keys", "given", f"{len(found)} from {context.request.keys}: {names}"))
    elif renderer is not None:
        painting, files = _painting(context, options, renderer)
        steps += painting
    frames, done, wanted = None, 0, info.count
    if files is not None and shots_known:
        frames, done, wanted = _finished(context, options, files)
    steps.append(Step("propagate", _state(done == wanted), f"{done} of {wanted} frames finished"))
    return steps, frames if done == wanted else None


def _painting(context: RunContext, settings: Settings, renderer: Renderer) -> tuple[list[Step], dict[int, Path] | None]:
    """Return the steps up to the painted keys, and these if all of them are there."""
    plan = read_plan(context.project, context.whole.info)
    if plan is None:
        names = ", ".join(path.name for path in context.request.styles)
        return [
            Step("analysis", "to do", f"what is new in each of {context.clip.info.count} frames"),
            Step("keys", "to do", "chosen after the analysis"),
            Step("paint", "to do", f"by renderer {renderer.name}, in the style of {names}"),
        ], None
    analyses = Analyses(context)
    shots = cut_to(plan.shots, context.span)
    if context.visibility is not None:
        shots = context.visibility.with_subject(shots)
    pieces, looked = context.pieces(shots), sum(analyses.place(shot).exists() for shot in shots)
    keys = [key.frame for key in plan.keys if any(p.start <= key.frame < p.stop for p in pieces)]
    steps = [
        Step("analysis", _state(looked == len(shots)), f"{looked} of {len(shots)} shots"),
        Step("keys", _state(looked == len(shots)), f"{len(keys)} in {context.project.plan_path}"),
    ]
    renderer = renderer_for_keys(renderer, plan.keys, str(context.request.renderer), context.request.styles, settings)
    files: dict[int, Path] = {}
    for piece in pieces:
        mine = [frame for frame in keys if piece.start <= frame < piece.stop]
        view = context.view(piece)
        locked = [key.frame - piece.start for key in plan.keys if key.kind == "locked"]
        states = key_states(
            context.project,
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
            steps.append(Step("paint", state, f"key {piece.start + index}: {path if state != 'to do' else name}"))
            if state != "to do":
                files[piece.start + index] = path
    return steps, files if len(files) == len(keys) else None


def _finished(
    context: RunContext, settings: Settings, files: Mapping[int, Path]
) -> tuple[list[FrameStore | None], int, int]:
    """Return the frames' places, how many frames need not be carried again, and of how many."""
    shots = context.pieces(cut_to(known_shots(context, StageTimer()), context.span))
    frames: list[FrameStore | None] = [None] * len(context.clip)
    done = 0
    for shot, group in zip(shots, by_shot(shots, files, context.whole), strict=True):
        layers = frame_stores(context.project, context.view(shot), group, settings.propagate)
        frames[shot.start - context.span[0] : shot.stop - context.span[0]] = layers
        done += sum(len(layer.records()) for layer in dict.fromkeys(layers))
    return frames, done, sum(shot.stop - shot.start for shot in shots)


def _state(there: bool) -> str:
    return "cached" if there else "to do"
