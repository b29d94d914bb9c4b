"""Mattes of a shot from those of a few frames, propagated along the flow in both directions."""

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

_SAVE_EVERY = 8
"""Frames between two saved states, from which an interrupted run resumes."""


@dataclass(frozen=True)
class FlowTracker:
    """One shot: its frames, the mattes of some of them, and the buffer for the mattes of all.

    It resumes from the mattes that an interrupted run left in the buffer.
    """

    frames: Clip
    keys: Mapping[int, F32]
    first: int
    buffer: MatteBuffer
    on_progress: Callable[[float], None]
    total: int

    def fill(self) -> None:
        """Propagate each key to its neighbors; between two keys both are propagated and blended."""
        marks = sorted(self.keys)
        for at in marks:
            self.write(at, self.keys[at])
        self.to_end(marks[0], range(marks[0] - 1, -1, -1))
        for a, b in pairwise(marks):
            self.between(a, b)
        self.to_end(marks[-1], range(marks[-1] + 1, len(self.frames)))

    def to_end(self, key: int, order: range) -> None:
        """Propagate one key to an end of the shot."""
        if not self.finished(order):
            for at, matte, _ in self.propagated(key, order, self.buffer):
                self.write(at, matte)

    def between(self, a: int, b: int) -> None:
        """Blend the propagated mattes of two keys, weighted by proximity and confidence."""
        if self.finished(range(a + 1, b)):
            return
        name = f"from-{self.first + b}"
        with self.buffer.child(name) as mattes, self.buffer.child(f"{name}-confidence") as confidences:
            order = range(b - 1, a, -1)
            if not all(at in confidences for at in order):
                for at, matte, confidence in self.propagated(b, order, mattes):
                    mattes.write(at, matte)
                    confidences.write(at, confidence)
            for at, matte, confidence in self.propagated(a, range(a + 1, b), self.buffer):
                from_a, from_b = (b - at) * (confidence + 0.01), (at - a) * (confidences[at] + np.float32(0.01))
                blended = (matte * from_a + mattes[at] * from_b) / (from_a + from_b)
                self.write(at, np.asarray(blended, np.float32))

    def propagated(self, key: int, order: range, buffer: MatteBuffer) -> Iterator[tuple[int, F32, F32]]:
        """Propagate one key, from the state that an interrupted run saved; see `propagate_matte`."""
        name = f"way-{self.first + key}-{self.first + order[-1]}" if order else ""
        state, done = TrackState(), buffer.metadata(name) if order else None
        if done is not None:
            state = TrackState(int(done["at"]), done["matte"], done["flow"])
            order = order[order.index(int(done["at"])) + 1 :]
        for count, found in enumerate(propagate_matte(self.frames, key, self.keys[key], order, state), 1):
            yield found
            if count % _SAVE_EVERY == 0 and state.matte is not None and state.flow is not None:
                buffer.set_metadata(name, {"at": np.array(found[0]), "matte": state.matte, "flow": state.flow})

    def finished(self, order: range) -> bool:
        """Return whether the buffer has all of these frames."""
        return all(self.first + at in self.buffer for at in order)

    def write(self, at: int, matte: F32) -> None:
        """Store the matte of a frame of the shot."""
        self.buffer.write(self.first + at, matte)
        self.on_progress(len(self.buffer) / self.total)
