"""Speed and steadiness of the control maps that need no weights, as JSON.

``python -m tests.bench.bench_maps [CLIP] [--frames 12]`` takes frames of a clip at their own size, the sample
by default. For each map: processor seconds a frame, the mean of the map (0 to 255), and its flicker: the mean
change from a frame to the next, which motion is a part of.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from pathlib import Path

import numpy as np

from stylize.maps import NAMES, make_map
from stylize.media import open_clip

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "clip.mp4"


def measure(name: str, frames: list[np.ndarray]) -> dict[str, float]:
    """Seconds, mean and flicker of one map."""
    began = time.process_time()
    maps = [make_map(name, frame, frame.shape[:2]) for frame in frames]
    seconds = (time.process_time() - began) / len(frames)
    steps = [np.abs(a.astype(int) - b).mean() for a, b in itertools.pairwise(maps)]
    facts = {"cpu_s": seconds, "mean": np.mean(maps), "flicker": np.mean(steps)}
    return {key: round(float(value), 3) for key, value in facts.items()}


def main() -> None:
    """Measure what the command line asks for."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("clip", type=Path, nargs="?", default=SAMPLE)
    reader.add_argument("--frames", type=int, default=12)
    asked = reader.parse_args()
    with open_clip(asked.clip, end=asked.frames) as clip:
        frames = list(clip)
    found = {name: measure(name, frames) for name in NAMES if name != "depth"}
    print(json.dumps({"clip": asked.clip.name, "size": frames[0].shape[1::-1], "maps": found}, indent=2))


if __name__ == "__main__":
    main()
