"""Mattes of a shot by SAM 2: backward from the first frame with a hint, then forward from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from propagate.arrays import F32
    from stylize.mattes.buffer import MatteBuffer
    from stylize.mattes.segment.sam2 import Prompt, Segmenter, Tracking
    from stylize.media import Clip

_SAVE_EVERY = 16
"""Frames between two saved states, from which an interrupted run resumes."""
_POINTS = 8
"""Points sampled from the scribbles of one label; the model was trained with up to as many."""


@dataclass(frozen=True)
class Sam2Tracker:
    """One shot: its frames, prompts on some of them, and the buffer for the mattes of all.

    A frame with a painted matte keeps it. Tracking resumes from the mattes that an interrupted run left.
    """

    segmenter: Segmenter
    frames: Clip
    prompts: Mapping[int, Prompt]
    first: int
    buffer: MatteBuffer
    on_progress: Callable[[float], None]
    total: int

    def fill(self) -> None:
        """Process all frames with prompts first, so that both directions know them."""
        if all(self.first + at in self.buffer for at in range(len(self.frames))):
            return
        tracking = self.segmenter.track(self.frames, self.prompts)
        begin = min(self.prompts)
        self.track(tracking, range(begin - 1, -1, -1), back=True)
        self.track(tracking, range(begin, len(self.frames)), back=False)

    def track(self, tracking: Tracking, order: range, *, back: bool) -> None:
        """Track in one direction."""
        name = f"{'back' if back else 'on'}-{self.first}"
        tracking.reset()
        state = self.buffer.metadata(name)
        if state is not None:
            order = order[order.index(int(state.pop("at"))) + 1 :]
            tracking.restore(state)
        for count, at in enumerate(order, 1):
            matte = tracking.matte(at, back=back)
            prompt = self.prompts.get(at)
            painted = prompt.matte if prompt is not None else None
            self.buffer.write(self.first + at, matte if painted is None else painted)
            if count % _SAVE_EVERY == 0 or at == order[-1]:
                self.buffer.set_metadata(name, {"at": np.array(at), **tracking.state()})
            self.on_progress(len(self.buffer) / self.total)


def points_of_scribbles(hint: F32) -> tuple[tuple[float, float, bool], ...]:
    """Return points from scribbles, float32 (H, W): 1 is the subject, 0 the background.

    Each point is well inside of its scribble, and as far as possible from those before it.
    """
    return tuple(
        (float(x), float(y), inside)
        for inside, where in ((True, hint >= 0.95), (False, hint <= 0.05))
        for y, x in _spread(where)
    )


def _spread(where: NDArray[np.bool_]) -> list[tuple[int, int]]:
    import cv2

    depth = cv2.distanceTransform(np.pad(where, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    rows, columns = np.nonzero(where)
    found: list[tuple[int, int]] = []
    if not rows.size:
        return found
    deep = depth[1:-1, 1:-1][rows, columns]
    away = np.full(rows.shape, np.inf)
    for _ in range(_POINTS):
        if found:
            y, x = found[-1]
            away = np.minimum(away, np.hypot(rows - y, columns - x))
            if away.max() < 2 * deep.max():  # the rest is nearer than the scribble is wide
                break
        merit = deep if not found else np.minimum(away, 20 * deep)
        best = int(np.argmax(merit))
        found.append((int(rows[best]), int(columns[best])))
    return found
