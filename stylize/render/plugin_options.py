"""Options of renderers from other packages: passed on unchecked, and judged by the renderer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from typing_extensions import Doc

from propagate.option_fields import OptionError, described


@described
@dataclass(frozen=True)
class PluginOptions:
    """Options of renderers from other packages; ``[plugins.NAME]`` in TOML."""

    tables: Annotated[
        Mapping[str, Any],
        Doc(
            "For each renderer by name, its options by name: the table [plugins.sumi] goes to the factory of renderer "
            "sumi as it is, nested tables under names with a dot."
        ),
    ] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, table in self.tables.items():
            if not isinstance(table, Mapping):
                raise OptionError(name, table, "[plugins.NAME] for a renderer, with its options below")
