"""A cache of frames bounded by bytes, which forgets the one that was not asked for longest."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Hashable

    from numpy.typing import NDArray

THUMBS_BYTES = 64 << 20
"""For small frames: some 380 of 320x180, so that a usual clip is decoded once to find cuts and keys.
Those of long clips are looked at in order, and must not fill the memory."""


class FrameCache:
    """Arrays by key, `limit` bytes at most; one array is kept even if it alone is larger."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.size = 0
        self._held: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()

    def get(self, key: Hashable) -> NDArray[Any] | None:
        """Return the array under `key`, or None."""
        array = self._held.get(key)
        if array is not None:
            self._held.move_to_end(key)
        return array

    def put(self, key: Hashable, array: NDArray[Any]) -> None:
        """Hold `array`, and let go of the oldest until the limit is kept."""
        old = self._held.pop(key, None)
        self.size += array.nbytes - (old.nbytes if old is not None else 0)
        self._held[key] = array
        while self.size > self.limit and len(self._held) > 1:
            _, gone = self._held.popitem(last=False)
            self.size -= gone.nbytes

    def clear(self) -> None:
        """Let go of everything."""
        self._held.clear()
        self.size = 0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)
