"""Fingerprints: one hash for one content, the same on every machine and in every version."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np

CHUNK = 1 << 20
F = TypeVar("F", bound=Callable[..., Any])


@runtime_checkable
class HasFingerprint(Protocol):
    """Something large that knows a short name of its content, so that it need not be read."""

    @property
    def fingerprint(self) -> str:
        """Equal exactly when the content is equal."""


def file_hash(path: Path) -> str:
    """Hash of a file's bytes (BLAKE2b, 32 hex digits)."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def fingerprint(*things: Any) -> str:
    """Hash `things` by content: equal content gives the same 32 hex digits on every machine and day.

    Parameters
    ----------
    *things
        None, numbers, text, bytes, fractions, arrays, frozen dataclasses (by their `type_id` and fields),
        mappings, sequences, sets, clips and other `HasFingerprint` objects, and `Path`: the file's bytes.

    Raises
    ------
    TypeError
        For anything else: a fingerprint that overlooked an input would serve stale results.
    """
    digest = hashlib.blake2b(digest_size=16)
    _feed(digest, things)
    return digest.hexdigest()


def type_id(thing: Any) -> str:
    """Return the stable id of a dataclass, its class attribute ``type_id``.

    Stored data and fingerprints name types by it, so that renaming a class or moving a module makes no result stale.

    Raises
    ------
    TypeError
        If the class has none.
    """
    found = getattr(type(thing), "type_id", None)
    if not isinstance(found, str):
        raise TypeError(f"{type(thing).__qualname__} has no type_id; add one before it is stored or fingerprinted")
    return found


def step(version: int) -> Callable[[F], F]:
    """Mark a plain function as a step; raise `version` when the same inputs give another result."""

    def mark(function: F) -> F:
        function.version = version  # type: ignore[attr-defined]
        return function

    return mark


def _feed(digest: Any, thing: Any) -> None:
    """Type, length, content: so that no two different values spell the same bytes."""
    kind, payload, parts = _spell(thing)
    head = f"{kind}:{len(payload)}:{-1 if parts is None else len(parts)};"
    digest.update(head.encode())
    digest.update(payload)
    for part in parts or ():
        _feed(digest, part)


def _spell(thing: Any) -> tuple[str, bytes, list[Any] | None]:
    if thing is None or isinstance(thing, (bool, np.bool_)):
        return "flag", str(thing).encode(), None
    if isinstance(thing, (int, np.integer)):
        return "int", str(int(thing)).encode(), None
    if isinstance(thing, (float, np.floating)):
        return "float", struct.pack("<d", float(thing)), None
    if isinstance(thing, (str, bytes)):
        return ("text", thing.encode(), None) if isinstance(thing, str) else ("bytes", thing, None)
    if isinstance(thing, Fraction):
        return "fraction", str(thing).encode(), None
    if isinstance(thing, Path):
        return "file", file_hash(thing).encode(), None
    if isinstance(thing, np.ndarray):
        return "array", np.ascontiguousarray(thing).tobytes(), [thing.dtype.str, list(thing.shape)]
    return _spell_compound(thing)


def _spell_compound(thing: Any) -> tuple[str, bytes, list[Any]]:
    if isinstance(info := getattr(thing, "info", None), HasFingerprint):  # a clip: its info names its content
        thing = info
    if isinstance(thing, HasFingerprint) and isinstance(thing.fingerprint, str):
        return "named", thing.fingerprint.encode(), []
    if is_dataclass(thing) and not isinstance(thing, type):
        parts = [(f.name, getattr(thing, f.name)) for f in fields(thing) if f.compare]
        return "object", type_id(thing).encode(), parts
    if isinstance(thing, Mapping):
        return "mapping", b"", sorted(thing.items(), key=lambda item: str(item[0]))
    if isinstance(thing, Sequence):
        return "sequence", b"", list(thing)
    if isinstance(thing, AbstractSet):
        return "set", b"", sorted(thing, key=str)
    raise TypeError(f"{type(thing).__name__} has no fingerprint")
