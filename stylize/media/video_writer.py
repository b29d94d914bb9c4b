"""A video made by ffmpeg from frames that carry their times.

Frames go as raw pictures in a NUT stream, which keeps each one's time, to ffmpeg's standard input. ffmpeg
converts and encodes them, copies the sound from the clip itself and writes the container.
"""

from __future__ import annotations

import contextlib
import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import DeviceError
from stylize.media.bit_depth import swscale_white, to_8_bits, to_16_bits, unit_to_16_bits
from stylize.media.color import output_tags, scale_matrix
from stylize.media.ffmpeg import FFmpeg, find_ffmpeg
from stylize.media.writer import Writer
from stylize.storage.partial import discard, partial_path, put, write_error

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import Image
    from stylize.media.deliverables import Deliverable
    from stylize.media.info import ClipInfo

# What describes the work and not the file; the rest (brands, encoders, timecodes of a range) would be untrue.
_KEPT_TAGS = (
    "title",
    "artist",
    "author",
    "album",
    "copyright",
    "description",
    "genre",
    "date",
    "creation_time",
    "location",
)


class VideoWriter(Writer):
    """A video file.

    Attributes
    ----------
    padding
        Columns and rows that were added at the right and at the bottom.
    """

    def __init__(
        self,
        out: Path,
        info: ClipInfo,
        notices: tuple[str, ...],
        kind: Deliverable,
        recipe: str | None,
        quality: str,
    ) -> None:
        super().__init__(out, info, notices)
        self.kind = kind
        self.padding = (info.width % 2, info.height % 2) if kind.even else (0, 0)
        self._deep = info.bit_depth > 8
        self._levels = None
        if self._deep and kind.codec != "ffv1":
            white = swscale_white(10, is_full_range(info, kind))
            self._levels = unit_to_16_bits(np.arange(65536) / 65535 * white / 65535)
        self._times = output_times(info)
        self._tick = Fraction(1, info.time_base.denominator)
        self._partial = partial_path(out.absolute())
        discard(self._partial)  # of a run that was killed
        self._tags = _tag_file(info, recipe)
        command = encode_command(info, kind, self._partial, self._tags, quality)
        self._ffmpeg = FFmpeg(command, out)
        self._nut: Any = None
        self._stream: Any = None

    def _start(self) -> None:
        import av

        width, height = self.info.width + self.padding[0], self.info.height + self.padding[1]
        # Unbuffered pieces of the pipe's own size; the container is not seekable.
        self._nut = av.open(self.ffmpeg_input, "w", format="nut")
        stream = self._nut.add_stream("rawvideo", rate=self.info.rate)
        stream.width, stream.height = width, height
        stream.pix_fmt = "rgba64le" if self.channels == 4 else "rgb48le" if self._deep else "rgb24"
        # The muxer may take a finer unit for itself once it has begun: the frames keep ours.
        stream.codec_context.time_base = stream.time_base = self._tick
        self._stream = stream

    @property
    def ffmpeg_input(self) -> Any:
        """The pipe that frames go to."""
        return self._ffmpeg.stdin

    def _write(self, frame: Image) -> None:
        import av

        right, bottom = self.padding
        pixels: NDArray[Any] = to_8_bits(frame) if not self._deep else to_16_bits(frame)
        if self._levels is not None:
            pixels = np.concatenate([self._levels[pixels[..., :3]], pixels[..., 3:]], axis=2)
        if right or bottom:
            pixels = np.pad(pixels, ((0, bottom), (0, right), (0, 0)), mode="edge")
        try:
            if self._nut is None:
                self._start()
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format=self._stream.pix_fmt)
            picture.pts, picture.time_base = self._times[self.written], self._tick
            self._nut.mux(self._stream.encode(picture))
        except (OSError, av.error.FFmpegError) as error:
            raise self._ffmpeg.failure() from error

    def _finish(self) -> None:
        import av

        try:
            self._nut.mux(self._stream.encode(None))
            self._nut.close()
        except (OSError, av.error.FFmpegError) as error:
            raise self._ffmpeg.failure() from error
        self._nut = None
        self._ffmpeg.finish()
        self._check()
        try:
            put(self._partial, self.out.absolute())
        except OSError as error:
            raise write_error(self.out, error) from error
        finally:
            discard(self._tags)

    def _discard(self) -> None:
        self._ffmpeg.kill()
        if self._nut is not None:
            _close_quietly(self._nut)
            self._nut = None
        discard(self._partial)
        discard(self._tags)

    def _check(self) -> None:
        """Read the file back and see that frames, times and sound tracks are all there."""
        import av

        try:
            with av.open(f"file:{self._partial}") as container:
                stream = container.streams.video[0]
                tick = stream.time_base or self._tick
                found = sorted(p.pts * tick for p in container.demux(stream) if p.pts is not None)
                sounds = len(container.streams.audio)
        except (OSError, av.error.FFmpegError) as error:
            raise DeviceError(f"{self.out} was written and cannot be read back: {error}; try another place") from error
        wanted = [t * self._tick for t in self._times]
        if len(found) != len(wanted):
            raise DeviceError(f"{self.out} came out with {len(found)} of {len(wanted)} frames; write it again")
        off = max(abs(a - b) for a, b in zip(found, wanted, strict=True))
        if off > tick:
            raise DeviceError(f"{self.out} came out with times off by {float(off) * 1000:.1f} ms; write .mov or .mp4")
        if sounds != len(self.info.audio):
            raise DeviceError(f"{self.out} came out with {sounds} of {len(self.info.audio)} sound tracks; write .mkv")


