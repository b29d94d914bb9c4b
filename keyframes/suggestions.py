"""Where one more key would help most."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

_LEAST = 0.01  # a stretch counts as weak where this much more than at its shot's usual frame is missing


@dataclass(frozen=True)
class Suggestion:
    """A frame that should become a key, what it would bring in frames' worth of picture, and why."""

    frame: int
    gain: float
    reason: str


def suggest(
    coverage: Sequence[float] | NDArray[np.float64],
    *,
    keys: Iterable[int],
    most: int = 3,
    least: float = 0.5,
    offset: int = 0,
) -> list[Suggestion]:
    """Find the weakest stretches of a shot and the frame in each that a new key suits best.

    Parameters
    ----------
    coverage
        Per frame, 0 to 1: what is explained (``Selection.coverage``) or how sure the propagation is
        (``CarriedFrame.quality``).
    keys
        Frames that are keys; frame numbers count from `offset`, the first frame of the shot.
    most
        Most suggestions.
    least
        Frames' worth of picture that a suggestion must be able to bring.

    Returns
    -------
    list of Suggestion
        The most helpful first.
    """
    missing = 1 - np.clip(np.asarray(coverage, np.float64), 0, 1)
    bounds = [-1, *sorted({key - offset for key in keys}), len(missing)]
    found = []
    for before, after in itertools.pairwise(bounds):
        part = missing[before + 1 : after]
        weak = np.maximum(part - _LEAST, 0)
        if weak.sum() < least:
            continue
        # the middle of what is missing explains both halves best; its worst frame is where
        # nothing else reaches
        middle = before + 1 + int(np.searchsorted(np.cumsum(weak), weak.sum() / 2))
        touched = np.flatnonzero(part > max(part.max() / 2, _LEAST)) + before + 1
        first, last, worst = (
            touched[0] + offset,
            touched[-1] + offset,
            int(part.argmax()) + before + 1 + offset,
        )
        where = f"{first}-{last}" if last > first else f"{first}"
        reason = f"{where} lack up to {100 * part.max():.0f} % of the frame, most at {worst}"
        found.append(Suggestion(middle + offset, float(weak.sum()), reason))
    return sorted(found, key=lambda s: -s.gain)[:most]
