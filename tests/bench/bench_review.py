"""Benchmark of the review page: first image, steps from frame to frame, edits. Writes JSON.

    python tests/bench/bench_review.py --frames 1000 --out review.json

The project is new and has an empty cache. Times are measured in the browser, in milliseconds: from the request
of the page to the first drawn image; from a key press to the next drawn frame; from an edit to its answer, when
it is saved in keyframes.toml.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

STEP = """() => new Promise((done) => {
  const began = performance.now(), track = document.getElementById('track');
  const from = track.getAttribute('aria-valuenow');
  const look = () => {
    const ready = document.getElementById('picture').dataset.ready === 'true';
    if (track.getAttribute('aria-valuenow') !== from && ready) done(performance.now() - began);
    else requestAnimationFrame(look);
  };
  dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight' }));
  look();
})"""
EDIT = """async () => {
  const state = await (await fetch('/api/state')).json();
  const taken = new Set(state.keys.map((key) => key.frame));
  let frame = state.clip.first;
  while (taken.has(frame)) frame++;
  const began = performance.now();
  const answer = await fetch('/api/edit', { method: 'POST', headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ revision: state.revision, action: 'add', frame }) });
  await answer.json();
  return answer.ok ? performance.now() - began : null;
}"""


def main() -> None:
    """Make a clip, open its page and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--size", type=int, nargs=2, default=(1280, 720), metavar=("W", "H"))
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--edits", type=int, default=20)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = make_clip(Path(folder), arguments.frames, tuple(arguments.size))
        result = measure(clip, arguments.steps, arguments.edits)
    text = json.dumps({"frames": arguments.frames, "size": arguments.size, **result}, indent=2)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n", encoding="utf-8")


def make_clip(folder: Path, count: int, size: tuple[int, int]) -> Path:
    """Write a video of a sliding texture."""
    width, height = size
    rng = np.random.default_rng(1)
    small = rng.integers(0, 256, (height // 40 + 2, (width + 4 * count) // 40 + 2, 3), np.uint8)
    wide = cv2.resize(small, (width + 4 * count, height), interpolation=cv2.INTER_CUBIC)
    path = folder / "clip.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 24, size)
    for index in range(count):
        writer.write(np.ascontiguousarray(wide[:, 4 * index : 4 * index + width]))
    writer.release()
    return path


def measure(clip: Path, steps: int, edits: int) -> dict[str, object]:
    """Open the page of a new clip and measure its actions."""
    from playwright.sync_api import sync_playwright

    command = [sys.executable, str(ROOT / "stylize/cli/app.py"), "review", str(clip), "--no-browser"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert server.stderr is not None
    link = next(match[0] for line in server.stderr if (match := re.search(r"http\S+token=\S+", line)))
    program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))))
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            tab = browser.new_page(viewport={"width": 1280, "height": 720})
            tab.goto(link)
            tab.locator("#picture[data-ready=true]").wait_for()
            first = tab.evaluate("performance.now()")
            tab.wait_for_timeout(2000)
            step_times = [tab.evaluate(STEP) for _ in range(steps)]
            edit_times = [tab.evaluate(EDIT) for _ in range(edits)]
            browser.close()
    finally:
        server.send_signal(2)
        server.wait(30)
    return {"first_picture_ms": round(first), "step_ms": summary(step_times), "edit_ms": summary(edit_times)}


def summary(values: list[float]) -> dict[str, float]:
    """Return the median and the 90th percentile."""
    return {
        "median": round(statistics.median(values), 1),
        "p90": round(statistics.quantiles(values, n=10)[-1], 1),
    }


if __name__ == "__main__":
    main()
