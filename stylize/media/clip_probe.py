"""What a video file is: from its header, its packets and its first frame."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import MediaError
from stylize.media.color import HDR, color_tags
from stylize.media.info import AudioStream, ClipInfo, ColorTags, frame_names
from stylize.media.packet_scan import PacketScan, open_container
from stylize.media.sniff import what_is

if TYPE_CHECKING:
    import av

_NOT_VIDEO = {"image2", "tty", "txt", "srt", "ass", "webvtt", "ffmetadata"}
_ATTACHED_PICTURE = 0x400  # AV_DISPOSITION_ATTACHED_PIC: the cover of a song


@dataclass(frozen=True)
class VideoIndex:
    """A video's `info`, and how to find its frames.

    Attributes
    ----------
    info
        Of the whole file.
    entries
        Frames, ascending and beginning with 0, from which decoding can start.
    stream
        Index of the video stream.
    counted
        True where the file has no usable times: frames are found by counting from the start.
    forgiving
        True where damage is to be read over (``allow_truncated``).
    """

    info: ClipInfo
    entries: tuple[int, ...]
    stream: int
    counted: bool
    forgiving: bool = False


def probe(
    path: str | Path,
    *,
    assume_matrix: str | None = None,
    allow_truncated: bool = False,
    missing: str = "error",
    rate: float | str | None = None,
) -> ClipInfo:
    """Describe a clip; all of it is read, but no more than a frame decoded.

    Parameters
    ----------
    path
        A video file or a folder of numbered images.
    assume_matrix, allow_truncated, missing, rate
        As for `open_clip`.

    Raises
    ------
    MediaError
        If it is missing, no video, truncated, empty, interlaced, or has holes.
    """
    place = Path(path)
    if place.is_dir():
        from stylize.media.image_sequence import list_sequence

        return list_sequence(place, missing=missing, rate=rate).info
    return index_video(place, assume_matrix=assume_matrix, allow_truncated=allow_truncated).info


def index_video(path: Path, *, assume_matrix: str | None = None, allow_truncated: bool = False) -> VideoIndex:
    """Describe a video file and index its frames."""
    with open_container(path) as container:
        stream = _video_stream(path, container)
        scan = PacketScan(path, container, stream)
        notices = []
        if scan.shortfall is not None:
            if not allow_truncated:
                raise MediaError(
                    f"{path} is truncated: {scan.shortfall}; get a whole copy, "
                    "or pass --allow-truncated to use what is there"
                )
            notices.append(f"{path.name} is truncated: {scan.shortfall}; what is there is used")
        frame = _first_frame(path, stream.index)
        scan.count_by_decoding_if_needed()
        if not scan.pts or frame is None:
            raise MediaError(f"{path} holds no frame that can be decoded; it is empty or damaged, get another copy")
        if frame.interlaced_frame:
            raise MediaError(
                f"{path} is interlaced; make it progressive first: ffmpeg -i IN -vf bwdif=mode=send_frame -c:a copy OUT"
            )
        info = _describe(path, container, frame, scan, assume_matrix)
        notices += _notices(info, frame, len(container.streams.video))
        info = replace(info, notices=tuple(notices), fingerprint=_fingerprint(path, info, allow_truncated))
        return VideoIndex(info, scan.entries, stream.index, scan.counted, allow_truncated)


def _video_stream(path: Path, container: av.container.InputContainer) -> av.VideoStream:
    name = container.format.name
    if name in _NOT_VIDEO or name.endswith("_pipe"):
        raise MediaError(f"{path} is no video: {what_is(path) or name}")
    known = [s for s in container.streams.video if s.codec_context is not None]
    streams = [s for s in known if not int(s.disposition.value) & _ATTACHED_PICTURE]
    if not streams:
        sound = ", ".join(sorted({s.codec_context.name for s in container.streams.audio if s.codec_context}))
        raise MediaError(f"{path} holds no picture{f', only sound ({sound})' if sound else ''}; give a video file")
    best = container.streams.best("video")
    return next((s for s in streams if best is not None and s.index == best.index), streams[0])


def _first_frame(path: Path, index: int) -> av.VideoFrame | None:
    import av

    with open_container(path) as container:
        stream = next(s for s in container.streams.video if s.index == index)
        try:
            return next(container.decode(stream), None)
        except av.error.FFmpegError as error:
            raise MediaError(f"{path} cannot be decoded: {error}; convert it to H.264 and try again") from error


def _describe(
    path: Path,
    container: av.container.InputContainer,
    frame: av.VideoFrame,
    scan: PacketScan,
    assume_matrix: str | None,
) -> ClipInfo:
    turned = frame.rotation % 180 != 0
    aspect = Fraction(scan.stream.sample_aspect_ratio or 1)
    return ClipInfo(
        path=path,
        width=frame.height if turned else frame.width,
        height=frame.width if turned else frame.height,
        count=len(scan.pts),
        rate=scan.rate,
        time_base=scan.time_base,
        pts=tuple(scan.pts),
        bit_depth=max((part.bits for part in frame.format.components), default=8),
        color=_color(path, frame, scan.stream.codec_context, assume_matrix),
        sample_aspect=1 / aspect if turned else aspect,
        rotation=frame.rotation,
        audio=tuple(_audio(s) for s in container.streams.audio if s.codec_context is not None),
        names=frame_names(len(scan.pts)),
        is_sequence=False,
        fingerprint="",
        last_duration=scan.last_duration,
    )


def _color(path: Path, frame: av.VideoFrame, context: Any, assume_matrix: str | None) -> ColorTags:
    """Take each tag from the frame, or from the header where the frame has none."""
    tags = {}
    for name, unset in (("colorspace", 2), ("color_primaries", 2), ("color_trc", 2), ("color_range", 0)):
        value = int(getattr(frame, name))
        tags[name] = int(getattr(context, name)) if value == unset else value
    pixels = frame.format.name
    full = tags["color_range"] == 2 or pixels.startswith("yuvj")
    codes = (tags["colorspace"], tags["color_primaries"], tags["color_trc"])
    is_rgb = frame.format.is_rgb or pixels == "pal8"
    return color_tags(path, codes, full_range=full, is_rgb=is_rgb, height=frame.height, assume_matrix=assume_matrix)


def _audio(stream: Any) -> AudioStream:
    context = stream.codec_context
    language = "" if stream.language in (None, "und") else str(stream.language)
    name = context.codec.canonical_name
    return AudioStream(stream.index, str(name), int(context.rate or 0), int(context.channels or 0), language)


def _notices(info: ClipInfo, frame: av.VideoFrame, videos: int) -> list[str]:
    notices, name = [], info.path.name
    if info.color.assumed:
        notices.append(f"{name} has no color matrix tag; {info.color.matrix} is assumed (--assume-matrix changes it)")
    if info.color.transfer in HDR:
        notices.append(f"{name} is HDR ({info.color.transfer}); it is tone-mapped to BT.709, and so is the output")
    if info.rotation:
        notices.append(f"{name} is turned by {info.rotation} degrees to stand upright; the output is stored upright")
    if len(frame.format.components) in (2, 4):
        notices.append(f"{name} has transparency, which is left out")
    if videos > 1:
        notices.append(f"{name} has {videos} picture streams; the best one is used")
    return notices


def _fingerprint(path: Path, info: ClipInfo, allow_truncated: bool) -> str:
    """Hash the file, and what was assumed of it where that changes its frames."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if info.color.assumed:
        digest.update(info.color.matrix.encode())
    if allow_truncated:
        digest.update(b"truncated allowed")
    return digest.hexdigest()
