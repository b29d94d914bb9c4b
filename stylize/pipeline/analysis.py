"""What is known of each shot before keys are chosen: who explains whom, and what counts where."""

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

VEIL = 160
"""Long side in pixels at which a matte is looked at: points are a few pixels apart."""
SHADOW = 1 / 15
"""What a frame counts for that is mixed with another shot: no key of its own shot can explain it."""


@step(version=4)
def analyse_shot(
    clip: Clip, options: AnalysisOptions, on_progress: Callable[[float], None] | None = None
) -> ShotAnalysis:
    """Find out which frames of a shot explain which, looking at small frames."""
    from keyframes import analyze

    return analyze(small_frames(clip, options.side, on_progress), options)


@step(version=1)
def look_through(mattes: MatteClip, frames: Sequence[int]) -> NDArray[np.uint8]:
    """Return the mattes of some frames, small: uint8 (frames, H, W), 255 is styled."""
    import cv2

    found = []
    for frame in frames:
        matte = mattes[frame]
        scale = min(VEIL / max(matte.shape), 1.0)
        size = max(round(matte.shape[1] * scale), 1), max(round(matte.shape[0] * scale), 1)
        found.append(np.rint(cv2.resize(matte, size, interpolation=cv2.INTER_AREA) * 255).astype(np.uint8))
    return np.stack(found)


class Analyses:
    """What is known of each shot, from the project's cache or made now."""

    def __init__(self, context: RunContext) -> None:
        self._project, self._whole, self._seen = context.project, context.whole, context.visibility
        self._options = context.settings.analysis

    @property
    def matte(self) -> str | None:
        """The short name of the matte that keys are chosen through; None without one."""
        return fingerprint(self._seen.mattes) if self._seen is not None else None

    def place(self, piece: Shot) -> Path:
        """Return where the analysis of a piece is cached."""
        return self._project.cache.path("analysis", analyse_shot, self._whole[piece.start : piece.stop], self._options)

    def of(self, piece: Shot, on_progress: Callable[[float], None] | None = None) -> ShotAnalysis:
        """Return the analysis of a piece; kept on the disk, as a long clip would fill the memory."""
        clip = self._whole[piece.start : piece.stop]
        return self._project.cache.recall("analysis", analyse_shot, clip, self._options, on_progress=on_progress)

    def select(self, piece: Shot, options: SelectOptions, forced: dict[int, str], banned: Sequence[int]) -> Selection:
        """Choose the keys of a piece; see `keyframes.select_keyframes`.

        Raises
        ------
        UsageError
            If what is forced and banned leaves no choice, or the region of interest is outside the frame.
        """
        from keyframes import select_keyframes

        analysis = self.of(piece)
        if self._seen is not None:
            banned = sorted({*banned, *self._seen.blank(piece)} - set(forced))
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
        """Return what counts where: inside the matte and the region, and hardly in mixed frames."""
        from keyframes.importance import region

        mixed = set(range(piece.start, piece.stop)) - set(piece.clear)
        if self._seen is None and options.roi is None and not mixed:
            return None
        size = (self._whole.info.width, self._whole.info.height)
        inside = region(options.roi, size) if options.roi is not None else np.ones((1, 1), np.float32)
        veils: dict[int, NDArray[np.uint8]] = {}
        if self._seen is not None:
            begin = piece.start - self._seen.first
            mattes = self._seen.mattes[begin : begin + analysis.length]
            frames = [int(node) for node in analysis.nodes]
            found = self._project.cache.recall("veils", look_through, mattes, frames)
            veils = dict(zip(frames, found, strict=True))

        def weight(frame: int) -> F32 | None:
            import cv2

            share = SHADOW if piece.start + frame in mixed else 1.0
            if frame not in veils:
                return np.asarray(share * inside, np.float32)
            veil = veils[frame]
            here = cv2.resize(inside, veil.shape[::-1], interpolation=cv2.INTER_AREA)
            return np.asarray(share / 255 * veil * here, np.float32)

        return weight
