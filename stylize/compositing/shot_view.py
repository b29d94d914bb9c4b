"""Views of a shot for a layer: the full frames, or the subject of a matte, cropped, with its background removed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from stylize.compositing.bounds import track_crop
from stylize.mattes import estimate_foreground
from stylize.media.frame_images import read_key, read_keys
from stylize.media.lazy_sequence import LazySequence
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
"""Raise it when the same frames and mattes give another crop or foreground."""
ROOM = 16
"""Pixels around a crop in which foreground estimation sees the colors of the background."""
FADE = 3.0
"""Pixels beyond the matte over which a subject fades to gray in the frames for propagation."""
KEPT = 32 << 20
"""Bytes of cached foreground frames, and as many of faded ones: a frame is read several times."""


class FullFrameView(Sequence["Image"]):
    """A shot without a matte: its full frames."""

    mattes: None = None

    def __init__(self, clip: Clip) -> None:
        self.clip, self.info = clip, clip.info
        self.carried = clip

    def __len__(self) -> int:
        return len(self.clip)

    def __getitem__(self, index: Any) -> Any:
        return self.clip[index]

    def keys(self, files: Mapping[int, Path]) -> dict[int, Image]:
        """Read painted keys for propagation."""
        return read_keys(files, self.clip[0])

    def key(self, path: Path, index: int) -> Image:
        """Read the painted key of frame `index`."""
        return read_key(path, self.clip[index])

    def place(self, image: Image, index: int, *, onto: Image | None = None) -> Image:  # noqa: ARG002
        """Return a styled image, which fills the frame already."""
        return image

    def window(self, index: int) -> None:  # noqa: ARG002
        """Return None: the frame is not cropped."""
        return

    def mark(self, indices: Iterable[int]) -> None:  # noqa: ARG002
        """Return None: nothing depends on a matte."""
        return


class MattedView(LazySequence["Image", "list[Image]"]):
    """A shot through a matte: frames and keys in a crop that tracks the subject, without the background.

    Inside the matte, and at its soft edge, colors are those of the subject, and beyond the edge they are
    continued. So a renderer sees no border to the background, and no background color gets into the paint.

    Attributes
    ----------
    carried
        The frames for propagation. Beyond the edge they fade to gray: the continued colors differ from frame to
        frame, and flow would try to follow them.
    mattes
        Cropped too.
    """

    def __init__(
        self,
        clip: Clip,
        mattes: MatteClip,
        outline: MatteBounds,
        first: int,
        rendered: Callable[[str, Path], bool],
    ) -> None:
        """View the shot `clip` through `mattes`, one for each of its frames.

        Parameters
        ----------
        outline
            Bounds of a longer range of mattes.
        first
            Number of the shot's first frame in that range.
        rendered
            Returns for the name of a frame and a key's file whether a renderer made it; manual keys still have
            their background.
        """
        self.clip, self.info, self._rendered = clip, clip.info, rendered
        stop = first + len(clip)
        size = (clip.info.width, clip.info.height)
        self.windows = track_crop(outline.boxes[first:stop], size)
        self._marks = outline.marks[first:stop]
        self.mattes = _LazyList(len(clip), lambda at: self.cut(mattes[at], at))
        self._cache = _ImageCache(lambda at: self._foreground(self.clip[at], at))
        carried = _ImageCache(lambda at: self._faded(self[at], at))
        self.carried = _LazyList(len(clip), carried.get)

    def __len__(self) -> int:
        return len(self.clip)

    def _item(self, index: int) -> Image:
        return self._cache.get(index)

    def _slice(self, places: range) -> list[Image]:
        return [self[place] for place in places]

    def window(self, index: int) -> tuple[int, int, int, int]:
        """Return (top, left, height, width) of the crop of frame `index` in pixels."""
        left, top = self.windows.corners[index]
        wide, tall = self.windows.size
        return int(top), int(left), int(tall), int(wide)

    def cut(self, image: NDArray[Any], index: int) -> NDArray[Any]:
        """Crop an image of the full frame to the crop of frame `index`."""
        top, left, tall, wide = self.window(index)
        return np.ascontiguousarray(image[top : top + tall, left : left + wide])

    def keys(self, files: Mapping[int, Path]) -> dict[int, Image]:
        """Read painted keys for propagation: cropped, and without the background if painted by hand."""
        whole = read_keys(files, self.clip[0])
        return {i: self._faded(self._key(whole[i], files[i], i), i) for i in files}

    def key(self, path: Path, index: int) -> Image:
        """Read the painted key of frame `index`, cropped."""
        return self._key(read_key(path, self.clip[index]), path, index)

    def place(self, image: Image, index: int, *, onto: Image | None = None) -> Image:
        """Return a styled crop at its place in the full frame, over `onto` or black."""
        shape = (self.info.height, self.info.width, image.shape[2])
        whole = np.zeros(shape, image.dtype) if onto is None else onto.copy()
        left, top = self.windows.corners[index]
        whole[top : top + image.shape[0], left : left + image.shape[1]] = image
        return whole

    def mark(self, indices: Iterable[int]) -> str:
        """Return the fingerprint of the mattes and crops of these frames, for all that depends on them."""
        seen = [(self._marks[i], *map(int, self.windows.corners[i])) for i in indices]
        return fingerprint("subject", SUBJECT_VERSION, self.windows.size, seen)

    def _key(self, image: Image, path: Path, index: int) -> Image:
        name = self.info.names[index]
        machine = self._rendered(name, path)
        part: Image = self.cut(image, index)
        return part if machine or image.shape[2] != 3 else self._foreground(image, index, fine=True)

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

    def _foreground(self, image: Image, index: int, *, fine: bool = False) -> Image:
        """Remove the background of a full frame and crop it; the estimate sees `ROOM` pixels around the crop."""
        matte, (top, left, tall, wide) = self.mattes[index], self.window(index)
        if not matte.any():
            return self.cut(image, index)
        window = Window(top, left, top + tall, left + wide)
        around = window.with_room(ROOM, image.shape[:2])
        found = estimate_foreground(around.of(image), around.taken_from(matte, window), fine=fine)
        return np.ascontiguousarray(window.seen_from(around).of(found))


class _ImageCache:
    """Images by number, computed on request, with a cache of the last few."""

    def __init__(self, make: Callable[[int], Image]) -> None:
        self._make = make
        self._kept: OrderedDict[int, Image] = OrderedDict()

    def get(self, at: int) -> Image:
        """Return a copy of the image, which the caller may change."""
        kept = self._kept.get(at)  # two threads may compute the same image at once
        if kept is None:
            kept = self._kept[at] = self._make(at)
            while len(self._kept) > max(KEPT // kept.nbytes, 2):
                self._kept.popitem(last=False)
        return kept.copy()


class _LazyList(LazySequence[Any, "list[Any]"]):
    """Sequence of the results of a function for each number below `length`."""

    def __init__(self, length: int, make: Callable[[int], Any]) -> None:
        self._length, self._make = length, make

    def __len__(self) -> int:
        return self._length

    def _item(self, index: int) -> Any:
        return self._make(index)

    def _slice(self, places: range) -> list[Any]:
        return [self[place] for place in places]


ShotView: TypeAlias = FullFrameView | MattedView
"""The view of a shot that a layer has."""
