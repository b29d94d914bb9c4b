"""What the project promises as a whole: names, light imports, sizes, options that do something."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import stylize
from stylize.cli.commands import MODULES, all_commands
from stylize.cli.flags import FLAGS
from stylize.settings.schema import SECTIONS, section_class

ROOT = Path(__file__).parents[1]
PACKAGES = ("stylize", "keyframes", "propagate")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
LONGEST = 400
"""Lines of a file above which it has more than one subject."""

NAMES = {
    "stylize": {
        "ExportOptions",
        "Project",
        "Settings",
        "StylizeError",
        "__version__",
        "add_keys",
        "ban_frames",
        "change_plan",
        "check_matte",
        "check_models",
        "choose_keys",
        "composite_project",
        "export_keys",
        "export_project",
        "fetch_models",
        "import_keys",
        "key_sheet",
        "list_keys",
        "list_models",
        "load_settings",
        "lock_keys",
        "make_matte",
        "model_path",
        "move_key",
        "paint_keys",
        "propagate_clip",
        "refine_matte",
        "remove_keys",
        "render_maps",
        "run_doctor",
        "run_status",
        "stylize_clip",
        "synthesize_image",
        "unban_frames",
        "unlock_keys",
        "write_report",
    },
    "keyframes": {
        "AnalysisOptions",
        "Key",
        "Plan",
        "SelectOptions",
        "Selection",
        "Shot",
        "ShotOptions",
        "analyze",
        "detect_shots",
        "format_plan",
        "parse_plan",
        "select_keyframes",
    },
    "propagate": {
        "CarriedFrame",
        "Guide",
        "PropagateOptions",
        "Registration",
        "Synthesis",
        "SynthesisOptions",
        "estimate_flow",
        "propagate_keyframes",
        "synthesize",
    },
}
"""Public names that scripts may rely on: taking one away breaks them, so it must be done here too."""


def run(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


@pytest.mark.parametrize("package", NAMES)
def test_public_names_stay(package):
    module = importlib.import_module(package)
    assert NAMES[package] <= set(module.__all__) <= set(dir(module))
    for name in module.__all__:
        assert getattr(module, name) is not None


@pytest.mark.parametrize("arguments", [[], ["models"], ["run"], ["keys"], ["synth"], ["propagate"], ["doctor"]])
def test_help_loads_nothing_heavy(arguments):
    heavy = ("numba", "torch", "cv2", "av", "numpy", "skimage", "scipy")
    program = f"""
import sys
from stylize.cli import app
try:
    app.main({[*arguments, "--help"]!r})
except SystemExit as end:
    assert not end.code
