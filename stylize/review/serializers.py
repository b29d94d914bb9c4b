"""JSON of the review page: state, details, options of a key."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from stylize.settings.key_settings import SEED, key_options
from stylize.settings.schema import option_table

if TYPE_CHECKING:
    from pathlib import Path

    from stylize.review.session import Session


def state(session: Session) -> dict[str, Any]:
    """Return the state of the page: clip, plan, locks, undo and the current run."""
    context, editor = session.context, session.plan_editor
    plan, problem = session.plan()
    info, (first, stop) = context.whole.info, context.span
    keys = [] if plan is None else [key for key in plan.keys if first <= key.frame < stop]
    shots = [] if plan is None else [s for s in plan.shots if s.start < stop and s.stop > first]
    run = session.runner.run
    return {
        "clip": {
            "name": info.path.name,
            "first": first,
            "stop": stop,
            "rate": float(info.rate),
            "width": info.width,
            "height": info.height,
            "version": info.fingerprint[:12],
        },
        "project": str(context.project.root),
        "revision": editor.revision,
        "generation": session.generation,
        "planned": plan is not None,
        "problem": problem,
        "busy": session.busy(),
        "can": editor.can,
        "keys": [asdict(key) for key in keys],
        "shots": [[max(s.start, first), min(s.stop, stop), s.begins] for s in shots],
        "banned": [] if plan is None else [f for f in plan.banned if first <= f < stop],
        "matte": session.matte,
        "styles": [path.name for path in context.request.styles],
        "renderer": context.request.renderer,
        "given": context.request.keys is not None,
        "options": options(session),
        "proxies": session.proxies,
        "run": None if run is None else asdict(run),
    }


def details(session: Session) -> dict[str, Any]:
    """Return the values that take longer to compute: curves, states of keys and spans, cost of a run."""
    context = session.context
    plan, _ = session.plan()
    revision, generation = session.plan_editor.revision, session.generation
    status, names = session.status(), context.whole.info.names
    first, stop = context.span
    curves = {"novelty": [], "coverage": []} if plan is None else session.curves.of(plan)
    keys = {}
    for key in status.keys:
        failed = session.failed.get(key.frame, "")
        keys[key.frame] = {
            "state": "failed" if failed else key.state,
            "words": failed or key.words,
            "file": None if key.file is None else _stamp(key.file),
            "stands": (context.project.keys.recipe(names[key.frame]) or {}).get("take"),
            "takes": [_take(take) for take in context.project.keys.takes.of(names[key.frame])],
        }
    previous = last_run(session)
    stale = [f for f in previous if f not in status.places]
    return {
        "revision": revision,
        "generation": generation,
        "problem": status.problem,
        **curves,
        "keys": keys,
        "spans": [asdict(span) for span in status.spans],
        "confidence": [status.confidence.get(f) for f in range(first, stop)],
        "results": {f: _stamp(path) for f, (path, _) in status.places.items()},
        "stale": {f: _stamp(previous[f][0]) for f in stale},
        "cost": {"paint": status.paint, "carry": status.carry, "seconds": status.seconds},
    }


def last_run(session: Session) -> dict[int, tuple[Path, Path]]:
    """Return the existing files of image and confidence of the last run, by frame of the clip."""
    project = session.context.project
    root = project.root
    try:
        record = json.loads((root / "report" / "run.json").read_text(encoding="utf-8"))
        files = {int(one["frame"]): str(one["file"]) for one in record["frames"] if one.get("file")}
    except (OSError, ValueError, KeyError, TypeError):
        files = _finished(session)  # a layer of a stack has no report of its own
    folder, found = (root / "layers").resolve(), {}
    for frame, file in files.items():
        path = (root / file).resolve()  # the list may come from another machine or be forged
        if path.is_relative_to(folder) and path.is_file():
            found[frame] = (path, path.parent / "confidence" / f"{path.stem}.png")
    return found


def _finished(session: Session) -> dict[int, str]:
    """Return the files of the frames that the project records as finished, by frame of the clip."""
    names = session.context.whole.info.names
    try:
        done = session.context.project.about()["finished"]
        folders = [name for name, count in done["folders"] for _ in range(count)]
        frames = range(int(done["span"][0]), int(done["span"][1]))
        return {f: f"layers/{name}/{names[f]}.png" for f, name in zip(frames, folders, strict=True) if name}
    except (KeyError, TypeError, ValueError, IndexError):
        return {}


def options(session: Session) -> list[dict[str, Any]]:
    """Return the settings that a key can override with the renderer of this project."""
    renderer = session.context.request.renderer
    patch = renderer in (None, "auto", "patch")
    values, table = session.context.settings.to_dict(), option_table()
    fields = []
    for option_name in key_options():
        section, _, option = option_name.partition(".")
        if option_name != SEED and (section == "patch") != patch:
            continue
        described = table[option_name]
        bounded = described.kind is float and math.isfinite(described.low) and math.isfinite(described.high)
        fields.append(
            {
                "name": option_name,
                "label": option.replace("_", " "),
                "value": values[section][option],
                "kind": described.kind.__name__,
                "about": described.effect,
                "choices": list(described.choices),
                "range": [described.low, described.high] if bounded and not described.schedule else None,
            }
        )
    return fields


def _take(take: Any) -> dict[str, Any]:
    recipe = take.recipe
    return {
        "number": take.number,
        "hand": take.by_hand,
        "made": recipe.get("made", ""),
        "from": recipe.get("from", ""),
        "seed": recipe.get("seed"),
        "settings": recipe.get("settings", {}),
        "seconds": recipe.get("seconds"),
        "stamp": _stamp(take.path),
    }


def _stamp(path: Path) -> str:
    """Return a version of a file that changes with its content; empty without a file."""
    try:
        return f"{path.parent.name[-6:]}{path.stat().st_mtime_ns:x}"
    except OSError:
        return ""
