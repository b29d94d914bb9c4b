"""Model weights: list, locate, verify and download them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stylize.api._arguments import AnySettings, PathLike, make_settings
from stylize.errors import ModelError, UsageError
from stylize.models import KINDS, Preset, fetch, presets
from stylize.models.locations import locate, missing_message, preset_of
from stylize.models.verify import check_model, describe_model, known_hashes
from stylize.progress import OnProgress, ignore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


@dataclass(frozen=True)
class ListedModel:
    """A known model and its place on this machine, None if it is not here."""

    preset: Preset
    path: Path | None


@dataclass(frozen=True)
class CheckedModel:
    """The verification of one model.

    Attributes
    ----------
    name
        As it was asked for.
    path
        Its folder or file; None if it is not on this machine.
    state
        ``ok``, ``bad`` or ``missing``.
    verified
        True if every hash agrees with those recorded when it was fetched.
    findings
        (file, what is wrong and what to do) for each fault.
    about
        Kind and family; for a missing model, how to get it.
    note
        The reason why a faultless model is not verified; empty otherwise.
    """

    name: str
    path: Path | None
    state: str
    verified: bool
    findings: tuple[tuple[str, str], ...]
    about: str
    note: str = ""


def list_models(kind: str | None = None, *, settings: AnySettings = None) -> tuple[ListedModel, ...]:
    """Return the models that are known by name, and where they are.

    Parameters
    ----------
    kind
        Only models of this kind, one of `stylize.models.KINDS`.
    settings
        The section ``models`` is read: its folders are searched before the cache of the Hugging Face hub.

    Raises
    ------
    UsageError
        If the kind is unknown.
    """
    if kind and kind not in KINDS:
        raise UsageError(f"unknown kind of model {kind!r}; choose from {', '.join(KINDS)}")
    options = make_settings(settings).models
    return tuple(ListedModel(p, locate(p.name, options)) for p in presets().values() if kind in (None, p.kind))


def model_path(name: str, *, settings: AnySettings = None) -> Path:
    """Return the folder or file of a model.

    Parameters
    ----------
    name
        A preset, ``org/name`` of the Hugging Face hub, or a path.
    settings
        The section ``models`` is read.

    Raises
    ------
    ModelError
        If it is not on this machine.
    UsageError
        If the name is unknown.
    """
    place = locate(name, make_settings(settings).models)
    if place is None:
        raise ModelError(_missing(name))
    return place


def check_models(
    names: Sequence[str] = (), *, quick: bool = False, settings: AnySettings = None, on_progress: OnProgress = ignore
) -> tuple[CheckedModel, ...]:
    """Verify models without loading them: configs, parts, headers and hashes.

    Parameters
    ----------
    names
        As for `model_path`; all known models on this machine by default.
    quick
        Omit the hashes, which read every byte.
    settings
        The section ``models`` is read.
    on_progress
        Called with ``check NAME`` and the finished share.
    """
    options = make_settings(settings).models
    named = names or [name for name in presets() if locate(name, options) is not None]
    return tuple(_check(name, locate(name, options), quick, on_progress) for name in named)


def _check(name: str, place: Path | None, quick: bool, on_progress: OnProgress) -> CheckedModel:
    if place is None:
        return CheckedModel(name, None, "missing", False, (), _missing(name))
    faults = check_model(place, functools.partial(on_progress, f"check {name}"), quick=quick)
    hashes = bool(known_hashes(place)[1])
    findings = tuple((str(one.file), one.what) for one in faults)
    verified = hashes and not quick and not faults
    note = ""
    if not faults and not verified:
        note = "--quick" if hashes else "no hash of it is known here, as it was not fetched with `models fetch`"
    return CheckedModel(name, place, "bad" if faults else "ok", verified, findings, describe_model(place), note)


def fetch_models(
    names: Sequence[str],
    *,
    revision: str | None = None,
    settings: AnySettings = None,
    on_progress: OnProgress | None = None,
) -> dict[str, Path]:
    """Download the missing files of models; an interrupted download resumes.

    Parameters
    ----------
    names
        Presets, or ``org/name`` and ``org/name/file.safetensors`` of the Hugging Face hub.
    revision
        Branch, tag or commit; by default that of an earlier download, or else the preset's.
    settings
        The section ``models`` is read; pickled weights come only if it allows them.
    on_progress
        Called with ``fetch NAME`` and the share of bytes.

    Returns
    -------
    dict
        Folder or file by name.

    Raises
    ------
    UsageError
        If a name is unknown; nothing is downloaded then.
    ModelError
        If the hub cannot be reached, or a file differs from its hash.
    PartialError
        If some models came and others did not.
    DeviceError
        If the disk is full or cannot be written.
    """
    return fetch.fetch_models(names, make_settings(settings).models, on_progress, revision=revision)


def _missing(name: PathLike) -> str:
    preset = preset_of(str(name))
    return missing_message(str(name), preset.kind if preset else "base")
