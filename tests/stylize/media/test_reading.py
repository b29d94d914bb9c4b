"""Frames come out exactly, whatever the container does with time."""

from __future__ import annotations

import random
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest

from stylize.errors import MediaError, UsageError
from stylize.media import open_clip, probe, read_image
from tests.stylize.media.make_clips import VFR_TIMES, number_of, numbers, run

if TYPE_CHECKING:
    from tests.stylize.media.conftest import Clips

SIXTY = [
    "cfr.mp4",
    "silent.mp4",
    "ntsc.mp4",
    "vfr.mp4",
    "ten.mp4",
    "odd.webm",
    "odd444.mp4",
    "offset.mkv",
    "stream.ts",
    "fragments.mp4",
    "opengop.mp4",
    "refresh.mp4",
    "hevc.mp4",
    "packed.avi",
    "h264.avi",
    "raw.h264",
    "vp8.webm",
    "mpeg2.mpg",
    "rgb.mkv",
    "full.mp4",
    "anamorphic.mp4",
]


@pytest.mark.parametrize("name", SIXTY)
def test_every_frame_once_in_order_and_at_random(clips: Clips, name: str) -> None:
    with open_clip(clips(name)) as clip:
        assert len(clip) == clip.info.count == 60
        assert numbers(clip) == list(range(60))
    with open_clip(clips(name), cache_bytes=1 << 18) as clip:
        order = random.Random(7).sample(range(60), 12) + list(range(59, 40, -1))
        assert [number_of(clip[i]) for i in order] == order


def test_edit_list_hides_frames_before_its_start(clips: Clips) -> None:
    with open_clip(clips("edit.mp4")) as clip:
        assert numbers(clip) == list(range(33, 60))
        assert clip.info.pts[0] == 0
        assert number_of(clip[5]) == 38


def test_variable_rate_keeps_every_time(clips: Clips) -> None:
    info = probe(clips("vfr.mp4"))
    assert list(info.pts) == VFR_TIMES
    assert info.time_base == Fraction(1, 90000)
    assert info.rate == 60 / info.duration
    assert info.last_duration == 1500


def test_rates_sizes_and_starts(clips: Clips) -> None:
    assert probe(clips("ntsc.mp4")).rate == Fraction(30000, 1001)
    assert probe(clips("offset.mkv")).pts[0] == 5000
    assert probe(clips("anamorphic.mp4")).sample_aspect == Fraction(8, 9)
    odd = probe(clips("odd.webm"))
    assert (odd.width, odd.height) == (129, 97)
    for name, size in (("pixel.mkv", (1, 1)), ("low.mkv", (30, 3))):
        with open_clip(clips(name)) as clip:
            assert clip[2].shape == (size[1], size[0], 3)
    with open_clip(clips("one.mp4")) as clip:
        assert numbers(clip) == [0]


@pytest.mark.parametrize("name", ["turned90.mp4", "turned-90.mp4", "turned180.mp4"])
def test_rotation_is_applied_once_and_as_players_do(clips: Clips, name: str, tmp_path: object) -> None:
    still = f"{tmp_path}/still.png"
    run("-i", clips(name), "-frames:v", "1", still)
    with open_clip(clips(name)) as clip:
        truth = read_image(still, 3)
        assert clip[0].shape == truth.shape == (clip.info.height, clip.info.width, 3)
        assert np.abs(clip[0].astype(int) - truth).mean() < 2
        assert any("upright" in notice for notice in clip.info.notices)


def test_deep_clips_fill_sixteen_bits(clips: Clips) -> None:
    with open_clip(clips("white10.mkv")) as clip:
        assert clip.info.bit_depth == 10
        assert clip[0].dtype == np.uint16
        assert clip[0].min() == 65535


def test_untagged_colors_follow_the_number_of_lines(clips: Clips) -> None:
    assert probe(clips("hd.mp4")).color.matrix == "bt709"
    sd = probe(clips("sd.mp4"))
    assert sd.color.matrix == "smpte170m"
    assert any("--assume-matrix" in notice for notice in sd.notices)
    other = probe(clips("sd.mp4"), assume_matrix="bt709")
    assert other.color.matrix == "bt709"
    assert other.fingerprint != sd.fingerprint
    with pytest.raises(UsageError, match="bt601, bt709"):
        probe(clips("sd.mp4"), assume_matrix="rec709")


