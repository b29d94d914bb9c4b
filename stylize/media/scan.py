"""Reading a video's header and packets: what is there, where it can be entered, whether it is whole."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from stylize.errors import MediaError
from stylize.media.colour import colour_tags
from stylize.media.info import AudioStream, ClipInfo, frame_names
from stylize.media.kinds import what_is

if TYPE_CHECKING:
    import av

__all__ = ["VideoIndex", "open_container", "probe", "probe_video"]

# Their packets and frames do not pair off (hidden frames, several frames in a packet): count by decoding.
_PACKETS_LIE = {"vp8", "mpeg4", "msmpeg4v2", "msmpeg4v3", "h263"}
_NOT_VIDEO = {"image2", "tty", "txt", "srt", "ass", "webvtt", "ffmetadata"}


@dataclass(frozen=True)
class VideoIndex:
    """A video's `info`, the frames that decoding can start at, and how to find frames again.

    Attributes
    ----------
    info
        Of the whole file.
    entries
        Frames, ascending and beginning with 0, from which decoding can start.
    stream
        Index of the video stream.
    pixel_format
        FFmpeg's name, as decoded.
    counted
        True where the file has no usable times: frames are found by counting from the start.
    forgiving
        True where damage is to be read over (``allow_truncated``).
    """

    info: ClipInfo
    entries: tuple[int, ...]
    stream: int
    pixel_format: str
    counted: bool
    forgiving: bool = False


def probe(
    path: str | Path,
    *,
    assume_matrix: str | None = None,
    allow_truncated: bool = False,
    missing: str = "error",
) -> ClipInfo:
    """Describe a clip without decoding more than a frame of it.

    Parameters
    ----------
    path
        A video file or a folder of numbered images.
    assume_matrix, allow_truncated, missing
        As for `open_clip`.

    Raises
    ------
    MediaError
        If it is missing, no video, truncated, empty, interlaced, or has holes.
    """
    place = Path(path)
    if place.is_dir():
        from stylize.media.sequence import list_sequence

        return list_sequence(place, missing=missing).info
    return probe_video(place, assume_matrix=assume_matrix, allow_truncated=allow_truncated).info


def open_container(path: Path) -> av.container.InputContainer:
    """Open a file for reading; every name is taken as a local file, never as a URL or pattern."""
    import av

    if not path.exists():
        raise MediaError(f"{path} does not exist; check the path")
    if path.is_file() and not path.stat().st_size:
        raise MediaError(f"{path} is empty (0 bytes); copy or export it again")
    try:
        return av.open(f"file:{path}", metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path} cannot be opened: {what_is(path) or error}") from error


def probe_video(path: Path, *, assume_matrix: str | None = None, allow_truncated: bool = False) -> VideoIndex:
    """Describe a video file and index its frames."""
    with open_container(path) as container:
        stream = _video_stream(path, container)
        scan = _Scan(container, stream)
        notices = scan.check_whole(path, allow_truncated)
        frame = _first_frame(path, stream.index)
        counted = False
        if not scan.trusted:
            scan.pts, counted = _decoded_times(path, stream.index, scan.rate, scan.time_base)
            scan.entries = (0,)
        if not scan.pts or frame is None:
            raise MediaError(f"{path} holds no frame that can be decoded; it is empty or damaged")
        if frame.interlaced_frame:
            raise MediaError(
                f"{path} is interlaced; make it progressive first: ffmpeg -i IN -vf bwdif=mode=send_frame -c:a copy OUT"
            )
        info = _describe(path, container, stream, frame, scan, assume_matrix)
        notices += _notices(info, frame, len(container.streams.video))
        info = replace(info, notices=tuple(notices), fingerprint=_fingerprint(path, info, allow_truncated))
        return VideoIndex(info, scan.entries, stream.index, frame.format.name, counted, allow_truncated)


def _video_stream(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    name = container.format.name
    if name in _NOT_VIDEO or name.endswith("_pipe"):
        raise MediaError(f"{path} is no video: {what_is(path) or name}")
    # Cover art of a song is a "video" stream of one picture.
    streams = [
        s for s in container.streams.video if not s.disposition & 0x400 and s.codec_context is not None
    ]
    if not streams:
        sound = ", ".join(sorted({s.codec_context.name for s in container.streams.audio if s.codec_context}))
        raise MediaError(
            f"{path} holds no picture{f', only sound ({sound})' if sound else ''}; give a video file"
        )
    best = container.streams.best("video")
    return best if best in streams else streams[0]  # type: ignore[return-value]


class _Scan:
    """What the packets say: times, entries, damage, and where every stream ends."""

    def __init__(self, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self.container, self.stream = container, stream
        self.time_base = stream.time_base or Fraction(1, 1000)
        self.corrupt = 0
        self.ends: dict[int, Fraction] = {}
        self.duration: dict[int, int] = {}
        keys: list[int] = []
        times: list[int | None] = []
        for packet in container.demux():
            if packet.size == 0 or packet.stream.type not in ("video", "audio"):
                continue
            mine = packet.stream.index == stream.index
            if packet.is_corrupt and packet.stream.type == "video":
                self.corrupt += mine
            if packet.pts is not None and packet.time_base:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                self.ends[packet.stream.index] = max(end, self.ends.get(packet.stream.index, end))
            if not mine or packet.is_discard:
                continue
            times.append(packet.pts)
            if packet.pts is not None:
                self.duration[packet.pts] = packet.duration or 0
                if packet.is_keyframe:
                    keys.append(packet.pts)
        known = sorted({t for t in times if t is not None})
        self.trusted = len(known) == len(times) and stream.codec_context.name not in _PACKETS_LIE
        self.pts = known
        place = {t: i for i, t in enumerate(known)}
        self.entries = tuple(sorted({0, *(place[t] for t in keys)}))

    @property
    def rate(self) -> Fraction:
        rate = self.stream.average_rate or self.stream.guessed_rate or self.stream.base_rate
        return Fraction(rate) if rate else Fraction(25)

    @property
    def last_duration(self) -> int:
        """Time units of the last frame; where the file does not say, those of a usual frame."""
        steps = [b - a for a, b in zip(self.pts, self.pts[1:], strict=False)]
        usual = round(median(steps)) if steps else round(1 / self.rate / self.time_base)
        # Matroska's rounded default duration may be a unit off; a real one differs by more.
        stated = self.duration.get(self.pts[-1], 0)
        return max(1, stated if abs(stated - usual) > 1 and stated else usual)

    def check_whole(self, path: Path, allow_truncated: bool) -> list[str]:
        """Find out whether the file goes as far as it says; raise, or return a notice."""
        reason = self._shortfall(path)
        if reason is None:
            return []
        if allow_truncated and self.pts:
            return [f"{path.name} is truncated: {reason}; the {len(self.pts)} frames that are there are used"]
        raise MediaError(
            f"{path} is truncated: {reason}; get a whole copy, or pass --allow-truncated to use what is there"
        )

    def _shortfall(self, path: Path) -> str | None:
        size = path.stat().st_size
        beyond = sum(1 for e in self.stream.index_entries if e.pos + e.size > size)
        if beyond:
            return f"{beyond} of its {len(self.stream.index_entries)} frames lie beyond the end of the file"
        if self.corrupt:
            return f"{self.corrupt} of its {len(self.pts)} frames are cut off"
        slack = Fraction(3, 2) / self.rate
        mine = self.ends.get(self.stream.index)
        if self.stream.duration and mine is not None:
            start = self.stream.start_time or 0
            declared, there = (start + self.stream.duration) * self.time_base, mine
        elif self.container.duration and self.ends and _states_duration(self.container):
            start = self.container.start_time or 0
            declared, there = Fraction(start + self.container.duration, 1_000_000), max(self.ends.values())
        else:
            return None
        if there + slack >= declared:
            return None
        return f"{float(there):.2f} s of the {float(declared):.2f} s in its header are there"


def _states_duration(container: av.container.InputContainer) -> bool:
    """Whether the container's duration is written in the file and not guessed from what is there."""
    return container.format.name.split(",")[0] in ("matroska", "mov", "avi", "flv", "nut", "asf")


