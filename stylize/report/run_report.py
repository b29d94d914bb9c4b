"""The report: which frames were painted and why, how good the others are, where one more key would help."""

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
SHOWN_WORST = 6
SHOWN_ADVICE = 3
AGREES = (
    "How far a key is from those that it followed is their mean difference of color on shared surface: "
    "1 is just visible, 5 clearly another color."
)
WORST = (
    "Quality says how surely keys show the frame, 0 to 1; off by, how far its colors are in the mean from "
    "those of the places in the keys that it was painted from, of 255."
)


def keep_facts(project: Project, facts: Mapping[str, Any]) -> None:
    """Keep what a run learned, so that the page can be made again without running."""
    write_text(project.report_path.with_name("run.json"), json.dumps(facts, default=str, ensure_ascii=False))


def write_report(project: Project) -> Path:
    """Write the project's page from the facts of its last run.

    Raises
    ------
    UsageError
        If the project has not been run yet.
    """
    source = project.report_path.with_name("run.json")
    try:
        facts = json.loads(source.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{project.root}: nothing to report yet; run it first: stylize run CLIP --style REF") from None
    except ValueError as error:
        raise UsageError(f"{source}: damaged ({error}); run again") from error
    write_text(project.report_path, _page(facts, _thumbnails(project, facts)))
    return project.report_path


def suggest_key(quality: Sequence[float | None], keys: Sequence[int], shots: Sequence[Sequence[int]]) -> int | None:
    """Return the frame at which one more key would help most, None if nothing is lacking.

    A key explains its neighborhood best, so the frame is sought that has the most lack of quality around it
    without another key or a cut in between: the sum of 1 - quality over the span, each frame weighted by its
    nearness to the candidate.
    """
    best, gain = None, 0.0
    lack = 1.0 - np.array([1.0 if value is None else value for value in quality])
    for first, stop in shots:
        marks = [first - 1, *(k for k in sorted(keys) if first <= k < stop), stop]
        for a, b in pairwise(marks):
            if b - a < 2:
                continue
            reach = max((b - a) // 2, 1)
            nearness = 1.0 - np.abs(np.arange(-reach, reach + 1)) / (reach + 1)
            near = np.convolve(lack[a + 1 : b], nearness)[reach : reach + b - a - 1]
            if near.max() > gain + 1e-9:
                best, gain = a + 1 + int(near.argmax()), float(near.max())
    return best


def _thumbnails(project: Project, facts: Mapping[str, Any]) -> dict[str, str]:
    """Pictures by ``source:12``, ``key:12`` and ``out:12``; what has gone since the run is left out."""
    found: dict[str, str] = {}
    wanted = [("key", k["frame"], k.get("file")) for k in facts["keys"][:SHOWN_KEYS]]
    wanted += [("out", f["frame"], f.get("file")) for f in _worst(facts)]
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


def _worst(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the worst frames, apart from each other: neighbors look the same."""
    known = [f for f in facts["frames"] if f.get("quality") is not None]
    apart, found = max(facts["count"] // 24, 1), list[dict[str, Any]]()
    for frame in sorted(known, key=lambda f: (f["quality"], f["frame"])):
        if all(abs(frame["frame"] - other["frame"]) >= apart for other in found):
            found.append(frame)
        if len(found) == SHOWN_WORST:
            break
    return found


def _agreement(key: Mapping[str, Any]) -> str:
    """Tell whom a key followed and how far its colors are from theirs on the surface that they share."""
    found, parents = key.get("agreement") or {}, key.get("parents") or {}
    if not parents or found.get("difference") is None:
        return ""
    return f"{found['difference']:.1f} from {', '.join(parents)} on {100 * found['shared']:.0f} %"


def _advice(share: Sequence[float | None], keys: Sequence[int], facts: Mapping[str, Any]) -> list[str]:
    """Return where more keys would help, and why."""
    from keyframes.suggestions import suggest

    first, known = facts["first"], [1.0 if value is None else value for value in share]
    found = [
        suggestion
        for start, stop in facts["shots"]
        for suggestion in suggest(
            known[start - first : stop - first],
            keys=[k for k in keys if start <= k < stop],
            offset=start,
        )
    ]
    rows = [[s.frame, s.reason] for s in sorted(found, key=lambda s: -s.gain)[:SHOWN_ADVICE]]
    return ["<h2>More keys would help at</h2>", page.table(["frame", "why"], rows)] if rows else []


def _page(facts: Mapping[str, Any], thumbs: Mapping[str, str]) -> str:
    keys = [k["frame"] for k in facts["keys"]]
    frames = {f["frame"]: f for f in facts["frames"]}
    first, count = facts["first"], facts["count"]
    quality = [frames.get(first + i, {}).get("quality") for i in range(count)]
    spans = [(a - first, b - first) for a, b in facts["shots"]]
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
        for k in facts["keys"][:SHOWN_KEYS]
    ]
    worst = [
        [
            f["frame"],
            f["quality"],
            f.get("error", ""),
            cell("source", f["frame"]),
            cell("out", f["frame"]),
        ]
        for f in _worst(facts)
    ]
    seconds = facts["seconds"]
    mean = sum(q for q in quality if q is not None) / max(sum(q is not None for q in quality), 1)
    hint = f"One more key would help most at frame {first + more}." if more is not None else "No key is missing."
    advice = _advice(quality if any(q is not None for q in quality) else facts["coverage"], keys, facts)
    shown = f"{counted(len(spans), 'shot')}, {counted(len(keys), 'key')}"
    summary = escape(
        f"{count} frames, {shown}, renderer {facts['renderer']}, {seconds.get('total', 0):.1f} s → {facts['output']}"
    )
    left_out = f" The first {SHOWN_KEYS} are shown." if len(keys) > SHOWN_KEYS else ""
    return page.page(
        f"stylize — {facts['clip']}",
        [
            f"<h1>{escape(str(facts['clip']))}</h1>",
            f'<p class="soft">{summary}</p>',
            "<h2>How well the keys explain the clip</h2>",
            page.curve(
                [("coverage", "a", facts["coverage"]), ("quality", "b", quality)],
                [k - first for k in keys],
                [a for a, _ in spans[1:]],
                count,
            ),
            f"<p>Mean quality {mean:.3f}. {hint}</p>",
            *advice,
            f"<h2>Keys</h2><p>{len(keys)} of {count} frames are painted.{left_out} {AGREES}</p>",
            page.table(["frame", "kind", "why", "coverage", "agrees", "clip", "painted"], rows),
            f"<h2>Worst frames</h2><p>{WORST}</p>",
            page.table(["frame", "quality", "off by", "clip", "result"], worst),
            "<h2>Time</h2>",
            page.table(["stage", "seconds"], [[name, float(value)] for name, value in seconds.items()]),
            "<h2>Recipe</h2>",
            f"<pre>{escape(json.dumps(facts['recipe'], indent=2, ensure_ascii=False, default=str))}</pre>",
        ],
    )
