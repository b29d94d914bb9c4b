"""Finished frames, kept one by one in the project, so that a broken run goes on."""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict, dataclass, is_dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.api.propagate import propagate_shot
from stylize.media import write_image
from stylize.pipeline.dependencies import SpanDependencies, alpha_signature
from stylize.storage.atomic import disk_errors
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from propagate import PropagateOptions
    from propagate.arrays import I32, Image
    from stylize.compositing.shot_view import ShotView
    from stylize.project.project import Project


@dataclass(frozen=True)
class FrameStore:
    """Finished frames of one span under one fingerprint, each with the facts that the report shows."""

    folder: Path
    suffix: str = ".png"

    def place(self, name: str) -> Path:
        """Where the frame called `name` is or will be."""
        return self.folder / f"{name}{self.suffix}"

    def sure(self, name: str) -> Path:
        """Where it says how sure each pixel of the frame called `name` is: gray, white for sure."""
        return self.folder / "confidence" / f"{name}.png"

    def source(self, name: str) -> Path:
        """Where it says which key shows each pixel of the frame called `name`, see `key_numbers`."""
        return self.folder / "keys" / f"{name}.png"

    def facts(self) -> dict[str, dict[str, Any]]:
        """Return what is known of each finished frame, by name."""
        book = self.folder / "frames.jsonl"
        if not book.exists():
            return {}
        known = {}
        for line in book.read_text(encoding="utf-8").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:  # the run died while writing this line
                continue
            if self.place(entry["name"]).exists():
                known[entry["name"]] = entry
        return known

    def note(self, name: str, **facts: Any) -> None:
        """Declare the frame `name` finished; call after its file is in place."""
        book = self.folder / "frames.jsonl"
        with disk_errors(book):
            self.folder.mkdir(parents=True, exist_ok=True)
            with book.open("ab+") as file:
                if file.tell():
                    file.seek(-1, os.SEEK_END)
                    torn = file.read(1) != b"\n"  # the run before died while writing
                else:
                    torn = False
                file.write((("\n" if torn else "") + json.dumps({"name": name, **facts}) + "\n").encode())


CARRY_VERSION = 15
"""Raise when the same keys and options give other frames."""


def result_affecting(options: Any) -> Any:
    """Return options as plain values without those that change only how fast the result comes."""
    tree = asdict(options) if is_dataclass(options) and not isinstance(options, type) else options
    if isinstance(tree, dict):
        return {name: result_affecting(value) for name, value in tree.items() if name != "threads"}
    return tree


def frame_stores(
    project: Project, view: ShotView, keys: Mapping[int, Path], options: PropagateOptions
) -> list[FrameStore]:
    """Return the place of each frame of a shot.

    The frames of a span share one: it depends on the shot, the keys at both ends, options, and what the matte
    shows in the span. Where other keys of the shot may explain a pixel too (``options.other_keys``), it
    depends on these as well; once carried, on those that it needed (`stylize.pipeline.dependencies`).
    """
    names, found = view.info.names, list[FrameStore]()
    others = {names[index]: path for index, path in keys.items()} if options.other_keys else None
    fixed = fingerprint(CARRY_VERSION, view.info.fingerprint, result_affecting(options), others)
    marks = [None, *sorted(keys), None]
    needs = _needs(project, view, keys, options)
    for a, b in pairwise(marks):
        ends = [None if end is None else (end, keys[end]) for end in (a, b)]
        first, stop = a or 0, len(names) if b is None else b
        near = sorted(keys) if options.other_keys else [key for key in (a, b) if key is not None]
        seen = view.mark([*range(first, stop), *near])
        name = fingerprint("carry", fixed, ends, seen)[:20]
        if needs is not None:
            name = needs(first, stop).folder() or name
        found += [FrameStore(project.root / "layers" / name)] * (stop - first)
    return found


def _needs(
    project: Project, view: ShotView, keys: Mapping[int, Path], options: PropagateOptions
) -> Callable[[int, int], SpanDependencies] | None:
    """Return who gives the notes on the span [start, stop) of a shot; None where none are kept."""
    if not options.other_keys:
        return None
    form = alpha_signature(keys.values())
    basis = fingerprint(CARRY_VERSION, view.info.fingerprint, result_affecting(options), form)

    def of(first: int, stop: int) -> SpanDependencies:
        ends = tuple(i for i in (first, stop) if i in keys)
        return SpanDependencies(project.root / "cache" / "needs", view, (first, stop), ends, keys, basis)

    return of


def propagate_cached(
    project: Project,
    view: ShotView,
    keys: Mapping[int, Path],
    options: PropagateOptions,
    on_progress: Callable[[float], None],
) -> list[FrameStore]:
    """Carry one shot's keys into its layers and return them; frames that are there are not made again."""
    layers = frame_stores(project, view, keys, options)
    names = view.info.names
    known = {layer: layer.facts() for layer in dict.fromkeys(layers)}
    done = {index for index, layer in enumerate(layers) if names[index] in known[layer]}
    if len(done) < len(names):
        began = time.perf_counter()
        for made in propagate_shot(view.carried, view.keys(keys), options, view.mattes, done):
            name, layer = names[made.index], layers[made.index]
            sure = np.rint(np.clip(made.confidence, 0, 1) * 255).astype(np.uint8)[..., None]
            write_image(layer.sure(name), view.place(sure, made.index), compression=1, durable=False)
            colors = _as_colors(np.where(made.source < 0, made.source, made.source + view.info.start))
            write_image(layer.source(name), view.place(colors, made.index), compression=1, durable=False)
            write_image(layer.place(name), view.place(made.image, made.index), compression=1, durable=False)
            layer.note(
                name,
                quality=round(float(made.quality), 4),
                confidence=round(float(made.confidence.mean()), 4),
                error=round(float(made.error.mean()), 3),
                others=None if made.others is None else [names[key] for key in made.others],
                seconds=round(time.perf_counter() - began, 3),
            )
            began = time.perf_counter()
            on_progress((made.index + 1) / len(names))
        if (needs := _needs(project, view, keys, options)) is not None:
            for first, stop in pairwise(sorted({0, *keys, len(names)})):
                facts = layers[first].facts().values()
                needs(first, stop).note(layers[first].folder.name, facts)
    on_progress(1.0)
    return layers


def key_numbers(image: Image) -> I32:
    """Return which frame of the clip was painted to show each pixel, from a picture of them; -1 is none."""
    parts = image.astype(np.int32)
    return parts[..., 0] * 65536 + parts[..., 1] * 256 + parts[..., 2] - 1


def _as_colors(numbers: I32) -> Image:
    """Spell numbers from -1 on as 8-bit colors; 0 is black, as is what lies outside a window."""
    return np.stack([(numbers + 1) >> shift & 255 for shift in (16, 8, 0)], axis=2).astype(np.uint8)
