"""The stages of a run, each from the work and what the stage before found."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING, Any

from propagate.malloc import trim_heap
from stylize._version import installed_version
from stylize.compositing.shot_view import FullFrameView
from stylize.errors import UsageError
from stylize.media.frame_images import check_keys, find_keys
from stylize.pipeline.composite import composite_fingerprint, write_composite
from stylize.pipeline.context import measure_matte
from stylize.pipeline.key_renderers import renderer_for_keys
from stylize.pipeline.keyframing import choose_keys, known_shots
from stylize.pipeline.output import remember_output, written_by_project
from stylize.pipeline.painting import paint_keys, renderer_at
from stylize.pipeline.propagation import propagate_cached
from stylize.pipeline.renderers import select_renderer, warn_unused_options
from stylize.pipeline.results import KeyframeResult, LayerResult
from stylize.pipeline.shots import by_shot, cut_to
from stylize.progress import subprogress

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stylize.pipeline.context import RunContext
    from stylize.progress import StageTimer
    from stylize.project.frame_store import FrameStore
    from stylize.render import Renderer


def make_renderer_for(context: RunContext) -> Renderer | None:
    """Make the renderer that the job asks for; None when the keys are given as files."""
    if context.request.keys is not None:
        warn_unused_options("files", context.settings)
        return None
    renderer = select_renderer(str(context.request.renderer), context.request.styles, context.settings)
    warn_unused_options(renderer.name, context.settings)
    renderer_at(
        context.project, renderer, FullFrameView(context.whole), 0
    ).fingerprint()  # what cannot work is said now
    return renderer


def given_stage(context: RunContext, watch: StageTimer) -> KeyframeResult:
    """Take keys that were painted by hand, from a folder of files named by frame."""
    folder, first = context.request.keys, context.span[0]
    if folder is None:
        raise TypeError("the job names no keys")
    found = find_keys(folder, context.clip.info, context.project.keys.layer_cache)
    check_keys(found, context.clip.info)
    shots = context.pieces(cut_to(known_shots(context, watch), context.span))
    files = by_shot(shots, {first + index: path for index, path in found.items()}, context.whole)
    notes = [
        {
            "frame": first + index,
            "reason": f"painted by hand: {path.name}",
            "kind": "override",
            "file": str(path.absolute()),
        }
        for index, path in found.items()
    ]
    return KeyframeResult(shots, tuple(files), tuple(notes), (None,) * len(context.clip), "files")


def paint_stage(context: RunContext, renderer: Renderer, watch: StageTimer, only: int | None = None) -> KeyframeResult:
    """Choose the keys and have them painted; with `only`, just that frame's and those it must agree with."""
    choice = choose_keys(context, watch)
    keys = {key.frame: key for key in choice.plan.keys if context.span[0] <= key.frame < context.span[1]}
    if only is not None and only not in keys:
        raise UsageError(f"frame {only} is not a key; make it one with: stylize keys add {context.named} {only}")
    groups = by_shot(choice.shots, keys, context.whole)
    if only is not None:
        groups = [group if only - shot.start in group else {} for shot, group in zip(choice.shots, groups, strict=True)]
    renderer = renderer_for_keys(
        renderer, list(keys.values()), str(context.request.renderer), context.request.styles, context.settings
    )
    files: list[dict[int, Path]] = []
    with watch.stage("paint") as share:
        total, done = sum(map(len, groups)), 0
        for shot, group in zip(choice.shots, groups, strict=True):
            part, view = subprogress(share, done, len(group), total), context.view(shot)
            last = None if only is None else only - shot.start
            options, locked = context.settings, [i for i in group if keys[shot.start + i].kind == "locked"]
            files.append(
                paint_keys(
                    context.project,
                    view,
                    list(group),
                    renderer,
                    options.synthesis.seed,
                    part,
                    last,
                    options.agreement,
                    locked,
                    {i: keys[shot.start + i].take for i in group},
                )
            )
            done += len(group)
    notes = []
    for shot, group in zip(choice.shots, files, strict=True):
        for index, path in group.items():
            key = keys[shot.start + index]
            keys_, name = context.project.keys, context.whole.info.names[key.frame]
            recipe: dict[str, Any] = (keys_.recipe(name) if path == keys_.path(name) else None) or {}
            kind = key.kind if recipe else "override"
            found: dict[str, Any] = {n: recipe[n] for n in ("parents", "agreement") if n in recipe}
            notes.append({**asdict(key), "kind": kind, "file": str(path), **found})
    return KeyframeResult(choice.shots, tuple(files), tuple(notes), choice.coverage, renderer.name)


def layer_stage(context: RunContext, renderer: Renderer | None, watch: StageTimer) -> LayerResult:
    """Take or paint the keys of one layer and carry them over all frames."""
    seen = measure_matte(context, watch)
    keyed = given_stage(seen, watch) if renderer is None else paint_stage(seen, renderer, watch)
    frames = carry_stage(seen, keyed, watch)
    note_finished(seen, keyed, frames)
    return LayerResult(seen, keyed, frames)


def note_finished(context: RunContext, keyed: KeyframeResult, frames: Sequence[FrameStore | None]) -> None:
    """Keep in the layer's project which frames are finished, and where, to open them again."""
    folders = [None if layer is None else layer.folder.name for layer in frames]
    context.project.remember(
        finished={
            "span": list(context.span),
            "folders": [[name, len(list(run))] for name, run in groupby(folders)],
            "keys": json.loads(json.dumps(keyed.notes, default=str)),
            "renderer": keyed.renderer,
        }
    )


def carry_stage(context: RunContext, keyed: KeyframeResult, watch: StageTimer) -> tuple[FrameStore | None, ...]:
    """Carry the keys of every shot over its frames; returns the layer of each frame of the range.

    None stands for frames in which the matte shows nothing.
    """
    layers: list[FrameStore | None] = [None] * len(context.clip)
    done, total = 0, sum(shot.stop - shot.start for shot in keyed.shots)
    trim_heap()  # what painting took
    with watch.stage("propagate") as share:
        for shot, files in zip(keyed.shots, keyed.files, strict=True):
            view, first = context.view(shot), shot.start - context.span[0]
            part = subprogress(share, done, shot.stop - shot.start, total)
            places = propagate_cached(context.project, view, files, context.settings.propagate, part)
            layers[first : first + len(places)] = places
            done += len(places)
    return tuple(layers)


def write_stage(context: RunContext, stack: Sequence[LayerResult], recipe: str, watch: StageTimer) -> None:
    """Write the result, unless the very same stands in its place already."""
    mark = composite_fingerprint([(layer.context, layer.frames) for layer in stack], context.settings)
    with watch.stage("write") as share:
        if not written_by_project(context.project, context.output, mark):
            write_composite(context, stack, recipe, share)
            remember_output(context.project, context.output, mark)


def make_recipe(context: RunContext, stack: Sequence[LayerResult]) -> dict[str, Any]:
    """Return how the result is made: enough to make it again."""
    made = [
        {
            "renderer": layer.keyed.renderer,
            "styles": [path.name for path in layer.context.request.styles],
            "keys": list(layer.keyed.frames),
            "settings": layer.context.settings.to_dict(),
        }
        for layer in stack
    ]
    facts = {
        "program": f"stylize {installed_version()}",
        "clip": context.whole.info.path.name,
        "range": list(context.span),
    }
    if not context.parts:
        return {**facts, **made[0]}
    named = [
        {"name": layer.context.layer.name, "blend": layer.context.layer.blend, **one}
        for layer, one in zip(stack, made, strict=True)
    ]
    return {**facts, "layers": named}
