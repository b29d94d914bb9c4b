"""Frame-exact reading of a video file at any place, in any order."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from typing import TYPE_CHECKING, Any, Protocol

from stylize.errors import MediaError
from stylize.media.cache import THUMBS_BYTES, FrameCache
from stylize.media.frame_converter import Converter
from stylize.media.packet_scan import open_container

if TYPE_CHECKING:
    from collections.abc import Iterator

    import av
    from numpy.typing import NDArray

    from propagate.arrays import Image
    from stylize.media.clip_probe import VideoIndex

_CURSORS = 2  # one for a reader going forwards and one for a reader going backwards, as spans are painted
_REACH = 12  # frames that are decoded on the way rather than sought over


class FrameConverter(Protocol):
    """From a decoded frame to an array, upright; `Converter` makes RGB."""

    def whole(self, frame: av.VideoFrame) -> Image:
        """Return the frame at full size, (H, W, 3)."""

    def small(self, frame: av.VideoFrame, width: int, height: int) -> Image:
        """Return the frame at `width` by `height`, uint8."""


class VideoSource:
    """Frames of one video file by index, with decoders that stay open and a cache.

    Asked for a frame that no decoder is about to reach, it enters at the last entry before, decodes up to the
    frame, and keeps as many of the last ones as half the cache holds: a reader going backwards pays one pass
    over each chunk. `convert` makes of a decoded frame what is kept, `decoder` names another than the file's.
    """

    def __init__(
        self,
        index: VideoIndex,
        cache: FrameCache,
        convert: FrameConverter | None = None,
        decoder: str | None = None,
    ) -> None:
        self.index, self.cache, self.decoder = index, cache, decoder
        self.thumbs = FrameCache(min(cache.limit, THUMBS_BYTES))
        self.info = index.info
        self._cursors: list[_Cursor] = []
        self._convert = convert or Converter(index.info)
        bytes_per_frame = self.info.width * self.info.height * (6 if self.info.bit_depth > 8 else 3)
        self._keep = max(1, cache.limit // 2 // bytes_per_frame)

    def read(self, index: int) -> Image:
        """Return frame `index` of the file, (H, W, 3), upright; the array is the cache's own."""
        held = self.cache.get(index)
        if held is not None:
            return held
        for at, frame in self._towards(index):
            if at > index - self._keep and at not in self.cache:
                self.cache.put(at, self._convert.whole(frame))
        return self._found(index, self.cache.get(index))

    def small(self, index: int, width: int, height: int) -> Image:
        """Return frame `index` at `width` by `height`, uint8 (H, W, 3), averaged by area."""
        key = (index, width, height)
        held = self.thumbs.get(key)
        if held is not None:
            return held
        for at, frame in self._towards(index):
            if (at, width, height) not in self.thumbs:
                self.thumbs.put((at, width, height), self._convert.small(frame, width, height))
        return self._found(index, self.thumbs.get(key))

    def close(self) -> None:
        """Close the decoders and empty the cache."""
        while self._cursors:
            self._cursors.pop().close()
        self.cache.clear()
        self.thumbs.clear()

    def _found(self, index: int, image: NDArray[Any] | None) -> Image:
        if image is None:
            last = f"frame {index - 1} is the last good one" if index else "it is the first"
            raise MediaError(
                f"{self.info.path} is damaged at frame {index} ({last}); get a whole copy, "
                "or pass --allow-truncated to hold the frame before"
            )
        return image

    def _towards(self, index: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield frames in order, up to `index`; less than that where the file is damaged."""
        cursor = self._cursor_for(index)
        previous = None
        for at, frame in cursor.until(index):
            previous = frame
            yield at, frame
        if cursor.position <= index and self.index.forgiving:
            # A hole in a damaged clip shows the frame before it.
            cursor.position = index + 1
            yield index, previous if previous is not None else self._last_before(index)

    def _last_before(self, index: int) -> av.VideoFrame:
        for entry in reversed(self.index.entries[: bisect_right(self.index.entries, index)]):
            cursor = _Cursor(self.index, self.decoder)
            cursor.enter(entry)
            frames = deque((frame for _, frame in cursor.until(index)), maxlen=1)
            cursor.close()
            if frames:
                return frames[0]
        raise MediaError(f"{self.info.path} is damaged up to frame {index}; start later, or get a whole copy")

    def _cursor_for(self, index: int) -> _Cursor:
        entry = self.index.entries[bisect_right(self.index.entries, index) - 1]
        ready = [
            c for c in self._cursors if c.position <= index and (c.position >= entry or index - c.position <= _REACH)
        ]
        if ready:
            cursor = max(ready, key=lambda c: c.position)
            self._cursors.remove(cursor)
        else:
            cursor = self._cursors.pop(0) if len(self._cursors) >= _CURSORS else _Cursor(self.index, self.decoder)
            cursor.enter(entry)
        self._cursors.append(cursor)
        return cursor


class _Cursor:
    """One decoder: `position` is the next frame that it has not passed."""

    def __init__(self, index: VideoIndex, decoder: str | None) -> None:
        self.index, self._decoder = index, decoder
        self.place = {pts: i for i, pts in enumerate(index.info.pts)}
        self.position = 0
        self._container: av.container.InputContainer | None = None
        self._frames: Iterator[tuple[int, av.VideoFrame]] = iter(())
        self._ahead: tuple[int, av.VideoFrame] | None = None

    def close(self) -> None:
        self._frames, self._ahead = iter(()), None
        if self._container is not None:
            self._container.close()
            self._container = None

    def enter(self, entry: int) -> None:
        """Go to frame `entry`, one that decoding can start from."""
        entries = self.index.entries
        at = bisect_right(entries, entry) - 1
        # A demuxer may land late, or the decoder not come up at once: then some entries earlier, at last the
        # start.
        for back in (0, 1, 4, at):
            first = entries[max(0, at - back)]
            if self._start(first, rewind=first == 0) and self._ahead is not None and self._ahead[0] <= entry:
                break
        self.position = self._ahead[0] if self._ahead is not None else entry

    def _start(self, entry: int, *, rewind: bool) -> bool:
        import av

        if rewind or self._container is None:
            self.close()
            self._container = open_container(self.index.info.path)
            self._container.streams[self.index.stream].thread_type = "AUTO"  # type: ignore[attr-defined]
        stream = self._container.streams[self.index.stream]
        if not rewind:
            try:
                self._container.seek(self.index.info.pts[entry], stream=stream, backward=True)
            except av.error.FFmpegError:
                return False
        self._frames = self._decode(self._container, stream, entry)
        self._ahead = next(self._frames, None)
        return self._ahead is not None

    def _decode(self, container: Any, stream: Any, entry: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield (index, frame) from `entry` on; frames that lean on what was not decoded are left out."""
        import av

        count, forgiving = 0, self.index.forgiving
        packets = container.demux(stream)
        other: Any = av.CodecContext.create(self._decoder, "r") if self._decoder else None
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return
                frames = other.decode(packet) if other is not None else packet.decode()
            except av.error.EOFError:
                return
            except av.error.FFmpegError:
                if forgiving:
                    continue
                return
            for frame in frames:
                if self.index.counted:
                    at: int | None = count
                    count += 1
                else:
                    at = self.place.get(frame.pts)
                if at is None or at < entry or at >= len(self.index.info.pts):
                    continue
                if frame.is_corrupt:
                    if forgiving:
                        continue
                    return
                self._check(at, frame)
                yield at, frame

    def _check(self, at: int, frame: av.VideoFrame) -> None:
        info = self.index.info
        size = (frame.height, frame.width) if info.rotation % 180 else (frame.width, frame.height)
        if size != (info.width, info.height):
            raise MediaError(
                f"{info.path} changes its size from {info.width}x{info.height} to {size[0]}x{size[1]} "
                f"at frame {at}; cut it there into two clips"
            )
        if frame.interlaced_frame:
            raise MediaError(
                f"{info.path} turns interlaced at frame {at}; make it progressive: ffmpeg -i IN -vf bwdif OUT"
            )

    def until(self, index: int) -> Iterator[tuple[int, av.VideoFrame]]:
        """Yield the frames from the position up to and with `index`."""
        while True:
            # Read on only when asked: what lies behind the last frame wanted may be damaged.
            if self._ahead is None:
                self._ahead = next(self._frames, None)
            if self._ahead is None or self._ahead[0] > index:
                return
            at, frame = self._ahead
            self._ahead, self.position = None, at + 1
            yield at, frame
            if at == index:
                return
