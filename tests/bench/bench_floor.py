"""The floor that propagation is held against, as JSON for `table.py --floor`.

    python tests/bench/bench_floor.py --set DIR [--gap 40] --json floor40.json

No synthesis: every key is followed through the whole clip along chained flow, each step is refined straight
against the key by DIS started from the chain and kept where the difference falls; then the warps of all keys
are blended softly per pixel by the blurred difference of the source frames. Nothing of the project is used.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import bench_propagate as bench
import cv2
import numpy as np
from skimage.metrics import structural_similarity

SOFT, BLUR = 4.0, 3.0
"""8-bit steps of difference at which a key counts for less by e; pixels of the blur of the difference."""


def apart(frame: np.ndarray, warped: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(cv2.absdiff(frame, warped).astype(np.float32).mean(-1), (0, 0), BLUR)


def fetched(image: np.ndarray, flow: np.ndarray, how: int = cv2.INTER_CUBIC) -> np.ndarray:
    height, width = flow.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return cv2.remap(image, x + flow[..., 0], y + flow[..., 1], how, borderMode=cv2.BORDER_REPLICATE)


def floor_of(frames: list[np.ndarray], painted: dict[int, np.ndarray]) -> list[np.ndarray]:
    """Every frame as the floor paints it; the keys as they are."""
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    said: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in frames]
    for key, picture in painted.items():
        for order in (range(key - 1, -1, -1), range(key + 1, len(frames))):
            before, flow = key, np.zeros((*frames[0].shape[:2], 2), np.float32)
            for t in order:
                step = search.calc(bench.gray(frames[t]), bench.gray(frames[before]), None)
                chained = step + fetched(flow, step, cv2.INTER_LINEAR)
                found = search.calc(bench.gray(frames[t]), bench.gray(frames[key]), chained.copy())
                lefts = [apart(frames[t], fetched(frames[key], one)) for one in (chained, found)]
                flow = np.where((lefts[1] < lefts[0])[..., None], found, chained)
                said[t].append((np.minimum(*lefts), fetched(picture.astype(np.float32), flow)))
                before = t
    made = []
    for t, words in enumerate(said):
        if t in painted:
            made.append(painted[t])
            continue
        lefts, pictures = (np.array(part) for part in zip(*words, strict=True))
        weights = np.exp((lefts.min(0) - lefts) / SOFT)
        mean = (pictures * (weights / weights.sum(0))[..., None]).sum(0)
        made.append(np.rint(np.clip(mean, 0, 255)).astype(np.uint8))
    return made


def main() -> None:
    """Measure and print, or write, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, required=True, help="a folder of cases")
    parser.add_argument("--only", help="of the set, these cases: car-turn,scene1")
    parser.add_argument("--gap", type=int, default=20, help="about so many frames from key to key")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write here instead of printing")
    asked = parser.parse_args()
    asked.frames = None
    figures: dict[str, dict[str, float]] = {}
    for name, painter, frames, truth in bench.cases_of(asked):
        keys = bench.even_keys(len(frames), asked.gap)
        made = floor_of(frames, {key: truth[key] for key in keys})
        between = [t for t in range(len(frames)) if t not in keys]
        noise = [bench.psnr(made[t], truth[t]) for t in between]
        alike = [structural_similarity(bench.gray(made[t]), bench.gray(truth[t])) for t in between]
        sharp = sum(bench.detail(made[t]) for t in between) / sum(bench.detail(truth[t]) for t in between)
        figures[f"{name} {painter}"] = {
            "psnr": round(float(np.mean(noise)), 3),
            "ssim": round(float(np.mean(alike)), 4),
            "sharp": round(sharp, 3),
            "worst": round(float(np.min(noise)), 3),
        }
        text = json.dumps({"about": __doc__.splitlines()[0], "floor": figures}, indent=2)
        if asked.json:
            asked.json.write_text(text + "\n", encoding="utf-8")
    if not asked.json:
        print(text)


if __name__ == "__main__":
    main()
