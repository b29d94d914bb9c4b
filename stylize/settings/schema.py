"""One definition of every option: the rooms own their dataclasses, this file puts them together.

A setting has one name everywhere: ``select.max_keys`` is ``max_keys`` under ``[select]`` in TOML,
``STYLIZE_SELECT_MAX_KEYS`` in the environment and, where `stylize.cli.flags` lists it, ``--max-keys``.
Precedence: flag > environment > the project's stylize.toml > the user's > default.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, get_type_hints

from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from keyframes import AnalysisOptions, SelectOptions, ShotOptions
    from propagate import PropagateOptions, SynthesisOptions
    from stylize.compositing.options import ComposeOptions
    from stylize.mattes.options import MakingOptions, MatteOptions
    from stylize.media.options import ClipOptions, OutputOptions
    from stylize.models.options import ModelOptions
    from stylize.render.diffusion.options import DiffusionOptions
    from stylize.render.edit.options import EditOptions
    from stylize.render.options import AgreementOptions, PatchOptions
    from stylize.render.plugin_options import PluginOptions

SECTIONS: Final = {
    "clip": "stylize.media.options:ClipOptions",
    "shots": "keyframes:ShotOptions",
    "analysis": "keyframes:AnalysisOptions",
    "select": "keyframes:SelectOptions",
    "agreement": "stylize.render.options:AgreementOptions",
    "patch": "stylize.render.options:PatchOptions",
    "diffusion": "stylize.render.diffusion.options:DiffusionOptions",
    "edit": "stylize.render.edit.options:EditOptions",
    "brought": "stylize.render.plugin_options:PluginOptions",
    "propagate": "propagate:PropagateOptions",
    "synthesis": "propagate:SynthesisOptions",
    "compose": "stylize.compositing.options:ComposeOptions",
    "matte": "stylize.mattes.options:MatteOptions",
    "making": "stylize.mattes.options:MakingOptions",
    "output": "stylize.media.options:OutputOptions",
    "models": "stylize.models.options:ModelOptions",
}
"""Section of stylize.toml → the dataclass that holds its options, imported when settings are made."""
FREE: Final = "brought"
"""The section whose options are named by others: a table for each of their renderers."""


def _defaults(section: str) -> Any:
    """Make the options of a section; its room is imported now, not with this file."""
    return section_class(section)()


@dataclass(frozen=True)
class Settings:
    """All options of a run, one frozen group per room."""

    clip: ClipOptions = field(default_factory=partial(_defaults, "clip"))
    shots: ShotOptions = field(default_factory=partial(_defaults, "shots"))
    analysis: AnalysisOptions = field(default_factory=partial(_defaults, "analysis"))
    select: SelectOptions = field(default_factory=partial(_defaults, "select"))
    agreement: AgreementOptions = field(default_factory=partial(_defaults, "agreement"))
    patch: PatchOptions = field(default_factory=partial(_defaults, "patch"))
    diffusion: DiffusionOptions = field(default_factory=partial(_defaults, "diffusion"))
    edit: EditOptions = field(default_factory=partial(_defaults, "edit"))
    brought: PluginOptions = field(default_factory=partial(_defaults, "brought"))
    propagate: PropagateOptions = field(default_factory=partial(_defaults, "propagate"))
    synthesis: SynthesisOptions = field(default_factory=partial(_defaults, "synthesis"))
    compose: ComposeOptions = field(default_factory=partial(_defaults, "compose"))
    matte: MatteOptions = field(default_factory=partial(_defaults, "matte"))
    making: MakingOptions = field(default_factory=partial(_defaults, "making"))
    output: OutputOptions = field(default_factory=partial(_defaults, "output"))
    models: ModelOptions = field(default_factory=partial(_defaults, "models"))

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Every option with its value, by section; None where a room decides by itself."""
        found = {name: dataclasses.asdict(getattr(self, name)) for name in SECTIONS if name != FREE}
        return {**found, FREE: {name: dict(table) for name, table in self.brought.tables.items()}}

    def to_toml(self) -> str:
        """Spell all options as TOML that `load_settings` reads back to an equal object."""
        import tomlkit

        return tomlkit.dumps({name: _without_none(group) for name, group in self.to_dict().items()})


def section_class(section: str) -> type[Any]:
    """Return the dataclass behind a section of stylize.toml, importing its room."""
    module, _, name = SECTIONS[section].partition(":")
    found: type[Any] = getattr(import_module(module), name)
    return found


def user_settings_path() -> Path:
    """Return where the user's own stylize.toml is; every run reads it."""
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
    """Put the settings of a run together.

    Parameters
    ----------
    project_file
        The project's stylize.toml; may be missing.
    flags
        Values by full name (``select.max_keys``); None means not given.
    layer
        Values by full name that one layer has over the project's.
    environment
        ``STYLIZE_SECTION_OPTION`` variables; the process's own by default.
    user_file
        The user's stylize.toml; `user_settings_path` by default, may be missing.

    Raises
    ------
    UsageError
        If an option is unknown (with the nearest name), has a wrong type or is out of bounds.
    """
    given: dict[str, tuple[Any, str]] = {}
    for path in (user_settings_path() if user_file is None else user_file, project_file):
        if path is not None and path.is_file():
            given.update({name: (value, str(path)) for name, value in _read_toml(path)})
    given.update({name: (value, f"{project_file}: layer") for name, value in (layer or {}).items()})
    for name, value in _read_environment(os.environ if environment is None else environment):
        given[name] = (value, f"environment STYLIZE_{name.replace('.', '_').upper()}")
    given.update({n: (v, "command line") for n, v in (flags or {}).items() if v is not None})
    return _assembled(given)


