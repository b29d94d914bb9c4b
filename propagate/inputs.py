"""The door of a shot: what comes in is checked, every frame when it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, overload

import cv2
import numpy as np

from propagate.arrays import check_image, check_map
from propagate.flow import eight_bit
from propagate.warp import LARGEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from propagate.arrays import F32, Image

_SIDE = 128
_TOLERANCE = 1e-3


class Frames(Sequence["Image"]):
    """A shot's frames as uint8 (H, W, 3), read on demand.

    Raises
    ------
    ValueError
        On reading a frame that is no RGB picture of the first frame's size.
    """

    def __init__(self, frames: Sequence[Image]) -> None:
        check_image("frame 0", frames[0], (3,))
        self._frames = frames
        self.size = (frames[0].shape[0], frames[0].shape[1])
        if max(self.size) > LARGEST:
            raise ValueError(f"frame 0 is {self.size[1]}x{self.size[0]}; no side may exceed {LARGEST} pixels")
        self._thumbnails: dict[int, Image] = {}

    def __len__(self) -> int:
        return len(self._frames)

    @overload
    def __getitem__(self, t: int) -> Image: ...
    @overload
    def __getitem__(self, t: slice) -> Sequence[Image]: ...
    def __getitem__(self, t: int | slice) -> Image | Sequence[Image]:
        if isinstance(t, slice):
            return [self[i] for i in range(*t.indices(len(self)))]
        frame = self._frames[t]
        check_image(f"frame {t}", frame, (3,))
        if frame.shape[:2] != self.size:
            raise ValueError(
                f"frame {t} is {frame.shape[1]}x{frame.shape[0]}; "
                f"frame 0 is {self.size[1]}x{self.size[0]}, and a shot has one size"
            )
        return eight_bit(frame)

    def thumbnail(self, t: int) -> Image:
        """Return frame `t` at 128 pixels at most; a frame asked for again is not read again."""
        if t not in self._thumbnails:
            self._thumbnails[t] = thumbnail(self[t])
        return self._thumbnails[t]


def thumbnail(frame: Image) -> Image:
    """Return `frame`, uint8, at 128 pixels at most."""
    scale = min(1.0, _SIDE / max(frame.shape[:2]))
    size = (max(1, round(frame.shape[1] * scale)), max(1, round(frame.shape[0] * scale)))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


class Mattes:
    """A shot's mattes, float32 (H, W) in 0..1 of `size`, read on demand; ValueError on one that is not."""

    def __init__(self, mattes: Sequence[F32], size: tuple[int, int]) -> None:
        self._mattes, self._size = mattes, size

    def __getitem__(self, t: int) -> F32:
        matte = self._mattes[t]
        check_map(f"matte {t}", matte, self._size)
        if matte.min() < -_TOLERANCE or matte.max() > 1 + _TOLERANCE:
            raise ValueError(f"matte {t} leaves the range 0 to 1")
        return matte


def keys_in_order(frames: Sequence[Image], painted: Mapping[int, Image], mattes: Sequence[F32] | None) -> list[int]:
    """Return the painted frames' numbers in order; ValueError if keys, frames and mattes do not fit."""
    if not painted:
        raise ValueError("no painted key is given; at least one is needed")
    if len(frames) == 0:
        raise ValueError("the shot has no frame; at least one is needed")
    for key in painted:
        if not isinstance(key, (int, np.integer)):
            raise ValueError(f"a key is painted for frame {key!r}; frames are numbered by int")  # noqa: TRY004
    keys = sorted(painted)
    if keys[0] < 0 or keys[-1] >= len(frames):
        wrong = keys[0] if keys[0] < 0 else keys[-1]
        raise ValueError(f"a key is painted for frame {wrong}; the shot has frames 0 to {len(frames) - 1}")
    check_image("frame 0", frames[0], (3,))
    model = painted[keys[0]]
    for key in keys:
        image = painted[key]
        check_image(f"painted key {key}", image)
        if image.shape[:2] != frames[0].shape[:2]:
            raise ValueError(
                f"painted key {key} is {image.shape[1]}x{image.shape[0]}; "
                f"the frames are {frames[0].shape[1]}x{frames[0].shape[0]}"
            )
        if image.dtype != model.dtype or image.shape[2] != model.shape[2]:
            raise ValueError(
                f"painted key {key} is {image.dtype} with {image.shape[2]} channels, key {keys[0]} is "
                f"{model.dtype} with {model.shape[2]}; all keys need one type"
            )
    if mattes is not None and len(mattes) != len(frames):
        raise ValueError(f"there are {len(mattes)} mattes for {len(frames)} frames; one per frame is needed")
    return keys
