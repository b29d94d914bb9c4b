"""A matte as a clip: where the paint goes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self, overload

import numpy as np

from stylize.errors import MediaError
from stylize.media import open_clip

if TYPE_CHECKING:
    from pathlib import Path

    from propagate.arrays import F32
    from stylize.media import Clip, ClipInfo

__all__ = ["MatteClip", "open_matte"]


class MatteClip(Sequence["F32"]):
    """The matte of every frame, read when asked for: float32 (H, W), 1 is styled, 0 stays the clip's own."""

    def __init__(self, clip: Clip, owner: Clip | None = None) -> None:
        self.clip = clip
        self._owner = owner or clip  # a range closes nothing

    @property
    def fingerprint(self) -> str:
        """The content's short name."""
        return f"matte {self.clip.info.fingerprint}"

    def __len__(self) -> int:
        return len(self.clip)

    @overload
    def __getitem__(self, index: int) -> F32: ...
    @overload
    def __getitem__(self, index: slice) -> MatteClip: ...
    def __getitem__(self, index: int | slice) -> F32 | MatteClip:
        if isinstance(index, slice):
            return MatteClip(self.clip[index])
        frame = self.clip[index]
        return np.asarray(frame.mean(axis=2) / np.iinfo(frame.dtype).max, np.float32)

    def close(self) -> None:
        """Close the file."""
        self._owner.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_matte(path: Path, info: ClipInfo) -> MatteClip:
    """Open the matte of the clip or range that `info` describes: a video, or a folder of images by frame.

    Parameters
    ----------
    path
        As many frames as the whole clip has, or as the range; of the clip's size. White is styled.
    info
        The clip, or the range of it, that is worked on.

    Raises
    ------
    MediaError
        If the matte is missing or bad, or its size or number of frames is another.
    """
    with ExitStack() as stack:
        clip = stack.enter_context(open_clip(path))
        matte = MatteClip(_fitting(clip, info), clip)
        stack.pop_all()  # the caller closes it from here on
    return matte


def _fitting(clip: Clip, info: ClipInfo) -> Clip:
    found = clip.info
    if (found.width, found.height) != (info.width, info.height):
        raise MediaError(
            f"{found.path}: {found.width}x{found.height}, but the clip is {info.width}x{info.height}; "
            "make the matte at the clip's size"
        )
    if found.count == info.total:
        return clip[info.start : info.start + info.count]
    if found.count == info.count:
        return clip
    raise MediaError(
        f"{found.path}: {found.count} frames, but the clip has {info.total}; make one for every frame"
    )
