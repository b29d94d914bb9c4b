"""What a run has to tell: everything that the report shows, gathered from its layers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stylize.pipeline.context import RunContext
    from stylize.pipeline.results import LayerResult


def gather_facts(
    context: RunContext, stack: Sequence[LayerResult], recipe: dict[str, Any], seconds: dict[str, float]
) -> dict[str, Any]:
    """Return everything that the report shows, JSON-ready; of several layers, the worst counts in a frame."""
    keys = [
        note | ({"layer": layer.context.layer.name} if context.parts else {})
        for layer in stack
        for note in layer.keyed.notes
    ]
    return {
        "clip": context.whole.info.path.name,
        "output": str(context.output),
        "first": context.span[0],
        "count": len(context.clip),
        "shots": [[shot.start, shot.stop] for shot in stack[0].keyed.shots],
        "keys": sorted(keys, key=lambda note: note["frame"]),
        "coverage": [_least(values) for values in zip(*(layer.keyed.coverage for layer in stack), strict=True)],
        "frames": frame_facts(context, stack),
        "renderer": "+".join(dict.fromkeys(layer.keyed.renderer for layer in stack)),
        "seconds": seconds,
        "recipe": json.loads(json.dumps(recipe, default=str)),
    }


def frame_facts(context: RunContext, stack: Sequence[LayerResult]) -> list[dict[str, Any]]:
    """Return file and quality of every frame of which something was carried."""
    found: dict[int, dict[str, Any]] = {}
    for painted in stack:
        known = {layer: layer.records() for layer in dict.fromkeys(painted.frames) if layer is not None}
        for index, (name, layer) in enumerate(zip(context.clip.info.names, painted.frames, strict=True)):
            if layer is None:
                continue
            fact = {
                "frame": context.span[0] + index,
                "file": str(layer.path(name)),
                **known[layer].get(name, {}),
            }
            if index not in found or fact.get("quality", 1) < found[index].get("quality", 1):
                found[index] = fact
    return [found[index] for index in sorted(found)]


def _least(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return min(known) if known else None