def _first_frame(path: Path, index: int) -> av.VideoFrame | None:
    import av

    with open_container(path) as container:
        try:
            return next(container.decode(container.streams[index]), None)  # type: ignore[arg-type, return-value]
        except (av.error.FFmpegError, StopIteration) as error:
            raise MediaError(
                f"{path} cannot be decoded: {error}; convert it to H.264 and try again"
            ) from error


def _decoded_times(path: Path, index: int, rate: Fraction, time_base: Fraction) -> tuple[list[int], bool]:
    """Times found by decoding everything; counted ones where the file has none."""
    import av

    times: list[int | None] = []
    with open_container(path) as container:
        stream = container.streams[index]
        stream.thread_type = "AUTO"  # type: ignore[attr-defined]
        try:
            times.extend(frame.pts for frame in container.decode(stream))  # type: ignore[arg-type]
        except av.error.FFmpegError as error:
            raise MediaError(
                f"{path} is damaged at frame {len(times)} ({error}); get a whole copy"
            ) from error
    known = [t for t in times if t is not None]
    if len(set(known)) == len(times) and known == sorted(known):
        return known, False
    step = 1 / rate / time_base
    return [round(i * step) for i in range(len(times))], True


def _describe(
    path: Path, container: av.container.InputContainer, stream: av.VideoStream, frame: av.VideoFrame, scan: _Scan,
    assume_matrix: str | None,
) -> ClipInfo:  # fmt: skip
    turned = frame.rotation % 180 != 0
    context = stream.codec_context
    aspect = Fraction(stream.sample_aspect_ratio or 1) or Fraction(1)
    components = frame.format.components
    codes = tuple(
        int(getattr(frame, name) if getattr(frame, name) not in unset else getattr(context, name))
        for name, unset in (
            ("colorspace", (2,)),
            ("color_primaries", (2,)),
            ("color_trc", (2,)),
            ("color_range", (0,)),
        )
    )
    if frame.format.name.startswith("yuvj"):
        codes = (*codes[:3], 2)
    tags = colour_tags(path, codes, frame.format.is_rgb or _has_palette(frame), frame.height, assume_matrix)  # type: ignore[arg-type]
    count = len(scan.pts)
    return ClipInfo(
        path=path,
        width=frame.height if turned else frame.width,
        height=frame.width if turned else frame.height,
        count=count,
        rate=scan.rate,
        time_base=scan.time_base,
        pts=tuple(scan.pts),
        bit_depth=max((c.bits for c in components), default=8),
        colour=tags,
        sample_aspect=1 / aspect if turned else aspect,
        rotation=frame.rotation,
        audio=tuple(_audio(s) for s in container.streams.audio if s.codec_context is not None),
        names=frame_names(count),
        is_sequence=False,
        fingerprint="",
        last_duration=scan.last_duration,
    )


