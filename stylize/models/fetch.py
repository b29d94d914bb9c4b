"""Fetch a model by name, and record exactly what came."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from stylize.errors import DeviceError, ModelError, PartialError, UsageError
from stylize.models import hub
from stylize.models.locations import locate, preset_of, repo_folder, split_name, wanted
from stylize.models.options import ModelOptions
from stylize.models.presets import nearest
from stylize.models.weights import PICKLED, check_weights
from stylize.progress import OnProgress, ignore
from stylize.storage.atomic import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

LOCK = "stylize.lock.json"
"""Beside a repository's files in the cache: what was fetched, at which commit, with size and hash of each."""


def fetch_models(
    names: Sequence[str],
    options: ModelOptions | None = None,
    on_progress: OnProgress | None = None,
    *,
    revision: str | None = None,
) -> dict[str, Path]:
    """Fetch what is missing of several models, and return where each is; see `fetch_model`.

    All names are looked at before the first byte is fetched, and a model that fails does not keep the others.

    Raises
    ------
    PartialError
        If some came and others did not.
    """
    options = options or ModelOptions()
    for name in names:
        _check_name(name, options)
    places: dict[str, Path] = {}
    failed: dict[str, ModelError | DeviceError] = {}
    for name in dict.fromkeys(names):
        try:
            places[name] = fetch_model(name, options, on_progress, revision=revision)
        except (ModelError, DeviceError) as error:
            failed[name] = error
            if isinstance(error, DeviceError):  # the next one would find the disk as full
                break
    if not failed:
        return places
    name, first = next(iter(failed.items()))
    if not places:
        raise first
    raise PartialError(
        f"{name} did not come: {first}; {', '.join(places)} did and stays; run again for the rest"
    ) from first


def fetch_model(
    name: str,
    options: ModelOptions | None = None,
    on_progress: OnProgress | None = None,
    *,
    revision: str | None = None,
) -> Path:
    """Fetch what is missing of a model, and return where it is.

    Parameters
    ----------
    name
        A preset, a repository ``org/name``, or a file of one, ``org/name/file.safetensors``.
    options
        Pickled weights are fetched only if they allow it.
    on_progress
        Called with ``fetch NAME`` and the share of bytes.
    revision
        Branch, tag or commit; by default the commit of an earlier fetch, so that a project keeps its models,
        or else the preset's.

    Raises
    ------
    UsageError
        If the name is unknown.
    ModelError
        If the hub cannot be reached, does not have it, or sends something else than it says.
    DeviceError
        If the disk is full.
    """
    options, report = options or ModelOptions(), on_progress or ignore
    _check_name(name, options)
    preset = preset_of(name)
    repo, inside = (preset.repo, preset.path) if preset else split_name(name)
    branch = preset.revision if preset else "main"
    before = read_lock(repo_folder(repo))
    listing = hub.list_repository(repo, revision or before.get("commit") or branch)
    files = [one for one in listing.files if _needed(one.name, name, inside, options)]
    if not files:
        raise ModelError(f"{repo}: has no file that fits {name}; `stylize models list` shows the known models")
    snapshot = hub.download(listing, files, branch, lambda share: report(f"fetch {name}", share))
    _record(repo, branch, listing, files)
    found = locate(name, options) or snapshot / inside
    check_weights(found, allow_pickle=options.allow_pickle)
    return found


def _check_name(name: str, options: ModelOptions) -> None:
    """Refuse a model that is unknown, or that may not be loaded."""
    preset = preset_of(name)
    if preset is None and name.count("/") == 0:
        raise UsageError(f"model {name!r} is unknown; {nearest(name)}")
    if preset is not None and preset.pickled and not options.allow_pickle:
        raise ModelError(
            f"{name}: its weights are pickled and run code when they are loaded; say --allow-pickle, or set "
            "models.allow_pickle = true, if you trust their maker"
        )


def read_lock(home: Path) -> dict[str, Any]:
    """Return what was recorded of a repository in the cache; empty when nothing was."""
    try:
        lock = json.loads((home / LOCK).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return lock if isinstance(lock, dict) else {}


def _needed(file: str, name: str, inside: str, options: ModelOptions) -> bool:
    preset = preset_of(name)
    if preset is not None:
        return wanted(preset, file)
    if inside:
        return file == inside or file.startswith(f"{inside}/")
    if file.lower().endswith(PICKLED) and not options.allow_pickle:
        return False
    return wanted(None, file)


def _record(repo: str, branch: str, listing: hub.Listing, files: list[hub.HubFile]) -> None:
    home = repo_folder(repo)
    before = read_lock(home)
    same = before.get("commit") == listing.commit
    known = dict(before.get("files", {})) if same else {}
    known |= {one.name: {"size": one.size, "hash": one.hash} for one in files}
    lock = {"repo": repo, "revision": branch, "commit": listing.commit, "files": dict(sorted(known.items()))}
    write_text(home / LOCK, json.dumps(lock, indent=2) + "\n")
