"""Finished frames, kept one by one in the project, so that a broken run goes on."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, is_dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from stylize.atomic import disk_errors
from stylize.carry import carry_shot
from stylize.fingerprint import fingerprint
from stylize.keyfiles import read_keys
from stylize.media import write_image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from propagate import PropagateOptions
    from stylize.mattes import MatteClip
    from stylize.media import Clip
    from stylize.project import Project

__all__ = ["Layer", "carry_layers", "layers_of", "what_matters"]


@dataclass(frozen=True)
class Layer:
    """Finished frames of one span under one fingerprint, each with the facts that the report shows."""

    folder: Path
    suffix: str = ".png"

    def place(self, name: str) -> Path:
        """Where the frame called `name` is or will be."""
        return self.folder / f"{name}{self.suffix}"

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


CARRY_VERSION = 1
"""Raise when the same keys and options give other frames."""


def what_matters(options: Any) -> Any:
    """Return options as plain values without those that change only how fast the result comes."""
    tree = asdict(options) if is_dataclass(options) and not isinstance(options, type) else options
    if isinstance(tree, dict):
        return {name: what_matters(value) for name, value in tree.items() if name != "threads"}
    return tree


def layers_of(
    project: Project,
    clip: Clip,
    keys: Mapping[int, Path],
    options: PropagateOptions,
    mattes: MatteClip | None,
) -> list[Layer]:
    """Return the place of each frame of a shot.

    The frames of a span share one: it depends on the shot, the keys at both ends, options and matte. Where
    other keys of the shot may explain a pixel too (``options.other_keys``), it depends on these as well.
    """
    names, found = clip.info.names, list[Layer]()
    others = {names[index]: path for index, path in keys.items()} if options.other_keys else None
    fixed = fingerprint(CARRY_VERSION, clip.info.fingerprint, what_matters(options), mattes, others)
    marks = [None, *sorted(keys), None]
    for a, b in pairwise(marks):
        ends = [None if end is None else (end, keys[end]) for end in (a, b)]
        folder = project.root / "layers" / fingerprint("carry", fixed, ends)[:20]
        found += [Layer(folder)] * ((len(names) if b is None else b) - (0 if a is None else a))
    return found


def carry_layers(
    layers: Sequence[Layer],
    clip: Clip,
    keys: Mapping[int, Path],
    options: PropagateOptions,
    mattes: MatteClip | None,
    on_progress: Callable[[float], None],
) -> None:
    """Carry one shot's keys into its layers; frames that are there already are not made again."""
    names = clip.info.names
    known = {layer: layer.facts() for layer in dict.fromkeys(layers)}
    done = {index for index, layer in enumerate(layers) if names[index] in known[layer]}
    if len(done) < len(names):
        painted = read_keys(keys, clip[0])
        for made in carry_shot(clip, painted, options, mattes, done):
            name, layer = names[made.index], layers[made.index]
            write_image(layer.place(name), made.image, compression=1, durable=False)
            layer.note(
                name,
                quality=round(float(made.quality), 4),
                confidence=round(float(made.confidence.mean()), 4),
                error=round(float(made.error.mean()), 3),
            )
            on_progress((made.index + 1) / len(names))
    on_progress(1.0)
