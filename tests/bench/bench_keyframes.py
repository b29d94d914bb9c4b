"""Keys by coverage against evenly spaced ones and the best there is, as JSON.

    python -m tests.bench.bench_keyframes [FOLDER_OR_VIDEO …] [--keys 2,4] [--best] [--uneven] [--seeds 50]

For each clip and number of keys: the mean and worst share of pixels that the keys next to a frame leave
unexplained, for the chosen keys, evenly spaced ones and, with --best, the best set of all.  The measure
follows every pixel of every frame (`tests.keyframes.slow`), so clips are cut to --frames.  Without clips:
synthetic ones.  --uneven adds for each clip a long stillness before and after a burst, and a slow part before
a fast one, made by holding its frames.  --seeds also counts cuts that were missed and invented in disturbed
synthetic cuts.  Seconds are for analysis and selection, without decoding.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np

from keyframes.coverage import analyse
from keyframes.options import SelectOptions
from keyframes.select import select_keyframes
from keyframes.shots import detect_shots
from tests import synthetic
from tests.keyframes import slow

SIDE = 320


def load(path: Path, most: int) -> list[np.ndarray]:
    if path.is_dir():
        images = (cv2.imread(str(p)) for p in sorted(path.iterdir()) if p.suffix.lower() in {".png", ".jpg"})
    else:
        capture = cv2.VideoCapture(str(path))
        images = iter(lambda: capture.read()[1], None)
    frames = []
    for image in itertools.islice(images, most):
        height, width = image.shape[:2]
        scale = min(1.0, SIDE / max(height, width))
        small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
        frames.append(np.ascontiguousarray(small[..., ::-1]))
    return frames


def uneven(clips: dict[str, list[np.ndarray]]) -> dict[str, list[np.ndarray]]:
    """The clips with their frames held: stillness and bursts, slow and fast."""
    made = {}
    for name, f in clips.items():
        third = len(f) // 3
        made[f"{name}, stillness then burst"] = [f[0]] * len(f) + f[: 2 * third]
        made[f"{name}, burst then stillness"] = f[:third] + [f[third]] * len(f)
        made[f"{name}, slow then fast"] = [x for x in f[:third] for _ in range(3)] + f[third::2]
    return made


def synthetic_clips() -> dict[str, list[np.ndarray]]:
    return {
        "pan": synthetic.pan(36, (5.0, 0.0)),
        "burst": synthetic.burst(20, 16, 8, (7.0, 1.0)),
        "zoom": synthetic.zoom(36, 0.98),
        "reveal": synthetic.noise(synthetic.reveal(36, 14), 3.0),
    }


def shares(seen: np.ndarray, keys: list[int]) -> tuple[float, float]:
    """Mean and worst share that the keys beside each frame leave unexplained."""
    left = [slow.unexplained(seen, t, keys) for t in range(len(seen)) if t not in keys]
    return float(np.mean(left)), float(np.max(left))


def best_of_all(seen: np.ndarray, most: int) -> dict[int, list[int]]:
    """The best set of each number of keys, by the slow measure, exactly: a shortest path over intervals."""
    count = len(seen)
    cost = np.full((count + 1, count + 1), np.inf)
    for a in range(-1, count):
        for b in range(a + 1, count + 1):
            ends = [k for k in (a, b) if 0 <= k < count]
            cost[a + 1, b] = sum(slow.unexplained(seen, t, ends) for t in range(a + 1, b))
    ways = {1: {b: (cost[0, b], [b]) for b in range(count)}}
    for k in range(2, most + 1):
        ways[k] = {}
        for b in range(k - 1, count):
            options = [(ways[k - 1][a][0] + cost[a + 1, b], a) for a in ways[k - 1] if a < b]
            total, a = min(options)
            ways[k][b] = (total, [*ways[k - 1][a][1], b])
    return {
        k: min((c + cost[b + 1, count], keys) for b, (c, keys) in ends.items())[1] for k, ends in ways.items()
    }


def row(frames: list[np.ndarray], counts: list[int], exhaustive: bool) -> dict[str, object]:
    started = time.perf_counter()
    analysis = analyse(frames)
    analysed = time.perf_counter()
    automatic = select_keyframes(analysis)
    selected = time.perf_counter()
    seen = slow.explained(frames)
    best = best_of_all(seen, max(counts)) if exhaustive else {}
    table = []
    for count in counts:
        options = SelectOptions(coverage=1.0, min_gain=0.0, max_keys=count)
        keys = [key.frame for key in select_keyframes(analysis, options).keys]
        sets = {"ours": keys, "even": slow.evenly(len(frames), count), "best": best.get(count)}
        entry: dict[str, object] = {"count": count}
        for name, chosen in sets.items():
            if chosen:
                mean, worst = shares(seen, chosen)
                entry[name] = {"keys": chosen, "mean": round(mean, 5), "worst": round(worst, 5)}
        table.append(entry)
    return {
        "frames": len(frames),
        "frames_per_second": round(len(frames) / (selected - started), 1),
        "seconds": {"analysis": round(analysed - started, 3), "selection": round(selected - analysed, 3)},
        "automatic": {"keys": [key.frame for key in automatic.keys], "coverage": round(automatic.total, 4)},
        "sets": table,
    }


def cuts(seeds: int) -> dict[str, int]:
    """Count missed and invented cuts in clips with flicker, grain and flashes."""
    missed = invented = 0
    for seed in range(seeds):
        at = 8 + seed % 9
        frames = synthetic.cut(synthetic.pan(at, seed=seed), synthetic.pan(16, (-1.0, 0.6), seed=seed + 500))
        frames = synthetic.flicker(synthetic.flash(frames, [3, at + 5]), seed=seed)
        found = {shot.start for shot in detect_shots(synthetic.noise(frames, seed=seed)).shots} - {0}
        missed += at not in found
        invented += len(found - {at})
    return {"seeds": seeds, "missed": missed, "invented": invented}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="*", type=Path)
    parser.add_argument("--keys", default="2,4", help="numbers of keys to compare")
    parser.add_argument("--frames", type=int, default=41)
    parser.add_argument("--best", action="store_true", help="also find the best set: slow")
    parser.add_argument("--uneven", action="store_true", help="also held and hurried versions of each clip")
    parser.add_argument("--seeds", type=int, default=0)
    given = parser.parse_args()
    counts = [int(k) for k in given.keys.split(",")]
    clips = {p.stem: load(p, given.frames) for p in given.clips} or synthetic_clips()
    analyse(next(iter(clips.values()))[:4])  # compile first
    if given.uneven:
        clips |= uneven(clips)
    result: dict[str, object] = {name: row(frames, counts, given.best) for name, frames in clips.items()}
    if given.seeds:
        result["cuts"] = cuts(given.seeds)
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
