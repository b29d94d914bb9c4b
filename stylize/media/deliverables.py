"""What can be written, and whether it can be written there; asked before any work starts."""

from __future__ import annotations

import difflib
import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import DeviceError, OutputExistsError, UsageError
from stylize.media.info import ClipInfo

if TYPE_CHECKING:
    from stylize.media.clip import Clip
    from stylize.media.info import AudioStream

_LEAST_FREE = 32 << 20  # bytes; less cannot hold any result and the files on the way to it
_KNOWN = {
    *(
        "avi",
        "wmv",
        "flv",
        "mpg",
        "mpeg",
        "ts",
        "m2ts",
        "mts",
        "ogv",
        "ogg",
        "3gp",
        "mxf",
        "m4v",
        "gif",
        "apng",
    ),
    *("png", "jpg", "jpeg", "tif", "tiff", "exr", "webp", "bmp", "dpx", "hdr", "heic", "avif"),
    *("wav", "mp3", "aac", "flac", "m4a", "zip", "json", "txt", "toml", "html"),
}
_LITTER = {"thumbs.db", "desktop.ini"}


@dataclass(frozen=True)
class Deliverable:
    """A container and how it is filled.

    Attributes
    ----------
    suffix
        With its dot.
    codec
        FFmpeg's name of the video encoder.
    formats
        Pixel formats for clips of 8 bits and of more.
    copies
        Audio codecs that it takes as they are; empty for all.
    audio
        Encoder and options for those that it does not take.
    options
        Of the encoder, by quality: "draft", "high", "best".
    even
        Whether width and height must be even, because four pixels share a color.
    longest
        Pixels of the longest side that it takes; None for any.
    """

    suffix: str
    codec: str
    formats: tuple[str, str]
    copies: frozenset[str]
    audio: tuple[str, str]
    options: dict[str, dict[str, Any]] = field(hash=False)
    even: bool = False
    longest: int | None = None

    def keeps(self, stream: AudioStream) -> bool:
        """Whether a sound track can be copied bit for bit."""
        return not self.copies or stream.codec in self.copies


_PCM = {f"pcm_{kind}" for kind in ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "u8", "s8")}
DELIVERABLES = {
    d.suffix: d
    for d in (
        Deliverable(
            ".mp4", "libx264", ("yuv420p", "yuv420p10le"),
            frozenset({"aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"}), ("aac", "256k"),
            {
                "draft": {"preset": "veryfast", "crf": 22, "movflags": "+faststart"},
                "high": {"preset": "fast", "crf": 14, "movflags": "+faststart"},
                "best": {"preset": "slow", "crf": 8, "movflags": "+faststart"},
            },
            even=True, longest=16384,
        ),
        Deliverable(
            ".mov", "prores_ks", ("yuv422p10le", "yuv422p10le"),
            frozenset({"aac", "mp3", "ac3", "eac3", "alac"} | _PCM), ("pcm_s24le", ""),
            {
                "draft": {"profile:v": 0, "vendor": "apl0", "movflags": "+faststart"},
                "high": {"profile:v": 3, "vendor": "apl0", "movflags": "+faststart"},
                "best": {"profile:v": 3, "qscale:v": 4, "vendor": "apl0", "movflags": "+faststart"},
            },
            longest=65535,
        ),
        Deliverable(
            ".webm", "libvpx-vp9", ("yuv420p", "yuv420p10le"),
            frozenset({"opus", "vorbis"}), ("libopus", "192k"),
            {
                "draft": {"crf": 32, "b:v": 0, "row-mt": 1, "cpu-used": 6, "deadline": "good"},
                "high": {"crf": 20, "b:v": 0, "row-mt": 1, "cpu-used": 4, "deadline": "good"},
                "best": {"crf": 12, "b:v": 0, "row-mt": 1, "cpu-used": 2, "deadline": "good"},
            },
            longest=65535,
        ),
        Deliverable(
            ".mkv", "ffv1", ("bgr0", "gbrp16le"), frozenset(), ("flac", ""),
            {quality: {"level": 3, "slicecrc": 1} for quality in ("draft", "high", "best")},
        ),
    )
}  # fmt: skip
"""By suffix: H.264, ProRes 422 HQ, VP9, and FFV1, which keeps every bit."""


def deliverable_of(out: Path) -> Deliverable | None:
    """Return the container that a path asks for, or None for a folder of images.

    Raises
    ------
    UsageError
        If it has the suffix of something that is not written.
    """
    suffix = out.suffix.lower()
    if suffix in DELIVERABLES:
        return DELIVERABLES[suffix]
    if not suffix or out.is_dir():
        return None
    near = difflib.get_close_matches(suffix, DELIVERABLES, 1, 0.6)
    if near or suffix[1:] in _KNOWN:
        hint = f"did you mean {near[0]}?" if near else "choose one of these"
        raise UsageError(
            f"{out} ends with {suffix}, which is not written; {hint} "
            f"(video: {', '.join(DELIVERABLES)}; a folder name for images)"
        )
    return None


