"""Make the sample files: ``python samples/make_samples.py`` writes clip.mp4 and style.png beside this script.

Needs no network: the photographs come inside scikit-image's wheel (see README.md for their licenses).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import cv2
import imageio_ffmpeg

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import brush  # noqa: E402
import scene  # noqa: E402


def write_clip(path: Path) -> None:
    """Encode the frames of `scene` with their sound."""
    with tempfile.TemporaryDirectory() as folder:
        track = Path(folder) / "sound.wav"
        with wave.open(str(track), "wb") as out:
            out.setnchannels(2)
            out.setsampwidth(2)
            out.setframerate(48000)
            out.writeframes(scene.sound().tobytes())
        size = f"{scene.SIZE[0]}x{scene.SIZE[1]}"
        command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error"]
        command += [
            "-f",
            "rawvideo",
            "-pix_fmt",
            "rgb24",
            "-s",
            size,
            "-r",
            str(scene.RATE),
            "-i",
            "-",
            "-i",
            str(track),
        ]
        command += ["-vf", "scale=out_color_matrix=bt709:out_range=tv", "-pix_fmt", "yuv420p"]
        command += [
            "-colorspace",
            "bt709",
            "-color_primaries",
            "bt709",
            "-color_trc",
            "bt709",
            "-color_range",
            "tv",
        ]
        command += ["-c:v", "libx264", "-preset", "slow", "-crf", "17", "-c:a", "aac", "-b:a", "128k"]
        command += ["-movflags", "+faststart", "-shortest", str(path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE) as encoder:
            if encoder.stdin is None:
                raise OSError("the encoder takes no input")
            for frame in scene.frames():
                encoder.stdin.write(frame.tobytes())
            encoder.stdin.close()
            if encoder.wait():
                raise OSError(f"the encoder stopped with {encoder.returncode}")


def main() -> None:
    """Make the clip and the style."""
    write_clip(HERE / "clip.mp4")
    cv2.imwrite(str(HERE / "style.png"), brush.painted_evening()[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
    for name in ("clip.mp4", "style.png"):
        print(f"{name}: {(HERE / name).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
