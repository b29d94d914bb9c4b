"""How good chosen keys are, how cuts are found, and what it takes, as JSON.

    python -m tests.bench.bench_keyframes choices [FOLDER_OR_VIDEO …] [--first 20] [--keys 2,3,4,5] [--uneven]
    python -m tests.bench.bench_keyframes cuts [--seeds 50]
    python -m tests.bench.bench_keyframes speed CLIP [--rounds 3]
    python -m tests.bench.bench_keyframes memory [60 600 10000]

choices  For each clip and number of keys the share of pixels that the keys beside a frame leave unexplained,
         mean and worst over the frames that are no keys, for the chosen keys, for evenly spaced ones and for
         the best set of all. The judge follows every pixel of every frame and shares nothing with the
         analysis (`tests.keyframes.slow`). --uneven adds versions of each clip whose frames are held and
         hurried. Without clips: ones made here.
cuts     Cuts that are missed and invented in made clips with one cut each: plain, and with flicker, grain and
         two flashes; and cuts invented in clips without one where every frame is new: fire, a crowd, sports, a
         strobe, a whip pan.
speed    Frames a second of a clip, from its file to its keys: decoding, cuts, analysis, choice.
memory   The most memory of analysis and choice, for clips of so many frames.
"""

from __future__ import annotations

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from keyframes.coverage import analyze
from keyframes.options import AnalysisOptions, SelectOptions
from keyframes.select import select_keyframes
from keyframes.shots import detect_shots
from tests import synthetic
from tests.bench.bench_propagate import about
from tests.bench.key_clips import load, made_clips, uneven
from tests.keyframes import slow

LEAST = 1e-4
"""Shares below this are taken for it in ratios: next to nothing is left either way."""


