"""Measure the synthesis and write JSON.

    python tests/bench/bench_synth.py --out synth.json [--examples DIR] [--ebsynth BINARY] [--crops 8]

Without a folder of EbSynth's example data (stylit, facestyle, texbynum) a drawn one is used.  With a binary
of EbSynth each run is paired with one of its own, so that a busy machine slows both.  `energy` and `spread`
are at half size: the mean, over random target patches, of the least distance to any style patch (lower obeys
style and guides better), and the share of distinct style patches among the nearest (higher repeats less).
With ``--crops`` so many small parts of each example are made too, style and target apart and with other
weights and patches, and compared with what EbSynth makes of the same files.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from propagate.guides import Guide
from propagate.options import SynthesisOptions
from propagate.synthesis import synthesize


@dataclass(frozen=True)
class Case:
    """One picture to make: file stems under the examples folder and EbSynth's options for them."""

    folder: str
    style: str
    guides: tuple[tuple[str, float], ...]
    options: SynthesisOptions


CASES = (
    Case("stylit", "source_style", (("fullgi", 0.66), ("dirdif", 0.66), ("indirb", 0.66)), SynthesisOptions()),
    Case("facestyle", "source_painting", (("Gapp", 0.5), ("Gseg", 1.5), ("Gpos", 10.0)), SynthesisOptions()),
    Case("texbynum", "source_photo", (("segment", 1.0),), SynthesisOptions(patch_size=3, uniformity=1000.0)),
)


def read(path: Path) -> np.ndarray:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if image is None:
        raise SystemExit(f"cannot read {path}")
    return np.ascontiguousarray(np.atleast_3d(image)[..., :3][..., ::-1])