print(sorted(set({heavy!r}) & set(sys.modules)))
"""
    assert run(program) == "[]"


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_a_package_loads_nothing_heavy(package):
    heavy = ("numba", "torch", "cv2", "av", "scipy", "skimage")
    assert run(f"import sys, {package}; print(sorted(set({heavy!r}) & set(sys.modules)))") == "[]"


def test_no_file_is_longer_than_400_lines():
    long = {
        str(p.relative_to(ROOT)): n
        for p in [*SOURCES, *(ROOT / "samples").glob("*.py")]
        if (n := len(p.read_text("utf-8").splitlines())) > LONGEST
    }
    assert long == {}


SHORT = {
    "propagate/_smoothing_kernels.py", "propagate/malloc.py", "stylize/__main__.py", "stylize/_version.py",
    "stylize/cli/commands/maps.py", "stylize/cli/commands/project.py", "stylize/compositing/options.py",
    "stylize/media/bit_depth.py", "stylize/media/stdout_guard.py", "stylize/models/options.py",
    "stylize/render/plugin_options.py", "stylize/text.py",
}  # fmt: skip
"""Files below `SHORTEST` lines: a subject of its own that is that small, or an entry point. None may be added."""
SHORTEST = 40


def test_no_file_is_a_fragment():
    short = {
        str(p.relative_to(ROOT))
        for p in SOURCES
        if p.name != "__init__.py" and len(p.read_text("utf-8").splitlines()) < SHORTEST
    }
    assert short - SHORT == set()


PUBLIC = {name: home for name, home in stylize._HOMES.items() if home.startswith("stylize.api.")}


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_function_documents_every_parameter_and_is_typed(name):
    function = getattr(stylize, name)
    text = inspect.getdoc(function) or ""
    parameters = inspect.signature(function).parameters
    assert all(one.annotation is not inspect.Parameter.empty for one in parameters.values())
    assert function.__annotations__["return"] not in (None, "None")
    if "Parameters\n-----" in text:
        block = text.partition("Parameters\n-----")[2].partition("\nReturns\n")[0].partition("\nRaises\n")[0]
        names = re.findall(r"^(?! )(\*{0,2}\w+(?:, \*{0,2}\w+)*)$", block, re.MULTILINE)
        documented = {word for line in names for word in line.split(", ")}
        assert {one.strip("*") for one in documented} == set(parameters)
    else:
        assert "`change_plan`" in text


def test_types_of_the_public_names_come_from_their_homes():
    tree = ast.parse((ROOT / "stylize" / "__init__.py").read_text("utf-8"))
    typed = {
        alias.asname: node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert {name: home for name, home in typed.items() if name in stylize.__all__} == stylize._HOMES


@pytest.mark.parametrize("command", all_commands(), ids=lambda command: command.words)
def test_every_flag_of_a_command_is_read(command):
    body = inspect.getsource(getattr(command.call, "func", command.call))
    told = {flag.name for flag in command.flags if not flag.setting} - {"json", "yes"}
    assert {name for name in told if f"ask.{name}" not in body} == set()
    if any(flag.setting for flag in command.flags):
        assert "ask.settings" in body or "options_of(ask)" in body
    if any(flag.name == "yes" for flag in command.flags):
        assert "ask.overwrite" in body


def test_no_drawer_for_odds_and_ends():
    assert [p for p in SOURCES if p.stem in ("utils", "core", "common", "helpers", "misc")] == []


def all_options(kind: type, prefix: str) -> list[tuple[type, str, str]]:
    """Every option of a dataclass and of those nested in it: owner, field, full name."""
    found = []
    for field in dataclasses.fields(kind):
        value = getattr(kind(), field.name)
        if dataclasses.is_dataclass(value):
            found += all_options(type(value), f"{prefix}.{field.name}")
        else:
            found.append((kind, field.name, f"{prefix}.{field.name}"))
    return found


class Reads(ast.NodeVisitor):
    """Names that a file reads as attributes or takes as parameters; checks of bounds do not count."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_FunctionDef(self, node):
        if node.name != "__post_init__":
            self.names |= {a.arg for a in (*node.args.args, *node.args.kwonlyargs)}
            self.generic_visit(node)

    def visit_Attribute(self, node):
        if isinstance(node.ctx, ast.Load):
            self.names.add(node.attr)
        self.generic_visit(node)


def test_every_option_is_read_somewhere():
    reads = Reads()
    for path in SOURCES:
        reads.visit(ast.parse(path.read_text("utf-8")))
    options = [option for name in SECTIONS for option in all_options(section_class(name), name)]
    assert len(options) > 20
    assert [full for _, name, full in options if name not in reads.names] == []


def test_every_flag_belongs_to_a_command_and_is_said_once():
    taken = [flag for command in all_commands() for flag in command.flags]
    assert set(FLAGS) <= set(taken)
    for command in all_commands():
        spelled = [word for flag in command.flags for word in flag.spelling.split()]
        assert len(spelled) == len(set(spelled)), command.words
    assert all(flag.help.endswith(".") for flag in taken)


def test_every_file_of_commands_is_listed():
    files = {path.stem for path in (ROOT / "stylize" / "cli" / "commands").glob("[a-z]*.py")}
    assert files == set(MODULES)


def test_every_option_is_documented():
    for name in SECTIONS:
        for owner, field, full in all_options(section_class(name), name):
            assert field in (owner.__doc__ or ""), full