def judge(frames: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Tables (n + 1, n + 1): shares left over between neighboring keys, summed, and the worst.

    Row a + 1 is for key a before, row 0 for none; column b for key b after, column n for none.
    """
    count = len(frames)
    seen = np.packbits(slow.explained(frames).reshape(count, count, -1), axis=-1)
    pixels = frames[0].shape[0] * frames[0].shape[1]
    total = np.full((count + 1, count + 1), np.inf)
    worst = total.copy()
    for a in range(-1, count):
        for b in range(a + 1, count + 1):
            between = slice(a + 1, b)
            found = [seen[between, key] for key in (a, b) if 0 <= key < count]
            union = np.bitwise_or.reduce(found) if found else np.zeros((b - a - 1, 1), np.uint8)
            left = 1 - np.bitwise_count(union).sum(axis=-1, dtype=np.int64) / pixels
            total[a + 1, b], worst[a + 1, b] = left.sum(), left.max(initial=0.0)
    return total, worst


def best_of_all(total: np.ndarray, most: int) -> dict[int, list[int]]:
    """The best set of each number of keys, exactly: a shortest path over the table."""
    count = len(total) - 1
    ways = {1: {b: (total[0, b], [b]) for b in range(count)}}
    for k in range(2, most + 1):
        ways[k] = {}
        for b in range(k - 1, count):
            spent, a = min((ways[k - 1][a][0] + total[a + 1, b], a) for a in ways[k - 1] if a < b)
            ways[k][b] = (spent, [*ways[k - 1][a][1], b])
    return {
        k: min((spent + total[b + 1, count], keys) for b, (spent, keys) in ends.items())[1] for k, ends in ways.items()
    }


def judged(tables: tuple[np.ndarray, np.ndarray], keys: list[int]) -> dict[str, object]:
    count = len(tables[0]) - 1
    steps = [-1, *keys, count]
    total, worst = ([table[a + 1, b] for a, b in itertools.pairwise(steps)] for table in tables)
    return {"keys": keys, "mean": float(sum(total)) / (count - len(keys)), "worst": float(max(worst))}


def row(clip: tuple[str, list[np.ndarray], list[int]]) -> dict[str, object]:
    """Figures of one clip: chosen, even and best keys of each number."""
    name, frames, counts = clip
    cv2.setNumThreads(1)
    analysis, tables = analyze(frames), judge(frames)
    best = best_of_all(tables[0], max(counts))
    sets = []
    for count in counts:
        asked = SelectOptions(coverage=1.0, min_gain=0.0, max_keys=count)
        keys = [key.frame for key in select_keyframes(analysis, asked).keys]
        compared = {"chosen": keys, "even": slow.evenly(len(frames), count), "best": best[count]}
        sets.append({"count": count} | {who: judged(tables, those) for who, those in compared.items()})
    automatic = [key.frame for key in select_keyframes(analysis).keys]
    return {"clip": name, "frames": len(frames), "automatic": automatic, "sets": sets}


def summary(rows: list[dict]) -> dict[str, object]:
    """What the tables of all clips come to."""
    sets = [one for clip in rows for one in clip["sets"]]
    ratio = {
        other: np.array([max(s["chosen"]["mean"], LEAST) / max(s[other]["mean"], LEAST) for s in sets])
        for other in ("best", "even")
    }
    worst = np.array([max(s["chosen"]["worst"], LEAST) / max(s["even"]["worst"], LEAST) for s in sets])
    return {
        "choices": len(sets),
        "over_best": {
            "mean": round(float(ratio["best"].mean()), 4),
            "largest": round(ratio["best"].max(), 4),
        },
        "over_even": {
            "mean": round(float(ratio["even"].mean()), 4),
            "largest": round(ratio["even"].max(), 4),
        },
        "worst_frame_over_even": {"mean": round(float(worst.mean()), 4), "largest": round(worst.max(), 4)},
        "worst_frame_above_1.05_of_even": int((worst > 1.05 + 1e-6).sum()),
    }


def choices(asked: argparse.Namespace) -> dict[str, object]:
    clips = {}
    for path in asked.clips:
        name = path.parent.name if path.name == "frames" else path.stem
        clips[name] = load(path, 0 if path.is_dir() else asked.first, asked.frames)
    clips = clips or made_clips()
    if asked.uneven:
        clips |= uneven(clips)
    counts = [int(k) for k in asked.keys.split(",")]
    # spawned: a fork of a process whose libraries have threads may wait for ever
    with ProcessPoolExecutor(asked.processes, get_context("spawn")) as crew:
        rows = list(crew.map(row, [(name, frames, counts) for name, frames in clips.items()]))
    return {"summary": summary(rows), "clips": rows}


def cuts(asked: argparse.Namespace) -> dict[str, object]:
    """Count missed and invented cuts."""
    found = {kind: {"missed": 0, "invented": 0} for kind in ("plain", "disturbed")}
    for seed in range(asked.seeds):
        at = 8 + seed % 9
        plain = synthetic.cut(synthetic.pan(at, seed=seed), synthetic.pan(16, (-1.0, 0.6), seed=seed + 500))
        flashed = synthetic.flicker(synthetic.flash(plain, [3, at + 5]), seed=seed)
        for kind, frames in (("plain", plain), ("disturbed", synthetic.noise(flashed, seed=seed))):
            starts = {shot.start for shot in detect_shots(frames).shots} - {0}
            found[kind]["missed"] += at not in starts
            found[kind]["invented"] += len(starts - {at})
    unrest = dict.fromkeys(("fire", "crowd", "sport", "strobe", "whip_pan"), 0)
    for seed, kind in itertools.product(range(100, 100 + asked.seeds), unrest):
        make = getattr(synthetic, kind)
        frames = make(seed=seed) if kind == "whip_pan" else make(40, seed=seed)
        unrest[kind] += len(detect_shots(frames).shots) - 1
    return {"seeds": asked.seeds, **found, "invented in unrest": unrest}


def spent() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def speed(asked: argparse.Namespace) -> dict[str, object]:
    """Seconds of each step; the fastest of some rounds, after one that compiles."""
    from stylize.media import open_clip
    from stylize.pipeline.analysis import analyze_shot
    from stylize.pipeline.shots import measure_changes

    rounds = []
    for _ in range(asked.rounds + 1):
        with open_clip(asked.clip) as clip:
            size, marks = (clip.info.width, clip.info.height, len(clip)), [spent()]
            measure_changes(clip)
            marks.append(spent())
            analysis = analyze_shot(clip, AnalysisOptions())
            marks.append(spent())
            select_keyframes(analysis)
            marks.append(spent())
        rounds.append(np.diff(np.array(marks), axis=0))
    fastest = min(rounds[1:], key=lambda r: r[:, 0].sum())
    wall, processor = fastest.sum(axis=0)
    steps = ("cuts", "analysis", "choice")
    return {
        "size": f"{size[0]}x{size[1]}",
        "frames": size[2],
        "frames_per_second": round(size[2] / wall, 1),
        "processor_ms_a_frame": round(1000 * processor / size[2], 1),
        "seconds": {step: round(float(took[0]), 3) for step, took in zip(steps, fastest, strict=True)},
    }


def wander(count: int) -> list[np.ndarray]:
    """A window of 320x180 that wanders over a wide picture, frame by frame when asked for."""
    wide = synthetic.texture(1, (400, 900))
    for t in range(count):
        x, y = round(200 + 190 * np.sin(t / 40)), round(80 + 70 * np.sin(t / 23))
        yield np.ascontiguousarray(wide[y : y + 180, x : x + 320])


def memory(asked: argparse.Namespace) -> dict[str, object]:
    """The most memory in MiB, each length in a process of its own."""
    if asked.alone:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        select_keyframes(analyze(wander(asked.lengths[0])))
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        return {"before_mib": round(before), "most_mib": round(most)}
    command = [sys.executable, "-m", "tests.bench.bench_keyframes", "memory", "--alone"]
    lone = {}
    for length in asked.lengths:
        done = subprocess.run([*command, str(length)], capture_output=True, text=True, check=True)
        lone[str(length)] = {k: v for k, v in json.loads(done.stdout).items() if k.endswith("mib")}
    return {"size": "320x180", "lengths": lone}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    part = parts.add_parser("choices")
    part.add_argument("clips", nargs="*", type=Path)
    part.add_argument("--keys", default="2,3,4,5", help="numbers of keys to compare")
    part.add_argument("--first", type=int, default=0, help="of videos, the first frame")
    part.add_argument("--frames", type=int, default=41, help="frames of each clip: the judge is slow")
    part.add_argument("--uneven", action="store_true", help="also held and hurried versions of each clip")
    part.add_argument("--processes", type=int, default=2)
    part.set_defaults(call=choices)
    part = parts.add_parser("cuts")
    part.add_argument("--seeds", type=int, default=50)
    part.set_defaults(call=cuts)
    part = parts.add_parser("speed")
    part.add_argument("clip", type=Path)
    part.add_argument("--rounds", type=int, default=3)
    part.set_defaults(call=speed)
    part = parts.add_parser("memory")
    part.add_argument("lengths", nargs="*", type=int, default=[60, 600, 10_000])
    part.add_argument("--alone", action="store_true", help="one length, in this process")
    part.set_defaults(call=memory)
    asked = parser.parse_args()
    json.dump(about() | asked.call(asked), sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
