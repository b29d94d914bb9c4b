"""Active matte of a project or of a layer in `stylize.toml`."""

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
"""Folder of the painted matte in a project: ``painted/``, ``carried/`` (propagated), strokes and records."""


def set_active_matte(context: RunContext, folder: Path | None) -> None:
    """Make `folder` the matte of the project, or of the layer in `stylize.toml`; None restores the former matte."""
    former = context.project.root / MATTE / "former.json"
    if folder is None:
        try:
            spec = json.loads(former.read_text(encoding="utf-8"))["matte"]
        except (OSError, ValueError, KeyError, TypeError):
            spec = None
        former.unlink(missing_ok=True)
    else:
        spec = str(folder.absolute())
        if not former.exists() and str(context.request.matte) != spec:
            write_text(
                former,
                json.dumps({"matte": None if context.request.matte is None else str(context.request.matte)}),
            )
    entry = _layer_entry(context)
    if entry is not None:
        if folder is not None:  # paths are relative to that file
            spec = folder.absolute().relative_to(entry[0].parent.absolute()).as_posix()
        _set_layer_matte(entry[0], context.layer.name, spec)
    else:
        inputs = inputs_to_remember(context.request) | context.project.about().get("inputs", {})
        context.project.remember(inputs={**inputs, "matte": spec})


def active_matte(context: RunContext) -> str | None:
    """Return the current matte of the project or of the layer in `stylize.toml`."""
    entry = _layer_entry(context)
    if entry is not None:
        return entry[1].matte
    spec: str | None = context.project.about().get("inputs", {}).get("matte")
    return spec


def _layer_entry(context: RunContext) -> tuple[Path, LayerSpec] | None:
    """Return the settings file and the entry of the layer; None without layers."""
    parent = context.project.root.absolute().parent
    path = parent.parent / SETTINGS_FILE
    specs = read_layers(path, SECTIONS) if parent.name == STACK_FOLDER else ()
    return next(((path, spec) for spec in specs if spec.name == context.layer.name), None)


def _set_layer_matte(path: Path, name: str, spec: str | None) -> None:
    """Write the matte of a layer into `stylize.toml`; comments and other values stay."""
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
