"""Held frames: a picture that is shown again is carried once, and time goes by motion."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from propagate.options import CarriedFrame

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from propagate.arrays import F32, Flow, Image
    from propagate.inputs import Frames, Mattes

_SAMPLED = 16
_SPARSE, _DRIFT = 4, 0.03


def find_held_frames(
    frames: Frames,
    inner: range,
    ends: tuple[int | None, int | None],
    painted: Mapping[int, Image],
    mattes: Mattes | None,
) -> dict[int, int]:
    """Find the frames of a span that show, bit for bit, what another frame shows.

    A frame that is the picture of the key at an `ends` of the span is that key's, wherever it stands. Of
    others that follow each other (animation on twos, a freeze) all are the first one. Where both keys have
    the same picture and were painted differently, somebody wants the paint to change while the picture
    holds: such frames are nobody's.

    Parameters
    ----------
    frames
        The shot's frames; those of `inner` and the keys are read once, in order.
    inner
        The numbers of the frames between the keys.
    ends
        The keys' numbers; None at the shot's start and end.
    painted
        The painted keys by number.
    mattes
        The shot's mattes; new surface depends on them, so frames between keys have to agree in these too.

    Returns
    -------
    dict of frame number to the number of the key, or of the first frame, that it shows again.
    """
    keys = {key: frames[key] for key in ends if key is not None}
    disputed = len(keys) == 2 and _same(*keys.values()) and not _same(*(painted[key] for key in keys))
    again: dict[int, int] = {}
    before: tuple[Image, F32 | None] | None = None
    for t in inner:
        frame, matte = frames[t], None if mattes is None else mattes[t]
        key = next((key for key in keys if _same(frame, keys[key])), None)
        if key is not None:
            if not disputed:
                again[t] = key
        elif before is not None and _same(frame, before[0]) and _alike(matte, before[1]):
            again[t] = again.get(t - 1, t - 1)
        before = frame, matte
    return again


def motion_progress(behind: tuple[Flow, int], before: tuple[Flow, int]) -> float:
    """Return how much of the way from key to key lies behind a frame, 0 to 1: of motion, and some time.

    Where a picture all but stands still, the change from key to key stands still too.

    Parameters
    ----------
    behind, before
        The flow to the key, float32 (H, W, 2), and the number of frames to it.
    """
    far, still_far = (
        float(np.linalg.norm(flow[::_SPARSE, ::_SPARSE], axis=-1).mean()) + _DRIFT * count
        for flow, count in (behind, before)
    )
    return far / (far + still_far)


def copy_key(painted: Image, key: int, t: int) -> CarriedFrame:
    """Return frame `t`, which shows what the frame of `key` shows: the very paint."""
    size = painted.shape[:2]
    sure, error = np.ones(size, np.float32), np.zeros(size, np.float32)
    return CarriedFrame(t, painted.copy(), sure, error, 1.0, np.full(size, key, np.int32))


def copy_frame(made: CarriedFrame, t: int) -> CarriedFrame:
    """Return what was made as frame `t`, in arrays that the receiver may change."""
    image, source = made.image.copy(), made.source.copy()
    sure, error = made.confidence.copy(), made.error.copy()
    return CarriedFrame(t, image, sure, error, made.quality, source, made.others)


def _alike(a: F32 | None, b: F32 | None) -> bool:
    return a is None or b is None or _same(a, b)


def _same(a: NDArray[np.generic], b: NDArray[np.generic]) -> bool:
    """Compare bit for bit; most pictures that differ do so in a few rows already."""
    return np.array_equal(a[::_SAMPLED], b[::_SAMPLED]) and np.array_equal(a, b)
