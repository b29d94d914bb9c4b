"""Figures of propagation as a table: JSON files in, markdown out.

    python tests/bench/table.py results/*.json                          print the table
    python tests/bench/table.py results/*.json --into docs/benchmarks.md   put it between the page's marks

A file holds ``cases`` as `bench_propagate.py` writes them, or maps ``"car-turn ink"`` to figures. The floor
(floor.json) stands beside ours where it is known; a case without figures of ours has no row.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

FLOOR = Path(__file__).with_name("floor.json")
BEGIN, END = "<!-- propagate: made by tests/bench/table.py -->", "<!-- end of propagate -->"
FIGURES = {"psnr", "ssim", "sharp", "flicker", "worst", "fps"}
COLUMNS = (
    ("floor psnr", "floor", "psnr", 2),
    ("psnr", "ours", "psnr", 2),
    ("floor ssim", "floor", "ssim", 4),
    ("ssim", "ours", "ssim", 4),
    ("sharp", "ours", "sharp", 3),
    ("flicker", "ours", "flicker", 2),
    ("floor worst", "floor", "worst", 2),
    ("worst", "ours", "worst", 2),
    ("frames/s", "ours", "fps", 2),
)
IDLE = 0.5
"""Load of the machine before the measurement, above which times say nothing and are left out."""

Case = tuple[str, str]


def read_cases(path: Path) -> dict[Case, dict[str, Any]]:
    """Figures of a file by case and truth."""
    tree = json.loads(path.read_text(encoding="utf-8"))
    if "cases" in tree:
        busy = (tree.get("load") or 0) > IDLE
        return {
            (one["case"], one["truth"]): {n: v for n, v in one.items() if not (busy and n == "fps")}
            for one in tree["cases"]
        }
    named = {name: one for name, one in tree.items() if isinstance(one, dict) and FIGURES & set(one)}
    return {(name.rpartition(" ")[0] or name, name.rpartition(" ")[2]): one for name, one in named.items()}


def make_table(ours: dict[Case, dict[str, Any]], floor: dict[Case, dict[str, Any]]) -> str:
    """Return the markdown: a row per case in the floor's order, then the others, then the means."""
    order = [case for case in floor if case in ours] + sorted(case for case in ours if case not in floor)
    known = {"ours": ours, "floor": floor}
    columns = [c for c in COLUMNS if any(c[2] in known[c[1]].get(case, {}) for case in order)]
    lines = [
        "| case | truth | " + " | ".join(c[0] for c in columns) + " |",
        "|---" * (len(columns) + 2) + "|",
    ]
    for case in order:
        cells = [_cell(known[who].get(case, {}).get(figure), digits) for _, who, figure, digits in columns]
        lines.append(f"| {case[0]} | {case[1]} | " + " | ".join(cells) + " |")
    both = [case for case in order if case in floor]
    if len(both) > 1:
        cells = []
        for _, who, figure, digits in columns:
            values = [known[who][case][figure] for case in both if known[who][case].get(figure) is not None]
            cells.append(_cell(sum(values) / len(values) if values else None, digits))
        lines.append(f"| **mean of {len(both)}** | | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def put_into(page: str, table: str) -> str:
    """Return the page with the table between its marks."""
    if BEGIN not in page or END not in page:
        raise SystemExit(f"the page lacks its marks; put these two lines where the table goes: {BEGIN} {END}")
    head, _, rest = page.partition(BEGIN)
    return f"{head}{BEGIN}\n{table}\n{END}{rest.partition(END)[2]}"


def _cell(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def main() -> None:
    """Read, and print or write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--into", type=Path, help="a page with the two marks")
    parser.add_argument("--floor", type=Path, default=FLOOR, help="the floor's figures, of bench_floor.py")
    asked = parser.parse_args()
    ours: dict[Case, dict[str, Any]] = {}
    for path in asked.results:
        ours |= read_cases(path)
    known = json.loads(asked.floor.read_text(encoding="utf-8"))["floor"]
    floor = {(name.rpartition(" ")[0], name.rpartition(" ")[2]): one for name, one in known.items()}
    table = make_table(ours, floor)
    if asked.into:
        asked.into.write_text(put_into(asked.into.read_text(encoding="utf-8"), table), encoding="utf-8")
    else:
        print(table)


if __name__ == "__main__":
    main()