def is_full_range(info: ClipInfo, kind: Deliverable) -> bool:
    """Whether black is 0 in the output: as in the clip, but never in ProRes and always in RGB."""
    return kind.codec == "ffv1" or (output_tags(info.color).full_range and kind.codec != "prores_ks")


def output_times(info: ClipInfo) -> list[int]:
    """Return the frames' times in units of 1 / (denominator of the time base); a range's begin at 0."""
    origin = info.pts[0] if info.is_range else 0
    return [(pts - origin) * info.time_base.numerator for pts in info.pts]


def encode_command(info: ClipInfo, kind: Deliverable, out: Path, tags: Path, quality: str) -> list[str]:
    """Return ffmpeg's command line for a clip, compiled by ffmpeg-python."""
    import ffmpeg

    color, times = output_tags(info.color), output_times(info)
    den = info.time_base.denominator
    span = "full" if is_full_range(info, kind) else "limited"
    picture = ffmpeg.input("pipe:0", f="nut").video
    picture = picture.filter(
        "scale",
        out_color_matrix=scale_matrix(color),
        out_range=span,
        flags="bicubic+accurate_rnd+full_chroma_int+full_chroma_inp",
    )
    picture = picture.filter("format", kind.formats[info.bit_depth > 8])
    picture = picture.filter(
        "setparams",
        colorspace=color.matrix,
        color_primaries=color.primaries,
        color_trc=color.transfer,
        range=span,
    )
    picture = picture.filter("setsar", f"{info.sample_aspect.numerator}/{info.sample_aspect.denominator}")
    streams: list[Any] = [picture]
    options: dict[str, Any] = {}
    if info.audio:
        begin = info.pts[0] * info.time_base if info.is_range else Fraction(0)
        sound = ffmpeg.input(f"file:{info.path}", **({"itsoffset": f"{-float(begin):.6f}"} if begin else {}))
        for at, track in enumerate(info.audio):
            stream = sound[str(track.index)]
            if kind.keeps(track):
                options |= {f"c:a:{at}": "copy", **_packet_cut(at, kind, info)}
            else:
                if info.is_range:
                    stream = stream.filter("atrim", start=0, end=f"{float(info.duration):.6f}")
                options |= {
                    f"c:a:{at}": kind.audio[0],
                    **({f"b:a:{at}": kind.audio[1]} if kind.audio[1] else {}),
                }
            streams.append(stream)
    if kind.suffix in (".mp4", ".mov"):
        options["video_track_timescale"] = den
    last = info.last_duration * info.time_base.numerator
    output = ffmpeg.output(
        *streams,
        f"file:{out}",
        **{
            "c:v": kind.codec,
            **kind.options[quality],
            **options,
            "fps_mode": "passthrough",
            "enc_time_base": f"1:{den}",
            # The last frame of a variable rate has no next one to tell how long it stays.
            "bsf:v": f"setts=pts=PTS:dts=DTS:duration=if(eq(PTS\\,{times[-1]})\\,{last}\\,DURATION)",
            "copyts": None,
            "map_chapters": -1,
            "map_metadata": 2 if info.audio else 1,
        },
    )
    # The tags' input comes after the output: ffmpeg-python only knows inputs that streams are taken from.
    output = output.global_args("-f", "ffmetadata", "-i", f"file:{tags}")
    output = output.global_args("-hide_banner", "-nostats", "-loglevel", "warning")
    command: list[str] = ffmpeg.compile(output, cmd=find_ffmpeg(), overwrite_output=True)
    return command


def _packet_cut(at: int, kind: Deliverable, info: ClipInfo) -> dict[str, str]:
    """Return the option that leaves out copied packets of sound that the output has no place for.

    Of a range, those outside it. In .mkv and .webm, which cannot hide what lies before their beginning, also
    those that an edit list hides in the clip; a tenth of a second is left to the encoder's own run-up.
    """
    if info.is_range:
        drop = f"lt(pts*tb\\,0)+gte(pts*tb\\,{float(info.duration):.6f})"
    elif kind.suffix in (".mkv", ".webm"):
        drop = "lt(pts*tb\\,-0.1)"
    else:
        return {}
    return {f"bsf:a:{at}": f"noise=amount=0:drop={drop}"}


def _tag_file(info: ClipInfo, recipe: str | None) -> Path:
    """Write the clip's title and such, and the recipe, as ffmetadata: a command line has not the room."""
    tags: dict[str, str] = {}
    if not info.is_sequence:
        from stylize.media.packet_scan import open_container

        with open_container(info.path) as container:
            tags = {k: v for k, v in container.metadata.items() if k.lower() in _KEPT_TAGS}
    if recipe:
        tags["comment"] = recipe
    lines = [f"{_escaped(name)}={_escaped(value)}" for name, value in tags.items()]
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".ffmeta", delete=False, newline="\n") as file:
        file.write("\n".join([";FFMETADATA1", *lines, ""]))
    return Path(file.name)


def _escaped(text: str) -> str:
    for special in "\\=;#\n":
        text = text.replace(special, "\\" + special)
    return text


def _close_quietly(container: Any) -> None:
    import av

    with contextlib.suppress(OSError, av.error.FFmpegError, ValueError):  # its pipe is gone
        container.close()
