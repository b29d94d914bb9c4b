"""What a matte brings: the error at its edge over a new background, and what a layer costs, as JSON.

    python tests/bench/bench_layers.py                     scenes made here, whose truth is exact
    python tests/bench/bench_layers.py --set DIR           every DIR/CASE with frames, matte, truth and paint
    python tests/bench/bench_layers.py --cover 0.2         the share of the frame that the matte covers

Of a case, `truth` is the whole frame painted, of which the keys are taken, and `paint` the subject's colors
alone, under its edge too. What is carried is laid over a new background:

after    the whole frame is carried, and the result is cut out with the matte
layer    subject and keys are cut out first, and only these are carried
painted  the same with keys that were painted from the cut-out subject, as a run paints them

edge     mean error where the matte is soft, 0 to 1
band     and within three pixels of it
core     and inside
seconds  processor time of carrying, mattes and colors of the subject included
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np

from propagate import PropagateOptions, propagate_keyframes
from stylize.compositing.bounds import measure_bounds
from stylize.compositing.shot_view import FullFrameView, MattedView
from stylize.media import open_clip, read_image, write_image
from stylize.project.project import Project
from tests.synthetic import sample, texture


def make_case(folder: Path, seed: int, cover: float, count: int, size: tuple[int, int]) -> Path:
    """A soft-edged blob that moves and breathes over a moving background; both have a painted version."""
    height, width = size
    rng = np.random.default_rng(seed)
    big = (height * 2, width * 2)
    sheets = [(texture(10 * seed + i, big), texture(10 * seed + i + 5, big)) for i in range(2)]
    y, x = np.mgrid[:height, :width].astype(np.float32)
    radius = np.sqrt(cover * height * width / np.pi)
    move, pan = rng.uniform(-2, 2, 2), rng.uniform(-1.5, 1.5, 2)
    phases = rng.uniform(0, 6.28, 3)
    for t in range(count):
        cx, cy = width / 2 + move[0] * (t - count / 2), height / 2 + 0.5 * move[1] * (t - count / 2)
        angle = np.arctan2(y - cy, x - cx)
        wave = 0.08 * np.sin(3 * angle + phases[0]) + 0.05 * np.sin(5 * angle + phases[1] + 0.05 * t)
        apart = radius * (1 + wave) - np.hypot(x - cx, y - cy)
        matte = np.clip(apart / 4 + 0.5, 0, 1).astype(np.float32)
        sway = 2 * np.sin(phases[2] + 0.2 * t + y / 40)
        near = (x - cx + width + sway, y - cy + height)
        far = (x + width / 2 + pan[0] * t, y + height / 2 + pan[1] * t)
        pictures = [[sample(p, *place) for p in sheet] for sheet, place in zip(sheets, (far, near), strict=True)]
        whole = [b + matte[..., None] * (f.astype(np.float32) - b) for b, f in zip(*pictures, strict=True)]
        whole[0] = whole[0] + rng.normal(0, 2, whole[0].shape)
        name = f"{t:04d}.png"
        write_image(folder / "frames" / name, _code(whole[0]), durable=False)
        write_image(folder / "truth" / name, _code(whole[1]), durable=False)
        write_image(folder / "paint" / name, pictures[1][1], durable=False)
        deep = np.rint(matte * 65535).astype(np.uint16)[..., None]
        write_image(folder / "matte" / name, deep, durable=False)
    return folder


def measure(case: Path, keys: list[int], work: Path, options: PropagateOptions) -> dict[str, object]:
    """Carry the keys of a case both ways and compare."""
    mattes = [_matte(path) for path in sorted((case / "matte").iterdir())]
    truths = [read_image(path) for path in sorted((case / "paint").iterdir())]
    keys = [key for key in keys if key < len(mattes)]
    with open_clip(case / "frames") as clip:
        files = {key: case / "truth" / f"{clip.info.names[key]}.png" for key in keys}
        began = time.process_time()
        whole = FullFrameView(clip)
        after = [made.image for made in propagate_keyframes(whole, whole.keys(files), options)]
        middle = time.process_time()
        seen = MattedView(clip, mattes, measure_bounds(mattes), 0, Project(work, clip.info).keys.rendered)  # type: ignore[arg-type]
        carried = propagate_keyframes(seen.carried, seen.keys(files), options, mattes=seen.mattes)
        layer = [seen.place(made.image, made.index) for made in carried]
        ended = time.process_time()
        bare = {key: seen.cut(truths[key], key) for key in keys}
        carried = propagate_keyframes(seen.carried, bare, options, mattes=seen.mattes)
        painted = [seen.place(made.image, made.index) for made in carried]
        window = seen.windows.size
    free = [t for t in range(len(mattes)) if t not in keys]
    facts = {
        "case": case.name,
        "frames": len(mattes),
        "cover": round(float(np.mean([matte.mean() for matte in mattes])), 4),
        "window": [round(window[0] * window[1] / mattes[0].size, 4), *window],
        "after": {**errors(after, truths, mattes, free), "seconds": round(middle - began, 2)},
        "layer": {**errors(layer, truths, mattes, free), "seconds": round(ended - middle, 2)},
        "painted": errors(painted, truths, mattes, free),
    }
    facts["edge_ratio"] = round(facts["layer"]["edge"] / facts["after"]["edge"], 4)
    facts["painted_ratio"] = round(facts["painted"]["edge"] / facts["after"]["edge"], 4)
    facts["cost_ratio"] = round(facts["layer"]["seconds"] / facts["after"]["seconds"], 4)
    return facts


def errors(made: list, truths: list, mattes: list, frames: list[int]) -> dict[str, float]:
    """Mean difference to the truth over the new background, by zone."""
    found: dict[str, list[float]] = {"edge": [], "band": [], "core": []}
    for t in frames:
        alpha = mattes[t][..., None]
        apart = np.abs(alpha * (made[t].astype(np.float32) - truths[t])).mean(axis=2) / 255
        soft = (mattes[t] > 0.02) & (mattes[t] < 0.98)
        near = cv2.dilate(soft.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        core = (mattes[t] >= 0.98) & ~near
        for name, zone in (("edge", soft), ("band", near), ("core", core)):
            found[name].append(float(apart[zone].mean()))
    return {name: round(float(np.mean(values)), 5) for name, values in found.items()}


def _matte(path: Path) -> np.ndarray:
    image = read_image(path)
    return np.asarray(image[..., 0] / np.iinfo(image.dtype).max, np.float32)


def _code(image: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path)
    parser.add_argument("--cover", type=float, default=0.2)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--frames", type=int, default=24)
    parser.add_argument("--size", default="640x360")
    parser.add_argument("--keys", type=int, nargs="+", default=[0, 12, 23])
    args = parser.parse_args()
    width, height = map(int, args.size.split("x"))
    options = PropagateOptions()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if args.set:
            cases = sorted(path for path in args.set.iterdir() if (path / "paint").is_dir())
        else:
            cases = [
                make_case(place / f"seed-{seed}", seed, args.cover, args.frames, (height, width)) for seed in args.seeds
            ]
        make_case(place / "warm", 0, 0.2, 3, (90, 160))
        measure(place / "warm", [0], place / "work", options)  # compiles
        found = [measure(case, args.keys, place / "work", options) for case in cases]
    mean = {
        name: round(float(np.mean([one[name] for one in found])), 4)
        for name in ("edge_ratio", "painted_ratio", "cost_ratio")
    }
    print(json.dumps({"cases": found, "mean": mean}, indent=1))


if __name__ == "__main__":
    main()
