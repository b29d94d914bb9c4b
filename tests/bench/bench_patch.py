"""Speed and quality of the patch renderer on the samples, as JSON.

``python tests/bench/bench_patch.py`` prints one object: seconds for a key at 640x360 and at 1280x720 (warm,
median of three, and processor seconds, which other work on the machine disturbs less), how well the frame is
recognized (correlation of lightness), how near the paint is to the style's colors (OKLab x 100) and how well
keys agree (OKLab x 100 on shared surface).
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from pathlib import Path

import av
import cv2
import numpy as np

from stylize.render import make_renderer
from stylize.render.consistency import paint_shot
from stylize.render.oklab import rgb_to_oklab

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
KEYS = (4, 24, 42)


def recognized(painted: np.ndarray, frame: np.ndarray) -> float:
    """Correlation of lightness."""
    light = [rgb_to_oklab(image)[..., 0].ravel() for image in (painted, frame)]
    return float(np.corrcoef(*light)[0, 1])


def off_palette(painted: np.ndarray, style: np.ndarray) -> float:
    """Mean distance of painted pixels to the nearest of the style's, OKLab x 100."""
    source = rgb_to_oklab(style).reshape(-1, 3)[::97]
    pixels = rgb_to_oklab(painted).reshape(-1, 3)[::101]
    return 100 * float(np.sqrt(((pixels[:, None] - source) ** 2).sum(2)).min(1).mean())


def seconds(work, rounds: int = 3) -> dict[str, float]:
    """Median wall and processor seconds of `work`."""
    wall, cpu = [], []
    for _ in range(rounds):
        start, start_cpu = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - start)
        cpu.append(time.process_time() - start_cpu)
    return {"wall": round(statistics.median(wall), 2), "cpu": round(statistics.median(cpu), 2)}


def main() -> None:
    """Measure and print."""
    style = cv2.cvtColor(cv2.imread(str(SAMPLES / "style.png")), cv2.COLOR_BGR2RGB)
    with av.open(str(SAMPLES / "clip.mp4")) as clip:
        frames = {i: f.to_ndarray(format="rgb24") for i, f in enumerate(clip.decode(video=0)) if i in KEYS}
    renderer = make_renderer("patch", [style])
    small = frames[KEYS[0]]
    large = cv2.resize(small, (1280, 720), interpolation=cv2.INTER_CUBIC)
    painted = renderer.paint(small).image
    report = {
        "machine": {"cpu": platform.processor() or platform.machine(), "cores": os.cpu_count()},
        "seconds": {
            "640x360": seconds(lambda: renderer.paint(small)),
            "1280x720": seconds(lambda: renderer.paint(large)),
        },
        "recognized": round(recognized(painted, small), 3),
        "off_palette": round(off_palette(painted, style), 3),
    }
    lookup = [frames.get(i) for i in range(max(KEYS) + 1)]
    report["agreement"] = {str(key): made.recipe["agreement"] for key, made in paint_shot(lookup, KEYS, renderer)}
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
