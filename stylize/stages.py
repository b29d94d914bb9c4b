"""The stages of a run, each from the work and what the stage before found."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from stylize.errors import UsageError
from stylize.fingerprint import fingerprint
from stylize.keyfiles import check_keys, find_keys
from stylize.layers import carry_layers, layers_of, what_matters
from stylize.output import is_ours, remember_output, write_layers
from stylize.paint import choose_renderer, paint_keys
from stylize.plans import choose_keys, cut_to, known_shots
from stylize.progress import portion
from stylize.shots import by_shot

if TYPE_CHECKING:
    from pathlib import Path

    from keyframes import Shot
    from stylize.job import Work
    from stylize.layers import Layer
    from stylize.progress import Watch
    from stylize.render import Renderer

__all__ = [
    "Keyed",
    "carry_stage",
    "gather_facts",
    "given_stage",
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
        return None
    return choose_renderer(str(work.job.renderer), work.job.styles, work.settings)


def given_stage(work: Work, watch: Watch) -> Keyed:
    """Take keys that were painted by hand, from a folder of files named by frame."""
    folder, first = work.job.keys, work.span[0]
    if folder is None:
        raise TypeError("the job names no keys")
    found = find_keys(folder, work.clip.info)
    check_keys(found, work.clip.info)
    shots = cut_to(known_shots(work.project, work.whole, work.settings, watch), work.span)
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
    choice = choose_keys(work.project, work.whole, work.span, work.settings, watch)
    keys = {key.frame: key for key in choice.plan.keys if work.span[0] <= key.frame < work.span[1]}
    if only is not None and only not in keys:
        raise UsageError(f"frame {only} is no key; make it one with: stylize keys add {work.job.clip} {only}")
    groups = by_shot(choice.shots, keys, work.whole)
    if only is not None:
        groups = [
            group if only - shot.start in group else {}
            for shot, group in zip(choice.shots, groups, strict=True)
        ]
    files: list[dict[int, Path]] = []
    with watch.stage("paint") as share:
        total, done = sum(map(len, groups)), 0
        for shot, group in zip(choice.shots, groups, strict=True):
            part, shown = portion(share, done, len(group), total), work.whole[shot.start : shot.stop]
            last = None if only is None else only - shot.start
            options, locked = work.settings, [i for i in group if keys[shot.start + i].kind == "locked"]
            files.append(
                paint_keys(
                    work.project,
                    shown,
                    list(group),
                    renderer,
                    options.synthesis.seed,
                    part,
                    last,
                    options.agreement,
                    locked,
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


def carry_stage(work: Work, keyed: Keyed, watch: Watch) -> tuple[Layer, ...]:
    """Carry the keys of every shot over its frames; returns the layer of each frame of the range."""
    layers: list[Layer] = []
    with watch.stage("propagate") as share:
        for shot, files in zip(keyed.shots, keyed.files, strict=True):
            clip = work.whole[shot.start : shot.stop]
            first = work.span[0]
            mattes = work.mattes[shot.start - first : shot.stop - first] if work.mattes is not None else None
            places = layers_of(work.project, clip, files, work.settings.propagate, mattes)
            part = portion(share, len(layers), len(clip), len(work.clip))
            carry_layers(places, clip, files, work.settings.propagate, mattes, part)
            layers += places
    return tuple(layers)


def write_stage(work: Work, layers: tuple[Layer, ...], recipe: str, watch: Watch) -> None:
    """Write the result, unless the very same stands in its place already."""
    options = work.settings.output
    mark = fingerprint(
        "output", 1, [layer.folder.name for layer in layers], what_matters(options), work.mattes
    )
    with watch.stage("write") as share:
        if not is_ours(work.project, work.place, mark):
            write_layers(work.place, work.clip, layers, work.mattes, options, recipe, share)
            remember_output(work.project, work.place, mark)


def make_recipe(work: Work, keyed: Keyed) -> dict[str, Any]:
    """Return how the result is made: enough to make it again."""
    from stylize import __version__

    return {
        "program": f"stylize {__version__}",
        "clip": work.whole.info.path.name,
        "range": list(work.span),
        "renderer": keyed.renderer,
        "styles": [path.name for path in work.job.styles],
        "keys": list(keyed.frames),
        "settings": work.settings.to_dict(),
    }


def gather_facts(
    work: Work, keyed: Keyed, layers: tuple[Layer, ...], recipe: dict[str, Any], seconds: dict[str, float]
) -> dict[str, Any]:
    """Return everything that the report shows, JSON-ready."""
    known = {layer: layer.facts() for layer in dict.fromkeys(layers)}
    frames = [
        {"frame": work.span[0] + index, "file": str(layer.place(name)), **known[layer].get(name, {})}
        for index, (name, layer) in enumerate(zip(work.clip.info.names, layers, strict=True))
    ]
    return {
        "clip": work.whole.info.path.name,
        "output": str(work.place),
        "first": work.span[0],
        "count": len(work.clip),
        "shots": [[shot.start, shot.stop] for shot in keyed.shots],
        "keys": list(keyed.notes),
        "coverage": list(keyed.coverage),
        "frames": frames,
        "renderer": keyed.renderer,
        "seconds": seconds,
        "recipe": json.loads(json.dumps(recipe, default=str)),
    }
