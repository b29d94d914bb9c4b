"""Analysis of shots for the selection of keys: which frames explain which, and the weight of each area."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stylize.errors import UsageError
from stylize.pipeline.shots import small_frames
from stylize.storage.fingerprint import fingerprint, step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from keyframes import AnalysisOptions, Selection, SelectOptions, Shot, ShotAnalysis
    from propagate.arrays import F32
    from stylize.mattes import MatteClip
    from stylize.media import Clip
    from stylize.pipeline.context import RunContext

MATTE_SIDE = 160
"""Long side in pixels of the mattes that weight the analysis, whose points are a few pixels apart."""
MIXED_WEIGHT = 1 / 15
"""Weight of a frame that is mixed with another shot: no key of its own shot can explain it."""


@step(version=4)
def analyze_shot(
    clip: Clip, options: AnalysisOptions, on_progress: Callable[[float], None] | None = None
) -> ShotAnalysis:
    """Return which frames of a shot explain which, measured on small frames."""
    from keyframes import analyze

    return analyze(small_frames(clip, options.side, on_progress), options)


@step(version=1)
def small_mattes(mattes: MatteClip, frames: Sequence[int]) -> NDArray[np.uint8]:
    """Return the mattes of some frames at most `MATTE_SIDE` long, uint8 (frames, H, W); 255 is styled."""
    import cv2

    found = []
    for frame in frames:
        matte = mattes[frame]
        scale = min(MATTE_SIDE / max(matte.shape), 1.0)
        size = max(round(matte.shape[1] * scale), 1), max(round(matte.shape[0] * scale), 1)
        found.append(np.rint(cv2.resize(matte, size, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8))
    return np.stack(found)


class Analyses:
    """The analysis of each shot, from the project's cache or measured now."""

    def __init__(self, context: RunContext) -> None:
        self._project, self._whole, self._visibility = context.project, context.whole, context.visibility
        self._options = context.settings.analysis

    @property
    def matte(self) -> str | None:
        """The fingerprint of the matte that weights the selection; None without one."""
        return fingerprint(self._visibility.mattes) if self._visibility is not None else None

    def place(self, piece: Shot) -> Path:
        """Return the cache file of the analysis of a piece."""
        return self._project.cache.path("analysis", analyze_shot, self._whole[piece.start : piece.stop], self._options)

    def of(self, piece: Shot, on_progress: Callable[[float], None] | None = None) -> ShotAnalysis:
        """Return the analysis of a piece; read from disk each time to save memory."""
        clip = self._whole[piece.start : piece.stop]
        return self._project.cache.recall("analysis", analyze_shot, clip, self._options, on_progress=on_progress)

    def select(self, piece: Shot, options: SelectOptions, forced: dict[int, str], banned: Sequence[int]) -> Selection:
        """Return the keys of a piece; see `keyframes.select_keyframes`.

        Raises
        ------
        UsageError
            If forced and banned frames leave no choice, or the region of interest is outside the frame.
        """
        from keyframes import select_keyframes

        analysis = self.of(piece)
        if self._visibility is not None:
            banned = sorted({*banned, *self._visibility.blank(piece)} - set(forced))
        try:
            weights = self._weights(piece, analysis, options)
            return select_keyframes(
                analysis, options, forced=forced, banned=banned, weights=weights, offset=piece.start
            )
        except ValueError as error:
            raise UsageError(f"frames {piece.start} to {piece.stop - 1}: {error}") from error

    def _weights(
        self, piece: Shot, analysis: ShotAnalysis, options: SelectOptions
    ) -> Callable[[int], F32 | None] | None:
        """Return the weight of each area: the matte inside the region of interest, and little in mixed frames."""
        from keyframes.importance import region

        mixed = set(range(piece.start, piece.stop)) - set(piece.clear)
        if self._visibility is None and options.roi is None and not mixed:
            return None
        size = (self._whole.info.width, self._whole.info.height)
        inside = region(options.roi, size) if options.roi is not None else np.ones((1, 1), np.float32)
        mattes_at: dict[int, NDArray[np.uint8]] = {}
        if self._visibility is not None:
            begin = piece.start - self._visibility.first
            mattes = self._visibility.mattes[begin : begin + analysis.length]
            frames = [int(node) for node in analysis.nodes]
            found = self._project.cache.recall("mattes", small_mattes, mattes, frames)
            mattes_at = dict(zip(frames, found, strict=True))

        def weight(frame: int) -> F32 | None:
            import cv2

            share = MIXED_WEIGHT if piece.start + frame in mixed else 1.0
            if frame not in mattes_at:
                return np.asarray(share * inside, np.float32)
            matte = mattes_at[frame]
            here = cv2.resize(inside, matte.shape[::-1], interpolation=cv2.INTER_AREA)
            return np.asarray(share / 255 * matte * here, np.float32)

        return weight
