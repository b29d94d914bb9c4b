"""Flow that does not tremble: what the frames beside say of a frame, weighed against its own word."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from propagate import _smoothing_kernels as kernels
from propagate.flow import chain

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping, Sequence

    from propagate.arrays import Flow, Image
    from propagate.flow_buffer import FlowBuffer
    from propagate.threads import ThreadTeam

_EXPECTED, _TREMBLE = 0.35, 0.6
_BESIDE = 0.33
_REACH, _LEAST, _MOST = 1.1, 0.2, 1.4
"""Pixels for one 8-bit step of grain, and their bounds."""

_CURVE = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
_SMALLER_HALF = 0.3247
"""The mean of the smaller half of a normal distribution's absolute values, in standard deviations."""


def damp_towards(
    found: Flow, *expected: Flow, crew: ThreadTeam, pull: float = _EXPECTED, reach: float = _TREMBLE
) -> Flow:
    """Draw what was found a little towards what was expected, where both say nearly the same.

    Each frame's grain moves what is found in it by a fraction of a pixel, and paint would tremble with it: a
    mean of several frames' words, as a Kalman filter of constant gain makes it, is steadier and nearer the
    truth. What differs by more than such a fraction is motion, and stays.

    Parameters
    ----------
    found
        float32 (H, W, 2), from a frame to the key.
    expected
        The same as each frame beside it says, chained.
    crew
    pull
        Share of the way to each one that is taken where the difference is small. Larger is steadier.
    reach
        Pixels of difference from which on nothing is taken. Larger is steadier, and motion that bends is
        followed less.
    """
    out, strength, far = found.copy(), np.float32(pull), np.float32(reach)
    for other in expected:
        crew.run(kernels.draw, len(found), found, other, strength, far, out)
    return out


def smooth_flows(
    order: Sequence[int],
    known: Mapping[int, FlowBuffer],
    steps: Mapping[int, FlowBuffer],
    crew: ThreadTeam,
    reach: float,
) -> Generator[tuple[int, dict[int, Flow], Flow], None, None]:
    """Settle flows to two keys by the frames on both sides, as a smoother does after a filter.

    Parameters
    ----------
    order
        The frames between the keys, in order.
    known
        The flows to the first and to the last key.
    steps
        The `halved` flows to the frame before, and to the one after, by the same keys.
    crew
    reach
        See `damp_towards` and `noise_radius`.

    Yields
    ------
    Frame number, {key: flow to it}, and the flow to the frame before.
    """
    (a, backs), (b, forths) = steps.items()
    beside = {t: {key: fields[t] for key, fields in known.items()} for t in order[:1]}
    for before, t, after in zip((None, *order[:-1]), order, (*order[1:], None), strict=True):
        if after is not None:
            beside[after] = {key: fields[after] for key, fields in known.items()}
        back, forth = whole(backs[t], known[a].size), whole(forths[t], known[b].size)
        out = {}
        for key in known:
            said = [
                step if other is None else chain(step, beside[other][key])
                for step, other, end in ((back, before, a), (forth, after, b))
                # beyond the outermost frame lies a key, which says nothing of the other one
                if other is not None or key == end
            ]
            out[key] = damp_towards(beside[t][key], *said, crew=crew, pull=_BESIDE, reach=reach)
        if before is not None:
            del beside[before]
        yield t, out, back


def noise_radius(*frames: Image) -> float:
    """How far grain moves what is found in such frames, as `damp_towards` wants it.

    In clean pictures small differences are motion too, and settling them would take it away.
    """
    return float(np.clip(_REACH * np.mean([grain(frame) for frame in frames]), _LEAST, _MOST))


def grain(frame: Image) -> float:
    """Estimate the standard deviation of the grain of a picture, uint8 (H, W, 3), in 8-bit steps of luma.

    Immerkaer's (1996) filter, which answers neither to slopes nor to straight edges, and of its answers the
    smaller half, in which there is least else.
    """
    light = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY).astype(np.float32)
    answers = np.sort(np.abs(cv2.filter2D(light, cv2.CV_32F, _CURVE))[::2, ::2], axis=None)
    return float(answers[: (len(answers) + 1) // 2].mean()) / (6 * _SMALLER_HALF)


def halved(flow: Flow) -> Flow:
    """Return `flow` at half the size, in the pixels of the whole: what a search at half the size found."""
    h, w = flow.shape[:2]
    return np.asarray(cv2.resize(flow, (-(-w // 2), -(-h // 2)), interpolation=cv2.INTER_AREA), np.float32)


def whole(half: Flow, size: tuple[int, int]) -> Flow:
    """Return a `halved` flow at its whole size, (height, width)."""
    return np.asarray(cv2.resize(half, size[::-1], interpolation=cv2.INTER_LINEAR), np.float32)
