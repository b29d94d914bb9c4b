"""All options of a run, one frozen group per section of stylize.toml.

Each option is defined once, with bounds, default and visible effect, in the dataclass of the room that reads it; see
`propagate.option_fields`. Its name is the same everywhere: ``select.max_keys`` is ``max_keys`` under ``[select]`` in
TOML, ``STYLIZE_SELECT_MAX_KEYS`` in the environment and, where `stylize.cli.flags` lists it, ``--max-keys``.
"""

from __future__ import annotations

import dataclasses
import functools
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from propagate.option_fields import OptionField, option_fields

if TYPE_CHECKING:
    from collections.abc import Mapping

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
    "plugins": "stylize.render.plugin_options:PluginOptions",
    "propagate": "propagate:PropagateOptions",
    "synthesis": "propagate:SynthesisOptions",
    "compose": "stylize.compositing.options:ComposeOptions",
    "matte": "stylize.mattes.options:MatteOptions",
    "making": "stylize.mattes.options:MakingOptions",
    "output": "stylize.media.options:OutputOptions",
    "models": "stylize.models.options:ModelOptions",
}
"""Section of stylize.toml → the dataclass that holds its options, imported when settings are made."""
PLUGINS: Final = "plugins"
"""The section whose options other packages name: a table for each of their renderers."""
RENDERERS: Final = ("patch", "diffusion", "edit")
"""Sections of the built-in renderers."""


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
    plugins: PluginOptions = field(default_factory=partial(_defaults, "plugins"))
    propagate: PropagateOptions = field(default_factory=partial(_defaults, "propagate"))
    synthesis: SynthesisOptions = field(default_factory=partial(_defaults, "synthesis"))
    compose: ComposeOptions = field(default_factory=partial(_defaults, "compose"))
    matte: MatteOptions = field(default_factory=partial(_defaults, "matte"))
    making: MakingOptions = field(default_factory=partial(_defaults, "making"))
    output: OutputOptions = field(default_factory=partial(_defaults, "output"))
    models: ModelOptions = field(default_factory=partial(_defaults, "models"))

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Return every option with its value, by section; None where the program decides."""
        found = {name: dataclasses.asdict(getattr(self, name)) for name in SECTIONS if name != PLUGINS}
        return {**found, PLUGINS: {name: dict(table) for name, table in self.plugins.tables.items()}}

    def to_toml(self) -> str:
        """Return all options as TOML that `load_settings` reads back to an equal object."""
        import tomlkit

        return tomlkit.dumps({name: _without_none(group) for name, group in self.to_dict().items()})


def section_class(section: str) -> type[Any]:
    """Return the dataclass of a section of stylize.toml, importing its room."""
    module, _, name = SECTIONS[section].partition(":")
    found: type[Any] = getattr(import_module(module), name)
    return found


@functools.cache
def option_table() -> Mapping[str, OptionField]:
    """Return every option by its full name, ``select.max_keys``."""
    sections = ((section, option_fields(section_class(section))) for section in SECTIONS)
    return {f"{section}.{one.name}": one for section, options in sections for one in options}


def _without_none(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {k: _without_none(v) if isinstance(v, dict) else v for k, v in tree.items() if v is not None}
