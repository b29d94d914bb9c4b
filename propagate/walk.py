"""Follow one key through neighbouring frames, and keep what was found."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from propagate.flow import chain, eight_bit, estimate_flow
from propagate.register import follow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from propagate.arrays import Flow, Image
    from propagate.backend import Crew

__all__ = ["Fields", "walk"]

_IN_MEMORY = 192 << 20
_UNITS = 32.0


def walk(
    frames: Sequence[Image], key: int, order: range, crew: Crew, *, quality: str
) -> Iterator[tuple[int, Flow]]:
    """Yield (frame number, flow from that frame to `key`) for the frames of `order`, away from `key`.

    The flow is chained from frame to frame and refined straight against the key at every step, so that
    errors do not add up.
    """
    there = eight_bit(frames[key])
    before, flow = there, np.zeros((*there.shape[:2], 2), np.float32)
    for t in order:
        here = eight_bit(frames[t])
        flow = follow(here, there, chain(estimate_flow(here, before), flow), crew, quality=quality)[0]
        before = here
        yield t, flow


@dataclass
class Fields:
    """Flows by frame number, in 1/32 pixel; beyond 192 MiB they lie in a temporary file.

    Displacements are held within 1023 pixels.
    """

    first: int
    count: int
    size: tuple[int, int]

    def __post_init__(self) -> None:
        shape = (self.count, *self.size, 2)
        if np.prod(shape, dtype=np.int64) * 2 <= _IN_MEMORY:
            self._kept = np.zeros(shape, np.int16)
        else:
            # the map keeps the nameless file alive, as long as the array lives
            with tempfile.TemporaryFile(prefix="stylize-fields-") as file:
                self._kept = np.memmap(file, np.int16, "w+", shape=shape)

    def __getitem__(self, t: int) -> Flow:
        return np.asarray(self._kept[t - self.first], np.float32) / np.float32(_UNITS)

    def __setitem__(self, t: int, flow: Flow) -> None:
        limit = np.iinfo(np.int16).max
        self._kept[t - self.first] = np.clip(np.rint(flow * _UNITS), -limit, limit)

    def fill(self, steps: Iterator[tuple[int, Flow]]) -> None:
        """Keep all that a walk finds."""
        for t, flow in steps:
            self[t] = flow
