"""Measures mattes on made scenes: steadying of jittered ones, carrying one painted matte, one box.

    python tests/bench/bench_mattes.py --scenes PATH/scenes.py --seeds 1 2 3 4 5 6 -o mattes.json
    python tests/bench/bench_mattes.py --scenes PATH/scenes.py --size 1280x720 --frames 8 -o large.json
    python tests/bench/bench_mattes.py --scenes PATH/scenes.py --one-box --seeds 1 2 3 -o scenes.json
    python tests/bench/bench_mattes.py --boxes DIR -o boxes.json     DIR/frames, DIR/mattes: the truth

`--scenes` is a file with ``render_scene(seed, frames, size)``, which yields (frame, painted, matte), uint8.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))

from propagate.warp import warp
from stylize.mattes import stabilize
from stylize.mattes.segment.flow_propagation import propagate_matte
from stylize.mattes.segment.grabcut import segment_box
from stylize.media import read_image
from tests.stylize.mattes import motion

LOOSE = (-0.04, -0.02, 0.0, 0.02, 0.04, 0.08)
"""Shares of its side by which a box is larger than the subject, on each side."""


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("scenes", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def jittered(mattes: list[Any], seed: int, amount: float = 1.6) -> list[Any]:
    """Edges that wander by `amount` pixels over 12 pixels, anew in every frame."""
    rng, (height, width), found = np.random.default_rng(seed), mattes[0].shape, []
    for matte in mattes:
        noise = rng.normal(0, amount, (height // 12, width // 12, 2)).astype(np.float32)
        wander = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        found.append(warp(matte, wander, interpolation="linear"))
    return found


def overlap(a: Any, b: Any) -> float:
    return float(((a > 0.5) & (b > 0.5)).sum() / max(1, ((a > 0.5) | (b > 0.5)).sum()))


def measure(scenes: Any, seed: int, count: int, size: tuple[int, int]) -> dict[str, Any]:
    made = list(scenes.render_scene(seed, count, size))
    frames = [frame for frame, _, _ in made]
    truth = [matte.astype(np.float32) / 255 for _, _, matte in made]
    shaken = jittered(truth, seed)
    start = time.process_time()
    calm = list(stabilize(frames, shaken))
    steadying = (time.process_time() - start) / count
    kept = list(stabilize(frames, truth))
    start = time.process_time()
    carried = [overlap(matte, truth[at]) for at, matte, _ in propagate_matte(frames, 0, truth[0], range(1, count))]
    carrying = (time.process_time() - start) / len(carried)
    before, after = (motion.chatter(mattes, truth, frames) for mattes in (shaken, calm))
    return {
        "seed": seed,
        "chatter": {"truth": motion.chatter(truth, truth, frames), "jittered": before, "steadied": after},
        "ratio": after / before,
        "edge_error": {
            "jittered": motion.edge_error(shaken, truth),
            "steadied": motion.edge_error(calm, truth),
        },
        "edge_error_of_true_mattes_steadied": motion.edge_error(kept, truth),
        "iou_carried": {"mean": float(np.mean(carried)), "least": min(carried)},
        "cpu_seconds_per_frame": {"steadying": steadying, "carrying": carrying},
    }


def measure_boxes(folder: Path) -> list[dict[str, Any]]:
    """Cut out every frame by one box, tight and loose, and compare with the truth."""
    pictures, mattes = sorted((folder / "frames").iterdir()), sorted((folder / "mattes").iterdir())
    frames, found = [read_image(picture) for picture in pictures], []
    for number, (picture, matte) in enumerate(zip(pictures, mattes, strict=True)):
        image = read_image(matte)
        truth = np.asarray(image[..., 0] / np.iinfo(image.dtype).max, np.float32)
        row: dict[str, Any] = {"frame": picture.name}
        for loose in LOOSE:
            start = time.process_time()
            cut = segment_box(frames[number], box_around(truth, loose), ways_of(frames, number))
            row[f"{loose:+.0%}"] = round(overlap(cut, truth), 4)
            row["cpu_seconds"] = round(time.process_time() - start, 2)
        print(json.dumps(row), flush=True)
        found.append(row)
    return found


def measure_scene_boxes(scenes: Any, seed: int, count: int, size: tuple[int, int]) -> dict[str, Any]:
    """Cut out three frames of a scene by one box each, with the frames beside them as `matte make` does."""
    made = list(scenes.render_scene(seed, count, size))
    found: dict[str, Any] = {"seed": seed}
    for at in (0, count // 3, 2 * count // 3):
        truth = made[at][2].astype(np.float32) / 255
        for loose in LOOSE:
            cut = segment_box(made[at][0], box_around(truth, loose), ways_of([one[0] for one in made], at))
            found.setdefault(f"{loose:+.0%}", []).append(round(overlap(cut, truth), 4))
    return found


def ways_of(frames: list[Any], at: int) -> list[list[Any]]:
    """The frames that `matte make` looks at beside one with a box."""
    steps = [[at + way * step for step in (1, 2, 4)] for way in (-1, 1)]
    return [[frames[i] for i in way if 0 <= i < len(frames)] for way in steps]


def box_around(truth: Any, loose: float) -> tuple[int, int, int, int]:
    rows, columns = np.nonzero(truth > 0.5)
    left, top, right, bottom = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    aside, above = (right - left) * loose, (bottom - top) * loose
    sides = left - aside, top - above, right - left + 2 * aside, bottom - top + 2 * above
    left, top, width, height = (round(float(side)) for side in sides)
    return left, top, width, height


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=Path)
    parser.add_argument("--boxes", type=Path)
    parser.add_argument("--one-box", action="store_true", help="of scenes: cut out by one box")
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args()
    if asked.boxes:
        asked.output.write_text(json.dumps(measure_boxes(asked.boxes), indent=1) + "\n")
        return
    width, height = map(int, asked.size.split("x"))
    scenes, cases = load(asked.scenes), []
    job = measure_scene_boxes if asked.one_box else measure
    for seed in asked.seeds:
        cases.append(job(scenes, seed, asked.frames, (height, width)))
        print(json.dumps(cases[-1]), flush=True)
    asked.output.write_text(json.dumps({"frames": asked.frames, "size": asked.size, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
