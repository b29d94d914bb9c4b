"""Which renderer is taken, what is said of it, and the whole way through with tiny diffusion models."""

from __future__ import annotations

import json
import logging
from dataclasses import replace

import numpy as np
import pytest

from stylize.cli import app
from stylize.errors import ModelError, UsageError
from stylize.media import read_image, write_image
from stylize.pipeline.renderers import select_renderer, warn_unused_options
from stylize.pipeline.run import paint_request
from stylize.settings.loading import load_settings
from tests.stylize.pipeline.test_run import RunRequest, run


def settings(**named):
    return load_settings(flags={name.replace("__", "."): value for name, value in named.items()})


def test_auto_without_models_paints_with_patches_and_says_why(world, caplog):
    with caplog.at_level(logging.WARNING):
        assert select_renderer("auto", [world.style], settings()).name == "patch"
    assert "renderer patch" in caplog.text
    assert "sd15" in caplog.text


def test_auto_is_silent_about_diffusion_that_is_not_installed(world, caplog, monkeypatch):
    monkeypatch.setattr("stylize.pipeline.renderers.find_spec", lambda _: None)
    with caplog.at_level(logging.WARNING):
        assert select_renderer("auto", [world.style], settings()).name == "patch"
        assert not caplog.text
        select_renderer("auto", [world.style], settings(diffusion__prompt="a fox"))
    assert "renderer patch: sd15" in caplog.text


@pytest.mark.parametrize(
    ("renderer", "given", "words"),
    [
        (
            "patch",
            {"diffusion__prompt": "a fox", "patch__keep_colors": 0.5},
            "patch ignores these options: diffusion.prompt",
        ),
        ("files", {"patch__style_strength": 0.1}, "files ignores these options: patch.style_strength"),
        ("sd", {"diffusion__prompt": "a fox", "edit__prompt": "a fox"}, ""),
        (
            "edit",
            {"diffusion__prompt": "a fox", "diffusion__strength": 0.2, "edit__prompt": "a fox"},
            "diffusion.strength",
        ),
        ("patch", {"select__coverage": 0.5}, ""),
    ],
)
def test_unused_options_are_logged(caplog, renderer, given, words):
    with caplog.at_level(logging.WARNING):
        warn_unused_options(renderer, settings(**given))
    assert words in caplog.text
    assert bool(words) == bool(caplog.text)
    assert "keep_colors" not in caplog.text
    assert "prompt," not in caplog.text


def test_run_logs_options_unused_by_its_renderer(world, caplog):
    run(world, settings={"diffusion.prompt": "a fox"})
    assert "renderer fake ignores these options: diffusion.prompt" in caplog.text


def test_a_prompt_alone_needs_diffusion(world):
    with pytest.raises(ModelError, match="fetch sd15"):
        select_renderer("sd", [], settings(diffusion__prompt="a fox"))
    with pytest.raises(UsageError, match="a prompt without a style needs renderer sd"):
        select_renderer("auto", [], settings(diffusion__prompt="a fox"))
    with pytest.raises(UsageError, match="no style; name an image"):
        select_renderer("auto", [], settings())


def test_missing_packages_are_named(world, monkeypatch):
    from stylize.render.diffusion import components as parts

    monkeypatch.setattr(parts, "find_spec", lambda name: None if name == "peft" else 1)
    with pytest.raises(ModelError, match=r"needs peft.*keystylize\[diffusion\].*--renderer patch"):
        select_renderer("sd", [world.style], settings())
    assert select_renderer("auto", [world.style], settings()).name == "patch"


@pytest.fixture
def tiny(world, tiny_models_folder, monkeypatch):
    """The world with real anchors and settings that name the tiny models."""
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(world.root / "config"))
    monkeypatch.setenv("HF_HUB_CACHE", str(world.root / "models"))
    one = tiny_models_folder / "sd15"
    adapter = tiny_models_folder / "ip-adapter/models/ip-adapter_sd15.safetensors"
    return {
        "diffusion.model": str(one / "base"),
        "diffusion.controls": (f"canny@{one}/controlnet-canny:0.7", f"tile@{one}/controlnet-depth:0.4"),
        "diffusion.style_adapter": str(adapter),
        "diffusion.loras": (f"{one}/lora.safetensors:0.5",),
        "diffusion.prompt": "0: a fox, 7: a wolf",
        "diffusion.steps": 3,
        "select.max_gap": 2,
    }


@pytest.mark.filterwarnings("ignore")
def test_auto_takes_diffusion_when_all_is_here(world, tiny, caplog):
    given = load_settings(flags={**tiny, "diffusion.device": "cpu"})
    assert select_renderer("auto", [world.style], given).name == "sd"
    assert "renderer sd" in caplog.text
    without = replace(given.diffusion, device="auto")
    import torch

    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        assert select_renderer("auto", [world.style], replace(given, diffusion=without)).name == "patch"


