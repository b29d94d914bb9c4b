"""The stages of a run, each from the work and what the stage before found."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from propagate.malloc import give_back
from stylize.compositing.shot_view import Whole
from stylize.compositing.stack import Painted, stack_mark, write_stack
from stylize.errors import UsageError
from stylize.media.frame_images import check_keys, find_keys
from stylize.pipeline.context import look
from stylize.pipeline.key_renderers import painters_of
from stylize.pipeline.keyframing import choose_keys, known_shots
from stylize.pipeline.output import is_ours, remember_output
from stylize.pipeline.painting import paint_keys, painter_at
from stylize.pipeline.propagation import carry_layers
from stylize.pipeline.renderers import choose_renderer, tell_unread
from stylize.pipeline.shots import by_shot, cut_to
from stylize.progress import portion

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from keyframes import Shot
    from stylize.pipeline.context import Work
    from stylize.pipeline.propagation import Layer
    from stylize.progress import Watch
    from stylize.render import Renderer

__all__ = [
    "Keyed",
    "carry_stage",
    "given_stage",
    "layer_stage",
    "make_painter",
    "make_recipe",
    "paint_stage",
    "write_stage",
]


@dataclass(frozen=True)
class Keyed:
    """The shots of the range with their painted keys.

    Attributes
    ----------
    shots
        In order; frames of the whole clip.
    files
        For each shot, painted keys by frame of the shot.
    notes
        For each key, ready for the report: frame of the whole clip, reason, coverage, kind, file.
    coverage
        Per frame of the range, share that the keys explain; None where nobody looked.
    renderer
        Who painted.
    """

    shots: tuple[Shot, ...]
    files: tuple[dict[int, Path], ...]
    notes: tuple[dict[str, Any], ...]
    coverage: tuple[float | None, ...]
    renderer: str

    @property
    def frames(self) -> tuple[int, ...]:
        """The keys' frames in the whole clip."""
        return tuple(note["frame"] for note in self.notes)


def make_painter(work: Work) -> Renderer | None:
    """Make the renderer that the job asks for; None when the keys are given as files."""
    if work.job.keys is not None:
        tell_unread("files", work.settings)
        return None
    renderer = choose_renderer(str(work.job.renderer), work.job.styles, work.settings)
    tell_unread(renderer.name, work.settings)
    painter_at(work.project, renderer, Whole(work.whole), 0).fingerprint()  # what cannot work is said now
    return renderer


def given_stage(work: Work, watch: Watch) -> Keyed:
    """Take keys that were painted by hand, from a folder of files named by frame."""
    folder, first = work.job.keys, work.span[0]
    if folder is None:
        raise TypeError("the job names no keys")
    found = find_keys(folder, work.clip.info, work.project.root / "cache" / "layers")
    check_keys(found, work.clip.info)
    shots = work.pieces(cut_to(known_shots(work, watch), work.span))
    files = by_shot(shots, {first + index: path for index, path in found.items()}, work.whole)
    notes = [
        {
            "frame": first + index,
            "reason": f"painted by hand: {path.name}",
            "kind": "override",
            "file": str(path.absolute()),
        }
        for index, path in found.items()
    ]
    return Keyed(shots, tuple(files), tuple(notes), (None,) * len(work.clip), "files")


