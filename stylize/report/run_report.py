"""Report of a run: the keys with their reasons, the quality of the other frames, and suggestions for more keys."""

from __future__ import annotations

import json
from html import escape
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import StylizeError, UsageError
from stylize.media import open_clip, read_image
from stylize.report import html as page
from stylize.storage.atomic import write_text
from stylize.text import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from stylize.project.project import Project

SHOWN_KEYS = 60
"""Keys with thumbnails, at most: a page of about half a megabyte."""
SHOWN_WORST = 6
"""Frames of the lowest quality that are shown."""
SHOWN_SUGGESTIONS = 3
"""Suggested keys, at most."""
AGREEMENT_HELP = (
    "Agreement is the mean color difference between a key and the keys that it followed, on the surface that they "
    "share: 1 is just visible, 5 is clearly another color."
)
QUALITY_HELP = (
    "Quality is the mean confidence that the keys show the frame, 0 to 1. Error is the mean color difference between "
    "the frame and the areas of the keys that it was painted from, of 255."
)


def save_record(project: Project, record: Mapping[str, Any]) -> None:
    """Write the record of a run, from which the page can be made again without a run."""
    write_text(project.report_path.with_name("run.json"), json.dumps(record, default=str, ensure_ascii=False))


def write_report(project: Project) -> Path:
    """Write the page of a project from the record of its last run, and return its path.

    Raises
    ------
    UsageError
        If the project has not been run yet.
    """
    source = project.report_path.with_name("run.json")
    try:
        record = json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{project.root}: nothing to report yet; run it first: stylize run CLIP --style REF") from None
    except ValueError as error:
        raise UsageError(f"{source}: damaged ({error}); run again") from error
    write_text(project.report_path, _page(record, _thumbnails(project, record)))
    return project.report_path


def suggest_key(quality: Sequence[float | None], keys: Sequence[int], shots: Sequence[Sequence[int]]) -> int | None:
    """Return the frame at which one more key would help most; None if no frame needs one.

    A key explains the frames near it best. So the candidate wins whose surroundings, up to the next key or cut,
    have the largest sum of 1 - quality, each frame weighted by its proximity to the candidate.
    """
    best, gain = None, 0.0
    missing = 1.0 - np.array([1.0 if value is None else value for value in quality])
    for first, stop in shots:
        bounds = [first - 1, *(k for k in sorted(keys) if first <= k < stop), stop]
        for a, b in pairwise(bounds):
            if b - a < 2:
                continue
            reach = max((b - a) // 2, 1)
            proximity = 1.0 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1)
            near = np.convolve(missing[a + 1 : b], proximity)[reach : reach + b - a - 1]
            if near.max() > gain + 1e-9:
                best, gain = a + 1 + int(near.argmax()), float(near.max())
    return best


def _thumbnails(project: Project, record: Mapping[str, Any]) -> dict[str, str]:
    """Return thumbnails by ``source:12``, ``key:12`` and ``out:12``; files deleted since the run are left out."""
    found: dict[str, str] = {}
    wanted = [("key", k["frame"], k.get("file")) for k in record["keys"][:SHOWN_KEYS]]
    wanted += [("out", f["frame"], f.get("file")) for f in _worst(record)]
    try:
        with open_clip(project.clip) as clip:
            for _, frame, _ in wanted:
                found[f"source:{frame}"] = page.thumbnail(clip.small(frame, page.THUMB))
    except (StylizeError, IndexError):
        found.clear()
    for kind, frame, file in wanted:
        if file and (project.root / file).is_file():
            found[f"{kind}:{frame}"] = page.thumbnail(read_image(project.root / file))
    return found


