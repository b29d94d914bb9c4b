"""Clips with a known truth, made by the bundled ffmpeg: every frame carries its number as a barcode."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np

from stylize.media.ffmpeg import find_ffmpeg

BITS = 8
WIDTH, HEIGHT = 128, 96


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A frame: its number in eight black or white bars above, a gradient that moves below; uint8 (H, W, 3)."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    image = np.stack([(x * 2 + number * 3) % 256, (y * 2) % 256, (x + y + number) % 256], axis=2).astype(np.uint8)
    for bit in range(BITS):
        left, right = width * bit // BITS, width * (bit + 1) // BITS
        image[: height // 2, left:right] = 235 if number >> bit & 1 else 16
    return image


def number_of(image: np.ndarray) -> int:
    """Read the barcode of a frame of any size or depth."""
    height, width = image.shape[:2]
    grey = image.astype(np.float64).mean(axis=2) / np.iinfo(image.dtype).max
    row = grey[height // 8 : height * 3 // 8]
    bars = [row[:, int(width * (b + 0.3) / BITS) : max(int(width * (b + 0.7) / BITS), 1)].mean() for b in range(BITS)]
    return sum(1 << b for b, bar in enumerate(bars) if bar > 0.5)


def numbers(clip: object) -> list[int]:
    return [number_of(frame) for frame in clip]  # type: ignore[attr-defined]


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
    source = ["-f", "rawvideo", "-pixel_format", "rgb24", "-video_size", f"{width}x{height}", "-framerate", rate]
    maps = ["-map", "0:v", "-map", "1:a"] if sound else []
    run(*before, *source, "-i", "pipe:0", *tone, *maps, *(options or X264), *sound, f"file:{out}", frames=raw)
    return out


def cut_bytes(source: Path, out: Path, share: float) -> Path:
    data = source.read_bytes()
    out.write_bytes(data[: int(len(data) * share)])
    return out


BT709 = ("-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p,"
         "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv")  # fmt: skip
X264 = (*BT709, "-c:v", "libx264", "-preset", "veryfast", "-crf", "16", "-g", "24", "-bf", "3")
AAC = ("-c:a", "aac", "-b:a", "96k")
VFR = "setpts=if(lt(N\\,20)\\,N*3000\\,if(lt(N\\,40)\\,60000+(N-20)*6000\\,180000+(N-40)*1500))"
