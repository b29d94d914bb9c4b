"""Time and memory of whole runs, as JSON.

    python tests/bench/bench_run.py                              the sample: cold, warm, again
    python tests/bench/bench_run.py --clip big.mp4 --frames 180  a clip of one's own, played forth and back
    python tests/bench/bench_run.py --frames 60 600              does memory grow with the number of frames?

cold    nothing compiled, no project
warm    compiled, no project
again   compiled, everything in the project: only the output is looked at

Memory is the largest resident size of the command, sampled every 50 ms; the encoder, another process, is told
apart.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[2]


def looped(clip: Path, count: int, side: int, place: Path) -> Path:
    """Write the clip, `side` pixels long, played forth and back until it has `count` frames."""
    from stylize.media import open_clip, write_image

    place.mkdir()
    with open_clip(clip) as source:
        size = len(source)
        for index in range(count):
            turn = index % max(2 * size - 2, 1)
            frame = source.small(turn if turn < size else 2 * size - 2 - turn, side)
            write_image(place / f"{index:06d}.png", frame, compression=1, durable=False)
    return place


def measure(arguments: list[str], environment: dict[str, str]) -> dict[str, object]:
    """Run the command; return its JSON, seconds, and peak MiB of itself and of its children."""
    began = time.perf_counter()
    command = [sys.executable, str(ROOT / "stylize/cli/app.py"), "run", *arguments, "--json", "-y"]
    with tempfile.TemporaryFile("w+") as out:
        child = subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, env={**os.environ, **environment})
        process, peak, others = psutil.Process(child.pid), 0, 0
        while child.poll() is None:
            try:
                peak = max(peak, process.memory_info().rss)
                others = max(others, sum(p.memory_info().rss for p in process.children(recursive=True)))
            except psutil.Error:
                pass
            time.sleep(0.05)
        seconds = time.perf_counter() - began
        if child.returncode:
            raise SystemExit(f"{' '.join(command)} exited with {child.returncode}")
        out.seek(0)
        result = json.loads(out.read())
    return {
        "seconds": round(seconds, 2),
        "peak_mib": peak >> 20,
        "encoder_mib": others >> 20,
        "keys": len(result["keys"]),
        "frames": result["frames"],
        "stages": result["seconds"],
    }


def main() -> None:
    """Measure and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clip", type=Path, default=ROOT / "samples" / "clip.mp4")
    parser.add_argument("--style", type=Path, default=ROOT / "samples" / "style.png")
    parser.add_argument("--keys", type=Path, help="painted keys, to leave the painting out")
    parser.add_argument("--frames", type=int, nargs="*", help="lengths to make of the clip")
    parser.add_argument("--side", type=int, default=640, help="long side of these, in pixels")
    asked = parser.parse_args()
    painter = ["--keys", str(asked.keys)] if asked.keys else ["--style", str(asked.style)]
    commit = subprocess.run(
        ["git", "-C", ROOT, "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    report: dict[str, object] = {
        "clip": asked.clip.name,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
        "commit": commit.stdout.strip(),
    }
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if asked.frames:
            for count in asked.frames:
                clip = looped(asked.clip, count, asked.side, place / f"clip{count}")
                run = [
                    str(clip),
                    *painter,
                    "-o",
                    str(place / f"out{count}.mp4"),
                    "--project",
                    str(place / f"p{count}"),
                ]
                report[f"frames {count}"] = measure(run, {})
                shutil.rmtree(clip)
        else:
            run = [str(asked.clip), *painter, "-o", str(place / "out.mp4"), "--project"]
            compiled = {"NUMBA_CACHE_DIR": str(place / "kernels")}
            report["cold"] = measure([*run, str(place / "p1")], compiled)
            report["warm"] = measure([*run, str(place / "p2")], compiled)
            report["again"] = measure([*run, str(place / "p2")], compiled)
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
