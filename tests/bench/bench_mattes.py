"""Measures mattes on made scenes: steadying of jittered ones, and carrying one painted matte.

    python tests/bench/bench_mattes.py --scenes PATH/scenes.py --seeds 1 2 3 4 5 6 -o mattes.json

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
from stylize.mattes import steady
from stylize.mattes.following import follow_matte
from tests.stylize.mattes import motion

FRAMES, SIZE = 24, (360, 640)


def load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("scenes", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def jittered(mattes: list[Any], seed: int, amount: float = 1.6) -> list[Any]:
    """Edges that wander by `amount` pixels over 12 pixels, anew in every frame."""
    rng, (height, width), found = np.random.default_rng(seed), SIZE, []
    for matte in mattes:
        noise = rng.normal(0, amount, (height // 12, width // 12, 2)).astype(np.float32)
        wander = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
        found.append(warp(matte, wander, interpolation="linear"))
    return found


def overlap(a: Any, b: Any) -> float:
    return float(((a > 0.5) & (b > 0.5)).sum() / max(1, ((a > 0.5) | (b > 0.5)).sum()))


def measure(scenes: Any, seed: int) -> dict[str, Any]:
    made = list(scenes.render_scene(seed, FRAMES, SIZE))
    frames = [frame for frame, _, _ in made]
    truth = [matte.astype(np.float32) / 255 for _, _, matte in made]
    shaken = jittered(truth, seed)
    start = time.process_time()
    calm = list(steady(frames, shaken))
    steadying = (time.process_time() - start) / FRAMES
    kept = list(steady(frames, truth))
    start = time.process_time()
    carried = [
        overlap(matte, truth[at]) for at, matte, _ in follow_matte(frames, 0, truth[0], range(1, FRAMES))
    ]
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


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--scenes", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1])
    parser.add_argument("-o", "--output", type=Path, required=True)
    asked = parser.parse_args()
    scenes, cases = load(asked.scenes), []
    for seed in asked.seeds:
        cases.append(measure(scenes, seed))
        print(json.dumps(cases[-1]), flush=True)
    asked.output.write_text(json.dumps({"frames": FRAMES, "size": SIZE, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    main()
