"""Which matte a project, or a layer of one, names as its own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stylize.compositing.spec import read_layers
from stylize.pipeline.request import inputs_to_remember
from stylize.project.project import SETTINGS_FILE, STACK_FOLDER
from stylize.settings.schema import SECTIONS
from stylize.storage.atomic import write_text

if TYPE_CHECKING:
    from pathlib import Path

    from stylize.compositing.spec import LayerSpec
    from stylize.pipeline.context import RunContext

MATTE = "matte"
"""Folder of a project for the matte that is painted: ``painted/``, ``carried/``, and how it was done."""


def use(context: RunContext, place: Path | None) -> None:
    """Make `place` the project's matte, or the layer's in `stylize.toml`; None brings back the former one."""
    note = context.project.root / MATTE / "former.json"
    if place is None:
        try:
            spec = json.loads(note.read_text(encoding="utf-8"))["matte"]
        except (OSError, ValueError, KeyError, TypeError):
            spec = None
        note.unlink(missing_ok=True)
    else:
        spec = str(place.absolute())
        if not note.exists() and str(context.request.matte) != spec:
            write_text(
                note,
                json.dumps({"matte": None if context.request.matte is None else str(context.request.matte)}),
            )
    listed = _listed(context)
    if listed is not None:
        if place is not None:  # paths count from that file
            spec = place.absolute().relative_to(listed[0].parent.absolute()).as_posix()
        _use_in_layer(listed[0], context.layer.name, spec)
    else:
        asked = inputs_to_remember(context.request) | context.project.about().get("inputs", {})
        context.project.remember(inputs={**asked, "matte": spec})


def matte_in_use(context: RunContext) -> str | None:
    """Return the matte that the project, or the layer's entry in `stylize.toml`, names by now."""
    listed = _listed(context)
    if listed is not None:
        return listed[1].matte
    spec: str | None = context.project.about().get("inputs", {}).get("matte")
    return spec


def _listed(context: RunContext) -> tuple[Path, LayerSpec] | None:
    """Return the file that lists the work's layer, and its entry there; None if it is no layer of a stack."""
    parent = context.project.root.absolute().parent
    path = parent.parent / SETTINGS_FILE
    specs = read_layers(path, SECTIONS) if parent.name == STACK_FOLDER else ()
    return next(((path, spec) for spec in specs if spec.name == context.layer.name), None)


def _use_in_layer(path: Path, name: str, spec: str | None) -> None:
    """Write a layer's matte into the file that lists it; comments and everything else stay."""
    import tomlkit

    text = path.read_text(encoding="utf-8")
    document: Any = tomlkit.parse(text)
    for entry in document["layers"]:
        if entry.get("name") != name:
            continue
        if spec is None:
            entry.pop("matte", None)
        elif isinstance(entry.get("matte"), dict):
            entry["matte"]["file"] = spec
        else:
            entry["matte"] = spec
    write_text(path, tomlkit.dumps(document))
