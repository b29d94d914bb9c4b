"""What is written has the clip's frames, times, tags and sound, and is there whole or not at all."""

from __future__ import annotations

import dataclasses
import sys
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from stylize.errors import DeviceError, StylizeError, UsageError
from stylize.media import ClipInfo, Writer, open_clip, open_writer, probe, read_image, write_image
from stylize.media.alpha_writer import open_alpha_writer
from stylize.media.ffmpeg import FFmpeg, ffmpeg_version, find_ffmpeg
from tests.stylize.media.make_clips import numbers, picture, run, write_sequence

if TYPE_CHECKING:
    from tests.stylize.media.conftest import Clips

VIDEO = (".mp4", ".mov", ".webm", ".mkv")


def copy(source: Path, out: Path, **options: object) -> tuple[ClipInfo, Writer]:
    """Write a clip's own frames; return what it was and the writer."""
    span = {name: options.pop(name) for name in ("start", "end") if name in options}
    with open_clip(source, **span) as clip:  # type: ignore[arg-type]
        writer = open_writer(out, clip.info, quality="draft", **options)  # type: ignore[arg-type]
        with writer:
            for frame in clip:
                writer.write(frame)
        return clip.info, writer


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        return [bytes(p) for p in container.demux(container.streams.audio[0]) if p.pts is not None]


def sound_start(path: Path) -> float:
    with av.open(str(path)) as container:
        return min(float(p.pts * p.time_base) for p in container.demux(container.streams.audio[0]) if p.pts is not None)


@pytest.mark.parametrize("suffix", VIDEO)
@pytest.mark.parametrize("name", ["cfr.mp4", "ntsc.mp4", "vfr.mp4", "offset.mkv", "edit.mp4", "anamorphic.mp4"])
def test_count_times_rate_aspect_and_tags_are_the_clips(clips: Clips, tmp_path: Path, name: str, suffix: str) -> None:
    info, _ = copy(clips(name), tmp_path / f"out{suffix}")
    made = probe(tmp_path / f"out{suffix}")
    exact = suffix in (".mp4", ".mov")
    tick = Fraction(0) if exact else Fraction(1, 1000)
    assert made.count == info.count
    assert max(abs(a * made.time_base - b * info.time_base) for a, b in zip(made.pts, info.pts, strict=True)) <= tick
    assert abs(made.duration - info.duration) <= tick * 2
    assert float(made.rate) == pytest.approx(float(info.rate), rel=1e-9 if exact else 1e-3)
    if exact:
        assert (made.time_base, made.pts, made.last_duration) == (
            info.time_base,
            info.pts,
            info.last_duration,
        )
    if suffix != ".webm":  # which has whole numbers of display pixels only
        assert made.sample_aspect == info.sample_aspect
    if suffix != ".mkv":  # which is RGB
        assert made.color == info.color
    with open_clip(tmp_path / f"out{suffix}") as back, open_clip(clips(name)) as clip:
        assert numbers(back) == numbers(clip)


