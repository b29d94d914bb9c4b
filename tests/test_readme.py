"""What the README says is so: its commands, options, settings, files and its Python."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import typer
from typer.core import TyperCommand, TyperGroup

from stylize.cli import app
from stylize.cli.ebsynth_args import normalize_arguments
from stylize.compositing.spec import read_layers
from stylize.render import protocol
from stylize.settings.loading import load_settings
from stylize.settings.schema import SECTIONS, option_table
from tests.stylize import fakes
from tests.stylize.world import make_world

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "PATENTS.md", "docs/benchmarks.md")]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    """Words after ``stylize`` of every command line in the README, in blocks and in running text."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]*)`", README)
    found = []
    for line in lines:
        for part in line.split("&&"):
            words = shlex.split(part.strip().replace("\\", "/"), comments=True)
            if len(words) > 1 and Path(words[0]).name == "stylize":
                found.append([word for word in words[1:] if word != "…"])
    return found


def resolve(words: list[str]) -> tuple[TyperCommand | TyperGroup, list[str]]:
    """The command that these words name, and the words left for it."""
    command, rest = typer.main.get_command(app.make_app()), list(words)
    while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        assert name in command.commands, f"stylize {' '.join(words)}"
        command = command.commands[name]
    return command, rest


def options_of(command: TyperCommand | TyperGroup) -> set[str]:
    found = {word for one in command.params for word in (*one.opts, *one.secondary_opts)}
    for inner in getattr(command, "commands", {}).values():
        found |= options_of(inner)
    return found | {"--help"}


def test_there_are_commands_to_check():
    assert len(commands()) > 10


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_understood(words):
    command, rest = resolve(words)
    known = options_of(command)
    assert [word for word in rest if word.startswith("-") and word not in known] == []
    if "-o" in rest:  # said in full, so it must parse; the files need not exist
        command.make_context("stylize", normalize_arguments(rest), resilient_parsing=False)


def test_every_option_named_exists():
    known = options_of(typer.main.get_command(app.make_app()))
    spoken = [word for code in re.findall(r"`([^`\n]*)`", README) for word in re.findall(r"--[a-z][\w-]*", code)]
    assert len(spoken) > 20
    assert [word for word in spoken if word not in known] == []


def test_every_command_is_in_the_table():
    top = typer.main.get_command(app.make_app())
    named = {words[0] for words in commands()}
    assert set(top.commands) <= named


def test_defaults_in_the_table_are_the_defaults():
    defaults = {one.name: one.default for one in option_table().values()}
    rows = re.findall(r"^\| `--([\w-]+)` \| ([\d.]+|high) \|", README, re.MULTILINE)
    assert len(rows) > 6
    for option, said in rows:
        value = defaults[option.replace("-", "_")]
        assert str(value) == said or float(value) == float(said), option


def test_settings_shown_are_settings():
    for block in blocks("toml"):
        values = {
            f"{section}.{name}": value
            for section, group in tomllib.loads(block).items()
            if section != "layers"
            for name, value in group.items()
        }
        assert set(values) <= set(option_table())
        load_settings(flags=values, environment={}, user_file=ROOT / "none.toml")
    variables = {f"STYLIZE_{name.replace('.', '_').upper()}" for name in option_table()}
    assert set(re.findall(r"STYLIZE_\w+", README)) <= variables


def test_layers_shown_are_layers(tmp_path):
    for block in (block for block in blocks("toml") if "[[layers]]" in block):
        for name in re.findall(r'(?:style|keys) = "\.\./([\w.]+)"', block):
            (tmp_path / name).touch()
        settings = tmp_path / "clip.stylize" / "stylize.toml"
        settings.parent.mkdir()
        settings.write_text(block.replace('"hand"', '"room"'))  # a layer that is not shown
        layers = read_layers(settings, SECTIONS)
        assert len(layers) > 1
        for layer in layers:
            load_settings(settings, layer=layer.settings, environment={}, user_file=ROOT / "none.toml")


def test_the_python_runs(tmp_path, monkeypatch, rng, capsys):
    """As written, on a small clip with a painter and a propagation that cost nothing."""
    (program,) = blocks("python")
    assert len(program.splitlines()) <= 10
    world = make_world(tmp_path, monkeypatch, rng)
    monkeypatch.setitem(protocol._FACTORIES, "patch", fakes.FakeRenderer)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "samples").mkdir()
    world.video("samples/clip.mp4")
    world.style.rename(tmp_path / "samples" / "style.png")
    exec(compile(program, "README.md", "exec"), {})  # noqa: S102  our own page
    assert (tmp_path / "styled.mp4").stat().st_size > 0
    assert "10 frames" in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_pictures_stay_small():
    assert sum(path.stat().st_size for path in (ROOT / "docs").rglob("*.*")) < 1 << 20
