"""Results of the stages of a run: painted keys, styled layers, and the record of a run for its report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from keyframes import Shot
    from stylize.pipeline.context import RunContext
    from stylize.project.frame_store import FrameStore


@dataclass(frozen=True)
class KeyframeResult:
    """The shots of the range with their painted keys.

    Attributes
    ----------
    shots
        In order; frames of the complete clip.
    files
        For each shot, painted keys by frame of the shot.
    records
        For each key, ready for the report: frame of the complete clip, reason, coverage, kind, file.
    coverage
        Per frame of the range, share that the keys explain; None where it was not measured.
    renderer
        Name of the renderer.
    """

    shots: tuple[Shot, ...]
    files: tuple[dict[int, Path], ...]
    records: tuple[dict[str, Any], ...]
    coverage: tuple[float | None, ...]
    renderer: str

    @property
    def frames(self) -> tuple[int, ...]:
        """The keys' frames in the complete clip."""
        return tuple(record["frame"] for record in self.records)


@dataclass(frozen=True)
class LayerResult:
    """A layer with its keys and the files of each of its frames; None where its matte shows nothing."""

    context: RunContext
    keys: KeyframeResult
    frames: tuple[FrameStore | None, ...]

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.context.layer.name


def run_record(
    context: RunContext, layers: Sequence[LayerResult], recipe: dict[str, Any], seconds: dict[str, float]
) -> dict[str, Any]:
    """Return everything that the report shows, JSON-ready; of several layers, the worst counts in a frame."""
    keys = [
        record | ({"layer": layer.context.layer.name} if context.parts else {})
        for layer in layers
        for record in layer.keys.records
    ]
    return {
        "clip": context.whole.info.path.name,
        "output": str(context.output),
        "first": context.span[0],
        "count": len(context.clip),
        "shots": [[shot.start, shot.stop] for shot in layers[0].keys.shots],
        "keys": sorted(keys, key=lambda record: record["frame"]),
        "coverage": [_least(values) for values in zip(*(layer.keys.coverage for layer in layers), strict=True)],
        "frames": _frame_records(context, layers),
        "renderer": "+".join(dict.fromkeys(layer.keys.renderer for layer in layers)),
        "seconds": seconds,
        "recipe": json.loads(json.dumps(recipe, default=str)),
    }


def _frame_records(context: RunContext, layers: Sequence[LayerResult]) -> list[dict[str, Any]]:
    """Return file and quality of every frame in which a layer is styled."""
    found: dict[int, dict[str, Any]] = {}
    for layer in layers:
        records = {store: store.records() for store in dict.fromkeys(layer.frames) if store is not None}
        for index, (name, store) in enumerate(zip(context.clip.info.names, layer.frames, strict=True)):
            if store is None:
                continue
            record = {"frame": context.span[0] + index, "file": str(store.path(name)), **records[store].get(name, {})}
            if index not in found or record.get("quality", 1) < found[index].get("quality", 1):
                found[index] = record
    return [found[index] for index in sorted(found)]


def _least(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return min(known) if known else None
