"""Reading a video's packets: frames, their times, where decoding can start, and whether the file is whole."""

from __future__ import annotations

import re
from fractions import Fraction
from statistics import median
from typing import TYPE_CHECKING

from stylize.errors import MediaError
from stylize.media.sniff import what_is

if TYPE_CHECKING:
    from pathlib import Path

    import av

# Their packets and frames do not pair off: hidden frames, several frames in a packet.
_PACKETS_LIE = {"vp8", "mpeg4", "msmpeg4v2", "msmpeg4v3", "h263"}
# Elsewhere the duration is guessed from what is there, and tells nothing.
_STATE_DURATION = {"matroska", "mov", "avi", "flv", "asf"}


def open_container(path: Path) -> av.container.InputContainer:
    """Open a file for reading; every name is taken as a local file, never as a URL or a pattern."""
    import av

    if not path.exists():
        raise MediaError(f"{path} does not exist; check the path")
    if path.is_file() and not path.stat().st_size:
        raise MediaError(f"{path} is empty (0 bytes); copy or export it again")
    try:
        return av.open(f"file:{path}", metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        raise MediaError(f"{path} cannot be opened: {what_is(path) or error}") from error


class PacketScan:
    """What the packets of an open file say.

    Attributes
    ----------
    pts
        Times of the frames, ascending, in `time_base`.
    counted
        True where the file has no usable times: those in `pts` are made up from the rate.
    shortfall
        What is missing of the file, in words, or None if it is whole.
    """

    def __init__(self, path: Path, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self.path, self.container, self.stream = path, container, stream
        self.time_base = stream.time_base or Fraction(1, 1000)
        self.counted = False
        self._corrupt = 0
        self._ends: dict[int, Fraction] = {}
        self._durations: dict[int, int] = {}
        self._keys: list[int] = []
        times = self._read_packets()
        self.pts = sorted({t for t in times if t is not None})
        self._paired = (
            len(self.pts) == len(times)
            and stream.codec_context.name not in _PACKETS_LIE
            and container.format.name != "avi"  # stores no presentation times
        )
        self.shortfall = self._find_shortfall()

    def count_by_decoding_if_needed(self) -> None:
        """Where packets do not tell the frames, or the file breaks off, find the frames that really come out.

        Raises
        ------
        MediaError
            If a whole file cannot be decoded to its end.
        """
        if self._paired and self.shortfall is None:
            return
        times = self._decode(forgiving=self.shortfall is not None)
        known = [t for t in times if t is not None]
        if len(set(known)) == len(times) and known == sorted(known):
            self.pts = known
            if not self._paired:
                self._keys = []
            return
        step = 1 / self._nominal_rate / self.time_base
        self.pts, self._keys, self.counted = [round(i * step) for i in range(len(times))], [], True

    @property
    def entries(self) -> tuple[int, ...]:
        """Frames that decoding can start from; the first is always one."""
        place = {t: i for i, t in enumerate(self.pts)}
        return tuple(sorted({0, *(place[t] for t in self._keys if t in place)}))

    @property
    def rate(self) -> Fraction:
        """Frames per second: the file's own figure for steady frames, else their average."""
        nominal = self._nominal_rate
        steps = [b - a for a, b in zip(self.pts, self.pts[1:], strict=False)]
        usual = 1 / nominal / self.time_base
        # One unit of rounding to each side of a step, as in containers that count milliseconds.
        if self.counted or all(abs(step - usual) <= 1 for step in steps):
            return nominal
        span = (self.pts[-1] - self.pts[0] + self.last_duration) * self.time_base
        return (len(self.pts) / span).limit_denominator(100_000)

    @property
    def last_duration(self) -> int:
        """Time units of the last frame; where the file does not say, those of a usual one."""
        steps = [b - a for a, b in zip(self.pts, self.pts[1:], strict=False)]
        usual = round(median(steps)) if steps else round(1 / self._nominal_rate / self.time_base)
        stated = self._durations.get(self.pts[-1], 0)
        # Matroska rounds its default duration down to a unit; a real difference is larger.
        return max(1, stated if stated and abs(stated - usual) > 1 else usual)

    @property
    def _nominal_rate(self) -> Fraction:
        rate = self.stream.average_rate or self.stream.guessed_rate or self.stream.base_rate
        return Fraction(rate) if rate else Fraction(25)

    def _read_packets(self) -> list[int | None]:
        times: list[int | None] = []
        for packet in self.container.demux():
            if packet.size == 0 or packet.stream.type not in ("video", "audio"):
                continue
            at = packet.stream.index
            if packet.pts is not None:
                end = (packet.pts + (packet.duration or 0)) * packet.time_base
                self._ends[at] = max(end, self._ends.get(at, end))
            if at != self.stream.index:
                continue
            self._corrupt += packet.is_corrupt
            if packet.is_discard:  # before the start that an edit list sets
                continue
            times.append(packet.pts)
            if packet.pts is not None:
                self._durations[packet.pts] = packet.duration or 0
                if packet.is_keyframe:
                    self._keys.append(packet.pts)
        return times

    def _find_shortfall(self) -> str | None:
        """Compare what is there with what the file says; its own count of frames is no measure, it lies."""
        size, entries = self.path.stat().st_size, self.stream.index_entries
        beyond = sum(1 for entry in entries if entry.pos + entry.size > size)
        if beyond:
            return f"{beyond} of its {len(entries)} frames lie beyond the end of the file"
        if self._corrupt:
            return f"{self._corrupt} of its {len(self.pts)} frames are cut off"
        if self.container.format.name == "mpegts" and size % _transport_packet(self.path):
            return "its last packet is cut off"
        return self._find_early_end()

    def _find_early_end(self) -> str | None:
        mine = self._ends.get(self.stream.index)
        if mine is None:
            return None
        if self.stream.duration:
            declared, there = ((self.stream.start_time or 0) + self.stream.duration) * self.time_base, mine
        elif self.container.duration and self.container.format.name.split(",")[0] in _STATE_DURATION:
            # Some writers count it from zero and some from the first frame; the lesser reading suits both.
            declared, there = Fraction(self.container.duration, 1_000_000), max(self._ends.values())
        else:
            return None
        slack = Fraction(3, 2) / self._nominal_rate
        # Matroska's duration counts the run-up of sound that is never heard; its tag is of the picture alone.
        tag = _clock(self.stream.metadata.get("DURATION", ""))
        if there + slack >= declared or (tag and mine + slack >= tag):
            return None
        return f"{float(there):.2f} s of the {float(declared):.2f} s in its header are there"

    def _decode(self, *, forgiving: bool) -> list[int | None]:
        import av

        times: list[int | None] = []
        with open_container(self.path) as container:
            stream = next(s for s in container.streams.video if s.index == self.stream.index)
            stream.thread_type = "AUTO"
            for packet in container.demux(stream):
                try:
                    frames = packet.decode()
                except av.error.FFmpegError as error:
                    if forgiving:
                        continue
                    at = len(times)
                    raise MediaError(f"{self.path} is damaged at frame {at} ({error}); get a whole copy") from error
                times += [frame.pts for frame in frames if not (forgiving and frame.is_corrupt)]
        return times


def _clock(text: str) -> Fraction | None:
    """Return the seconds of "00:00:02.500000000", or None for anything else."""
    found = re.fullmatch(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)", text)
    return int(found[1]) * 3600 + int(found[2]) * 60 + Fraction(found[3]) if found else None


def _transport_packet(path: Path) -> int:
    """Return the packet size of an MPEG transport stream: 188 bytes, or 192 with a time before each."""
    with path.open("rb") as file:
        head = file.read(200)
    return 192 if head[:1] != b"G" and head[4:5] == head[196:197] == b"G" else 188
