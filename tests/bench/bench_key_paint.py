"""How near paint from chosen keys comes to the truth, against evenly spaced ones, as JSON.

    python -m tests.bench.bench_key_paint --set DIR [--keys 2,3,5] [--uneven] [--only CASE,…] [--side 320]
    python -m tests.bench.bench_key_paint [--keys 2,3,5] [--uneven]        clips made here

DIR/CASE/frames are the frames, DIR/CASE/truth_PAINTER what a painter makes of each. The keys are taken from
the truth and left out of the means. A frame that comes out exact counts for 60 dB: more is seen by nobody,
and one held frame would outweigh all others. --uneven adds versions whose frames are held and hurried.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from keyframes.coverage import analyze
from keyframes.options import SelectOptions
from keyframes.select import select_keyframes
from tests.bench.bench_propagate import about, carry, own_clips, psnr
from tests.bench.key_clips import load, uneven_orders
from tests.keyframes import slow

if TYPE_CHECKING:
    from collections.abc import Iterator

EXACT = 60.0
Frames = list[np.ndarray]


def cases_of(asked: argparse.Namespace) -> Iterator[tuple[str, str, Frames, Frames]]:
    """Case, painter, frames and truth."""
    if asked.set is None:
        for name, (frames, truth) in own_clips((180, 320), asked.frames).items():
            yield name, "exact", frames, truth
        return
    for place in sorted(asked.set.glob("*/truth_*")):
        if asked.only is None or place.parent.name in asked.only.split(","):
            both = [load(folder, 0, asked.frames, asked.side) for folder in (place.parent / "frames", place)]
            yield place.parent.name, place.name.removeprefix("truth_"), *both


def judged(frames: Frames, truth: Frames, keys: list[int]) -> dict[str, object]:
    made, _ = carry(frames, {key: truth[key] for key in keys}, None)
    noise = [min(psnr(made[t], truth[t]), EXACT) for t in range(len(frames)) if t not in keys]
    return {"keys": keys, "psnr": round(float(np.mean(noise)), 3), "worst": round(float(min(noise)), 3)}


def main() -> None:
    """Measure and print one JSON object; a line on stderr for each choice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, help="a folder of cases")
    parser.add_argument("--only", help="of the set, these cases")
    parser.add_argument("--keys", default="2,3,5", help="numbers of keys")
    parser.add_argument("--frames", type=int, default=41, help="of each clip, from its start")
    parser.add_argument("--side", type=int, default=320, help="long side in pixels")
    parser.add_argument("--uneven", action="store_true")
    asked = parser.parse_args()
    rows: list[dict[str, object]] = []
    for case, painter, frames, truth in cases_of(asked):
        orders = {"plain": list(range(len(frames)))} | (uneven_orders(len(frames)) if asked.uneven else {})
        for how, order in orders.items():
            shown, painted = [frames[t] for t in order], [truth[t] for t in order]
            analysis = analyze(shown)
            for count in map(int, asked.keys.split(",")):
                options = SelectOptions(coverage=1.0, min_gain=0.0, max_keys=count)
                keys = [key.frame for key in select_keyframes(analysis, options).keys]
                sets = {"chosen": keys, "even": slow.evenly(len(shown), count)}
                row = {"case": case, "painter": painter, "order": how, "count": count}
                rows.append(row | {who: judged(shown, painted, those) for who, those in sets.items()})
                print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    gain = {
        figure: np.array([row["chosen"][figure] - row["even"][figure] for row in rows]) for figure in ("psnr", "worst")
    }
    summary = {
        figure: {"mean": round(float(g.mean()), 3), "least": round(g.min(), 3), "higher": int((g > 0).sum())}
        for figure, g in gain.items()
    }
    json.dump(about() | {"choices": len(rows), "gain_db": summary, "rows": rows}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