@pytest.mark.filterwarnings("ignore")
def test_keys_by_diffusion_from_end_to_end(world, tiny):
    """Maps, adapter, two ControlNets, LoRA, schedule, agreement, cache, a changed key, a region."""
    job = RunRequest(world.frames, (world.style,), renderer="sd")
    notes = paint_request(job, tiny)
    folder = world.root / "frames.stylize"
    recipes = {n["frame"]: json.loads((folder / "keys" / f"{n['frame']:04d}.json").read_text()) for n in notes}
    assert len(recipes) >= 3
    followers = {frame: recipe for frame, recipe in recipes.items() if recipe["parents"]}
    assert followers
    for frame, recipe in recipes.items():
        assert recipe["renderer"] == "sd"
        assert recipe["models"]["loras"][0][0] == "lora.safetensors"
        assert recipe["options"]["prompt"] == [["a fox" if frame < 7 else "a wolf", 1.0]]
        assert recipe["looked_at"] == recipe["anchors"] == len(recipe["parents"])
    assert all(recipe["agreement"]["difference"] is not None for recipe in followers.values())
    stamps = {p.name: p.stat().st_mtime_ns for p in (folder / "keys").glob("*.png")}
    assert paint_request(job, tiny) == notes
    assert {p.name: p.stat().st_mtime_ns for p in (folder / "keys").glob("*.png")} == stamps

    late = {"diffusion.prompt": "0: a fox, 7: a bear"}
    paint_request(job, {**tiny, **late})
    changed = {name for name, at in stamps.items() if (folder / "keys" / name).stat().st_mtime_ns != at}
    first = {f"{frame:04d}.png" for frame in recipes if frame >= 7}
    assert first <= changed  # and those that followed one of them; nothing else
    of = {f"{frame:04d}": recipe["parents"] for frame, recipe in recipes.items()}
    heirs = {name for name in of if any(f"{parent}.png" in changed for parent in of[name])}
    assert changed <= first | {f"{name}.png" for name in heirs}

    frame = notes[0]["frame"]
    place = folder / "keys" / f"{frame:04d}.png"
    before, mask = read_image(place), np.zeros((48, 64, 3), np.uint8)
    mask[10:30, 10:40] = 255
    write_image(world.root / "mask.png", mask)
    (note,) = paint_request(job, {**tiny, "diffusion.prompt": "a door"}, frame, region=world.root / "mask.png")
    after = read_image(place)
    outside = mask[..., 0] == 0
    np.testing.assert_array_equal(after[outside], before[outside])
    assert (after[~outside] != before[~outside]).mean() > 0.5
    assert note["kind"] == "override"
    paint_request(job, tiny)
    np.testing.assert_array_equal(read_image(place), after)  # it is the artist's now


@pytest.mark.filterwarnings("ignore")
def test_interrupted_diffusion_keeps_finished_keys(world, tiny, monkeypatch, capsys):
    """Ctrl-C in the middle of a key: one line, code 130; the next run paints the rest to the same result."""
    from stylize.render.diffusion import callbacks as steering

    whole, stopped = (world.root / name for name in ("whole", "stopped"))
    own = [
        *("--model", tiny["diffusion.model"], "--style-adapter", tiny["diffusion.style_adapter"]),
        *("--control", tiny["diffusion.controls"][0], "--steps", "3", "--prompt", "a fox", "--max-gap", "2"),
    ]

    def paint(project, expected):
        line = ["paint", world.frames, "--style", world.style, "--renderer", "sd", "--project", project, *own]
        with pytest.raises(SystemExit) as end:
            app.main([str(word) for word in line])
        assert end.value.code == expected
        return capsys.readouterr().err

    def keys(project):
        return {path.name: path.read_bytes() for path in (project / "keys").iterdir()}

    paint(whole, 0)
    step, count = steering.Steering.__call__, []

    def interrupted(*given):
        count.append(1)
        if len(count) == 5:
            raise KeyboardInterrupt
        return step(*given)

    monkeypatch.setattr(steering.Steering, "__call__", interrupted)
    said = paint(stopped, 130).strip().splitlines()
    assert said[-1] == "stylize: interrupted; finished work is kept, run again to resume"
    finished = keys(stopped)
    assert len(finished) == 4, "two pictures and their recipes: keys take two steps each"
    paint(stopped, 0)
    after = keys(stopped)
    assert finished.items() <= after.items()
    pictures = {name: data for name, data in keys(whole).items() if name.endswith(".png")}
    assert {name: data for name, data in after.items() if name.endswith(".png")} == pictures


@pytest.mark.filterwarnings("ignore")
def test_a_region_needs_a_painted_key_and_a_painter_that_can(world, tiny):
    write_image(world.root / "mask.png", np.full((48, 64, 3), 255, np.uint8))
    sd = RunRequest(world.frames, (world.style,), renderer="sd")
    with pytest.raises(UsageError, match="name it with --key"):
        paint_request(sd, tiny, region=world.root / "mask.png")
    with pytest.raises(UsageError, match="is not a key"):
        paint_request(sd, tiny, 3, region=world.root / "mask.png")


def test_patches_paint_no_regions(world):
    keys = run(world).keys
    write_image(world.root / "mask.png", np.full((48, 64, 3), 255, np.uint8))
    job = RunRequest(world.frames, (world.style,), renderer="fake")
    with pytest.raises(UsageError, match="renderer fake does not support --region"):
        paint_request(job, None, keys[0], region=world.root / "mask.png")
