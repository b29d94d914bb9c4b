"""Clips with a known truth, made by the bundled ffmpeg: every frame carries its number as a barcode."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from stylize.media.ffmpeg import find_ffmpeg

Recipe = Callable[[Path, Callable[[str], Path]], object]
BITS = 8
WIDTH, HEIGHT = 128, 96


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A frame: its number in eight black or white bars above, a moving gradient below; uint8 (H, W, 3)."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    image = np.stack([(x * 2 + number * 3) % 256, (y * 2) % 256, (x + y + number) % 256], axis=2).astype(np.uint8)
    for bit in range(BITS):
        left, right = width * bit // BITS, width * (bit + 1) // BITS
        image[: height // 2, left:right] = 235 if number >> bit & 1 else 16
    return image


def number_of(image: np.ndarray) -> int:
    """Read the barcode of a frame of any size or depth."""
    height, width = image.shape[:2]
    gray = image.astype(np.float64).mean(axis=2) / np.iinfo(image.dtype).max
    row = gray[height // 8 : height * 3 // 8]
    bars = [row[:, int(width * (b + 0.3) / BITS) : max(int(width * (b + 0.7) / BITS), 1)].mean() for b in range(BITS)]
    return sum(1 << b for b, bar in enumerate(bars) if bar > 0.5)


def numbers(frames: Iterable[np.ndarray]) -> list[int]:
    return [number_of(frame) for frame in frames]


def run(*words: object, frames: bytes | None = None) -> None:
    command = [find_ffmpeg(), "-hide_banner", "-loglevel", "error", "-y", *map(str, words)]
    done = subprocess.run(command, input=frames, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


def make(
    out: Path, *options: object, count: int = 60, rate: object = 30, width: int = WIDTH, height: int = HEIGHT,
    sound: tuple[object, ...] = (), before: tuple[object, ...] = (),
) -> Path:  # fmt: skip
    """Encode `count` pictures with the given output options, and a sine with the `sound` options."""
    raw = b"".join(picture(n, width, height).tobytes() for n in range(count))
    tone = ["-f", "lavfi", "-i", f"sine=frequency=440:sample_rate=48000:duration={count / 30}"] if sound else []
    source = [
        "-f",
        "rawvideo",
        "-pixel_format",
        "rgb24",
        "-video_size",
        f"{width}x{height}",
        "-framerate",
        rate,
    ]
    maps = ["-map", "0:v", "-map", "1:a"] if sound else []
    run(*before, *source, "-i", "pipe:0", *tone, *maps, *(options or X264), *sound, f"file:{out}", frames=raw)
    return out


def write_sequence(folder: Path, suffix: str = ".png", start: int = 0, count: int = 5, **named: object) -> Path:
    """A folder of numbered pictures that carry their place in the sequence."""
    from stylize.media import write_image

    for n in range(count):
        write_image(folder / f"f_{start + n:04d}{suffix}", picture(n, **named), durable=False)  # type: ignore[arg-type]
    return folder


def cut_bytes(source: Path, out: Path, share: float) -> Path:
    data = source.read_bytes()
    out.write_bytes(data[: int(len(data) * share)])
    return out


BT709 = (
    "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv"
)
FAST = ("-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-g", "24", "-bf", "3")
X264 = ("-vf", BT709, *FAST)
X265 = ("-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error:keyint=16")
AAC = ("-c:a", "aac", "-b:a", "96k")
# 20 frames at 30, 20 at 15 and 20 at 60 frames per second, in units of 1/90000 s.
VFR_TIMES = [*range(0, 60000, 3000), *range(60000, 180000, 6000), *range(180000, 210000, 1500)]
_VFR = "settb=1/90000,setpts=if(lt(N\\,20)\\,N*3000\\,if(lt(N\\,40)\\,60000+(N-20)*6000\\,180000+(N-40)*1500))"
_KEEP_TIMES = ("-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-video_track_timescale", "90000")
_HDR = (
    "scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10le,"
    "setparams=colorspace=bt2020nc:color_primaries=bt2020:color_trc=smpte2084:range=tv"
)


def _turned(degrees: int) -> Recipe:
    return lambda out, get: run("-display_rotation", degrees, "-i", get("cfr.mp4"), "-c", "copy", out)


def _cut(source: str, share: float = 0.7) -> Recipe:
    return lambda out, get: cut_bytes(get(source), out, share)


def _made(*options: object, **named: object) -> Recipe:
    return lambda out, _: make(out, *options, **named)  # type: ignore[arg-type]


RECIPES: dict[str, Recipe] = {
    "cfr.mp4": _made(sound=AAC),
    "silent.mp4": _made(*X264, "-movflags", "+faststart"),
    "ntsc.mp4": _made(rate="30000/1001"),
    "vfr.mp4": _made("-vf", f"{BT709},{_VFR}", *FAST, *_KEEP_TIMES),
    "turned90.mp4": _turned(90),
    "turned-90.mp4": _turned(-90),
    "turned180.mp4": _turned(180),
    "edit.mp4": lambda out, get: run("-ss", "1.1", "-i", get("cfr.mp4"), "-c", "copy", out),
    "interlaced.mp4": _made("-vf", f"{BT709},setfield=tff", *FAST, "-flags", "+ildct+ilme"),
    "ten.mp4": _made("-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p10le"),
    "white10.mkv": lambda out, _: run(
        "-f", "lavfi", "-i", "color=white:s=32x32:d=0.2", "-c:v", "ffv1", "-pix_fmt", "yuv444p10le", out
    ),
    "odd.webm": _made("-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p", "-cpu-used", "8", width=129, height=97),
    "odd444.mp4": _made("-c:v", "libx264", "-pix_fmt", "yuv444p", width=129, height=97),
    "hd.mp4": _made("-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast", count=3, width=1280, height=720),
    "sd.mp4": _made("-pix_fmt", "yuv420p", "-c:v", "libx264", count=3),
    "full.mp4": _made(
        "-vf",
        "scale=out_color_matrix=bt709:out_range=pc,format=yuv420p,setparams=colorspace=bt709:range=pc",
        *FAST,
    ),
    "anamorphic.mp4": _made("-vf", f"{BT709},setsar=8/9", *FAST),
    "hdr.mp4": _made("-vf", _HDR, *X265, count=6),
    "offset.mkv": _made(*X264, "-output_ts_offset", "5", sound=AAC),
    "stream.ts": _made(sound=AAC),
    "fragments.mp4": _made(*X264, "-movflags", "+frag_keyframe+empty_moov"),
    "opengop.mp4": _made(*X264, "-x264-params", "open-gop=1:keyint=16:bframes=3"),
    "refresh.mp4": _made(*X264, "-x264-params", "intra-refresh=1:keyint=16"),
    "longgop.mp4": _made("-vf", BT709, *FAST[:6], "-g", "500", count=200),
    "hevc.mp4": _made("-vf", BT709, *X265),
    "packed.avi": _made("-c:v", "mpeg4", "-bf", "2", "-q:v", "2"),
    "h264.avi": _made(*X264),
    "raw.h264": _made(*X264),
    "vp8.webm": _made("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16", "-b:v", "1M"),
    "mpeg2.mpg": _made("-c:v", "mpeg2video", "-bf", "2", "-q:v", "2"),
    "prores.mov": _made("-c:v", "prores_ks", "-profile:v", "3", count=12),
    "alpha.mov": _made("-c:v", "prores_ks", "-profile:v", "4", "-pix_fmt", "yuva444p10le", count=3),
    "rgb.mkv": _made("-c:v", "ffv1", "-pix_fmt", "bgr0"),
    "one.mp4": _made(count=1),
    "pixel.mkv": _made("-c:v", "ffv1", count=3, width=1, height=1),
    "low.mkv": _made("-c:v", "ffv1", count=3, width=30, height=3),
    "none.mp4": _made(*X264, "-frames:v", "0"),
    "opus.webm": _made("-c:v", "libvpx-vp9", "-pix_fmt", "yuv420p", "-cpu-used", "8", sound=("-c:a", "libopus")),
    "pcm.mov": _made(sound=("-c:a", "pcm_s16le")),
    "mp3.mp4": _made(sound=("-c:a", "libmp3lame")),
    "flac.mkv": _made(sound=("-c:a", "flac")),
    "song.m4a": lambda out, _: run("-f", "lavfi", "-i", "sine=duration=1", out),
    "cut-silent.mp4": _cut("silent.mp4"),
    "cut-fragments.mp4": _cut("fragments.mp4"),
    "cut-offset.mkv": _cut("offset.mkv"),
    "cut-stream.ts": _cut("stream.ts"),
    "no-index.mp4": _cut("cfr.mp4", 0.5),
}
"""Every clip of the tests, by name; a recipe may ask for another clip."""
