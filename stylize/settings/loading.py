"""Values of options from flags, environment and files; the first of these that gives one wins.

Precedence: flag > environment > layer > the project's stylize.toml > the user's stylize.toml > default.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from typing import TYPE_CHECKING, Any, NamedTuple, get_type_hints

from propagate.option_fields import OptionError
from stylize.errors import UnknownOptionError, UsageError
from stylize.settings.schema import PLUGINS, SECTIONS, Settings, option_table, section_class

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


class Given(NamedTuple):
    """A value, and the place that gives it, for messages."""

    value: Any
    where: str


def user_settings_path() -> Path:
    """Return the place of the user's own stylize.toml, which every run reads."""
    from platformdirs import user_config_path

    return user_config_path("stylize", appauthor=False) / "stylize.toml"


def load_settings(
    project_file: Path | None = None,
    flags: Mapping[str, Any] | None = None,
    *,
    layer: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    user_file: Path | None = None,
) -> Settings:
    """Collect the settings of a run.

    Parameters
    ----------
    project_file
        The project's stylize.toml; may be missing.
    flags
        Values by full name (``select.max_keys``); None is the same as not given.
    layer
        Values by full name that one layer has in place of the project's.
    environment
        ``STYLIZE_SECTION_OPTION`` variables; the process's own by default.
    user_file
        The user's stylize.toml; `user_settings_path` by default, may be missing.

    Raises
    ------
    UsageError
        If an option is unknown (with the nearest name), has an invalid type or is out of bounds.
    """
    given: dict[str, Given] = {}
    for path in (user_settings_path() if user_file is None else user_file, project_file):
        if path is not None and path.is_file():
            given.update((name, Given(value, str(path))) for name, value in _read_toml(path))
    given.update((name, Given(value, f"{project_file}: layer")) for name, value in (layer or {}).items())
    for name, value in _read_environment(os.environ if environment is None else environment):
        given[name] = Given(value, f"environment STYLIZE_{name.replace('.', '_').upper()}")
    given.update((name, Given(value, "command line")) for name, value in (flags or {}).items() if value is not None)
    return _assembled(given)


def changed(settings: Settings, values: Mapping[str, Any], where: str = "command line") -> Settings:
    """Return settings with other `values`, by full name; `where` names their place in messages."""
    own = {f"{name}.{option}": value for name, group in settings.to_dict().items() for option, value in group.items()}
    return _assembled({name: Given(value, where) for name, value in {**own, **values}.items() if value is not None})


def _assembled(given: Mapping[str, Given]) -> Settings:
    """Make settings of values by full name."""
    trees: dict[str, dict[str, Given]] = {name: {} for name in SECTIONS}
    for name, entry in given.items():
        section, _, option = name.partition(".")
        if section not in SECTIONS or not option:
            raise UnknownOptionError(f"{entry.where}: unknown section {section!r}{_suggest(section, SECTIONS)}")
        trees[section][option] = entry
    trees[PLUGINS] = _plugin_tables(trees[PLUGINS])
    return Settings(**{section: _section(section, tree) for section, tree in trees.items()})


def _plugin_tables(given: Mapping[str, Given]) -> dict[str, Given]:
    """Collect ``sumi.wet`` and the like in one option: a table for each renderer."""
    tables: dict[str, Any] = {}
    for name, (value, _) in given.items():
        renderer, _, option = name.partition(".")
        if not option:
            tables[renderer] = dict(value) if isinstance(value, Mapping) else value
        elif isinstance(tables.setdefault(renderer, {}), dict):
            tables[renderer][option] = value
    places = ", ".join(sorted({entry.where for entry in given.values()}))
    return {"tables": Given(tables, places)} if given else {}


def _section(section: str, given: Mapping[str, Given]) -> Any:
    """Make the options of one section."""
    kind = section_class(section)
    known, hints = {one.name for one in fields(kind)}, get_type_hints(kind)
    values: dict[str, Any] = {}
    for name, (value, where) in given.items():
        if name not in known:
            raise UnknownOptionError(f"{where}: unknown option {section}.{name}{_suggest(name, known)}")
        values[name] = _converted(value, hints[name], f"{section}.{name}", where)
    try:
        return kind(**values)
    except OptionError as error:
        where = given[error.name].where if error.name in given else _places(given)
        raise UsageError(f"{where}: invalid {section}.{error.name} {error.value!r}; use {error.expected}") from error
    except ValueError as error:
        raise UsageError(f"{_places(given)}: {section}: {error}") from error


def _places(given: Mapping[str, Given]) -> str:
    return ", ".join(sorted({entry.where for entry in given.values()}))


def _converted(value: Any, hint: Any, name: str, where: str) -> Any:
    """Return a value in its option's type; texts come from the environment and the command line."""
    from pydantic import TypeAdapter, ValidationError

    if value in ("", "auto"):  # "decide for me"; TOML and the environment have no None
        try:
            return TypeAdapter(hint).validate_python(None)
        except ValidationError:
            pass
    try:
        return TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        expected = option_table()[name].expected or f"{problem[0].lower()}{problem[1:]}"
        raise UsageError(f"{where}: invalid {name} {value!r}; use {expected}") from error


def _read_toml(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UsageError(f"{path}: invalid TOML; {error}") from error
    yield from _flatten(tree, "", path)


def _flatten(tree: Mapping[str, Any], prefix: str, path: Path) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.", path)
            if not value and not prefix and name not in SECTIONS:
                raise UnknownOptionError(f"{path}: unknown section [{name}]{_suggest(name, SECTIONS)}")
        elif name == "layers" and not prefix:
            continue  # read by `stylize.compositing.spec`
        elif not prefix:
            raise UsageError(f"{path}: {name} is outside of any section; sections are {', '.join(SECTIONS)}")
        else:
            yield prefix + name, value


def _read_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables of a known section; others that begin with STYLIZE_ belong to other programs."""
    sections = tuple(f"STYLIZE_{section.upper()}_" for section in SECTIONS if section != PLUGINS)
    mine = {name: value for name, value in environment.items() if name.startswith(sections)}
    if not mine:
        return
    spelled = {f"STYLIZE_{name.replace('.', '_').upper()}": name for name in option_table()}
    for variable, value in mine.items():
        if variable not in spelled:
            raise UnknownOptionError(f"environment: unknown option {variable}{_suggest(variable, spelled)}")
        yield spelled[variable], value


def _suggest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; use one of {', '.join(sorted(known))}"
