"""A shot's mattes from those of a few of its frames: followed along the motion, both ways."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from stylize.mattes.segment.flow_propagation import TrackState, propagate_matte

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from propagate.arrays import F32
    from stylize.mattes.buffer import MatteBuffer
    from stylize.media import Clip

_NOTED = 8
"""Frames after which is noted from where an interrupted run goes on."""


@dataclass(frozen=True)
class FlowTracker:
    """One shot: its frames, the mattes of some of them, and where the mattes of all go.

    What is on the shelf from an interrupted run is gone on from.
    """

    frames: Clip
    keys: Mapping[int, F32]
    first: int
    buffer: MatteBuffer
    on_progress: Callable[[float], None]
    total: int

    def fill(self) -> None:
        """Follow each key to its neighbors; between two keys both are followed and blended."""
        marks = sorted(self.keys)
        for at in marks:
            self.write(at, self.keys[at])
        self.outwards(marks[0], range(marks[0] - 1, -1, -1))
        for a, b in pairwise(marks):
            self.between(a, b)
        self.outwards(marks[-1], range(marks[-1] + 1, len(self.frames)))

    def outwards(self, key: int, order: range) -> None:
        """Follow one key to an end of the shot."""
        if not self.finished(order):
            for at, matte, _ in self.followed(key, order, self.buffer):
                self.write(at, matte)

    def between(self, a: int, b: int) -> None:
        """Blend by how far away a key is, and by how well the picture agrees with it."""
        if self.finished(range(a + 1, b)):
            return
        name = f"from-{self.first + b}"
        with self.buffer.child(name) as mattes, self.buffer.child(f"{name}-sure") as sureness:
            order = range(b - 1, a, -1)
            if not all(at in sureness for at in order):
                for at, matte, sure in self.followed(b, order, mattes):
                    mattes.write(at, matte)
                    sureness.write(at, sure)
            for at, matte, sure in self.followed(a, range(a + 1, b), self.buffer):
                from_a, from_b = (b - at) * (sure + 0.01), (at - a) * (sureness[at] + np.float32(0.01))
                blended = (matte * from_a + mattes[at] * from_b) / (from_a + from_b)
                self.write(at, np.asarray(blended, np.float32))

    def followed(self, key: int, order: range, buffer: MatteBuffer) -> Iterator[tuple[int, F32, F32]]:
        """Follow one key from where an interrupted run has come to; see `propagate_matte`."""
        name = f"way-{self.first + key}-{self.first + order[-1]}" if order else ""
        trail, done = TrackState(), buffer.metadata(name) if order else None
        if done is not None:
            trail = TrackState(int(done["at"]), done["matte"], done["flow"])
            order = order[order.index(int(done["at"])) + 1 :]
        for count, found in enumerate(propagate_matte(self.frames, key, self.keys[key], order, trail), 1):
            yield found
            if count % _NOTED == 0 and trail.matte is not None and trail.flow is not None:
                buffer.set_metadata(name, {"at": np.array(found[0]), "matte": trail.matte, "flow": trail.flow})

    def finished(self, order: range) -> bool:
        """Whether an earlier run has done all of these frames."""
        return all(self.first + at in self.buffer for at in order)

    def write(self, at: int, matte: F32) -> None:
        """Keep the matte of a frame of the shot."""
        self.buffer.write(self.first + at, matte)
        self.on_progress(len(self.buffer) / self.total)
