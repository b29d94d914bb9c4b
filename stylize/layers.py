"""Finished frames of a shot, kept one by one in the project, so that a broken run goes on."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, is_dataclass
from typing import TYPE_CHECKING, Any

from stylize.atomic import disk_errors
from stylize.carry import carry_shot
from stylize.fingerprint import fingerprint
from stylize.keyfiles import read_keys
from stylize.media import write_image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from propagate import PropagateOptions
    from stylize.mattes import MatteClip
    from stylize.media import Clip
    from stylize.project import Project

__all__ = ["Layer", "carry_layer", "layer_of", "what_matters"]


@dataclass(frozen=True)
class Layer:
    """Finished frames of one shot under one fingerprint, each with the facts that the report shows."""

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


def layer_of(
    project: Project,
    clip: Clip,
    keys: Mapping[int, Path],
    options: PropagateOptions,
    mattes: MatteClip | None,
) -> Layer:
    """Return the place of a shot's frames: it depends on the shot, on all its keys, options and matte.

    Any key of a shot may explain a pixel of any of its frames: a changed key makes its shot stale, no other.
    """
    named = {clip.info.names[index]: path for index, path in keys.items()}
    mark = fingerprint("carry", CARRY_VERSION, clip.info.fingerprint, named, what_matters(options), mattes)
    return Layer(project.root / "layers" / mark[:20])


def carry_layer(
    layer: Layer,
    clip: Clip,
    keys: Mapping[int, Path],
    options: PropagateOptions,
    mattes: MatteClip | None,
    on_progress: Callable[[float], None],
) -> None:
    """Carry one shot's keys into `layer`; frames that are there already are not written again."""
    names = clip.info.names
    known = layer.facts()
    if all(name in known for name in names):
        on_progress(1.0)
        return
    painted = read_keys(keys, clip[0])
    for done, made in enumerate(carry_shot(clip, painted, options, mattes)):
        name = names[made.index]
        if name not in known:
            write_image(layer.place(name), made.image, compression=1, durable=False)
            layer.note(
                name,
                quality=round(float(made.quality), 4),
                confidence=round(float(made.confidence.mean()), 4),
                error=round(float(made.error.mean()), 3),
            )
        on_progress((done + 1) / len(names))
