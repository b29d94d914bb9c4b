"""Base of all writers: the frames of a clip in order, written beside their place and moved there when complete."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING, Self

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

    from propagate.arrays import Image
    from stylize.media.info import ClipInfo


class Writer(abc.ABC):
    """Takes the frames of a clip in order; the output is there only after a good `close`.

    Attributes
    ----------
    notices
        What differs from the clip, one line each.
    channels
        Of a frame: 3, or 4 where a writer takes alpha.
    """

    channels = 3

    def __init__(self, out: Path, info: ClipInfo, notices: tuple[str, ...]) -> None:
        self.out, self.info, self.notices = out, info, notices
        self.written = 0
        self._open = True

    def write(self, frame: Image) -> None:
        """Take the next frame, (H, W, `channels`), uint8 or uint16, of the clip's size.

        Raises
        ------
        ValueError
            If it is no such frame, or one more than the clip has.
        DeviceError
            If it cannot be written; the output is then given up.
        """
        info = self.info
        if not self._open:
            raise ValueError(f"{self.out} is closed already; open a new writer")
        shape = (info.height, info.width, self.channels)
        if frame.shape != shape or frame.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"frame {self.written} is {frame.dtype} {frame.shape}; expected uint8 or uint16 {shape}")
        if self.written >= info.count:
            raise ValueError(f"{self.out} has its {info.count} frames already; write no more")
        try:
            self._write(frame)
        except BaseException:
            self.abort()
            raise
        self.written += 1

    def close(self) -> None:
        """Finish, check and put the output in place.

        Raises
        ------
        ValueError
            If frames are missing; the output is then given up.
        DeviceError
            If it cannot be written, or reading it back does not show what was written.
        """
        if not self._open:
            return
        if self.written != self.info.count:
            self.abort()
            raise ValueError(f"{self.out} was given {self.written} of {self.info.count} frames; write them all")
        self._open = False
        try:
            self._finish()
        except BaseException:
            self._discard()
            raise

    def abort(self) -> None:
        """Give up: nothing is left in the output's place, and what stood there before still stands."""
        if self._open:
            self._open = False
            self._discard()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.abort()

    @abc.abstractmethod
    def _write(self, frame: Image) -> None: ...

    @abc.abstractmethod
    def _finish(self) -> None: ...

    @abc.abstractmethod
    def _discard(self) -> None: ...
