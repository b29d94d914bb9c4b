"""Results of steps as files: plain values and frozen dataclasses in JSON, arrays beside them, no pickles.

A project folder may come from somebody else, so reading one must not be able to run code: only dataclasses
of this project's own packages are rebuilt, by calling their constructors.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from importlib import import_module
from typing import Any, Final

import numpy as np

from stylize.storage.fingerprint import type_id

STORED: Final = {
    "shot-analysis": "keyframes.coverage:ShotAnalysis",
    "matte-bounds": "stylize.compositing.bounds:MatteBounds",
}
"""Id of a type that is stored → its class; an id outlives renames of the class."""


def dumps(value: Any) -> bytes:
    """Spell `value` as bytes: a compressed .npz whose member ``tree`` is JSON."""
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    tree = json.dumps(_encode(value, arrays), ensure_ascii=False)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, tree=np.frombuffer(tree.encode(), np.uint8), **arrays)
    return buffer.getvalue()


def loads(data: bytes) -> Any:
    """Rebuild what `dumps` spelled.

    Raises
    ------
    ValueError
        If the bytes are damaged or name a class that this project does not own.
    """
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            tree = json.loads(file["tree"].tobytes().decode())
            return _decode(tree, file)
    except Exception as error:
        raise ValueError(f"a stored result is damaged ({error})") from error


def _encode(value: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (np.bool_, np.integer, np.floating)):
        return value.item()
    if isinstance(value, Fraction):
        return {"fraction": str(value)}
    if isinstance(value, np.ndarray):
        name = f"a{len(arrays)}"
        arrays[name] = value
        return {"array": name}
    if isinstance(value, tuple):
        return {"tuple": [_encode(item, arrays) for item in value]}
    if isinstance(value, list):
        return [_encode(item, arrays) for item in value]
    if isinstance(value, Mapping):
        return {"map": [[_encode(k, arrays), _encode(v, arrays)] for k, v in value.items()]}
    if hasattr(value, "to_arrays"):  # a result that knows a compact spelling of its own
        return {"object": _stored_id(value), "arrays": _encode(value.to_arrays(), arrays)}
    if is_dataclass(value) and not isinstance(value, type):
        named = {f.name: _encode(getattr(value, f.name), arrays) for f in fields(value) if f.init}
        return {"object": _stored_id(value), "fields": named}
    raise TypeError(f"{type(value).__name__} cannot be stored")


def _stored_id(value: Any) -> str:
    """Return the id of a value's type; TypeError if `STORED` lacks it."""
    found = type_id(value)
    if found not in STORED:
        raise TypeError(f"{type(value).__qualname__} is not in the table of stored types")
    return found


def _decode(tree: Any, arrays: Any) -> Any:
    if isinstance(tree, list):
        return [_decode(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if "object" in tree:
        if tree["object"] not in STORED:
            raise ValueError(f"unknown type {tree['object']!r}")
        module, _, name = STORED[tree["object"]].partition(":")
        made: Any = getattr(import_module(module), name)
        if "arrays" in tree:
            return made.from_arrays(_decode(tree["arrays"], arrays))
        return made(**{key: _decode(item, arrays) for key, item in tree["fields"].items()})
    ((kind, content),) = tree.items()
    if kind == "fraction":
        return Fraction(content)
    if kind == "array":
        return arrays[content]
    if kind == "tuple":
        return tuple(_decode(item, arrays) for item in content)
    return {_decode(k, arrays): _decode(v, arrays) for k, v in content}
