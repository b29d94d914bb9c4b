"""A clip as a sequence of frames: a video file or a folder of images, the whole or a range."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from stylize.errors import MediaError, UsageError
from stylize.media.cache import FrameCache
from stylize.media.lazy_sequence import LazySequence
from stylize.media.timecode import parse_time

if TYPE_CHECKING:
    from types import TracebackType

    from propagate.arrays import Image
    from stylize.media.info import ClipInfo


class FrameSource(Protocol):
    """Where a clip's frames come from; indices are those of the whole file."""

    def read(self, index: int) -> Image:
        """Return a frame at full size, (H, W, 3)."""

    def small(self, index: int, width: int, height: int) -> Image:
        """Return a frame at `width` by `height`, uint8."""

    def close(self) -> None:
        """Release the decoder."""


class Clip(LazySequence["Image", "Clip"]):
    """Frames of a clip, read when asked for: ``clip[i]`` is (H, W, 3), uint8, or uint16 beyond 8 bits.

    ``clip[a:b]`` is a clip of that range; it reads through the same decoders and cache, and closes with the
    clip that it came from. A frame is the caller's own copy. Several threads may read, one frame at a time.
    """

    def __init__(self, source: FrameSource, info: ClipInfo, lock: threading.Lock | None = None) -> None:
        self._source = source
        self.info = info
        self._lock = lock or threading.Lock()
        self._owner = lock is None

    def __len__(self) -> int:
        return self.info.count

    def _slice(self, places: range) -> Clip:
        if places.step != 1:
            raise ValueError(f"a clip cannot be read in steps of {places.step}; take a range of it")
        return self.slice(places.start, places.stop)

    def _item(self, index: int) -> Image:
        with self._lock:
            image: Image = self._source.read(self._place(index)).copy()
            return image

    def slice(self, start: int, stop: int) -> Clip:
        """Return the clip of frames [`start`, `stop`)."""
        return Clip(self._source, self.info.within(start, stop), self._lock)

    def small(self, index: int, long_side: int) -> Image:
        """Return frame `index` with its longer side at `long_side` pixels at most, uint8, averaged by area.

        Much cheaper than a whole frame that is then shrunk; for cuts, flow and thumbnails.
        """
        width, height = self.small_size(long_side)
        with self._lock:
            image: Image = self._source.small(self._place(index), width, height).copy()
            return image

    def small_size(self, long_side: int) -> tuple[int, int]:
        """Return the (width, height) that `small` delivers."""
        if long_side < 1:
            raise ValueError(f"long_side is {long_side}; expected 1 or more pixels")
        width, height = self.info.width, self.info.height
        scale = min(1.0, long_side / max(width, height))
        return max(1, round(width * scale)), max(1, round(height * scale))

    def close(self) -> None:
        """Close the file; of a range, nothing."""
        if self._owner:
            with self._lock:
                self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _place(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError(f"frame {index} of a clip of {len(self)} frames")
        return self.info.start + index % len(self)


def open_clip(
    path: str | Path,
    *,
    start: str | int | None = None,
    end: str | int | None = None,
    assume_matrix: str | None = None,
    allow_truncated: bool = False,
    missing: str = "error",
    rate: float | str | None = None,
    cache_bytes: int = 256 << 20,
) -> Clip:
    """Open a video file or a folder of numbered images.

    Parameters
    ----------
    path
        The file or folder.
    start, end
        Half-open range, as for `parse_time`: frames ``10``, seconds ``2.5s`` or timecode.
    assume_matrix
        "bt601", "bt709" or "bt2020" for a clip that does not tag its colors; None takes bt709 from 720 lines
        on and bt601 below. The wrong one turns reds and greens by up to 22 of 255 codes.
    allow_truncated
        Use what there is of a file that breaks off; a damaged frame inside repeats the one before.
    missing
        For a sequence with holes: "error" refuses and names them, "hold" repeats the frame before, "black" is
        black.
    rate
        Frames per second of a sequence, as ``25``, ``23.976`` or ``24000/1001``; None takes 24.
    cache_bytes
        Memory for frames that are kept. More makes reading backwards through long stretches cheaper.

    Raises
    ------
    MediaError
        If the clip is missing, no video, truncated, empty, interlaced, or has holes.
    UsageError
        If an option is none of the above, or the range is empty or outside the clip.
    """
    place = Path(path)
    cache = FrameCache(cache_bytes)
    if place.is_dir():
        from stylize.media.image_sequence import SequenceSource, list_sequence

        listing = list_sequence(place, missing=missing, rate=rate)
        info: ClipInfo = listing.info
        source: FrameSource = SequenceSource(listing, cache)
    else:
        from stylize.media.clip_probe import index_video
        from stylize.media.video_reader import VideoSource

        index = index_video(place, assume_matrix=assume_matrix, allow_truncated=allow_truncated)
        info, source = index.info, VideoSource(index, cache)
        if rate is not None:
            own = f"{place.name} keeps its own, {float(info.rate):g} frames/s"
            kept = f"rate {rate} is for image sequences; {own}"
            info = replace(info, notices=(*info.notices, kept))
    return Clip(source, _range(info, start, end))


def _range(info: ClipInfo, start: str | int | None, end: str | int | None) -> ClipInfo:
    first = 0 if start is None else parse_time(start, info.rate, info.pts, info.time_base)
    stop = info.count if end is None else parse_time(end, info.rate, info.pts, info.time_base)
    length = f"{info.path} has {info.count} frames ({float(info.duration):.2f} s)"
    if first >= info.count:
        raise UsageError(f"start {start} is beyond the end: {length}; start earlier")
    if stop > info.count:
        raise UsageError(f"end {end} is beyond the end: {length}; end at {info.count} at most")
    if first >= stop:
        raise UsageError(f"start {start or 0} is not before end {end}; {length}: widen the range")
    try:
        return info.within(first, stop)
    except ValueError as error:
        raise MediaError(str(error)) from error
