"""Packaging: dependencies that are declared and imported, and the contents of the wheel."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
import zipfile
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("stylize", "keyframes", "propagate")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

IMPORT_NAMES = {
    "ffmpeg-python": "ffmpeg",
    "myst-parser": "myst_parser",
    "numba-cuda": "numba_cuda",
    "opencolorio": "PyOpenColorIO",
    "opencv-contrib-python": "cv2",
    "openexr": "OpenEXR",
    "pillow": "PIL",
    "scikit-image": "skimage",
}
"""Name of the import package of a distribution, where it is not the distribution's with underscores."""
LOADED_BY_NAME = {"peft": "stylize/render/diffusion/components.py"}
"""Declared packages that other packages load (peft: diffusers, for LoRA), and the file that requires them."""
OPTIONAL = {"torchvision": "never needed; a broken one is hidden from transformers and diffusers"}
"""Packages that are looked at if they are there, and not declared."""


def declared(*extras: str) -> set[str]:
    """Import names of the dependencies and of those of `extras`, the project's own extras resolved."""
    requirements = [*PROJECT["dependencies"], *(one for extra in extras for one in extras_of(extra))]
    names = {re.split(r"[\s\[<>=!~;]", one)[0].lower() for one in requirements}
    return {IMPORT_NAMES.get(name, name.replace("-", "_")) for name in names}


def extras_of(extra: str) -> list[str]:
    found = []
    for one in PROJECT["optional-dependencies"][extra]:
        nested = re.fullmatch(rf"{PROJECT['name']}\[(.+)\]", one)
        found += [deep for name in nested[1].split(",") for deep in extras_of(name)] if nested else [one]
    return found


class Imports(ast.NodeVisitor):
    """Third-party packages that a file imports, those at module level apart; type checking does not count."""

    def __init__(self, by_name: bool = True) -> None:
        self.by_name = by_name
        self.at_import: set[str] = set()
        self.inside: set[str] = set()
        self._depth = 0

    def visit_If(self, node):
        if not (isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_FunctionDef(self, node):
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1

    def visit_Import(self, node):
        self._add(*(alias.name for alias in node.names))

    def visit_ImportFrom(self, node):
        self._add(node.module)

    def visit_Call(self, node):
        name = getattr(node.func, "id", getattr(node.func, "attr", ""))
        if self.by_name and name in ("import_module", "find_spec", "load_libraries"):
            self._add(*(a.value for a in node.args if isinstance(a, ast.Constant)))
        self.generic_visit(node)

    def _add(self, *modules: str) -> None:
        tops = {module.partition(".")[0] for module in modules if module}
        tops -= {*sys.stdlib_module_names, *PACKAGES, "tests", "samples"}
        (self.inside if self._depth else self.at_import).update(tops)


@cache
def imported(*folders: str, by_name: bool = True) -> Imports:
    found = Imports(by_name)
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            found.visit(ast.parse(path.read_text("utf-8")))
    return found


def test_every_import_is_a_declared_dependency():
    shipped = imported(*PACKAGES)
    needed = declared("cuda", "diffusion", "mattes", "maps", "comp", "ocio")
    assert (shipped.at_import | shipped.inside) - needed == set(OPTIONAL)


def test_imports_at_module_level_are_of_packages_without_an_extra():
    assert imported(*PACKAGES).at_import - declared() == set()


@pytest.mark.parametrize("extra", ["", "cuda", "diffusion", "mattes", "maps", "comp", "ocio"])
def test_every_declared_dependency_is_imported(extra):
    shipped = imported(*PACKAGES)
    names = declared(extra) - declared() if extra else declared()
    assert names - shipped.at_import - shipped.inside == names & set(LOADED_BY_NAME)


@pytest.mark.parametrize("name", LOADED_BY_NAME)
def test_a_package_that_others_load_is_required_by_name(name):
    assert f'"{name}"' in (ROOT / LOADED_BY_NAME[name]).read_text("utf-8")


def test_packages_that_tests_import_are_declared():
    used = imported("tests", "samples", by_name=False)
    beside = {path.stem for folder in ("tests", "samples", "docs") for path in (ROOT / folder).rglob("*.py")}
    other = {"bpy", "render_pictures"}  # Blender's own; a module that a conftest.py registers
    known = declared("dev", "cuda", "mattes", "maps") | other | beside
    assert (used.at_import | used.inside) - known == set()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Names in the wheel that hatchling builds from this checkout, without a network."""
    place = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(place)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (path,) = place.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return archive.namelist()


def test_the_wheel_holds_the_three_packages_and_nothing_else(wheel):
    tops = {name.partition("/")[0] for name in wheel}
    assert tops == {*PACKAGES, f"{PROJECT['name']}-{PROJECT['version']}.dist-info"}


def test_the_wheel_holds_every_module_the_page_and_the_licenses(wheel):
    modules = {path.relative_to(ROOT).as_posix() for name in PACKAGES for path in (ROOT / name).rglob("*.py")}
    page = {path.relative_to(ROOT).as_posix() for path in (ROOT / "stylize/review/static").iterdir() if path.is_file()}
    assert len(page) > 10
    assert modules | page <= set(wheel)
    assert {"LICENSE", "PATENTS.md"} <= {name.rpartition("/")[2] for name in wheel}


def test_the_command_of_the_wheel_is_the_function_of_the_checkout():
    module, _, function = PROJECT["scripts"]["stylize"].partition(":")
    assert f"from {module} import {function}" in (ROOT / "cli.py").read_text("utf-8")


@pytest.mark.parametrize("package", ["propagate", "keyframes"])
def test_the_contract_of_the_kernels_names_all_of_them(package):
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    protected = [one for contract in contracts for one in contract.get("protected_modules", ())]
    kernels = {f"{package}.{path.stem}" for path in (ROOT / package).glob("_*.py") if path.stem != "__init__"}
    assert {one for one in protected if one.startswith(f"{package}.")} == kernels
