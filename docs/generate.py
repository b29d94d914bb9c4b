"""Reference pages and pictures that are generated from the code, so that they cannot differ from it.

python docs/generate.py        # writes docs/reference/*.md and docs/_generated/rooms.svg
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PACKAGES = ("stylize", "keyframes", "propagate")
FLOORS = (
    ("cli",),
    ("review", "farm"),
    ("api",),
    ("pipeline",),
    ("report", "export"),
    ("project",),
    ("settings",),
    ("compositing",),
    ("render", "faces"),
    ("mattes", "maps", "models"),
    ("media",),
    ("schedules", "storage"),
    ("progress", "text", "errors"),
)
"""Rooms of `stylize` from the top down, as the import contracts order them; rooms that are not there are left out."""
ROOM = (150, 44)
"""Width and height of a room in the picture, in pixels."""
STEP = (178, 74)
"""Distance from a room to the next one, across and down, in pixels."""
MARGIN = 24
"""Empty pixels around the picture."""


def write_all() -> None:
    """Write every generated page and picture."""
    (HERE / "reference").mkdir(exist_ok=True)
    (HERE / "_generated").mkdir(exist_ok=True)
    write(HERE / "reference" / "commands.md", commands_page())
    write(HERE / "reference" / "settings.md", settings_page())
    write(HERE / "_generated" / "rooms.svg", rooms_picture())


def write(path: Path, text: str) -> None:
    """Write a file only if its content changed, so that Sphinx rebuilds no page for nothing."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def commands_page() -> str:
    """Return the reference of all commands as Markdown, from the parser itself."""
    import typer
    from typer.core import TyperGroup

    from stylize.cli.app import make_app

    lines = ["# Commands", "", "Generated from the command line itself; `stylize COMMAND --help` shows the same.", ""]

    def describe(command: Any, words: str, level: int) -> None:
        context = command.context_class(command, info_name=words)
        lines.extend([f"{'#' * level} {words}", "", cell(command.help or ""), ""])
        if isinstance(command, TyperGroup):
            for name in command.list_commands(context):
                inner = command.get_command(context, name)
                if inner is not None and not inner.hidden:
                    describe(inner, f"{words} {name}", level + 1)
            return
        lines.extend(["```text", f"{words} {' '.join(command.collect_usage_pieces(context))}", "```", ""])
        if prepare := getattr(command, "fill_help", None):
            prepare()
        panels: dict[str, list[Any]] = defaultdict(list)
        for parameter in command.params:
            panels[getattr(parameter, "rich_help_panel", None) or "Options"].append(parameter)
        for panel, parameters in panels.items():
            rows = [row for parameter in parameters if (row := parameter_row(parameter))]
            if rows:
                lines.extend([f"**{panel}**", "", "| | Effect |", "|---|---|", *rows, ""])

    top = typer.main.get_command(make_app())
    if not isinstance(top, TyperGroup):
        raise TypeError("the command line has no commands")
    context = top.context_class(top, info_name="stylize")
    for name in top.list_commands(context):
        command = top.get_command(context, name)
        if command is not None and not command.hidden:
            describe(command, f"stylize {name}", 2)
    return "\n".join(lines)


def parameter_row(parameter: Any) -> str | None:
    """Return one row of a command's table; None for hidden options."""
    if getattr(parameter, "hidden", False):
        return None
    names = [*parameter.opts, *parameter.secondary_opts]
    shown = parameter.metavar or parameter.name.upper() if parameter.param_type_name == "argument" else ", ".join(names)
    if parameter.param_type_name != "argument" and not getattr(parameter, "is_flag", False):
        metavar = parameter.metavar or parameter.type.name.upper()
        shown = f"{shown} {metavar}" if metavar else shown
    return f"| `{shown.replace('|', chr(92) + '|')}` | {cell(getattr(parameter, 'help', None) or '')} |"


