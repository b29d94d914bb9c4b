"""What the project promises as a whole: names, light imports, sizes, options that do something."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import math
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import stylize
from propagate.option_fields import OptionError
from stylize.cli.commands import MODULES, all_commands
from stylize.cli.flags import SETTING_FLAGS
from stylize.settings.schema import SECTIONS, option_table, section_class

ROOT = Path(__file__).parents[1]
PACKAGES = ("stylize", "keyframes", "propagate")
SOURCES = sorted(path for name in PACKAGES for path in (ROOT / name).rglob("*.py"))
LONGEST = 400
"""Lines of a file above which it has more than one subject."""

OPTION_NAMES = {"options", "_options", "asked", "making", "shaping", "agreement", "usual"}
"""Variables and attributes that hold options objects."""
PASSED_ON = {
    "clip": {"missing", "rate", "allow_truncated", "assume_matrix"},
    "making": {"segmenter", "matter"},
}
"""Options that are passed on by name: ``open_clip(path, **asdict(options.clip))``, ``getattr(making, kind)``."""

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
        "open_review",
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
    "stylize/media/bit_depth.py", "stylize/media/lazy_sequence.py", "stylize/media/stdout_guard.py",
    "stylize/models/options.py", "stylize/render/plugin_options.py", "stylize/text.py",
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


PUBLIC = {name: home for name, home in stylize._HOMES.items() if home.startswith(("stylize.api.", "stylize.review"))}


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
def test_every_parameter_of_a_command_is_read(command):
    tree = ast.parse(textwrap.dedent(inspect.getsource(command.call)))
    read = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    assert set(inspect.signature(command.call).parameters) <= read
    assert bool(command.flags) == ("settings" in inspect.signature(command.call).parameters)


def test_no_drawer_for_odds_and_ends():
    assert [p for p in SOURCES if p.stem in ("utils", "core", "common", "helpers", "misc")] == []


def reads_of(owner: type) -> set[str]:
    """Attributes that are read in modules which name the options class, its section or its settings."""
    section = next(name for name in SECTIONS if section_class(name) is owner)
    names = re.compile(rf"\b{owner.__name__}\b|\.{section}\b|options")
    found: set[str] = set()
    for path in SOURCES:
        text = path.read_text("utf-8")
        if path.stem == "options" or not names.search(text):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load) and is_options(node.value, section):
                found.add(node.attr)
    return found | {node.attr for node in own_reads(owner)}


def is_options(node: ast.AST, section: str) -> bool:
    """Whether an expression can be the options: ``options``, ``self.options``, ``settings.select`` and the like."""
    name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    return name in OPTION_NAMES or name.lstrip("_") == section


def own_reads(owner: type) -> list[ast.Attribute]:
    """What the class's own properties read, checks aside."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(owner)))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name != "__post_init__"]
    inner = (node for function in functions for node in ast.walk(function))
    return [node for node in inner if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "self"]


@pytest.mark.parametrize("section", [name for name in SECTIONS if name != "plugins"])
def test_every_option_is_read_by_a_module_that_has_its_options(section):
    owner = section_class(section)
    unread = {field.name for field in dataclasses.fields(owner)} - reads_of(owner) - PASSED_ON.get(section, set())
    assert unread == set()


def test_every_setting_flag_belongs_to_a_command_and_is_spelled_once():
    assert set(SETTING_FLAGS) == {flag for command in all_commands() for flag in command.flags}
    for command in all_commands():
        spelled = [word for flag in command.flags for word in flag.spelling.split()]
        assert len(spelled) == len(set(spelled)), command.words


def test_every_file_of_commands_is_listed():
    files = {path.stem for path in (ROOT / "stylize" / "cli" / "commands").glob("[a-z]*.py")}
    assert files == set(MODULES)


def test_every_option_has_an_effect_in_one_line_and_a_docstring():
    for name, option in option_table().items():
        assert option.effect.endswith((".", ")")), name
        assert "\n" not in option.effect, name
        assert f"{option.name} : " in (section_class(name.partition(".")[0]).__doc__ or ""), name


@pytest.mark.parametrize(
    ("name", "option"), option_table().items(), ids=lambda one: one if isinstance(one, str) else ""
)
def test_bounds_and_choices_of_an_option_are_checked(name, option):
    section, _, field = name.partition(".")
    wrong = {"choices": "no such choice"} if option.choices else {}
    if math.isfinite(option.low):
        wrong["low"] = option.low - 1 if not option.above_low else option.low
    if math.isfinite(option.high):
        wrong["high"] = option.high + 1
    for value in wrong.values():
        with pytest.raises(OptionError, match=f"invalid {field}"):
            section_class(section)(**{field: value})
    section_class(section)(**{field: option.default})


def test_options_keep_their_metadata_without_docstrings():
    program = "from stylize.settings.schema import option_table as t; print(t()['patch.stroke_scale'].expected)"
    done = subprocess.run([sys.executable, "-OO", "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "0.25 to 4\n"
