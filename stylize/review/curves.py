"""Novelty and coverage of each frame: the two curves of the timeline."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from stylize.pipeline.analysis import Analyses
from stylize.pipeline.keyframing import measure_keys
from stylize.pipeline.shots import cut_to

if TYPE_CHECKING:
    from keyframes import Plan, Shot
    from stylize.pipeline.context import RunContext


class Curves:
    """Curves computed from the cached analyses of a project; values that did not change are kept."""

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self._lock = threading.Lock()
        self._novelty: dict[tuple[int, int], list[float]] = {}
        self._coverage: dict[Any, list[float]] = {}

    def of(self, plan: Plan) -> dict[str, list[float | None]]:
        """Return ``novelty`` and ``coverage`` of each frame of the range, 0 to 1; None without an analysis."""
        first, stop = self.context.span
        novelty: list[float | None] = [None] * (stop - first)
        coverage: list[float | None] = [None] * (stop - first)
        shots = cut_to(plan.shots, self.context.span)
        if self.context.visibility is not None:
            shots = self.context.visibility.with_subject(shots)
        with self._lock:
            analyses = Analyses(self.context)
            for shot in shots:
                if not analyses.place(shot).exists():
                    continue
                begin, end = shot.start - first, shot.stop - first
                novelty[begin:end] = self._novelty_of(analyses, shot)
                coverage[begin:end] = self._coverage_of(plan, analyses, shot)
        return {"novelty": novelty, "coverage": coverage}

    def _novelty_of(self, analyses: Analyses, shot: Shot) -> list[float]:
        cache_key = (shot.start, shot.stop)
        if cache_key not in self._novelty:
            self._novelty[cache_key] = [round(float(value), 4) for value in analyses.of(shot).novelty]
        return self._novelty[cache_key]

    def _coverage_of(self, plan: Plan, analyses: Analyses, shot: Shot) -> list[float]:
        keys = tuple(key.frame for key in plan.keys if shot.start <= key.frame < shot.stop)
        cache_key = (shot.start, shot.stop, keys)
        if cache_key not in self._coverage:
            if len(self._coverage) > 64:
                self._coverage.clear()
            zeros = [0.0] * (shot.stop - shot.start)
            measured = measure_keys(plan, [shot], analyses, self.context.settings.select)[0] if keys else None
            self._coverage[cache_key] = zeros if measured is None else [round(float(v), 4) for v in measured.coverage]
        return self._coverage[cache_key]
