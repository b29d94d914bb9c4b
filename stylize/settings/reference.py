"""Reference of all settings as Markdown, generated from their one definition."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from propagate.option_fields import option_fields
from stylize.settings.schema import SECTIONS, section_class

if TYPE_CHECKING:
    from collections.abc import Mapping

    from propagate.option_fields import OptionField

EVERYDAY = (
    "patch.style_strength",
    "patch.keep_colors",
    "patch.stroke_scale",
    "patch.palette_reach",
    "select.coverage",
    "select.liveliness",
    "select.max_keys",
    "shots.cut",
)
"""Options that change the picture most, for the README."""


def reference_page(flags: Mapping[str, str]) -> str:
    """Return the page of all settings.

    Parameters
    ----------
    flags
        Full name of an option → its flag on the command line, for those that have one.
    """
    lines = [
        "# Settings",
        "",
        "Every option can be a flag (where one is named), a line in the project's `stylize.toml` or in your own, or an",
        "environment variable: `max_keys = 4` below `[select]`, `STYLIZE_SELECT_MAX_KEYS=4`. A flag wins over the",
        "environment, the environment over a layer's options, these over the project's file, that over yours.",
        "",
    ]
    for section in SECTIONS:
        kind = section_class(section)
        title = (kind.__doc__ or "").strip().partition("\n")[0]
        rows = [_row(one, one.name, flags.get(f"{section}.{one.name}", "")) for one in option_fields(kind)]
        lines += [
            f"## \\[{section}\\]",
            "",
            title,
            "",
            "| Option | Default | Takes | Effect |",
            "|---|---|---|---|",
            *rows,
            "",
        ]
    return "\n".join(lines)


def everyday_table(table: Mapping[str, OptionField], flags: Mapping[str, str]) -> str:
    """Return the README's table of the options that change the picture most."""
    rows = (
        f"| {_code(flags.get(name) or name)} | {_default(table[name].default)} | {_cell(table[name].effect)} |"
        for name in EVERYDAY
    )
    return "\n".join(["| Option | Default | Effect |", "|---|---|---|", *rows])


def _row(option: OptionField, name: str, flag: str) -> str:
    """Return one row of a section."""
    spelled = f"{_code(name)}<br>{_code(flag)}" if flag else _code(name)
    kinds: dict[Any, str] = {bool: "true or false", tuple: "list of texts"}
    takes = option.expected or kinds.get(option.kind, option.kind.__name__)
    takes += ", or a schedule" if option.schedule and option.name != "rate" else ""
    return f"| {spelled} | {_default(option.default)} | {_cell(takes)} | {_cell(option.effect)} |"


def _default(value: Any) -> str:
    """Return a default as a cell; empty where the program decides."""
    if value is None or (isinstance(value, (str, tuple, dict)) and not value):
        return ""
    if isinstance(value, bool):
        return "on" if value else "off"
    return _code(
        f"{value:g}" if isinstance(value, float) else " ".join(value) if isinstance(value, tuple) else str(value)
    )


def _code(text: str) -> str:
    return f"`{text}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
