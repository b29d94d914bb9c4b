"""Mattes of a clip from hints on a few of its frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stylize.errors import MediaError
from stylize.mattes.refine.trimap import edge_band_width, refine_edge
from stylize.mattes.segment.flow_tracker import FlowTracker
from stylize.mattes.segment.grabcut import segment_box, segment_scribbles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from keyframes import Shot
    from propagate.arrays import F32
    from stylize.mattes.buffer import MatteBuffer
    from stylize.mattes.hints import Hints
    from stylize.mattes.segment.sam2 import Prompt, Segmenter
    from stylize.media import Clip

_STEPS = (1, 2, 4)
"""Distances in frames, before and after, of the frames whose motion helps to segment a box."""
_SCRIBBLES = 0.03
"""Share of gray pixels above which a painted matte is scribbles: a soft edge has less."""


def generate_mattes(
    clip: Clip,
    hints: Hints,
    shots: Sequence[Shot],
    buffer: MatteBuffer,
    on_progress: Callable[[float], None],
    segmenter: Segmenter | None = None,
) -> list[int]:
    """Write the matte of every frame to the buffer; nothing is propagated across a cut.

    With `segmenter`, SAM 2 makes them; else subjects are segmented by color and propagated along the flow.

    Returns
    -------
    list
        Frames of shots without a hint; their mattes are empty.
    """
    empty: list[int] = []
    for shot in shots:
        hinted = [frame for frame in hints.frames if shot.start <= frame < shot.stop]
        frames, rest = clip[shot.start : shot.stop], (shot.start, buffer, on_progress, len(clip))
        if not hinted:
            empty += range(shot.start, shot.stop)
            for at in range(shot.start, shot.stop):
                buffer.write(at, np.zeros((clip.info.height, clip.info.width), np.float32))
        elif segmenter is None:
            keys = {frame - shot.start: matte_from_hint(clip, frame, hints, shot) for frame in hinted}
            FlowTracker(frames, keys, *rest).fill()
        else:
            from stylize.mattes.segment.sam2_tracker import Sam2Tracker

            prompts = {frame - shot.start: _prompt(clip, frame, hints) for frame in hinted}
            Sam2Tracker(segmenter, frames, prompts, *rest).fill()
        on_progress(shot.stop / len(clip))
    return empty


def propagate_mattes(
    frames: Clip, keys: Mapping[int, F32], buffer: MatteBuffer, on_progress: Callable[[float], None]
) -> None:
    """Propagate mattes, by frame of a range without a cut, to all its frames, and write all to the buffer."""
    FlowTracker(frames, keys, 0, buffer, on_progress, len(frames)).fill()


def matte_from_hint(clip: Clip, frame: int, hints: Hints, shot: Shot | None = None) -> F32:
    """Return the matte of a frame with a box or a painted matte; the motion in `shot` helps to segment a box."""
    if frame not in hints.painted:
        near = [[frame + way * step for step in _STEPS] for way in (-1, 1)] if shot else []
        ways = [[clip[at] for at in way if shot and shot.start <= at < shot.stop] for way in near]
        return segment_box(clip[frame], hints.boxes[frame], ways)
    hint = _painted(clip, frame, hints)
    if is_scribbles(hint):
        return segment_scribbles(clip[frame], hint)
    hard = np.isin(hint, (0, 1)).all()  # a mask that was painted without soft edges
    return refine_edge(clip[frame], hint, edge_band_width(hint.shape) / 2) if hard else hint


def painted_mattes(clip: Clip, hints: Hints) -> dict[int, F32]:
    """Return the complete painted mattes, without scribbles: they are used unchanged."""
    found = {}
    for frame in hints.painted:
        if not is_scribbles(_painted(clip, frame, hints)):
            found[frame] = matte_from_hint(clip, frame, hints)
    return found


def is_scribbles(hint: F32) -> bool:
    """Return whether a painted matte is scribbles, with a large unknown part."""
    return bool(((hint > 0.05) & (hint < 0.95)).mean() > _SCRIBBLES)


def _prompt(clip: Clip, frame: int, hints: Hints) -> Prompt:
    from stylize.mattes.segment.sam2 import Prompt
    from stylize.mattes.segment.sam2_tracker import points_of_scribbles

    if frame not in hints.painted:
        return Prompt(hints.boxes.get(frame), hints.points.get(frame, ()))
    hint = _painted(clip, frame, hints)
    if is_scribbles(hint):
        return Prompt(points=points_of_scribbles(hint))
    return Prompt(matte=matte_from_hint(clip, frame, hints))


def _painted(clip: Clip, frame: int, hints: Hints) -> F32:
    from stylize.mattes.sources.channels import extract_channel
    from stylize.media import read_image

    path = hints.painted[frame]
    hint = extract_channel(read_image(path), "luma")
    if hint.shape != (clip.info.height, clip.info.width):
        raise MediaError(
            f"{path}: {hint.shape[1]}x{hint.shape[0]}, but the clip is {clip.info.width}x{clip.info.height}; "
            "paint it at the clip's size"
        )
    return hint