def drawn(folder: Path) -> None:
    """Draw a small texture-by-numbers example where none is given."""
    rng = np.random.default_rng(1)
    (folder / "texbynum").mkdir(parents=True)
    size = (360, 480)
    noise = cv2.GaussianBlur(rng.normal(size=(*size, 3)), (0, 0), 2)
    strokes = cv2.filter2D(noise, -1, np.eye(15) / 15)
    grain = ((strokes - strokes.min()) / np.ptp(strokes) * 255).astype(np.uint8)
    for name, shape in (("source", (120, 90)), ("target", (60, 150))):
        label = np.zeros((*size, 3), np.uint8)
        cv2.ellipse(label, (240, 180), shape, 20, 0, 360, (255, 255, 255), -1)
        cv2.imwrite(str(folder / "texbynum" / f"{name}_segment.png"), label)
        if name == "source":
            photo = np.where(label > 0, grain // 2 + 127, grain // 2)
            cv2.imwrite(str(folder / "texbynum" / "source_photo.png"), photo)


def half(image: np.ndarray) -> np.ndarray:
    size = (image.shape[1] // 2, image.shape[0] // 2)
    return np.atleast_3d(cv2.resize(image, size, interpolation=cv2.INTER_AREA)).astype(np.float32)


def patches(pictures: list[np.ndarray], weights: list[float]) -> np.ndarray:
    parts = [half(p) * np.sqrt(w / np.atleast_3d(p).shape[2]) for p, w in zip(pictures, weights, strict=True)]
    view = np.lib.stride_tricks.sliding_window_view(np.concatenate(parts, axis=2), (5, 5), axis=(0, 1))
    return view.reshape(view.shape[0], view.shape[1], -1)


def energy(style: np.ndarray, made: np.ndarray, guides: list[Guide]) -> tuple[float, float]:
    """Return energy and spread of `made` by exhaustive search for a sample of its patches."""
    weights = [1.0, *(g.weight for g in guides)]
    source = patches([style, *(g.source for g in guides)], weights)
    target = patches([made, *(g.target for g in guides)], weights)
    target = target.reshape(-1, target.shape[2])
    sample = target[np.random.default_rng(0).choice(len(target), min(1500, len(target)), replace=False)]
    best, where = np.full(len(sample), np.inf, np.float32), np.zeros(len(sample), np.int64)
    rows = max(1, 40000 // source.shape[1])
    for y in range(0, source.shape[0], rows):
        block = source[y : y + rows].reshape(-1, source.shape[2])
        gaps = (sample**2).sum(1)[:, None] - 2 * (sample @ block.T) + (block**2).sum(1)[None]
        nearest = gaps.argmin(1)
        value = gaps[np.arange(len(sample)), nearest]
        where = np.where(value < best, y * source.shape[1] + nearest, where)
        best = np.minimum(best, value)
    return float(np.maximum(best, 0).mean() / 25), len(np.unique(where)) / len(where)


def timed(style: np.ndarray, guides: list[Guide], options: SynthesisOptions) -> tuple[dict[str, float], Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    made = synthesize(style, guides, options)
    return {"seconds": time.perf_counter() - wall, "cpu_seconds": time.process_time() - cpu}, made


def theirs(binary: Path, case: Case, folder: Path, out: Path) -> dict[str, float]:
    """Run EbSynth on the files of a case, see `Case`."""
    command = [str(binary), "-style", str(folder / f"{case.style}.png"), "-output", str(out)]
    command += ["-patchsize", str(case.options.patch_size), "-uniformity", str(case.options.uniformity)]
    for name, weight in case.guides:
        pair = [str(folder / f"{side}_{name}.png") for side in ("source", "target")]
        command += ["-guide", *pair, "-weight", str(weight)]
    before, wall = os.times().children_user, time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    cpu = os.times().children_user - before
    return {"seconds": time.perf_counter() - wall, "cpu_seconds": cpu}


def cold() -> float:
    """Return the seconds of a first tiny synthesis with an empty cache of compiled kernels."""
    code = (
        "import numpy as np; from propagate import Guide, synthesize; "
        "s = np.zeros((32, 32, 3), np.uint8); synthesize(s, [Guide(s, s)])"
    )
    with tempfile.TemporaryDirectory() as cache:
        start = time.perf_counter()
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        return time.perf_counter() - start


def measure(case: Case, examples: Path, binary: Path | None, repeat: int) -> dict[str, Any]:
    folder = examples / case.folder
    style = read(folder / f"{case.style}.png")
    guides = [
        Guide(read(folder / f"source_{name}.png"), read(folder / f"target_{name}.png"), weight)
        for name, weight in case.guides
    ]
    small = [replace(g, source=g.source[:64, :64], target=g.target[:64, :64]) for g in guides]
    synthesize(style[:64, :64], small, case.options)
    rounds: list[dict[str, Any]] = []
    for seed in range(repeat):
        result: dict[str, Any] = {}
        for threads in (1, 2):
            result[f"threads_{threads}"], made = timed(style, guides, replace(case.options, threads=threads, seed=seed))
        result["energy"], result["spread"] = energy(style, made.image, guides)
        if binary is not None:
            with tempfile.TemporaryDirectory() as place:
                out = Path(place) / "out.png"
                result["ebsynth"] = theirs(binary, case, folder, out)
                shot = read(out)
            result["ebsynth"]["energy"], result["ebsynth"]["spread"] = energy(style, shot, guides)
            result["times_faster"] = result["ebsynth"]["seconds"] / result["threads_2"]["seconds"]
        rounds.append(result)
    return {"case": case.folder, "size": list(style.shape[:2]), "rounds": rounds}


def cropped(case: Case, examples: Path, place: Path, number: int) -> Case:
    """Write a small part of a case's pictures to `place`, style and target each from somewhere else."""
    rng = np.random.default_rng((number, *case.folder.encode()))
    names = [name for name, _ in case.guides]
    parts = {}
    for files in ([case.style, *(f"source_{n}" for n in names)], [f"target_{n}" for n in names]):
        pictures = {f: read(examples / case.folder / f"{f}.png") for f in files}
        height, width = next(iter(pictures.values())).shape[:2]
        h, w = rng.integers(120, 301, 2)
        y, x = rng.integers(0, height - h + 1), rng.integers(0, width - w + 1)
        parts.update({f: p[y : y + h, x : x + w] for f, p in pictures.items()})
    for file, part in parts.items():
        cv2.imwrite(str(place / f"{file}.png"), part[..., ::-1])
    weights = tuple((n, float(w * rng.choice([0.5, 1, 2, 4]))) for n, w in case.guides)
    options = replace(case.options, patch_size=int(rng.choice([3, 5, 7])), uniformity=float(rng.choice([1000, 3500])))
    return replace(case, guides=weights, options=options)


def compare_crops(case: Case, examples: Path, binary: Path, count: int) -> dict[str, Any]:
    """Return energy and spread of `count` crops, ours over EbSynth's."""
    rows = []
    for number in range(count):
        with tempfile.TemporaryDirectory() as name:
            place = Path(name)
            crop = cropped(case, examples, place, number)
            style = read(place / f"{crop.style}.png")
            guides = [Guide(*(read(place / f"{s}_{n}.png") for s in ("source", "target")), w) for n, w in crop.guides]
            ours = energy(style, synthesize(style, guides, crop.options).image, guides)
            theirs(binary, crop, place, place / "out.png")
            other = energy(style, read(place / "out.png"), guides)
            rows.append({"energy": ours[0] / other[0], "spread": ours[1] / other[1], "patch": crop.options.patch_size})
    means = {k: float(np.exp(np.mean([np.log(row[k]) for row in rows]))) for k in ("energy", "spread")}
    return {"case": case.folder, "mean": means, "crops": rows}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--examples", type=Path)
    parser.add_argument("--ebsynth", type=Path, help="a binary of its CPU build")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--crops", type=int, default=0, help="of each example; needs --ebsynth")
    parser.add_argument("--case", action="append", help="only these")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        examples = wanted.examples
        if examples is None:
            examples = Path(place)
            drawn(examples)
        cases = [c for c in CASES if (examples / c.folder).is_dir() and c.folder in (wanted.case or [c.folder])]
        report = {
            "machine": {"processor": platform.processor(), "cores": os.cpu_count()},
            "cold_start_seconds": cold(),
            "cases": [measure(case, examples, wanted.ebsynth, wanted.repeat) for case in cases if wanted.repeat],
            "crops": [compare_crops(case, examples, wanted.ebsynth, wanted.crops) for case in cases if wanted.crops],
        }
    wanted.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