@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("cfr.mp4", ".mp4"),
        ("cfr.mp4", ".mov"),
        ("cfr.mp4", ".mkv"),
        ("edit.mp4", ".mp4"),
        ("offset.mkv", ".mp4"),
        ("mp3.mp4", ".mp4"),
        ("pcm.mov", ".mov"),
        ("flac.mkv", ".mp4"),
        ("opus.webm", ".webm"),
        ("opus.webm", ".mp4"),
    ],
)
def test_sound_is_copied_bit_for_bit_and_in_step(clips: Clips, tmp_path: Path, name: str, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    _, writer = copy(clips(name), out)
    assert sound(out) == sound(clips(name))
    assert sound_start(out) == pytest.approx(sound_start(clips(name)), abs=0.0011)
    assert not any("sound" in notice for notice in writer.notices)


@pytest.mark.parametrize(("name", "suffix", "codec"), [("cfr.mp4", ".webm", "opus"), ("pcm.mov", ".mp4", "aac")])
def test_sound_that_a_container_cannot_hold_is_converted_with_a_notice(
    clips: Clips, tmp_path: Path, name: str, suffix: str, codec: str
) -> None:
    out = tmp_path / f"out{suffix}"
    info, writer = copy(clips(name), out)
    assert info.audio[0].codec in writer.notices[0]
    assert ".mkv" in writer.notices[0]
    assert [track.codec for track in probe(out).audio] == [codec]


@pytest.mark.parametrize("suffix", VIDEO)
@pytest.mark.parametrize("name", ["cfr.mp4", "offset.mkv"])
def test_a_range_begins_at_zero_with_its_own_sound(clips: Clips, tmp_path: Path, name: str, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    _info, _ = copy(clips(name), out, start=20, end=45)
    made = probe(out)
    assert made.pts[0] == 0
    assert made.count == 25
    assert float(made.duration) == pytest.approx(25 / 30, abs=0.002)
    assert -0.03 < sound_start(out) < 0.03
    if suffix != ".webm":
        whole, cut = sound(clips(name)), sound(out)
        first = whole.index(cut[0])
        assert whole[first : first + len(cut)] == cut
        assert len(cut) == pytest.approx(25 / 30 * 48000 / 1024, abs=1.5)
        # The packet that was heard with the first frame still is.
        assert (first - 1) * 1024 / 48000 == pytest.approx(20 / 30, abs=0.025)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_mkv_keeps_every_bit(clips: Clips, tmp_path: Path, rng: np.random.Generator, dtype: type) -> None:
    info = probe(clips("sd.mp4") if dtype == np.uint8 else clips("white10.mkv"))
    shape = (info.height, info.width, 3)
    frames = [rng.integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True) for _ in range(info.count)]
    with open_writer(tmp_path / "out.mkv", info) as writer:
        for frame in frames:
            writer.write(frame)
    with open_clip(tmp_path / "out.mkv") as clip:
        for frame, back in zip(frames, clip, strict=True):
            np.testing.assert_array_equal(back, frame)


COLORS = np.array(
    [
        [255, 0, 0],
        [0, 255, 0],
        [0, 0, 255],
        [255, 255, 255],
        [0, 0, 0],
        [128, 128, 128],
        [200, 50, 100],
        [30, 180, 220],
    ],
    np.uint8,
)


def patches(image: np.ndarray) -> np.ndarray:
    """The middles of eight patches, as 8-bit codes."""
    size = 255 / np.iinfo(image.dtype).max
    return np.array([image[8 + 32 * (n // 4) + 8, 32 * (n % 4) + 16] * size for n in range(8)])


@pytest.mark.parametrize("suffix", VIDEO)
@pytest.mark.parametrize("deep", [False, True])
@pytest.mark.parametrize("span", ["tv", "pc"])
@pytest.mark.parametrize("matrix", ["smpte170m", "bt709", "bt2020nc"])
def test_colors_survive_reading_and_writing(tmp_path: Path, matrix: str, span: str, deep: bool, suffix: str) -> None:
    chart = np.repeat(np.repeat(COLORS.reshape(2, 4, 3), 32, 0), 32, 1)
    kind = "yuv444p10le" if deep else "yuv420p"
    named = {"smpte170m": "bt601", "bt709": "bt709", "bt2020nc": "bt2020"}[matrix]
    graph = f"scale=out_color_matrix={named}:out_range={span}:flags=accurate_rnd+full_chroma_int,format={kind}"
    source = tmp_path / "in.mp4"
    run(
        *(
            "-f",
            "rawvideo",
            "-pixel_format",
            "rgb24",
            "-video_size",
            "128x64",
            "-framerate",
            "25",
            "-i",
            "pipe:0",
        ),
        *(
            "-vf",
            f"{graph},setparams=colorspace={matrix}:range={span}",
            "-c:v",
            "libx264",
            "-qp",
            "0",
            source,
        ),
        frames=chart.tobytes(),
    )
    with open_clip(source) as clip:
        assert clip.info.color.matrix == matrix
        assert clip.info.color.full_range == (span == "pc")
        assert np.abs(patches(clip[0]) - COLORS).max() <= 2
        with open_writer(tmp_path / f"out{suffix}", clip.info, quality="best") as writer:
            writer.write(clip[0])
    with open_clip(tmp_path / f"out{suffix}") as clip:
        assert np.abs(patches(clip[0]) - COLORS).max() <= 4


def test_ten_bits_stay_ten_bits_and_white_stays_white(clips: Clips, tmp_path: Path) -> None:
    for suffix, bits in ((".mp4", 10), (".mov", 10), (".webm", 10), (".mkv", 16)):
        copy(clips("white10.mkv"), tmp_path / f"out{suffix}")
        with open_clip(tmp_path / f"out{suffix}") as clip:
            assert clip.info.bit_depth == bits
            assert clip[0].min() == 65535


def test_odd_sizes_are_padded_in_mp4_only_and_said(clips: Clips, tmp_path: Path) -> None:
    _, writer = copy(clips("odd.webm"), tmp_path / "out.mp4")
    assert writer.padding == (1, 1)  # type: ignore[attr-defined]
    assert "130x98" in writer.notices[0]
    made = probe(tmp_path / "out.mp4")
    assert (made.width, made.height) == (130, 98)
    with open_clip(tmp_path / "out.mp4") as clip:
        assert np.abs(clip[0][:, 129].astype(int) - clip[0][:, 128]).mean() < 6
    for suffix in (".mov", ".webm", ".mkv"):
        copy(clips("odd.webm"), tmp_path / f"out{suffix}")
        assert (probe(tmp_path / f"out{suffix}").width, probe(tmp_path / f"out{suffix}").height) == (129, 97)


def test_turned_and_hdr_clips_come_out_plain(clips: Clips, tmp_path: Path) -> None:
    copy(clips("turned90.mp4"), tmp_path / "upright.mp4")
    made = probe(tmp_path / "upright.mp4")
    assert (made.rotation, made.width, made.height) == (0, 96, 128)
    copy(clips("hdr.mp4"), tmp_path / "sdr.mp4")
    made = probe(tmp_path / "sdr.mp4")
    assert (made.color.matrix, made.color.primaries, made.color.transfer) == ("bt709", "bt709", "bt709")


@pytest.mark.parametrize("suffix", VIDEO)
def test_the_recipe_travels_in_the_file(clips: Clips, tmp_path: Path, suffix: str) -> None:
    recipe = '{"style": "a=b;c#d\\\\e", "ü": "line\nbreak"}' + "x" * 40000
    copy(clips("sd.mp4"), tmp_path / f"out{suffix}", recipe=recipe)
    with av.open(str(tmp_path / f"out{suffix}")) as container:
        tags = {name.lower(): text for name, text in container.metadata.items()}
    assert tags["comment"] == recipe


def test_a_sequence_becomes_a_video_and_a_video_a_sequence(clips: Clips, tmp_path: Path) -> None:
    copy(write_sequence(tmp_path / "in", start=7), tmp_path / "out.mp4")
    with open_clip(tmp_path / "out.mp4") as clip:
        assert (numbers(clip), clip.info.rate) == ([0, 1, 2, 3, 4], 24)
        assert clip.info.color.matrix == "bt709"
        assert not clip.info.color.assumed
    _, writer = copy(clips("cfr.mp4"), tmp_path / "frames", start=10, end=13, recipe="made so")
    assert "no sound" in writer.notices[0]
    assert sorted(p.name for p in (tmp_path / "frames").iterdir()) == [
        "000010.png",
        "000011.png",
        "000012.png",
    ]
    with open_clip(tmp_path / "frames") as clip:
        assert numbers(clip) == [10, 11, 12]


@pytest.mark.parametrize("image_format", [".png", ".tif", ".exr"])
def test_deep_clips_become_deep_images(clips: Clips, tmp_path: Path, image_format: str) -> None:
    copy(clips("white10.mkv"), tmp_path / "frames", image_format=image_format)
    image = read_image(next(iter((tmp_path / "frames").glob(f"*{image_format}"))))
    assert image.dtype == np.uint16
    assert image.min() >= 65500


def test_folders_are_replaced_frame_by_frame_and_never_robbed(tmp_path: Path) -> None:
    source = write_sequence(tmp_path / "in")
    out = tmp_path / "out"
    copy(source, out)
    with pytest.raises(UsageError, match="holds 5 frames already; pass -y"):
        copy(source, out)
    copy(source, out, overwrite=True, image_format=".tif")
    assert {p.suffix for p in out.iterdir()} == {".tif"}
    (out / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"notes\.txt"):
        copy(source, out, overwrite=True)
    assert (out / "notes.txt").exists()


def stop_after(writer: Writer, count: int) -> None:
    for n in range(count):
        writer.write(picture(n))
    raise RuntimeError("stop")


@pytest.mark.parametrize("out", ["out.mp4", "out.mkv", "frames"])
def test_an_exception_leaves_nothing(clips: Clips, tmp_path: Path, out: str) -> None:
    info = probe(clips("cfr.mp4"))
    with pytest.raises(RuntimeError, match="stop"), open_writer(tmp_path / out, info) as writer:
        stop_after(writer, 5)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("out", ["out.mp4", "frames"])
def test_missing_and_surplus_frames_are_refused(clips: Clips, tmp_path: Path, out: str) -> None:
    info = probe(clips("sd.mp4"))
    with pytest.raises(ValueError, match="1 of 3 frames"), open_writer(tmp_path / out, info) as writer:
        writer.write(picture(0))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="3 frames already"), open_writer(tmp_path / out, info) as writer:
        stop_after(writer, 4)
    with (
        pytest.raises(ValueError, match=r"frame 0 is uint8 \(10, 10, 3\)"),
        open_writer(tmp_path / out, info) as writer,
    ):
        writer.write(np.zeros((10, 10, 3), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_a_failing_ffmpeg_is_quoted_and_what_was_there_stays(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stylize.media import video_writer as encode

    out = tmp_path / "out.mp4"
    out.write_bytes(b"what was there")
    real = encode.encode_command
    monkeypatch.setattr(encode, "encode_command", lambda *a: [w.replace("libx264", "libnone") for w in real(*a)])
    with pytest.raises(DeviceError, match="libnone"):
        copy(clips("cfr.mp4"), out, overwrite=True)
    assert out.read_bytes() == b"what was there"
    assert [p.name for p in tmp_path.iterdir()] == ["out.mp4"]


def test_a_full_disk_is_called_so() -> None:
    words = "import sys; sys.stderr.write('muxing: No space left on device'); sys.exit(1)"
    with pytest.raises(DeviceError, match="disk is full"):
        FFmpeg([sys.executable, "-c", words], Path("out.mp4")).finish()


def test_a_file_that_reads_back_short_is_not_delivered(
    clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stylize.media import video_writer as encode

    real = encode.encode_command

    def stop_early(*words: object) -> list[str]:
        command = real(*words)
        at = command.index("-map")
        return [*command[:at], "-frames:v", "2", *command[at:]]

    monkeypatch.setattr(encode, "encode_command", stop_early)
    with pytest.raises(DeviceError, match="2 of 3 frames"):
        copy(clips("sd.mp4"), tmp_path / "out.mp4")
    assert list(tmp_path.iterdir()) == []


def test_which_ffmpeg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert ffmpeg_version()
    monkeypatch.setenv("STYLIZE_FFMPEG", sys.executable)
    assert find_ffmpeg() == sys.executable
    monkeypatch.setenv("STYLIZE_FFMPEG", str(tmp_path / "none"))
    with pytest.raises(UsageError, match="STYLIZE_FFMPEG"):
        find_ffmpeg()
    with pytest.raises(StylizeError, match="does not run"):
        ffmpeg_version(str(tmp_path / "none"))


@pytest.mark.parametrize(("suffix", "alpha"), [(".mp4", False), (".mov", True), (".webm", True), (".mov", False)])
def test_a_size_that_an_encoder_cannot_take_is_refused_before_any_work(clips, tmp_path, suffix, alpha):
    with open_clip(clips("odd.webm")) as clip:
        long = dataclasses.replace(clip.info, width=70000)
        with pytest.raises(UsageError, match=r"takes sides of \d+ pixels at most.*70000x"):
            (open_alpha_writer if alpha else open_writer)(tmp_path / "out" / f"x{suffix}", long)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".mov", ".webm"])
def test_odd_and_tiny_sizes_go_through_with_alpha(tmp_path, suffix):
    for width, height in ((1, 1), (3, 5), (17, 33)):
        place = tmp_path / f"{width}"
        for at in range(2):
            write_image(place / f"{at}.png", np.full((height, width, 3), 90, np.uint8), durable=False)
        with open_clip(place) as clip, open_alpha_writer(tmp_path / f"{width}{suffix}", clip.info) as writer:
            for frame in clip:
                writer.write(np.dstack([frame, frame[..., :1]]))
        with open_clip(tmp_path / f"{width}{suffix}") as written:
            assert (written.info.width, written.info.height, len(written)) == (width, height, 2)
