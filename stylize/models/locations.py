"""Where models are: local files, the folders of the settings, the cache of the Hugging Face hub."""

from __future__ import annotations

import os
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import ModelError, UsageError
from stylize.models.presets import KINDS, Preset, nearest, presets

if TYPE_CHECKING:
    from stylize.models.options import ModelOptions

REPO = re.compile(r"[\w.-]+/[\w.-]+")
"""How a repository of the hub is named."""


def locate(name: str | Path, options: ModelOptions) -> Path | None:
    """Return where a model is without looking into it; None when it is not here.

    Raises
    ------
    UsageError
        If the name can be neither a path nor a preset nor a repository.
    """
    path = Path(name).expanduser()
    if path.exists():
        return path
    text = str(name).replace("\\", "/")
    preset = preset_of(text)
    if preset is None and not _is_repository(text):
        for folder in options.places:
            if found := _in_folder(folder, text, ""):
                return found
        if path.suffix or path.is_absolute() or text.startswith((".", "~")):
            raise ModelError(f"{name}: no such file or folder")
        raise UsageError(f"model {text!r} is unknown; {nearest(text)}")
    repo, inside = (preset.repo, preset.path) if preset else split_name(text)
    for folder in options.places:
        if found := _in_folder(folder, text if preset else repo, inside):
            return found
        if preset and (found := _in_folder(folder, repo, inside)):
            return found
    snapshot = cached_snapshot(repo, preset.revision if preset else "main")
    if snapshot is None or (preset and not _has_all(snapshot, preset)):
        return None
    place = snapshot / inside
    return place if place.exists() else None


def preset_of(name: str) -> Preset | None:
    """Return the preset called `name`, if there is one."""
    return presets().get(name)


def missing_message(name: str, kind: str, instead: str = "") -> str:
    """Say in one line that a model is not here, how to get it, and what works without."""
    preset = preset_of(name)
    what = KINDS.get(kind, kind)
    size = f", about {preset.megabytes / 1000:.1f} GB, {preset.license}" if preset else ""
    return (
        f"{name} ({what}{size}) is not on this machine; fetch it: `stylize models fetch {name}`, or "
        f"{instead or 'paint without any model: --renderer patch'}"
    )


def cache_folder() -> Path:
    """Return the hub's cache as its own tools find it: HF_HUB_CACHE, HF_HOME, XDG_CACHE_HOME, ~/.cache."""
    for variable, inside in (("HF_HUB_CACHE", ""), ("HUGGINGFACE_HUB_CACHE", ""), ("HF_HOME", "hub")):
        if os.environ.get(variable):
            return Path(os.environ[variable]).expanduser() / inside
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "huggingface" / "hub"


def repo_folder(repo: str) -> Path:
    """Return where the cache keeps a repository."""
    return cache_folder() / f"models--{repo.replace('/', '--')}"


def cached_snapshot(repo: str, revision: str = "main") -> Path | None:
    """Return the cached files of a repository at a branch, tag or commit; None when there are none."""
    place = repo_folder(repo)
    reference = place / "refs" / revision
    commit = reference.read_text(encoding="utf-8").strip() if reference.is_file() else revision
    snapshot = place / "snapshots" / commit
    return snapshot if snapshot.is_dir() else None


def wanted(preset: Preset | None, file: str) -> bool:
    """Whether a file of a repository is part of the model."""
    if preset is None:
        return not file.lower().endswith((".md", ".png", ".jpg", ".gitattributes"))
    return any(fnmatch(file, one) for one in preset.files) and not any(fnmatch(file, one) for one in preset.skip)


def _has_all(snapshot: Path, preset: Preset) -> bool:
    """Whether every pattern of a preset has a file; others may have fetched parts of the same repository."""
    here = [path.relative_to(snapshot).as_posix() for path in snapshot.rglob("*") if path.exists()]
    return all(any(fnmatch(file, one) for file in here) for one in preset.files)


def _is_repository(name: str) -> bool:
    return REPO.match(name) is not None and not name.startswith((".", "/"))


def split_name(name: str) -> tuple[str, str]:
    """Part ``org/name/some/file`` into the repository and what is inside."""
    parts = name.split("/")
    return "/".join(parts[:2]), "/".join(parts[2:])


def _in_folder(folder: Path, name: str, inside: str) -> Path | None:
    short = name.rpartition("/")[2]
    for candidate in (folder / name / inside, folder / short / inside, folder / f"{short}.safetensors"):
        if candidate.exists():
            return candidate
    return None
