"""Options of renderers that other packages bring: we pass them on, and the renderer judges them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class PluginOptions:
    """What renderers that other packages bring are asked for; ``[brought.NAME]`` in TOML.

    Attributes
    ----------
    tables : mapping
        For each renderer by name, its options by name: what stands under ``[brought.sumi]`` is handed to the
        factory of renderer ``sumi`` as it is, tables within it under names with a dot; the renderer refuses
        what it does not know.
    """

    tables: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what stands under no renderer's name."""
        for name, table in self.tables.items():
            if not isinstance(table, Mapping):
                raise ValueError(  # noqa: TRY004  a value that was written wrong, not a wrong call
                    f"{name} stands under no renderer; write [brought.NAME] and its options below"
                )
