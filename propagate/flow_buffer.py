"""Flow buffer: flows by frame number, in memory or in a temporary file."""

from __future__ import annotations

import io
import tempfile
import weakref
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator

    from propagate.arrays import Flow

_IN_MEMORY = 64 << 20
"""Bytes of a buffer above which it is a temporary file."""
_UNITS = 32.0
"""Steps to a pixel in which displacements are stored as int16: up to 1023 pixels."""


class FlowBuffer:
    """Flows by frame number, in 1/32 pixel; beyond 64 MiB they lie in a nameless temporary file.

    Displacements are held within 1023 pixels.

    Parameters
    ----------
    first, count
        The first frame and how many there are.
    size
        (height, width) of the frames.
    """

    def __init__(self, first: int, count: int, size: tuple[int, int]) -> None:
        self.first, self.size, self.filled = first, size, 0
        self._bytes = size[0] * size[1] * 2 * np.dtype(np.int16).itemsize
        spilled = self._bytes * count > _IN_MEMORY
        # read and written, not mapped: mapped pages would count as this process's memory
        self._file = tempfile.TemporaryFile(prefix="stylize-fields-") if spilled else io.BytesIO()  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def __getitem__(self, t: int) -> Flow:
        self._file.seek((t - self.first) * self._bytes)
        kept = np.frombuffer(self._file.read(self._bytes), np.int16).reshape(*self.size, 2)
        return kept.astype(np.float32) / np.float32(_UNITS)

    def __setitem__(self, t: int, flow: Flow) -> None:
        limit = np.iinfo(np.int16).max
        self._file.seek((t - self.first) * self._bytes)
        self._file.write(np.clip(np.rint(flow * _UNITS), -limit, limit).astype(np.int16).tobytes())
        self.filled += 1

    def fill(self, steps: Iterator[tuple[int, Flow]], halt: threading.Event | None = None) -> None:
        """Keep all that a walk finds, until `halt` is set."""
        for t, flow in steps:
            self[t] = flow
            if halt is not None and halt.is_set():
                return
