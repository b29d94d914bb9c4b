"""Quality and speed of propagation, as JSON.

    python tests/bench/bench_propagate.py                    clips made here, whose truth is exact
    python tests/bench/bench_propagate.py --frames DIR --truth DIR --keys 0,20,40 --name car --painter ink
    python tests/bench/bench_propagate.py --set DIR          every DIR/CASE/frames with DIR/CASE/truth_PAINTER
    python tests/bench/bench_propagate.py --scaling          threads, and length of the clip, only

The keys are taken from the truth and left out of the means.

psnr, ssim   against the truth; higher is better
sharp        gradients of the result over those of the truth: 1 is right, less is blur
flicker      change along the clip's own motion over that of the truth: 1 is right, more flickers; none where
             the truth hardly changes, as in a clip that stands still
worst        psnr of the worst frame
exact        every key came out bit for bit
fps          frames per second, flow and joining included, after a warm-up
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from propagate import PropagateOptions, propagate_keyframes
from stylize.media import read_image, write_image

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
STILL = 0.25
"""8-bit steps of change along the motion below which a ratio of changes says nothing."""
SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff"}


def read_folder(folder: Path) -> dict[str, np.ndarray]:
    """Every image of a folder by stem, without alpha."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    return {path.stem: np.ascontiguousarray(read_image(path)[..., :3]) for path in files}


