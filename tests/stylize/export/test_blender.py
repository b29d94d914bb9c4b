"""A real compositor opens what is handed on and arrives at the same frames."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from stylize import stylize_clip
from stylize.api.export import export_project
from stylize.export.options import ExportOptions
from stylize.media import read_image, write_image

BLENDER = shutil.which("blender")
COUNT, SIZE = 3, (64, 96)
LAYERS = """
compose.light = "linear"
matte.stabilize = 0
[[layers]]
name = "back"
style = "../style.png"
matte = "../soft"
invert = true
strength = 0.5
[[layers]]
name = "hero"
style = "../style.png"
matte = "../soft"
"""


def write_smooth(folder):
    """Gentle colors and a matte: Blender reads videos with 8 bits, which steep ones do not survive."""
    write_image(folder / "style.png", np.full((40, 40, 3), 9, np.uint8))
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    for index in range(COUNT):
        waves = [np.sin((x * a + y * b) / 40 + index / 5) for a, b in ((1, 2), (2, -1), (1, -1))]
        frame = np.rint(127 + 50 * np.stack(waves, axis=2)).astype(np.uint8)
        write_image(folder / "plate" / f"{index:04d}.png", frame, durable=False)
        matte = np.clip((24 - np.hypot(x - 40 - 3 * index, y - 32)) / 14 + 0.5, 0, 1)
        deep = np.rint(matte * 65535).astype(np.uint16)[..., None]
        write_image(folder / "soft" / f"{index:04d}.png", deep, durable=False)


@pytest.mark.slow
@pytest.mark.skipif(BLENDER is None, reason="Blender is not installed; on Debian: apt install blender")
def test_blender_lays_layers_over_the_plate_and_gets_our_frames(world):
    write_smooth(world.root)
    root = world.root / "plate.stylize"
    root.mkdir()
    (root / "stylize.toml").write_text(LAYERS)
    stylize_clip(world.root / "plate", output=world.root / "out", renderer="fake")
    place = world.root / "delivery"
    export_project(root, place, ExportOptions(what=("exr", "layers", "mattes"), form="prores"), overwrite=True)
    config = {
        "size": [SIZE[1], SIZE[0]],
        "frames": COUNT,
        "plate": str(world.root / "plate" / "0000.png"),
        "exr": str(place / "exr" / "plate.1001.exr"),
        "layers": ["back", "hero"],
        "matte_pass": "hero_matte",
        "mattes": str(place / "mattes" / "hero" / "hero.1001.png"),
        "movies": [str(place / "layers" / f"{name}.mov") for name in ("back", "hero")],
        "out": str(world.root / "rendered"),
    }
    (world.root / "config.json").write_text(json.dumps(config))
    script = Path(__file__).with_name("blender_comp.py")
    command = [BLENDER, "-b", "--factory-startup", "-P", str(script), "--", str(world.root / "config.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    told = world.root / "rendered" / "passes.json"
    assert told.exists(), done.stdout[-2000:] + done.stderr[-2000:]
    passes = json.loads(told.read_text())
    assert {"Combined", "back", "hero", "hero_matte", "hero_confidence", "forward", "backward"} <= set(passes)
    for index in range(COUNT):
        ours = read_image(world.root / "out" / f"{index:04d}.png").astype(float)
        for name in ("exr", "prores"):
            theirs = read_image(world.root / "rendered" / f"{name}.{index + 1:04d}.png") / 257
            assert np.abs(theirs - ours).max() <= 2, name
        apart = read_image(world.root / "rendered" / f"matte.{index + 1:04d}.png") / 257
        assert apart.max() <= 2
