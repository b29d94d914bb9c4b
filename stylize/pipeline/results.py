"""Results of the stages of a run: painted keys, and styled layers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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
    notes
        For each key, ready for the report: frame of the complete clip, reason, coverage, kind, file.
    coverage
        Per frame of the range, share that the keys explain; None where it was not measured.
    renderer
        Name of the renderer.
    """

    shots: tuple[Shot, ...]
    files: tuple[dict[int, Path], ...]
    notes: tuple[dict[str, Any], ...]
    coverage: tuple[float | None, ...]
    renderer: str

    @property
    def frames(self) -> tuple[int, ...]:
        """The keys' frames in the complete clip."""
        return tuple(note["frame"] for note in self.notes)


@dataclass(frozen=True)
class LayerResult:
    """A layer with its keys and the files of each of its frames; None where its matte shows nothing."""

    context: RunContext
    keyed: KeyframeResult
    frames: tuple[FrameStore | None, ...]

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.context.layer.name