def cell(text: str) -> str:
    """Return help text as one line of Markdown."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")


def settings_page() -> str:
    """Return the reference of all settings as Markdown, from their one definition."""
    from stylize.settings.reference import reference_page

    return reference_page()


def rooms() -> tuple[dict[str, int], dict[tuple[str, str], int]]:
    """Return the lines of each room, and how many modules of a room import another one.

    A room is a first-level folder or module of `stylize`, or one of the two other packages.
    """
    lines: dict[str, int] = defaultdict(int)
    arrows: dict[tuple[str, str], int] = defaultdict(int)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            here = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
            lines[here] += text.count("\n")
            for module in imports(ast.parse(text)):
                there = room_of(module)
                if module.split(".")[0] in PACKAGES and there != here:
                    arrows[here, there] += 1
    return dict(lines), dict(arrows)


def room_of(module: str) -> str:
    """Return the room of a module: ``stylize.render.patch`` is in ``render``."""
    package, *rest = module.split(".")
    return rest[0] if package == "stylize" and rest else package


def imports(tree: ast.Module) -> set[str]:
    """Return all modules that a module imports, those for type checking included."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
    return found


def rooms_picture() -> str:
    """Draw the rooms from the top down, with an arrow for every import between two of them, as an SVG."""
    lines, arrows = rooms()
    floors = [*([name for name in floor if name in lines] for floor in FLOORS), ["keyframes"], ["propagate"]]
    floors = [floor for floor in floors if floor]
    wide = max(len(floor) for floor in floors)
    places: dict[str, tuple[float, float]] = {}
    for row, floor in enumerate(floors):
        start = MARGIN + (wide - len(floor)) * STEP[0] / 2
        for column, name in enumerate(floor):
            places[name] = (start + column * STEP[0], MARGIN + row * STEP[1])
    width = 2 * MARGIN + (wide - 1) * STEP[0] + ROOM[0] + 2 * STEP[0]
    height = 2 * MARGIN + (len(floors) - 1) * STEP[1] + ROOM[1]
    label = "Rooms of the project, each importing only rooms below it"
    box = f"{-STEP[0]} 0 {width} {height}"
    drawn = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}" role="img" aria-label="{label}">']
    for (upper, lower), count in sorted(arrows.items()):
        if upper in places and lower in places:
            drawn.append(arrow(places[upper], places[lower], min(0.6 + 0.25 * count, 4.0)))
    for name, (x, y) in places.items():
        kind = ' class="package"' if name in PACKAGES else ""
        drawn.append(f'<rect{kind} x="{x}" y="{y}" width="{ROOM[0]}" height="{ROOM[1]}" rx="6"/>')
        middle = x + ROOM[0] / 2
        drawn.append(f'<text x="{middle}" y="{y + 19}" text-anchor="middle">{escape(name)}</text>')
        note = f"{lines[name]:,} lines".replace(",", " ")
        drawn.append(f'<text class="note" x="{middle}" y="{y + 35}" text-anchor="middle">{note}</text>')
    return "\n".join([*drawn, "</svg>", ""])


def arrow(upper: tuple[float, float], lower: tuple[float, float], width: float) -> str:
    """Draw an import from the bottom of the upper room to the top of the lower one; long ones swing out."""
    x0, y0 = upper[0] + ROOM[0] / 2, upper[1] + ROOM[1]
    x1, y1 = lower[0] + ROOM[0] / 2, lower[1]
    far = (y1 - y0) / STEP[1]
    side = 1 if hash_side(x0, y0, y1) else -1
    swing = side * min(far, 7) * 34 if far > 1 else 0
    bend = (y1 - y0) / 3
    return (
        f'<path d="M{x0:.0f},{y0:.0f} C{x0 + swing:.0f},{y0 + bend:.0f} {x1 + swing:.0f},{y1 - bend:.0f} '
        f'{x1:.0f},{y1:.0f}" stroke-width="{width:.1f}"/>'
    )


def hash_side(*numbers: float) -> bool:
    """Return the side to which an arrow swings, the same in every build."""
    return int(sum(numbers)) // int(STEP[1]) % 2 == 0


if __name__ == "__main__":
    write_all()
    sys.stdout.write("written\n")