def paint_stage(work: Work, renderer: Renderer, watch: Watch, only: int | None = None) -> Keyed:
    """Choose the keys and have them painted; with `only`, just that frame's and those it must agree with."""
    choice = choose_keys(work, watch)
    keys = {key.frame: key for key in choice.plan.keys if work.span[0] <= key.frame < work.span[1]}
    if only is not None and only not in keys:
        raise UsageError(f"frame {only} is no key; make it one with: stylize keys add {work.named} {only}")
    groups = by_shot(choice.shots, keys, work.whole)
    if only is not None:
        groups = [
            group if only - shot.start in group else {}
            for shot, group in zip(choice.shots, groups, strict=True)
        ]
    renderer = painters_of(
        renderer, list(keys.values()), str(work.job.renderer), work.job.styles, work.settings
    )
    files: list[dict[int, Path]] = []
    with watch.stage("paint") as share:
        total, done = sum(map(len, groups)), 0
        for shot, group in zip(choice.shots, groups, strict=True):
            part, view = portion(share, done, len(group), total), work.view(shot)
            last = None if only is None else only - shot.start
            options, locked = work.settings, [i for i in group if keys[shot.start + i].kind == "locked"]
            files.append(
                paint_keys(
                    work.project,
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
            machine = path == work.project.key_path(work.whole.info.names[key.frame])
            recipe: dict[str, Any] = (work.project.key_recipe(path.stem) if machine else None) or {}
            kind = key.kind if recipe else "override"
            found: dict[str, Any] = {n: recipe[n] for n in ("parents", "agreement") if n in recipe}
            notes.append({**asdict(key), "kind": kind, "file": str(path), **found})
    return Keyed(choice.shots, tuple(files), tuple(notes), choice.coverage, renderer.name)


def layer_stage(work: Work, renderer: Renderer | None, watch: Watch) -> Painted:
    """Take or paint the keys of one layer and carry them over all frames."""
    seen = look(work, watch)
    keyed = given_stage(seen, watch) if renderer is None else paint_stage(seen, renderer, watch)
    frames = carry_stage(seen, keyed, watch)
    note_finished(seen, keyed, frames)
    return Painted(seen, keyed, frames)


def note_finished(work: Work, keyed: Keyed, frames: Sequence[Layer | None]) -> None:
    """Keep in the layer's project which frames are finished, and where, to open them again."""
    folders = [None if layer is None else layer.folder.name for layer in frames]
    work.project.remember(
        finished={
            "span": list(work.span),
            "folders": [[name, len(list(run))] for name, run in groupby(folders)],
            "keys": json.loads(json.dumps(keyed.notes, default=str)),
            "renderer": keyed.renderer,
        }
    )


def carry_stage(work: Work, keyed: Keyed, watch: Watch) -> tuple[Layer | None, ...]:
    """Carry the keys of every shot over its frames; returns the layer of each frame of the range.

    None stands for frames in which the matte shows nothing.
    """
    layers: list[Layer | None] = [None] * len(work.clip)
    done, total = 0, sum(shot.stop - shot.start for shot in keyed.shots)
    give_back()  # what painting took
    with watch.stage("propagate") as share:
        for shot, files in zip(keyed.shots, keyed.files, strict=True):
            view, first = work.view(shot), shot.start - work.span[0]
            part = portion(share, done, shot.stop - shot.start, total)
            places = carry_layers(work.project, view, files, work.settings.propagate, part)
            layers[first : first + len(places)] = places
            done += len(places)
    return tuple(layers)


def write_stage(work: Work, stack: Sequence[Painted], recipe: str, watch: Watch) -> None:
    """Write the result, unless the very same stands in its place already."""
    mark = stack_mark([(layer.work, layer.frames) for layer in stack], work.settings)
    with watch.stage("write") as share:
        if not is_ours(work.project, work.place, mark):
            write_stack(work.place, work.clip, stack, work.settings, recipe, share)
            remember_output(work.project, work.place, mark)


def make_recipe(work: Work, stack: Sequence[Painted]) -> dict[str, Any]:
    """Return how the result is made: enough to make it again."""
    from stylize import __version__

    made = [
        {
            "renderer": layer.keyed.renderer,
            "styles": [path.name for path in layer.work.job.styles],
            "keys": list(layer.keyed.frames),
            "settings": layer.work.settings.to_dict(),
        }
        for layer in stack
    ]
    facts = {
        "program": f"stylize {__version__}",
        "clip": work.whole.info.path.name,
        "range": list(work.span),
    }
    if not work.parts:
        return {**facts, **made[0]}
    named = [
        {"name": layer.work.layer.name, "blend": layer.work.layer.blend, **one}
        for layer, one in zip(stack, made, strict=True)
    ]
    return {**facts, "layers": named}
