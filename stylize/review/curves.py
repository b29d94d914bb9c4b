"""What is new in each frame, and how much of it the keys explain: the two curves over the timeline."""

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
    """Works the curves out from the analyses in the project's cache; remembers what does not change."""

    def __init__(self, context: RunContext) -> None:
        self.context = context
        self._turn = threading.Lock()
        self._novelty: dict[tuple[int, int], list[float]] = {}
        self._coverage: dict[Any, list[float]] = {}

    def of(self, plan: Plan) -> dict[str, list[float | None]]:
        """Return ``novelty`` and ``coverage`` of each frame of the range, 0 to 1.

        None where nobody has looked yet.
        """
        first, stop = self.context.span
        novelty: list[float | None] = [None] * (stop - first)
        coverage: list[float | None] = [None] * (stop - first)
        pieces = cut_to(plan.shots, self.context.span)
        if self.context.visibility is not None:
            pieces = self.context.visibility.with_subject(pieces)
        with self._turn:
            analyses = Analyses(self.context)
            for piece in pieces:
                if not analyses.place(piece).exists():
                    continue
                begin, end = piece.start - first, piece.stop - first
                novelty[begin:end] = self._new(analyses, piece)
                coverage[begin:end] = self._explained(plan, analyses, piece)
        return {"novelty": novelty, "coverage": coverage}

    def _new(self, analyses: Analyses, piece: Shot) -> list[float]:
        mark = (piece.start, piece.stop)
        if mark not in self._novelty:
            self._novelty[mark] = [round(float(value), 4) for value in analyses.of(piece).novelty]
        return self._novelty[mark]

    def _explained(self, plan: Plan, analyses: Analyses, piece: Shot) -> list[float]:
        keys = tuple(key.frame for key in plan.keys if piece.start <= key.frame < piece.stop)
        mark = (piece.start, piece.stop, keys)
        if mark not in self._coverage:
            if len(self._coverage) > 64:
                self._coverage.clear()
            none = [0.0] * (piece.stop - piece.start)
            found = measure_keys(plan, [piece], analyses, self.context.settings.select)[0] if keys else None
            self._coverage[mark] = none if found is None else [round(float(v), 4) for v in found.coverage]
        return self._coverage[mark]
