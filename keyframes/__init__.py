"""Where the keys go: shots, coverage, selection and the plan.

Importing this package does no work; its names are loaded from their modules when first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Shot": "keyframes.model",
    "ShotDetection": "keyframes.shots",
    "ShotOptions": "keyframes.options",
    "detect_shots": "keyframes.shots",
    "parse_scene_csv": "keyframes.scene_csv",
    "shots_from_scores": "keyframes.shots",
    "AnalysisOptions": "keyframes.options",
    "ShotAnalysis": "keyframes.coverage",
    "analyze": "keyframes.coverage",
    "Key": "keyframes.model",
    "SelectOptions": "keyframes.options",
    "Selection": "keyframes.select",
    "select_keyframes": "keyframes.select",
    "ClipFacts": "keyframes.plan",
    "Plan": "keyframes.plan",
    "parse_plan": "keyframes.plan",
    "format_plan": "keyframes.plan_writer",
    "Suggestion": "keyframes.suggestions",
    "suggest": "keyframes.suggestions",
    "merge": "keyframes.edits",
    "new_plan": "keyframes.edits",
}

__all__ = sorted(_HOME)  # noqa: PLE0605


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'keyframes' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