def test_hdr_becomes_sdr_with_a_notice(clips: Clips) -> None:
    with open_clip(clips("hdr.mp4")) as clip:
        assert any("tone-mapped" in notice for notice in clip.info.notices)
        assert clip[0].dtype == np.uint16
        assert clip.small(0, 32).dtype == np.uint8


def test_interlaced_is_refused_with_a_way_out(clips: Clips) -> None:
    with pytest.raises(MediaError, match="bwdif"):
        open_clip(clips("interlaced.mp4"))


def test_transparency_is_left_out_with_a_notice(clips: Clips) -> None:
    with open_clip(clips("alpha.mov")) as clip:
        assert clip[0].shape[2] == 3
        assert any("transparency" in notice for notice in clip.info.notices)


def test_ranges_and_views(clips: Clips) -> None:
    with open_clip(clips("cfr.mp4"), start=10, end="1.5s") as clip:
        assert len(clip) == 35
        assert clip.info.names[0] == "000010"
        assert numbers(clip) == list(range(10, 45))
        view = clip[5:8]
        assert numbers(view) == [15, 16, 17]
        assert view.info.start == 15
        assert number_of(view[-1]) == 17
        assert clip.info.fingerprint != view.info.fingerprint
        with pytest.raises(IndexError):
            view[3]
        with pytest.raises(ValueError, match="steps of 2"):
            clip[::2]


@pytest.mark.parametrize(
    ("start", "end", "word"),
    [(60, None, "beyond the end"), (0, 61, "beyond"), ("3s", None, "beyond"), (5, 5, "not before end 5")],
)
def test_ranges_outside_the_clip_are_refused(clips: Clips, start: object, end: object, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        open_clip(clips("cfr.mp4"), start=start, end=end)  # type: ignore[arg-type]


def test_small_is_the_mean_of_the_frame(clips: Clips) -> None:
    with open_clip(clips("hd.mp4")) as clip:
        assert clip.small_size(320) == (320, 180)
        small, whole = clip.small(1, 320), clip[1]
        assert small.shape == (180, 320, 3)
        mean = whole.reshape(180, 4, 320, 4, 3).mean(axis=(1, 3))
        assert abs((small - mean).mean()) < 0.5
        assert np.abs(small - mean).mean() < 2
        assert clip.small(1, 5000).shape == whole.shape


def test_backwards_through_a_long_gop_decodes_little(clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    from stylize.media import video_reader as video

    entered: list[int] = []
    enter = video._Cursor.enter
    monkeypatch.setattr(video._Cursor, "enter", lambda self, entry: (entered.append(entry), enter(self, entry))[1])
    frame_bytes = 128 * 96 * 3
    with open_clip(clips("longgop.mp4"), cache_bytes=frame_bytes * 80) as clip:
        assert [number_of(clip[i]) for i in range(199, -1, -1)] == list(range(199, -1, -1))
    assert len(entered) <= 6  # 200 frames in chunks of 40, and not once per frame


def test_reading_from_both_ends_keeps_two_decoders(clips: Clips, monkeypatch: pytest.MonkeyPatch) -> None:
    from stylize.media import video_reader as video

    entered: list[int] = []
    enter = video._Cursor.enter
    monkeypatch.setattr(video._Cursor, "enter", lambda self, entry: (entered.append(entry), enter(self, entry))[1])
    with open_clip(clips("longgop.mp4"), cache_bytes=128 * 96 * 3 * 100) as clip:
        for i in range(100):
            assert number_of(clip[i]) == i
            assert number_of(clip[199 - i]) == 199 - i
    assert len(entered) <= 8


def test_frames_are_the_callers_own(clips: Clips) -> None:
    with open_clip(clips("cfr.mp4")) as clip:
        first = clip[3]
        first[:] = 0
        assert number_of(clip[3]) == 3


def test_memory_does_not_grow_with_frames_read(clips: Clips) -> None:
    process = psutil.Process()
    with open_clip(clips("longgop.mp4"), cache_bytes=1 << 20) as clip:
        for frame in clip:
            assert frame.shape == (96, 128, 3)
        before = process.memory_info().rss
        for _ in range(6):
            for frame in clip:
                assert frame.shape == (96, 128, 3)
    assert process.memory_info().rss - before < 24 << 20


def test_fingerprint_is_of_the_content(clips: Clips, tmp_path: object) -> None:
    copy = clips("cfr.mp4").with_name("a copy.mp4")
    copy.write_bytes(clips("cfr.mp4").read_bytes())
    assert probe(copy).fingerprint == probe(clips("cfr.mp4")).fingerprint != probe(clips("silent.mp4")).fingerprint
