"""A project that was moved together with what it was made from finds it again."""

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
    """Return what a project remembers, with paths as they are seen from where it is now.

    Parameters
    ----------
    about
        What project.json says: ``root`` is where the project was when it wrote its paths.
    root
        Where it is now.

    Notes
    -----
    Only what is missing at its old place and there at the new one is followed: a project that was copied
    keeps to the originals, and what stayed behind keeps its name, which the error then tells.
    """
    old, new = about.get("root"), str(root.absolute())
    if not old or old == new:
        return dict(about)

    def now(path: str) -> str:
        return _now(path, old, new)

    moved = {**about, "clip": {**about["clip"], "path": now(about["clip"]["path"])}}
    if inputs := about.get("inputs"):
        places = {name: now(inputs[name]) for name in ("keys", "scenes") if inputs.get(name)}
        matte = {"matte": _matte(inputs["matte"], old, new)} if inputs.get("matte") else {}
        styles = [now(path) for path in inputs.get("styles", ())]
        moved["inputs"] = {**inputs, **places, **matte, "styles": styles}
    if outputs := about.get("outputs"):
        moved["outputs"] = {now(path): entry for path, entry in outputs.items()}
    return moved


def _now(path: str, old: str, new: str) -> str:
    """Return where `path` is, which was written when the project was at `old`, on any system."""
    if Path(path).exists():
        return path
    system = ntpath if re.match(r"[A-Za-z]:[\\/]|\\\\", old) else posixpath
    try:
        way = system.relpath(path, old)
    except ValueError:  # on another drive
        return path
    place = os.path.normpath(Path(new, *way.replace(system.sep, "/").split("/")))
    return place if Path(place).exists() else path


def _matte(spec: str, old: str, new: str) -> str:
    from stylize.errors import UsageError
    from stylize.mattes.sources.spec import parse_spec

    try:
        terms = parse_spec(spec)
    except UsageError:  # of another system, whose paths are not read here
        return spec
    spelled = []
    for index, term in enumerate(terms):
        words = [term.operator] if index else []
        words += ["not"] if term.invert else []
        path = Path(_now(str(term.path), old, new))
        spelled.append(" ".join([*words, str(replace(term, path=path))]))
    return " ".join(spelled)