def _has_palette(frame: av.VideoFrame) -> bool:
    return frame.format.name == "pal8"


def _audio(stream: Any) -> AudioStream:
    context = stream.codec_context
    return AudioStream(
        stream.index, context.name, context.rate or 0, context.channels or 0, _language(stream)
    )


def _language(stream: Any) -> str:
    return "" if stream.language in (None, "und") else str(stream.language)


def _notices(info: ClipInfo, frame: av.VideoFrame, videos: int) -> list[str]:
    notices, name = [], info.path.name
    if info.colour.assumed:
        notices.append(
            f"{name} has no colour matrix tag; {info.colour.matrix} is assumed (--assume-matrix changes it)"
        )
    if info.colour.transfer in ("smpte2084", "arib-std-b67"):
        notices.append(
            f"{name} is HDR ({info.colour.transfer}); it is tone-mapped to BT.709, and so is the output"
        )
    if info.rotation:
        notices.append(
            f"{name} is turned by {info.rotation} degrees to stand upright; the output is stored upright"
        )
    if len(frame.format.components) in (2, 4):
        notices.append(f"{name} has transparency, which is left out")
    if videos > 1:
        notices.append(f"{name} has {videos} picture streams; the best one is used")
    return notices


def _fingerprint(path: Path, info: ClipInfo, allow_truncated: bool) -> str:
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if info.colour.assumed:
        digest.update(info.colour.matrix.encode())
    if allow_truncated:
        digest.update(b"truncated allowed")
    return digest.hexdigest()