def check_output(out: str | Path, clip: Clip | ClipInfo, *, overwrite: bool = False) -> tuple[str, ...]:
    """Find out before work starts whether `out` can be written; return notices on what will differ.

    Parameters
    ----------
    out
        A name with the suffix of a video, or that of a folder for images.
    clip
        What is to be written, or its info.
    overwrite
        Whether an existing output may be replaced. A folder that holds anything but this clip's frames never
        is.

    Raises
    ------
    UsageError
        If the kind is unknown or cannot take the size, the output exists, is the input, or lies in a place
        that cannot be written.
    DeviceError
        If the disk is full.
    """
    info: ClipInfo = clip if isinstance(clip, ClipInfo) else clip.info
    place = Path(out)
    kind = deliverable_of(place)
    if place.exists() and info.path.exists() and place.samefile(info.path):
        raise UsageError(f"{place} is the input itself; choose another output")
    if kind is None:
        _check_folder(place, info, overwrite)
    elif place.is_dir():
        raise UsageError(f"{place} is a folder and has a video's name; remove it or choose another output")
    elif place.exists() and not overwrite:
        raise OutputExistsError(f"{place} exists; pass -y to replace it or choose another output")
    if kind is not None:
        check_size(place, kind, info)
    check_writable(place)
    return _notices(place, kind, info)


def check_size(place: Path, kind: Deliverable, info: ClipInfo) -> None:
    """Refuse a size that an encoder cannot take.

    Raises
    ------
    UsageError
        If a side is too long.
    """
    if kind.longest is not None and max(info.width, info.height) > kind.longest:
        raise UsageError(
            f"{place} cannot be written: {kind.codec} takes sides of {kind.longest} pixels at most and the "
            f"clip is {info.width}x{info.height}; choose a folder of images, or .mkv"
        )


def _check_folder(place: Path, info: ClipInfo, overwrite: bool) -> None:
    if not place.exists():
        return
    if not place.is_dir():
        raise UsageError(f"{place} is a file; name a folder, or a video that ends with {', '.join(DELIVERABLES)}")
    names = set(info.names)
    there = [p for p in place.iterdir() if not p.name.startswith(".") and p.name.lower() not in _LITTER]
    other = next((p for p in there if p.stem not in names or not p.is_file()), None)
    if other is not None:
        raise UsageError(f"{place} holds {other.name}, which is none of the clip's frames; choose an empty folder")
    if there and not overwrite:
        raise OutputExistsError(
            f"{place} holds {len(there)} frames already; pass -y to replace them or choose another output"
        )


def check_writable(place: Path) -> None:
    """Find out whether a file or folder can be written at `place`.

    Raises
    ------
    UsageError
        If it lies in a file, or its folder takes none.
    DeviceError
        If the disk is full.
    """
    # tried, as permissions alone do not tell (read-only disks, network drives, Windows)
    folder = place.absolute().parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise UsageError(f"{place} cannot be written: {folder} is a file and no folder; choose another output")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise UsageError(f"{place} cannot be written: {folder}: {reason}; choose another output") from error
    if free < _LEAST_FREE:
        raise DeviceError(f"{place} cannot be written: {free >> 20} MiB are free on its disk; free some space")


def _notices(place: Path, kind: Deliverable | None, info: ClipInfo) -> tuple[str, ...]:
    if kind is None:
        return (f"{place.name}: images hold no sound; the clip's stays behind",) if info.audio else ()
    sound = kind.audio[0].removeprefix("lib")
    notices = [
        f"{place.name}: {kind.suffix} holds no {track.codec}; sound becomes {sound} (.mkv keeps it as it is)"
        for track in info.audio
        if not kind.keeps(track)
    ]
    if kind.suffix == ".mp4" and info.bit_depth > 8:
        notices.append(
            f"{place.name}: H.264 with 10 bits like the clip, which many players cannot show; "
            ".mov suits editors, .webm browsers"
        )
    if info.rate_assumed:
        notices.append(f"{info.path.name} does not say its rate; {float(info.rate):g} is taken (--rate changes it)")
    if kind.even and (info.width % 2 or info.height % 2):
        notices.append(
            f"{place.name}: H.264 needs even sizes; {info.width}x{info.height} becomes "
            f"{info.width + info.width % 2}x{info.height + info.height % 2}, the last row or column repeated"
        )
    return tuple(notices)
