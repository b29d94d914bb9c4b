"""The way to a model: by path or name, here or fetched, looked over, and of the kind that is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stylize.errors import ModelError, UsageError
from stylize.models.families import kind_of
from stylize.models.fetch import fetch_model
from stylize.models.locations import locate, missing_message
from stylize.models.options import ModelOptions
from stylize.models.presets import KINDS
from stylize.models.verify import check_model

if TYPE_CHECKING:
    from pathlib import Path

    from stylize.progress import OnProgress


def find_model(
    name: str | Path,
    kind: str,
    *,
    download: bool = False,
    options: ModelOptions | None = None,
    instead: str = "",
    on_progress: OnProgress | None = None,
) -> Path:
    """Return where a model is: a folder, or a single file.

    Parameters
    ----------
    name
        A path, a preset (``stylize models list``), or a repository of the hub, ``org/name``; a file of a
        repository is ``org/name/file.safetensors``.
    kind
        What it is wanted for, one of `stylize.models.presets.KINDS`.
    download
        Fetch it when it is not here; `options.download` does the same. Without, no network is touched.
    options
        Where to look and what to let in.
    instead
        What works without the model, for the message; ``--renderer patch`` when empty.
    on_progress
        Told about a download.

    Raises
    ------
    ModelError
        If it is not here (with the command that fetches it), damaged, or pickled and that is not allowed.
    UsageError
        If the name is unknown, or the model is of another kind.
    """
    options = options or ModelOptions()
    found = locate(name, options)
    if found is None and (download or options.download):
        found = fetch_model(str(name), options, on_progress)
    if found is None:
        raise ModelError(missing_message(str(name), kind, instead))
    for one in check_model(found, quick=True):
        if not (one.pickled and options.allow_pickle):
            raise ModelError(f"{one.file}: {one.what}")
    is_kind = kind_of(found)
    if is_kind and is_kind != kind and {is_kind, kind} != {"base", "edit"}:
        raise UsageError(f"{name}: is {KINDS[is_kind]}, not {KINDS.get(kind, kind)}")
    return found
