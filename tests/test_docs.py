"""Every command and example in README and docs: parsed, and run where it needs no weights, network or browser."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
import typer
from typer.core import TyperGroup

from stylize.cli import app
from stylize.cli.ebsynth_args import normalize_arguments
from stylize.compositing.spec import read_layers
from stylize.media import open_writer, probe, write_image
from stylize.settings.loading import load_settings
from stylize.settings.reference import everyday_table, reference_page
from stylize.settings.schema import SECTIONS, option_table
from tests import synthetic

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WRITTEN = [page for page in PAGES if page.name not in ("commands.md", "settings.md", "contributing.md", "changelog.md")]
RUN = [page for page in WRITTEN if page.name != "benchmarks.md"]  # its commands name clips that are not here
SIZE = (180, 320)
"""Height and width of the clip that the examples run on."""
FRAMES = 12
"""Its length; frames 0 to 11, so that the keys of the examples exist."""


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: Path, *languages: str) -> list[list[str]]:
    """Words after ``stylize`` in the shell blocks of a page."""
    found = []
    for line in (line for language in languages for block in blocks(page, language) for line in block.splitlines()):
        for part in re.sub(r"^[$>] ", "", line).split("&&"):
            words = shlex.split(part.replace("\\", "/"), comments=True)
            if words and Path(words[0]).name == "stylize":
                found.append(words[1:])
    return found


def needs_more(words: list[str]) -> bool:
    """Return whether a command needs weights, a network or a browser."""
    return words[:1] in (["review"], ["models"], ["doctor"]) or bool({"sd", "sam2"} & set(words))


PAGES_WITH_COMMANDS = [page for page in WRITTEN if commands(page, "sh", "console")]


def test_pages_have_commands():
    assert len(PAGES_WITH_COMMANDS) > 6


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS, ids=lambda page: page.name)
def test_commands_parse(page):
    for words in commands(page, "sh", "console"):
        command, rest = typer.main.get_command(app.make_app()), list(words)
        while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
            assert rest[0] in command.commands, words
            command = command.commands[rest.pop(0)]
        command.make_context("stylize", normalize_arguments(rest), resilient_parsing=False)


def all_parsers() -> list[object]:
    found, waiting = [], [typer.main.get_command(app.make_app())]
    while waiting:
        command = waiting.pop()
        found.append(command)
        waiting += getattr(command, "commands", {}).values()
    return found


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_options_that_a_page_names_exist(page):
    known = {word for parser in all_parsers() for one in parser.params for word in (*one.opts, *one.secondary_opts)}
    known |= {"--help", "--install-completion"}
    named = [
        word
        for code in re.findall(r"`([^`\n]*)`", page.read_text("utf-8"))
        for word in re.findall(r"--[a-z][\w-]*", code)
    ]
    others = {"--follow", "--keep-going"} if page.name in ("README.md", "CONTRIBUTING.md") else set()
    assert [word for word in named if word not in known | others] == []


def test_every_command_is_named_in_the_readme():
    top = typer.main.get_command(app.make_app())
    text = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in top.commands if f"`stylize {name}`" not in text] == []


def test_generated_tables_are_up_to_date():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import generate
    finally:
        sys.path.remove(str(ROOT / "docs"))
    flags = generate.flags()
    assert everyday_table(option_table(), flags) in (ROOT / "README.md").read_text("utf-8")
    page = reference_page(flags)
    assert [name for name in option_table() if f"`{name.partition('.')[2]}`" not in page] == []
    assert "`stylize keys move" not in generate.commands_page()
    assert "### stylize keys move" in generate.commands_page()


@pytest.mark.parametrize("page", [page for page in WRITTEN if blocks(page, "toml")], ids=lambda page: page.name)
def test_settings_shown_are_settings(page, tmp_path):
    for block in blocks(page, "toml"):
        tree = {name: value for name, value in tomllib.loads(block).items() if name not in ("project", "layers")}
        values = {f"{section}.{name}": value for section, group in tree.items() for name, value in group.items()}
        load_settings(flags=values, environment={}, user_file=tmp_path / "none.toml")
        if "[[layers]]" in block:
            for name in re.findall(r'(?:style|keys) = "\.\./([\w.]+)"', block):
                (tmp_path / name).touch()
            settings = tmp_path / "clip.stylize" / "stylize.toml"
            settings.parent.mkdir()
            settings.write_text(block.replace('"hand"', '"room"'))  # a layer that is not shown
            for layer in read_layers(settings, SECTIONS):
                load_settings(settings, layer=layer.settings, environment={}, user_file=tmp_path / "none.toml")


@pytest.fixture
def workplace(tmp_path, monkeypatch):
    """A folder with everything that the examples name: clip, style pictures, painted keys, matte, guides."""
    frames = synthetic.pan(FRAMES, (3.0, 0.0), seed=11, size=SIZE)
    matte = np.zeros((*SIZE, 1), np.uint8)
    matte[40:150, 90:220] = 255
    for index, frame in enumerate(frames):
        write_image(tmp_path / "frames" / f"{index:06d}.png", frame, durable=False)
        write_image(tmp_path / "matte" / f"{index:06d}.png", matte, durable=False)
    for folder in ("painted", "keys"):
        for index in (0, FRAMES - 1):
            write_image(tmp_path / folder / f"{index:06d}.png", frames[index][..., ::-1].copy(), durable=False)
    for name in ("ref", "style", "ink"):
        write_image(tmp_path / f"{name}.png", synthetic.texture(5, SIZE), durable=False)
    for name in ("source", "target"):
        write_image(tmp_path / f"{name}.png", frames[0], durable=False)
    info = probe(tmp_path / "frames")
    with open_writer(tmp_path / "clip.mp4", info) as writer:
        for frame in frames:
            writer.write(frame)
    (tmp_path / "samples").mkdir()
    shutil.copy(tmp_path / "clip.mp4", tmp_path / "samples")
    shutil.copy(tmp_path / "style.png", tmp_path / "samples")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in RUN if commands(page, "sh")], ids=lambda page: page.name)
def test_commands_run(page, workplace, capsys):
    """Run the page's commands in its order, as a reader does, in one folder."""
    ran = [words for words in commands(page, "sh") if not needs_more(words)]
    for words in ran:
        output = words[words.index("-o") + 1] if "-o" in words else ""
        again = ["-y"] if (workplace / output).is_file() and "-y" not in words else []
        code = 0
        try:
            app.main([*words, *again])
        except SystemExit as end:
            code = end.code
        assert not code, (words, capsys.readouterr().err)
        assert not output or (workplace / output).exists(), words
    assert ran


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in WRITTEN if blocks(page, "python")], ids=lambda page: page.name)
def test_python_runs(page, workplace):
    program: dict[str, object] = {}
    for block in blocks(page, "python"):
        exec(compile(block, page.name, "exec"), program)  # noqa: S102  our own pages
    assert program


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    targets = re.findall(r"\]\(([^)#: ]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
    generated = {"commands.md", "settings.md"}
    assert [name for name in targets if Path(name).name not in generated and not (page.parent / name).exists()] == []


def test_readme_is_short():
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    assert len(lines) <= 180
    assert [line for line in lines if len(line) > 120 and not line.startswith(("|", "!["))] == []


def test_pictures_stay_small():
    assert (ROOT / "docs" / "images" / "demo.webp").stat().st_size < 3 << 20
    assert sum(path.stat().st_size for path in (ROOT / "docs" / "images").iterdir()) < 4 << 20
