"""Relocation: paths in project.json of a project that was moved together with its inputs."""

from __future__ import annotations

import ntpath
import os
import posixpath
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def relocate_paths(about: Mapping[str, Any], root: Path) -> dict[str, Any]:
    """Return the content of project.json with the paths as they are now.

    Parameters
    ----------
    about
        The content of project.json; ``root`` is the project's folder when the paths were written.
    root
        The project's folder now.

    Notes
    -----
    A path is changed only if it is missing at its old place and exists at the new one. So a copied project keeps
    its original inputs, and a missing input keeps its name for the error message.
    """
    old, new = about.get("root"), str(root.absolute())
    if not old or old == new:
        return dict(about)

    def now(path: str) -> str:
        return _now(path, old, new)

    moved = {**about, "clip": {**about["clip"], "path": now(about["clip"]["path"])}}
    if inputs := about.get("inputs"):
        paths = {name: now(inputs[name]) for name in ("keys", "scenes") if inputs.get(name)}
        matte = {"matte": _matte(inputs["matte"], old, new)} if inputs.get("matte") else {}
        styles = [now(path) for path in inputs.get("styles", ())]
        moved["inputs"] = {**inputs, **paths, **matte, "styles": styles}
    if outputs := about.get("outputs"):
        moved["outputs"] = {now(path): entry for path, entry in outputs.items()}
    return moved


def _now(path: str, old: str, new: str) -> str:
    """Return the present place of `path`, which was written on any system when the project was at `old`."""
    if Path(path).exists():
        return path
    system = ntpath if re.match(r"[A-Za-z]:[\\/]|\\\\", old) else posixpath
    try:
        relative = system.relpath(path, old)
    except ValueError:  # on another drive
        return path
    moved = os.path.normpath(Path(new, *relative.replace(system.sep, "/").split("/")))
    return moved if Path(moved).exists() else path


def _matte(spec: str, old: str, new: str) -> str:
    from stylize.errors import UsageError
    from stylize.mattes.sources.spec import parse_spec

    try:
        terms = parse_spec(spec)
    except UsageError:  # paths of another system cannot be parsed here
        return spec
    spec_terms = []
    for index, term in enumerate(terms):
        words = [term.operator] if index else []
        words += ["not"] if term.invert else []
        path = Path(_now(str(term.path), old, new))
        spec_terms.append(" ".join([*words, str(replace(term, path=path))]))
    return " ".join(spec_terms)