def _worst(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the frames of the lowest quality, at a distance from each other, as neighbors look the same."""
    known = [f for f in record["frames"] if f.get("quality") is not None]
    apart, found = max(record["count"] // 24, 1), list[dict[str, Any]]()
    for frame in sorted(known, key=lambda f: (f["quality"], f["frame"])):
        if all(abs(frame["frame"] - other["frame"]) >= apart for other in found):
            found.append(frame)
        if len(found) == SHOWN_WORST:
            break
    return found


def _agreement(key: Mapping[str, Any]) -> str:
    """Return the keys that a key followed and the color difference to them on the surface that they share."""
    found, parents = key.get("agreement") or {}, key.get("parents") or {}
    if not parents or found.get("difference") is None:
        return ""
    return f"{found['difference']:.1f} to {', '.join(parents)} on {100 * found['shared']:.0f} %"


def _suggestions(coverage: Sequence[float | None], keys: Sequence[int], record: Mapping[str, Any]) -> list[str]:
    """Return the suggested keys with their reasons, as HTML."""
    from keyframes.suggestions import suggest

    first, known = record["first"], [1.0 if value is None else value for value in coverage]
    found = [
        suggestion
        for start, stop in record["shots"]
        for suggestion in suggest(
            known[start - first : stop - first],
            keys=[k for k in keys if start <= k < stop],
            offset=start,
        )
    ]
    rows = [[s.frame, s.reason] for s in sorted(found, key=lambda s: -s.gain)[:SHOWN_SUGGESTIONS]]
    return ["<h2>Suggested keys</h2>", page.table(["frame", "reason"], rows)] if rows else []


def _page(record: Mapping[str, Any], thumbs: Mapping[str, str]) -> str:
    keys = [k["frame"] for k in record["keys"]]
    frames = {f["frame"]: f for f in record["frames"]}
    first, count = record["first"], record["count"]
    quality = [frames.get(first + i, {}).get("quality") for i in range(count)]
    spans = [(a - first, b - first) for a, b in record["shots"]]
    more = suggest_key(quality, [k - first for k in keys], spans)

    def cell(kind: str, frame: int) -> bytes:
        return page.picture(thumbs.get(f"{kind}:{frame}"), f"{kind} {frame}").encode()

    rows = [
        [
            k["frame"],
            k["kind"],
            k["reason"],
            k.get("coverage") or "",
            _agreement(k),
            cell("source", k["frame"]),
            cell("key", k["frame"]),
        ]
        for k in record["keys"][:SHOWN_KEYS]
    ]
    worst = [
        [
            f["frame"],
            f["quality"],
            f.get("error", ""),
            cell("source", f["frame"]),
            cell("out", f["frame"]),
        ]
        for f in _worst(record)
    ]
    seconds = record["seconds"]
    mean = sum(q for q in quality if q is not None) / max(sum(q is not None for q in quality), 1)
    hint = f"One more key would help most at frame {first + more}." if more is not None else "No key is missing."
    suggestions = _suggestions(quality if any(q is not None for q in quality) else record["coverage"], keys, record)
    shown = f"{counted(len(spans), 'shot')}, {counted(len(keys), 'key')}"
    summary = escape(
        f"{count} frames, {shown}, renderer {record['renderer']}, {seconds.get('total', 0):.1f} s → {record['output']}"
    )
    left_out = f" The first {SHOWN_KEYS} are shown." if len(keys) > SHOWN_KEYS else ""
    return page.page(
        f"stylize — {record['clip']}",
        [
            f"<h1>{escape(str(record['clip']))}</h1>",
            f'<p class="soft">{summary}</p>',
            "<h2>Coverage and quality</h2>",
            page.curve(
                [("coverage", "a", record["coverage"]), ("quality", "b", quality)],
                [k - first for k in keys],
                [a for a, _ in spans[1:]],
                count,
            ),
            f"<p>Mean quality {mean:.3f}. {hint}</p>",
            *suggestions,
            f"<h2>Keys</h2><p>{len(keys)} of {count} frames are keys.{left_out} {AGREEMENT_HELP}</p>",
            page.table(["frame", "kind", "reason", "coverage", "agreement", "clip", "painted"], rows),
            f"<h2>Worst frames</h2><p>{QUALITY_HELP}</p>",
            page.table(["frame", "quality", "error", "clip", "result"], worst),
            "<h2>Time</h2>",
            page.table(["stage", "seconds"], [[name, float(value)] for name, value in seconds.items()]),
            "<h2>Recipe</h2>",
            f"<pre>{escape(json.dumps(record['recipe'], indent=2, ensure_ascii=False, default=str))}</pre>",
        ],
    )