def _assembled(given: Mapping[str, tuple[Any, str]]) -> Settings:
    """Make settings of values by full name, each with the place where it stands."""
    trees: dict[str, dict[str, tuple[Any, str]]] = {name: {} for name in SECTIONS}
    for name, entry in given.items():
        section, _, option = name.partition(".")
        if section not in SECTIONS or not option:
            where = entry[1]
            raise UsageError(f"{where}: unknown section {section!r}{_suggest(section, SECTIONS)}")
        trees[section][option] = entry
    trees[FREE] = _tables(trees[FREE])
    return Settings(**{name: _build(section_class(name), tree, name) for name, tree in trees.items()})


def _tables(given: Mapping[str, tuple[Any, str]]) -> dict[str, tuple[Any, str]]:
    """Put ``sumi.wet`` and its like together as one option: a table for each renderer."""
    tables: dict[str, Any] = {}
    for name, (value, _) in given.items():
        if name == "tables" and isinstance(value, Mapping):  # from settings that are there already
            tables |= {renderer: dict(table) for renderer, table in value.items()}
            continue
        renderer, _, option = name.partition(".")
        if option and isinstance(tables.setdefault(renderer, {}), dict):
            tables[renderer][option] = value
        else:
            tables[name] = value
    places = ", ".join(sorted({where for _, where in given.values()}))
    return {"tables": (tables, places)} if given else {}


def changed(settings: Settings, values: Mapping[str, Any], where: str = "command line") -> Settings:
    """Return settings with other `values`, by full name; `where` they stand is said if one is wrong."""
    own = {f"{name}.{o}": (v, where) for name in SECTIONS for o, v in _leaves(getattr(settings, name))}
    given = {name: entry for name, entry in own.items() if entry[0] is not None}
    given |= {name: (value, where) for name, value in values.items() if value is not None}
    return _assembled(given)


def describe() -> dict[str, Any]:
    """Every option by full name (``select.max_keys``) with its default."""
    return {f"{name}.{option}": value for name in SECTIONS for option, value in _leaves(section_class(name)())}


def _leaves(options: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for one in fields(options):
        value = getattr(options, one.name)
        if is_dataclass(value):
            yield from _leaves(value, f"{prefix}{one.name}.")
        else:
            yield f"{prefix}{one.name}", value


def _build(kind: type[Any], given: Mapping[str, tuple[Any, str]], section: str) -> Any:
    """Make the options of one section; ``a.b`` is the option b of the nested group a."""
    known = {one.name for one in fields(kind)}
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    nested: dict[str, dict[str, tuple[Any, str]]] = {}
    for name, (value, where) in given.items():
        head, _, rest = name.partition(".")
        if head not in known or (rest and not is_dataclass(hints[head])):
            raise UsageError(f"{where}: unknown option {section}.{name}{_suggest(head, known)}")
        if rest:
            nested.setdefault(head, {})[rest] = (value, where)
        else:
            values[head] = _convert(value, hints[head], f"{where}: {section}.{name}")
    for head, tree in nested.items():
        values[head] = _build(hints[head], tree, f"{section}.{head}")
    try:
        return kind(**values)
    except ValueError as error:
        places = ", ".join(sorted({where for _, where in given.values()}))
        raise UsageError(f"{places}: {section}: {error}") from error


def _convert(value: Any, hint: Any, where: str) -> Any:
    from pydantic import TypeAdapter, ValidationError

    if value == "" or value == "auto":  # how a person says "decide for me"; TOML and the environment know no None
        try:
            return TypeAdapter(hint).validate_python(None)
        except ValidationError:
            pass
    try:
        return TypeAdapter(hint).validate_python(value)
    except ValidationError as error:
        problem = error.errors()[0]["msg"]
        raise UsageError(f"{where} is {value!r}; {problem[0].lower()}{problem[1:]}") from error


def _read_toml(path: Path) -> Iterator[tuple[str, Any]]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise UsageError(f"{path}: cannot be read as TOML ({error})") from error
    yield from _flatten(tree, "", path)


def _flatten(tree: Mapping[str, Any], prefix: str, path: Path) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{name}.", path)
            if not value and not prefix and name not in SECTIONS:
                raise UsageError(f"{path}: unknown section [{name}]{_suggest(name, SECTIONS)}")
        elif name == "layers" and not prefix:
            continue  # read by `stylize.compositing.spec`
        elif not prefix:
            raise UsageError(f"{path}: {name} stands outside a section; sections are {', '.join(SECTIONS)}")
        else:
            yield prefix + name, value


def _read_environment(environment: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables of a known section; others that begin with STYLIZE_ are somebody else's."""
    sections = tuple(f"STYLIZE_{section.upper()}_" for section in SECTIONS if section != FREE)
    mine = {k: v for k, v in environment.items() if k.startswith(sections)}
    if not mine:
        return
    spelled = {f"STYLIZE_{name.replace('.', '_').upper()}": name for name in describe()}
    for variable, value in mine.items():
        if variable not in spelled:
            raise UsageError(f"environment: unknown option {variable}{_suggest(variable, spelled)}")
        yield spelled[variable], value


def _suggest(name: str, known: Any) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"


def _without_none(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _without_none(v) if isinstance(v, dict) else v for k, v in tree.items() if v is not None}
