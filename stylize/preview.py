"""What a run would do, from what, and how much of it is there already; nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stylize.job import open_work
from stylize.keyfiles import check_keys, find_keys
from stylize.layers import layers_of
from stylize.output import check_place
from stylize.paint import key_states
from stylize.plans import Analyses, cut_to, known_shots, read_plan
from stylize.progress import Step, Watch
from stylize.shots import by_shot, find_shots
from stylize.stages import make_painter

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from stylize.job import Job, Work
    from stylize.render import Renderer
    from stylize.settings import Settings

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
        options = work.settings
        check_place(work.place, work.clip, overwrite=True)
        renderer = make_painter(work)
        info = work.clip.info
        shots_known = work.project.cached("shots", find_shots, work.whole, options.shots).exists()
        steps = [
            Step("clip", "given", f"{info.path}: {info.count} frames, {info.width}x{info.height}"),
            Step("project", _state(bool(work.project.about())), str(work.project.root)),
            Step("shots", _state(shots_known), "cuts, sought in all frames"),
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
        done = _finished(work, options, files) if files is not None and shots_known else 0
        steps.append(Step("propagate", _state(done == info.count), f"{done} of {info.count} frames finished"))
        steps.append(Step("write", "to do", str(work.place)))
    return steps


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
    pieces, analyses = cut_to(plan.shots, work.span), Analyses(work.project, work.whole, settings)
    looked = sum(analyses.place(piece).exists() for piece in pieces)
    keys = [key.frame for key in plan.keys if work.span[0] <= key.frame < work.span[1]]
    steps = [
        Step("analysis", _state(looked == len(pieces)), f"{looked} of {len(pieces)} shots"),
        Step("keys", _state(looked == len(pieces)), f"{len(keys)} in {work.project.plan_path}"),
    ]
    files: dict[int, Path] = {}
    for piece in pieces:
        mine = [frame for frame in keys if piece.start <= frame < piece.stop]
        shown = work.whole[piece.start : piece.stop]
        locked = [key.frame - piece.start for key in plan.keys if key.kind == "locked"]
        states = key_states(
            work.project,
            shown,
            [f - piece.start for f in mine],
            renderer,
            settings.synthesis.seed,
            settings.agreement,
            locked,
        )
        for index, (state, path) in states.items():
            name = shown.info.names[index]
            steps.append(
                Step("paint", state, f"key {piece.start + index}: {path if state != 'to do' else name}")
            )
            if state != "to do":
                files[piece.start + index] = path
    return steps, files if len(files) == len(keys) else None


def _finished(work: Work, settings: Settings, files: Mapping[int, Path]) -> int:
    """Return how many frames need not be carried again."""
    shots = cut_to(known_shots(work.project, work.whole, settings, Watch()), work.span)
    done, first = 0, work.span[0]
    for shot, group in zip(shots, by_shot(shots, files, work.whole), strict=True):
        mattes = work.mattes[shot.start - first : shot.stop - first] if work.mattes is not None else None
        clip = work.whole[shot.start : shot.stop]
        layers = layers_of(work.project, clip, group, settings.propagate, mattes)
        done += sum(len(layer.facts()) for layer in dict.fromkeys(layers))
    return done


def _state(there: bool) -> str:
    return "cached" if there else "to do"
