"""What is known of a clip before a frame of it is decoded."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction
    from pathlib import Path


@dataclass(frozen=True)
class ColorTags:
    """How code values become colors, in the words of FFmpeg's ``setparams`` filter.

    Attributes
    ----------
    matrix
        "bt709", "smpte170m", "bt470bg", "bt2020nc", …; "unknown" where the file does not say, "gbr" for RGB.
    primaries, transfer
        Likewise: "bt709", "bt2020", "smpte2084", …, or "unknown".
    full_range
        True where black is 0; False where it is 16 of 255 (or the same share of a deeper range).
    assumed
        True if `matrix` is our assumption for a file that does not say.
    """

    matrix: str = "bt709"
    primaries: str = "bt709"
    transfer: str = "bt709"
    full_range: bool = False
    assumed: bool = False


@dataclass(frozen=True)
class AudioStream:
    """One sound track: its stream `index` in the file, codec, sample rate in Hz, channels, language or ""."""

    index: int
    codec: str
    rate: int
    channels: int
    language: str = ""


@dataclass(frozen=True)
class ClipInfo:
    """A clip, or a range of one, as its header and packets describe it.

    Attributes
    ----------
    path
        The video file, or the folder of an image sequence.
    width, height
        Pixels of a frame as delivered: upright, so already swapped for a clip recorded at 90 degrees.
    count
        Frames in this range, counted from the packets and not taken from the header.
    rate
        Average frames per second.
    time_base, pts
        The time of frame *i* is ``pts[i] * time_base`` seconds; of a range, still the file's own times.
    bit_depth
        Of the file. 8 comes as uint8, more as uint16 scaled to the full 16 bits.
    color
        Tags that the output repeats.
    sample_aspect
        Width of a pixel over its height, already turned with the rotation.
    rotation
        Degrees counter-clockwise that were applied to make the frames upright.
    audio
        Sound tracks in file order.
    names
        One per frame: file stems of a sequence, six digits for a video.
    is_sequence
        True for a folder of images.
    fingerprint
        Hash of the content; a range and every option that changes pixels change it.
    start, total
        Where this range begins in the file, and how many frames the file has.
    last_duration
        Time units that the last frame of this range stays on.
    rate_assumed
        True for a sequence whose rate nobody told.
    notices
        One line each on what was assumed or changed; to be shown to the user once.
    """

    path: Path
    width: int
    height: int
    count: int
    rate: Fraction
    time_base: Fraction
    pts: tuple[int, ...]
    bit_depth: int
    color: ColorTags
    sample_aspect: Fraction
    rotation: int
    audio: tuple[AudioStream, ...]
    names: tuple[str, ...]
    is_sequence: bool
    fingerprint: str
    start: int = 0
    total: int = 0
    last_duration: int = 1
    rate_assumed: bool = False
    notices: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not len(self.pts) == len(self.names) == self.count:
            raise ValueError(f"{len(self.pts)} times and {len(self.names)} names for {self.count} frames")
        if not self.total:
            object.__setattr__(self, "total", self.start + self.count)

    @property
    def is_range(self) -> bool:
        """Whether this is less than the whole file."""
        return self.count != self.total

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame's beginning to the last one's end."""
        return (self.pts[-1] - self.pts[0] + self.last_duration) * self.time_base

    def time(self, index: int) -> Fraction:
        """Seconds from the first frame of this range to frame `index`."""
        return (self.pts[index] - self.pts[0]) * self.time_base

    def within(self, start: int, stop: int) -> ClipInfo:
        """Return the info of the range [`start`, `stop`), frames of this range.

        Raises
        ------
        ValueError
            If the range is empty or reaches outside.
        """
        if not 0 <= start < stop <= self.count:
            raise ValueError(f"frames {start} to {stop} of a clip of {self.count}; expected a range inside it")
        if (start, stop) == (0, self.count):
            return self
        first = self.start + start
        mark = f"{self.fingerprint}:{start}:{stop}"
        return replace(
            self,
            count=stop - start,
            pts=self.pts[start:stop],
            names=self.names[start:stop],
            start=first,
            last_duration=self.last_duration if stop == self.count else self.pts[stop] - self.pts[stop - 1],
            fingerprint=hashlib.blake2b(mark.encode(), digest_size=16).hexdigest(),
        )


def frame_names(count: int, start: int = 0) -> tuple[str, ...]:
    """Return the names of a video's frames: six digits, from `start`."""
    return tuple(f"{index:06d}" for index in range(start, start + count))
