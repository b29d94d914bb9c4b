"""Layer specifications: the ``[[layers]]`` of `stylize.toml`, bottom first, checked before anything is opened."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from stylize.errors import UnknownOptionError, UsageError
from stylize.mattes import absolute_spec

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

BLENDS: Final = ("over", "plus", "multiply", "screen", "mix")
"""Blend modes of a layer over the layers below: cover, add, darken, lighten, or the mean of both."""


@dataclass(frozen=True)
class LayerSpec:
    """One ``[[layers]]`` entry.

    Attributes
    ----------
    name
        Name of the layer, and of its folder in the project, ``stack/NAME``.
    styles
        Style images.
    keys
        A folder of keys painted by hand; no renderer is used then.
    renderer
        Name of the renderer for the keys.
    matte
        Matte specification of the styled region; the full frame by default.
    strength
        Share of the layer that shows, 0 to 1: a number, or a schedule along the clip, ``0: 0, 24: 1``.
    strength_map
        A matte that multiplies the strength: white shows the layer in full.
    blend
        One of `BLENDS`.
    holdout
        Names of layers whose mattes are subtracted from this one's.
    exclusive
        Meet other exclusive layers at soft edges without the plate shining through.
    settings
        Options of this layer, by full name.
    """

    name: str
    styles: tuple[Path, ...] = ()
    keys: Path | None = None
    renderer: str | None = None
    matte: str | None = None
    strength: str = "1"
    strength_map: str | None = None
    blend: str = "over"
    holdout: tuple[str, ...] = ()
    exclusive: bool = False
    settings: dict[str, Any] = field(default_factory=dict, hash=False)


_KNOWN = (
    *("name", "style", "keys", "renderer", "matte", "invert", "prompt"),
    *("strength", "strength_map", "blend", "holdout", "exclusive"),
)


def read_layers(path: Path, sections: Collection[str]) -> tuple[LayerSpec, ...]:
    """Read the layers in a project's settings file; an empty tuple without layers.

    Parameters
    ----------
    path
        The settings file; relative paths in it count from its folder.
    sections
        Names of the sections of settings, which a layer may have of its own.

    Raises
    ------
    UsageError
        If an entry lacks a style or a name, has an unknown option or value, or holdouts are circular.
    """
    if not path.is_file():
        return ()
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8")).get("layers", [])
    except (ValueError, OSError) as error:
        raise UsageError(f"{path}: cannot be read as TOML ({error})") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise UsageError(f"{path}: invalid layers, not a list of tables; begin each layer with [[layers]]")
    specs = tuple(_layer(entry, index, path, sections) for index, entry in enumerate(entries))
    _check_names(specs, path)
    _check_holdouts(specs, path)
    return specs


def _layer(entry: Mapping[str, Any], index: int, path: Path, sections: Collection[str]) -> LayerSpec:
    name = entry.get("name")
    where = f"{path}: layer {name!r}" if name else f"{path}: layer number {index + 1}"
    if not isinstance(name, str) or not name or set(name) & set('/\\:*?"<>|') or name.startswith("."):
        raise UsageError(f"{where}: invalid name {name!r}; use one that a folder can have")
    for option, value in entry.items():
        if option not in _KNOWN and not (option in sections and isinstance(value, dict)):
            raise UnknownOptionError(f"{where}: unknown option {option}{_suggest(option, (*_KNOWN, *sections))}")
    settings = {
        f"{section}.{option}": value
        for section, group in entry.items()
        if section in sections and isinstance(group, dict) and section != "matte"
        for option, value in _flat(group)
    }
    matte, operations = _matte(entry, where)
    settings |= operations
    if "prompt" in entry:
        settings["diffusion.prompt"] = _text(entry, "prompt", where)
    blend = _text(entry, "blend", where) or "over"
    if blend not in BLENDS:
        raise UsageError(f"{where}: unknown blend {blend!r}{_suggest(blend, BLENDS)}")
    styles = _paths(entry.get("style", ()), path.parent, f"{where}: style")
    keys = _paths(entry.get("keys", ()), path.parent, f"{where}: keys")
    if not styles and not keys:
        raise UsageError(f'{where}: missing style; name an image with style = "REF", or keys = "DIR"')
    return LayerSpec(
        name=name,
        styles=styles,
        keys=keys[0] if keys else None,
        renderer=_text(entry, "renderer", where),
        matte=_placed(matte, path.parent),
        strength=_strength(entry.get("strength", 1), where),
        strength_map=_placed(_text(entry, "strength_map", where), path.parent),
        blend=blend,
        holdout=_names(entry.get("holdout", ()), where),
        exclusive=_flag(entry, "exclusive", where),
        settings=settings,
    )


def _matte(entry: Mapping[str, Any], where: str) -> tuple[str | None, dict[str, Any]]:
    """Return the matte specification, and the operations on it as options of ``[matte]``."""
    matte, operations = entry.get("matte"), dict[str, Any]()
    if isinstance(matte, dict):
        operations = {f"matte.{option}": value for option, value in matte.items() if option != "file"}
        matte = matte.get("file")
        if matte is None:
            raise UsageError(f'{where}: missing file of matte; write matte = {{file = "M", …}}')
    if matte is not None and not isinstance(matte, str):
        raise UsageError(f"{where}: matte is {matte!r}; name a video or a folder of images")
    if _flag(entry, "invert", where):
        operations["matte.invert"] = True
    if operations and matte is None:
        raise UsageError(f'{where}: there is no matte to change; name one with matte = "M"')
    return matte, operations


def _strength(value: Any, where: str) -> str:
    from stylize.schedules.schedule import parse_schedule

    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise UsageError(f"{where}: strength is {value!r}; give a number from 0 to 1, or a schedule")
    if not isinstance(value, str) and not 0 <= value <= 1:
        raise UsageError(f"{where}: strength is {value!r}; expected 0 to 1")
    try:
        parse_schedule(str(value), "number")
    except UsageError as error:
        raise UsageError(f"{where}: strength: {error}") from error
    return str(value)


def _check_names(specs: Sequence[LayerSpec], path: Path) -> None:
    names = [spec.name.lower() for spec in specs]
    for spec in specs:
        if names.count(spec.name.lower()) > 1:
            raise UsageError(f"{path}: two layers are called {spec.name!r}; give each a name of its own")
        for other in spec.holdout:
            if other not in [one.name for one in specs]:
                known = [one.name for one in specs if one is not spec]
                raise UsageError(
                    f"{path}: layer {spec.name!r} is held out by an unknown layer {other!r}{_suggest(other, known)}"
                )


def _check_holdouts(specs: Sequence[LayerSpec], path: Path) -> None:
    """Refuse layers that cut each other out: which is in front of which would have no answer."""
    holds = {spec.name: spec.holdout for spec in specs}

    def follow(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            circle = " → ".join((*way[way.index(name) :], name))
            raise UsageError(f"{path}: holdouts go in a circle ({circle}); take one of them out")
        for other in holds[name]:
            follow(other, (*way, name))

    for name in holds:
        follow(name, ())


def _flat(group: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    found = []
    for name, value in group.items():
        found += _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return found


def _paths(value: Any, folder: Path, where: str) -> tuple[Path, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)) or not all(isinstance(one, str) for one in listed):
        raise UsageError(f"{where} is {value!r}; name a file, or a list of files")
    paths = tuple(folder / one for one in listed)
    for one in paths:
        if not one.exists():
            raise UsageError(f"{where}: {one} does not exist; paths count from {folder}")
    return paths


def _placed(spec: str | None, folder: Path) -> str | None:
    """Make the paths in a matte specification (``file.exr:layer - B.mov``), relative to `folder`, absolute."""
    return None if spec is None else absolute_spec(spec, folder)


def _names(value: Any, where: str) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, (list, tuple)) or not all(isinstance(one, str) for one in listed):
        raise UsageError(f"{where}: holdout is {value!r}; name layers")
    return tuple(listed)


def _text(entry: Mapping[str, Any], option: str, where: str) -> str | None:
    value = entry.get(option)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{where}: {option} is {value!r}; expected text")
    return value


def _flag(entry: Mapping[str, Any], option: str, where: str) -> bool:
    value = entry.get(option, False)
    if not isinstance(value, bool):
        raise UsageError(f"{where}: {option} is {value!r}; expected true or false")
    return value


def _suggest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if not known:
        return "; there is no other, take the name out"
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"