def gray(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    error = float(np.mean((a.astype(np.float32) - b) ** 2))
    return 99.0 if error == 0 else min(10 * np.log10(255**2 / error), 99.0)


def detail(image: np.ndarray) -> float:
    """Mean gradient magnitude."""
    light = gray(image).astype(np.float32)
    return float(np.hypot(cv2.Sobel(light, cv2.CV_32F, 1, 0), cv2.Sobel(light, cv2.CV_32F, 0, 1)).mean())


def follow(image: np.ndarray, flow: np.ndarray) -> np.ndarray:
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(image, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def unrest(frames: list[np.ndarray], *clips: list[np.ndarray]) -> list[float]:
    """How much each clip changes along the motion of `frames`, where that motion is certain.

    The flow is OpenCV's own and not the project's: the judge must not share its eyes with the accused.
    """
    judge = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    changes: list[list[float]] = [[] for _ in clips]
    for t in range(1, len(frames)):
        now, before = gray(frames[t]), gray(frames[t - 1])
        back, forth = judge.calc(now, before, None), judge.calc(before, now, None)
        astray = np.linalg.norm(back + follow(forth, back), axis=-1)
        differs = cv2.absdiff(frames[t], follow(frames[t - 1], back)).max(-1)
        sure = (astray < 1) & (differs < 20)
        if sure.mean() < 0.2:  # a cut
            continue
        for change, clip in zip(changes, clips, strict=True):
            moved = follow(clip[t - 1].astype(np.float32), back)
            change.append(float(np.abs(clip[t] - moved).mean(-1)[sure].mean()))
    return [float(np.mean(change)) if change else 0.0 for change in changes]


def carry(
    frames: list[np.ndarray], painted: dict[int, np.ndarray], threads: int | None
) -> tuple[list[np.ndarray], float]:
    """Propagate; return the frames and the seconds."""
    began = time.perf_counter()
    out = [f.image for f in propagate_keyframes(frames, painted, PropagateOptions(threads=threads))]
    return out, time.perf_counter() - began


def judge_case(
    frames: list[np.ndarray], truth: list[np.ndarray], keys: list[int], threads: int | None
) -> tuple[dict[str, object], list[np.ndarray]]:
    """Propagate the truth's keys; return figures and frames."""
    painted = {key: truth[key] for key in keys}
    made, seconds = carry(frames, painted, threads)
    between = [t for t in range(len(frames)) if t not in painted]
    noise = [psnr(made[t], truth[t]) for t in between]
    alike = [structural_similarity(gray(made[t]), gray(truth[t])) for t in between]
    ours, right = unrest(frames, made, truth)
    height, width = frames[0].shape[:2]
    figures = {
        "frames": len(frames),
        "size": f"{width}x{height}",
        "keys": keys,
        "psnr": round(float(np.mean(noise)), 3),
        "ssim": round(float(np.mean(alike)), 4),
        "sharp": round(sum(detail(made[t]) for t in between) / sum(detail(truth[t]) for t in between), 3),
        "flicker": round(ours / right, 3) if right > STILL else None,
        "worst": round(float(np.min(noise)), 3),
        "exact": all(np.array_equal(made[key], truth[key]) for key in keys),
        "seconds": round(seconds, 2),
        "fps": round(len(frames) / seconds, 3),
    }
    return figures, made


def own_clips(size: tuple[int, int], count: int) -> dict[str, tuple[list[np.ndarray], list[np.ndarray]]]:
    """Clips with their truth: the painted surface is another picture that moves exactly alike."""
    sys.path.insert(0, str(ROOT))
    from tests import synthetic

    moves = {
        "pan": lambda seed: synthetic.pan(count, (3.0, 1.0), seed=seed, size=size),
        "zoom": lambda seed: synthetic.zoom(count, 1.01, seed=seed, size=size),
        "occluder": lambda seed: synthetic.occluder(count, 3, count - 4, seed=seed, size=size, width=size[1] // 4),
        "reveal": lambda seed: synthetic.reveal(count, count // 3, seed=seed, size=size),
    }
    return {name: (move(1), move(101)) for name, move in moves.items()}


class Pan(Sequence):
    """A window that moves over a wide picture, a pixel a frame there and back, cut out when asked for."""

    def __init__(self, count: int, size: tuple[int, int]) -> None:
        sys.path.insert(0, str(ROOT))
        from tests import synthetic

        self.count, self.size = count, size
        self.wide = synthetic.texture(1, (size[0], 2 * size[1]))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, t: int) -> np.ndarray:
        place = abs((t + self.size[1]) % (2 * self.size[1]) - self.size[1])
        return np.ascontiguousarray(self.wide[:, place : place + self.size[1]])


def long_clip(count: int) -> dict[str, float]:
    """Seconds per frame and the most memory in MiB for a clip of `count` frames with a key every tenth."""
    frames = Pan(count, (90, 160))
    painted = {key: 255 - frames[key] for key in range(0, count, 10)}
    began = time.perf_counter(), time.process_time()
    for _ in propagate_keyframes(frames, painted):
        pass
    wall, processor = time.perf_counter() - began[0], time.process_time() - began[1]
    status = Path("/proc/self/status")
    if status.exists():  # the other figure of a child begins with its parent's
        most = int(status.read_text(encoding="utf-8").partition("VmHWM:")[2].split()[0]) / 1024
    else:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds_per_frame": round(wall / count, 4),
        "cpu_per_frame": round(processor / count, 4),
        "peak_mib": round(most),
    }


def scaling(lengths: tuple[int, ...] = (50, 1000)) -> dict[str, object]:
    """Seconds per frame on one thread and on two, and of a short clip and a long one."""
    size, count = (360, 640), 12
    pan = Pan(count * 3, size)
    frames = [pan[3 * t] for t in range(count)]
    painted = {key: 255 - frames[key] for key in (0, count - 1)}
    rounds: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(3):  # in turn, so that other work on the machine meets both alike
        for threads, seconds in rounds.items():
            cv2.setNumThreads(threads)
            seconds.append(carry(frames, painted, threads)[1] / count)
    one, two = min(rounds[1]), min(rounds[2])
    lone = {}
    for length in lengths:  # each in a process of its own, whose memory is its own too
        command = [sys.executable, __file__, "--length", str(length)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        lone[str(length)] = json.loads(done.stdout)
    return {
        "threads": {
            "size": "640x360",
            "one": round(one, 3),
            "two": round(two, 3),
            "gain": round(one / two, 2),
        },
        "length": {"size": "160x90"} | lone,
    }


def about() -> dict[str, object]:
    """Machine and state of the code."""
    commit = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    load = round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {"machine": machine, "commit": commit.stdout.strip(), "load": load}


def even_keys(count: int, gap: int) -> list[int]:
    """First and last frame, and between them keys about `gap` frames apart."""
    spans = max(1, round((count - 1) / gap))
    return [round(index * (count - 1) / spans) for index in range(spans + 1)]


def cases_of(asked: argparse.Namespace) -> Iterator[tuple[str, str, list[np.ndarray], list[np.ndarray]]]:
    """Case, painter, frames and truth of everything asked for, read when its turn comes."""
    if asked.frames:
        places = [(asked.name or asked.frames.resolve().parent.name, asked.painter, asked.frames, asked.truth)]
    elif asked.set:
        truths = sorted(path for path in asked.set.glob("*/truth*") if (path.parent / "frames").is_dir())
        places = [
            (t.parent.name, t.name.removeprefix("truth").strip("_") or asked.painter, t.parent / "frames", t)
            for t in truths
            if asked.only is None or t.parent.name in asked.only.split(",")
        ]
    else:
        width, _, height = asked.size.partition("x")
        for name, (frames, truth) in own_clips((int(height), int(width)), asked.count).items():
            yield name, "exact", frames, truth
        return
    for name, painter, frames, truth in places:
        shown, painted = read_folder(frames), read_folder(truth)
        yield name, painter, [*shown.values()], [painted[stem] for stem in shown]


def show(report: dict[str, object], place: Path | None) -> None:
    """Write the report, or print it."""
    text = json.dumps(report, indent=2)
    if place:
        place.write_text(text + "\n", encoding="utf-8")
    else:
        print(text)


def main() -> None:
    """Measure and print, or write, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=Path, help="the clip's frames, one image each")
    parser.add_argument("--truth", type=Path, help="the painted frames under the same names")
    parser.add_argument("--set", type=Path, help="a folder of cases")
    parser.add_argument("--only", help="of the set, these cases: car-turn,scene1")
    parser.add_argument("--keys", help="numbers of the frames taken as keys, from 0")
    parser.add_argument("--gap", type=int, default=20, help="without --keys: about so far apart")
    parser.add_argument("--name", help="of the case, in tables; the folder's by default")
    parser.add_argument("--painter", default="painted", help="who made the truth, in tables")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--size", default="640x360", help="of the clips made here")
    parser.add_argument("--count", type=int, default=24, help="frames of the clips made here")
    parser.add_argument("--scaling", action="store_true", help="threads and length only")
    parser.add_argument("--length", type=int, metavar="N", help="one clip of N frames only: time and memory")
    parser.add_argument("--save", type=Path, help="also write the frames, to look at")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write here instead of printing")
    asked = parser.parse_args()
    report: dict[str, object] = about()
    blank = np.zeros((48, 64, 3), np.uint8)
    carry([blank] * 3, {0: blank}, asked.threads)  # compiles
    if asked.length:
        show(long_clip(asked.length), asked.json)
        return
    if asked.scaling:
        show(report | scaling(), asked.json)
        return
    found: list[dict[str, object]] = []
    report["cases"] = found
    for name, painter, frames, truth in cases_of(asked):
        keys = [int(key) for key in asked.keys.split(",")] if asked.keys else even_keys(len(frames), asked.gap)
        carry(frames[:2], {0: truth[0]}, asked.threads)  # compiles what these need
        figures, made = judge_case(frames, truth, keys, asked.threads)
        found.append({"case": name, "truth": painter, **figures})
        for index, frame in enumerate(made if asked.save else ()):
            write_image(asked.save / f"{name}_{painter}" / f"{index:06d}.png", frame, durable=False)
        if asked.json:
            show(report, asked.json)  # what is done stays when the rest is interrupted
    show(report, asked.json)


if __name__ == "__main__":
    main()
