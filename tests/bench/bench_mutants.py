"""Mutation score of the tests: the share of small changes to the code that some test notices.

    python tests/bench/bench_mutants.py [--only settings] [--json FILE]

Copies the checkout into a temporary folder, lets mutmut change one place after the other in settings, output placement,
takes and schedules, and runs the tests of that room against each change. Takes some minutes; not part of any suite.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("stylize", "keyframes", "propagate", "tests", "samples", "docs", "README.md", "cli.py")
"""What the tests need beside pyproject.toml."""
SUBJECTS = {
    "settings": (["stylize/settings"], ["tests/stylize/settings"]),
    "output": (
        ["stylize/pipeline/output.py"],
        ["tests/stylize/pipeline/test_run.py", "tests/stylize/pipeline/test_layers.py"],
    ),
    "takes": (["stylize/project/takes.py", "stylize/project/key_store.py"], ["tests/stylize/project"]),
    "schedules": (["stylize/schedules"], ["tests/stylize/schedules"]),
}
"""Name → files that are changed, and tests that must notice."""


def score(files: list[str], tests: list[str]) -> dict[str, object]:
    """Return how many mutants of `files` were made, and how many `tests` noticed."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        for name in COPIED:
            (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, place / name)
        project = (
            (ROOT / "pyproject.toml").read_text("utf-8").replace('"-n", "auto", "--dist", "loadfile"', '"-n", "0"')
        )
        options = {"source_paths": files, "pytest_add_cli_args_test_selection": tests, "also_copy": list(COPIED)}
        section = "".join(f"{name} = {json.dumps(value)}\n" for name, value in options.items())
        (place / "pyproject.toml").write_text(f"{project}\n[tool.mutmut]\n{section}", "utf-8")
        environment = {**os.environ, "PYTHONPATH": ""}
        command = [sys.executable, "-m", "mutmut"]
        run = [*command, "run", "--max-children", str(os.cpu_count() or 1)]
        subprocess.run(run, cwd=place, env=environment, stdout=subprocess.DEVNULL, check=False)
        listed = [*command, "results", "--all", "true"]
        text = subprocess.run(listed, cwd=place, env=environment, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^\s+(\S+): (\w[\w ]*)$", text, re.MULTILINE)
    survivors = sorted(name for name, state in found if state in ("survived", "no tests"))
    return {
        "mutants": len(found),
        "noticed": len(found) - len(survivors),
        "score": round(1 - len(survivors) / max(len(found), 1), 3),
        "survivors": survivors,
    }


def main() -> None:
    """Measure every subject, print the scores, write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=SUBJECTS, help="measure one subject")
    parser.add_argument("--json", type=Path, help="write scores and survivors to this file")
    asked = parser.parse_args()
    results = {}
    for name, (files, tests) in SUBJECTS.items():
        if asked.only in (None, name):
            results[name] = found = score([file for file in files if (ROOT / file).exists()], tests)
            print(f"{name}: {found['noticed']} of {found['mutants']} mutants noticed, score {found['score']}")
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
