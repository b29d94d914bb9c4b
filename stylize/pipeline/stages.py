"""Stages of a run, each a function of the run context and the results of the stages before."""

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
    """Return the renderer of the request; None if the keys are given as files."""
    if context.request.keys is not None:
        warn_unused_options("files", context.settings)
        return None
    renderer = select_renderer(str(context.request.renderer), context.request.styles, context.settings)
    warn_unused_options(renderer.name, context.settings)
    # fail early on an invalid configuration
    renderer_at(context.project, renderer, FullFrameView(context.whole), 0).fingerprint()
    return renderer


def given_keys(context: RunContext, flattened: Path | None) -> dict[int, Path]:
    """Return the files in the folder of keys that the request names, by frame of the complete clip.

    `flattened` is the folder for keys of several layer files; the system's temporary folder if None.
    """
    if context.request.keys is None:
        raise TypeError("the request names no folder of keys")
    found = find_keys(context.request.keys, context.clip.info, flattened)
    check_keys(found, context.clip.info)
    return {context.span[0] + index: path for index, path in found.items()}


def given_stage(context: RunContext, timer: StageTimer) -> KeyframeResult:
    """Return the keys that the artist painted, from a folder of files named by frame."""
    keys = given_keys(context, context.project.keys.layer_cache)
    shots = context.pieces(cut_to(known_shots(context, timer), context.span))
    files = by_shot(shots, keys, context.whole)
    records = [
        {
            "frame": frame,
            "reason": f"painted by hand: {path.name}",
            "kind": "override",
            "file": str(path.absolute()),
        }
        for frame, path in keys.items()
    ]
    return KeyframeResult(shots, tuple(files), tuple(records), (None,) * len(context.clip), "files")


def paint_stage(context: RunContext, renderer: Renderer, timer: StageTimer, only: int | None = None) -> KeyframeResult:
    """Select the keys and paint them; with `only`, just the key of that frame and the keys that it follows."""
    selection = choose_keys(context, timer)
    keys = {key.frame: key for key in selection.plan.keys if context.span[0] <= key.frame < context.span[1]}
    if only is not None and only not in keys:
        raise UsageError(f"frame {only} is not a key; make it one with: stylize keys add {context.named} {only}")
    groups = by_shot(selection.shots, keys, context.whole)
    if only is not None:
        groups = [
            group if only - shot.start in group else {} for shot, group in zip(selection.shots, groups, strict=True)
        ]
    renderer = renderer_for_keys(
        renderer, list(keys.values()), str(context.request.renderer), context.request.styles, context.settings
    )
    files: list[dict[int, Path]] = []
    with timer.stage("paint") as progress:
        total, done = sum(map(len, groups)), 0
        for shot, group in zip(selection.shots, groups, strict=True):
            part, view = subprogress(progress, done, len(group), total), context.view(shot)
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
    records = []
    for shot, group in zip(selection.shots, files, strict=True):
        for index, path in group.items():
            key = keys[shot.start + index]
            store, name = context.project.keys, context.whole.info.names[key.frame]
            recipe: dict[str, Any] = (store.recipe(name) if path == store.path(name) else None) or {}
            kind = key.kind if recipe else "override"
            found: dict[str, Any] = {n: recipe[n] for n in ("parents", "agreement") if n in recipe}
            records.append({**asdict(key), "kind": kind, "file": str(path), **found})
    return KeyframeResult(selection.shots, tuple(files), tuple(records), selection.coverage, renderer.name)


def layer_stage(context: RunContext, renderer: Renderer | None, timer: StageTimer) -> LayerResult:
    """Return one layer with its keys, given or painted, and its finished frames."""
    measured = measure_matte(context, timer)
    keys = given_stage(measured, timer) if renderer is None else paint_stage(measured, renderer, timer)
    frames = propagate_stage(measured, keys, timer)
    remember_finished(measured, keys, frames)
    return LayerResult(measured, keys, frames)


def remember_finished(context: RunContext, keys: KeyframeResult, frames: Sequence[FrameStore | None]) -> None:
    """Record in the layer's project which frames are finished and in which folders, for `open_finished`."""
    folders = [None if store is None else store.folder.name for store in frames]
    context.project.remember(
        finished={
            "span": list(context.span),
            "folders": [[name, len(list(run))] for name, run in groupby(folders)],
            "keys": json.loads(json.dumps(keys.records, default=str)),
            "renderer": keys.renderer,
        }
    )


def propagate_stage(context: RunContext, keys: KeyframeResult, timer: StageTimer) -> tuple[FrameStore | None, ...]:
    """Propagate the keys of every shot; return the store of each frame, None where the matte shows nothing."""
    stores: list[FrameStore | None] = [None] * len(context.clip)
    done, total = 0, sum(shot.stop - shot.start for shot in keys.shots)
    trim_heap()  # give back the memory of painting
    with timer.stage("propagate") as progress:
        for shot, files in zip(keys.shots, keys.files, strict=True):
            view, first = context.view(shot), shot.start - context.span[0]
            part = subprogress(progress, done, shot.stop - shot.start, total)
            found = propagate_cached(context.project, view, files, context.settings.propagate, part)
            stores[first : first + len(found)] = found
            done += len(found)
    return tuple(stores)


def write_stage(context: RunContext, layers: Sequence[LayerResult], recipe: str, timer: StageTimer) -> None:
    """Write the output, unless it exists already and was written from the same inputs."""
    fingerprint = composite_fingerprint([(layer.context, layer.frames) for layer in layers], context.settings)
    with timer.stage("write") as progress:
        if not written_by_project(context.project, context.output, fingerprint):
            write_composite(context, layers, recipe, progress)
            remember_output(context.project, context.output, fingerprint)


def make_recipe(context: RunContext, layers: Sequence[LayerResult]) -> dict[str, Any]:
    """Return the recipe of the output: everything needed to make it again."""
    made = [
        {
            "renderer": layer.keys.renderer,
            "styles": [path.name for path in layer.context.request.styles],
            "keys": list(layer.keys.frames),
            "settings": layer.context.settings.to_dict(),
        }
        for layer in layers
    ]
    recipe = {
        "program": f"stylize {installed_version()}",
        "clip": context.whole.info.path.name,
        "range": list(context.span),
    }
    if not context.parts:
        return {**recipe, **made[0]}
    named = [
        {"name": layer.context.layer.name, "blend": layer.context.layer.blend, **one}
        for layer, one in zip(layers, made, strict=True)
    ]
    return {**recipe, "layers": named}
