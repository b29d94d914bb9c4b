"""Settings of single keys: the options that a key of the plan may override, and their checks."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from stylize.errors import UnknownOptionError
from stylize.settings.loading import changed
from stylize.settings.schema import PLUGINS, RENDERERS, Settings, option_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from keyframes import Plan

SEED = "synthesis.seed"
"""The one option of a key that belongs to no renderer."""


def key_options() -> tuple[str, ...]:
    """Return the full names of the options that a key may override: the seed and those of the renderers."""
    return (SEED, *(name for name in option_table() if name.partition(".")[0] in RENDERERS))


def check_plan_settings(plan: Plan, path: Path) -> None:
    """Raise UsageError if a key of the plan in the file `path` has an unknown option or an invalid value."""
    for key in plan.keys:
        if key.settings:
            check_key_options(key.settings, f"{path}: key {key.frame}")
            changed(Settings(), key.settings, f"{path}: key {key.frame}")


def check_key_options(settings: Mapping[str, Any], where: str) -> None:
    """Raise UsageError for a name that is not one of `key_options`, with the nearest that is."""
    known = key_options()
    for name in settings:
        if name not in known and not name.startswith(f"{PLUGINS}."):
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"a key may set {', '.join(known)}"
            raise UnknownOptionError(f"{where}: unknown option {name!r} of a key; {hint}")
