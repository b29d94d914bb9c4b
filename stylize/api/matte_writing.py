"""Keyed, refined and painted mattes of all frames, and their writing to files."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from stylize.mattes.buffer import MatteCheckpoint, MatteSequence
from stylize.mattes.refine.foreground import estimate_foreground
from stylize.mattes.refine.trimap import edge_band_width, refine_edge
from stylize.pipeline.output import make_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from propagate.arrays import F32, Image
    from stylize.mattes.buffer import MatteBuffer
    from stylize.mattes.refine.vitmatte import VitMatte
    from stylize.media import Clip
    from stylize.progress import StageTimer
    from stylize.settings.schema import Settings

Maker: TypeAlias = "Callable[[MatteBuffer, Callable[[float], None]], None]"
"""Writes the matte of every frame into a buffer, and reports its progress."""


def open_checkpoint(place: Path, mark: str) -> MatteCheckpoint:
    """Open the checkpoint beside an output, from which an interrupted run resumes."""
    return MatteCheckpoint(place.absolute().with_name(f".{place.name}.making"), mark)


class PaintedOver(MatteSequence):
    """Mattes of which some frames are replaced by painted ones."""

    def __init__(self, mattes: Sequence[F32], painted: Mapping[int, F32]) -> None:
        super().__init__(mattes)
        self._painted = painted

    def _item(self, index: int) -> F32:
        return self._painted[index] if index in self._painted else self._mattes[index]


def refine_all(
    clip: Clip,
    rough: Sequence[F32],
    buffer: MatteBuffer,
    matter: VitMatte | None,
    on_progress: Callable[[float], None],
    band: float | None = None,
) -> None:
    """Refine the edge of every matte into `buffer`: by `matter` if there is one, else by color."""
    wide = band or edge_band_width((clip.info.height, clip.info.width))
    refine = refine_edge if matter is None else matter.refine
    for at in range(len(clip)):
        if at not in buffer:
            matte = rough[at]
            buffer.write(at, refine(clip[at], matte, wide) if matte.any() else matte)
        on_progress((at + 1) / len(clip))


def key_frames(clip: Clip, color: str) -> tuple[Maker, Callable[[Image, F32], Image]]:
    """Return the chroma keyer of a screen's color, and the despill of a frame."""
    from stylize.mattes.segment.chroma_key import chroma_matte, despill, parse_color

    screen = parse_color(color, clip[0])

    def make(buffer: MatteBuffer, on_progress: Callable[[float], None]) -> None:
        for at in range(len(clip)):
            if at not in buffer:
                buffer.write(at, chroma_matte(clip[at], screen))
            on_progress((at + 1) / len(clip))

    return make, lambda frame, matte: despill(estimate_foreground(frame, matte), screen)


def write_mattes(
    clip: Clip,
    mattes: Sequence[F32],
    place: Path,
    colors: str | Path | None,
    clean: Callable[[Image, F32], Image],
    settings: Settings,
    watch: StageTimer,
) -> float:
    """Write mattes and, with `colors`, the subject's colors; return the mean area."""
    with ExitStack() as stack, watch.stage("write") as share:
        writer = stack.enter_context(make_writer(place, clip.info, settings.output))
        second = None
        if colors is not None:
            second = stack.enter_context(make_writer(Path(colors), clip.info, settings.output))
        area = 0.0
        for at in range(len(clip)):
            matte = mattes[at]
            gray = np.rint(matte * 65535).astype(np.uint16)[..., None]
            writer.write(np.repeat(gray, 3, axis=2))
            if second is not None:
                second.write(clean(clip[at], matte))
            area += float(matte.mean()) / len(clip)
            share((at + 1) / len(clip))
    return area
