"""What a layer sees of a shot: all of it, or the subject in its window, freed of its background."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from stylize.compositing.bounds import track_crop
from stylize.mattes import estimate_foreground
from stylize.media.frame_images import read_key, read_keys
from stylize.media.window import Window
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from propagate.arrays import Image
    from stylize.compositing.bounds import MatteBounds
    from stylize.mattes import MatteClip
    from stylize.media import Clip

SUBJECT_VERSION = 4
"""Raise when the same frames and mattes are cut out or freed otherwise."""
ROOM = 16
"""Pixels around a window in which is looked for the ground's colors."""
FADE = 3.0
"""Pixels beyond the matte over which a subject fades to plain gray, where it is carried."""
KEPT = 32 << 20
"""Bytes of freed frames that are kept at hand, and of carried ones: a frame is read several times."""


class FullFrameView(Sequence["Image"]):
    """A shot without a matte: its frames as they are."""

    mattes: None = None

    def __init__(self, clip: Clip) -> None:
        self.clip, self.info = clip, clip.info
        self.carried = clip

    def __len__(self) -> int:
        return len(self.clip)

    def __getitem__(self, index: Any) -> Any:
        return self.clip[index]

    def keys(self, files: Mapping[int, Path]) -> dict[int, Image]:
        """Read painted keys as they are carried."""
        return read_keys(files, self.clip[0])

    def key(self, path: Path, index: int) -> Image:
        """Read the painted key of frame `index`."""
        return read_key(path, self.clip[index])

    def place(self, image: Image, index: int, *, onto: Image | None = None) -> Image:  # noqa: ARG002
        """Return what was painted or carried as a picture of the whole frame."""
        return image

    def window(self, index: int) -> None:  # noqa: ARG002
        """Return nothing: all of a frame is seen."""
        return

    def mark(self, indices: Iterable[int]) -> None:  # noqa: ARG002
        """Return nothing: there is no matte that anything could depend on."""
        return


class MattedView(Sequence["Image"]):
    """A shot through a matte: frames and keys in a window that follows it, freed of the background.

    Inside the matte a frame's colors are the subject's own, at its soft edge too, and beyond the edge they
    run on: so no painter sees where the background begins, and no color of it gets into the paint.

    Attributes
    ----------
    carried
        The frames along which paint is carried. Beyond the edge they fade to plain gray: what surface runs on
        there is made up anew in every frame, and flow would try to explain it.
    mattes
        Cut to the windows too.
    """

    def __init__(
        self,
        clip: Clip,
        mattes: MatteClip,
        outline: MatteBounds,
        first: int,
        rendered: Callable[[str, Path], bool],
    ) -> None:
        """Look at the shot `clip` through `mattes`, one for each of its frames.

        `outline` is of a longer range, in which the shot's first frame is number `first`.
        """
        self.clip, self.info, self._rendered = clip, clip.info, rendered
        stop = first + len(clip)
        size = (clip.info.width, clip.info.height)
        self.windows = track_crop(outline.boxes[first:stop], size)
        self._marks = outline.marks[first:stop]
        self.mattes = _Each(len(clip), lambda at: self.cut(mattes[at], at))
        self._freed = _Kept(lambda at: self._free(self.clip[at], at))
        carried = _Kept(lambda at: self._faded(self[at], at))
        self.carried = _Each(len(clip), carried.get)

    def __len__(self) -> int:
        return len(self.clip)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._freed.get(range(len(self))[index])

    def window(self, index: int) -> tuple[int, int, int, int]:
        """Return (top, left, height, width) of the window of frame `index`."""
        left, top = self.windows.corners[index]
        wide, tall = self.windows.size
        return int(top), int(left), int(tall), int(wide)

    def cut(self, image: NDArray[Any], index: int) -> NDArray[Any]:
        """Return the part of a picture of the whole frame that lies in the window of frame `index`."""
        top, left, tall, wide = self.window(index)
        return np.ascontiguousarray(image[top : top + tall, left : left + wide])

    def keys(self, files: Mapping[int, Path]) -> dict[int, Image]:
        """Read painted keys as they are carried: cut to their windows, freed where painted by hand."""
        whole = read_keys(files, self.clip[0])
        return {i: self._faded(self._key(whole[i], files[i], i), i) for i in files}

    def key(self, path: Path, index: int) -> Image:
        """Read the painted key of frame `index`, cut to its window."""
        return self._key(read_key(path, self.clip[index]), path, index)

    def place(self, image: Image, index: int, *, onto: Image | None = None) -> Image:
        """Return what was painted or carried in its place in a whole frame; around it is `onto`, or black."""
        shape = (self.info.height, self.info.width, image.shape[2])
        whole = np.zeros(shape, image.dtype) if onto is None else onto.copy()
        left, top = self.windows.corners[index]
        whole[top : top + image.shape[0], left : left + image.shape[1]] = image
        return whole

    def mark(self, indices: Iterable[int]) -> str:
        """Name what the mattes of these frames and their windows show; what is made of them depends on it."""
        seen = [(self._marks[i], *map(int, self.windows.corners[i])) for i in indices]
        return fingerprint("subject", SUBJECT_VERSION, self.windows.size, seen)

    def _key(self, image: Image, path: Path, index: int) -> Image:
        name = self.info.names[index]
        machine = self._rendered(name, path)
        part: Image = self.cut(image, index)
        return part if machine or image.shape[2] != 3 else self._free(image, index, fine=True)

    def _faded(self, part: Image, index: int) -> Image:
        import cv2

        outside = self.mattes[index] <= 0
        if not outside.any() or outside.all():
            return part
        away = cv2.distanceTransform(outside.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        gray = np.iinfo(part.dtype).max // 2 + 1
        faded = np.where(outside[..., None], part.dtype.type(gray), part)
        rim = outside & (away < FADE)
        own = part[rim].astype(np.float32)
        faded[rim] = np.rint(own + away[rim][:, None] / FADE * (gray - own)).astype(part.dtype)
        return faded

    def _free(self, image: Image, index: int, *, fine: bool = False) -> Image:
        """Free a picture of the whole frame, and cut it to its window; around it the ground shows too."""
        matte, (top, left, tall, wide) = self.mattes[index], self.window(index)
        if not matte.any():
            return self.cut(image, index)
        window = Window(top, left, top + tall, left + wide)
        around = window.with_room(ROOM, image.shape[:2])
        freed = estimate_foreground(around.of(image), around.taken_from(matte, window), fine=fine)
        return np.ascontiguousarray(window.seen_from(around).of(freed))


class _Kept:
    """Pictures by number, each made when first asked for; the last few are kept at hand."""

    def __init__(self, make: Callable[[int], Image]) -> None:
        self._make = make
        self._kept: OrderedDict[int, Image] = OrderedDict()

    def get(self, at: int) -> Image:
        """Return the picture, for the caller to do with as it likes."""
        kept = self._kept.get(at)  # two threads may make the same one at once: the same picture twice
        if kept is None:
            kept = self._kept[at] = self._make(at)
            while len(self._kept) > max(KEPT // kept.nbytes, 2):
                self._kept.popitem(last=False)
        return kept.copy()


class _Each(Sequence[Any]):
    """What a function makes of each number below `length`."""

    def __init__(self, length: int, make: Callable[[int], Any]) -> None:
        self._length, self._make = length, make

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        return self._make(range(self._length)[index])


ShotView: TypeAlias = FullFrameView | MattedView
"""A shot as a layer sees it."""
