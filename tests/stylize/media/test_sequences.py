"""Folders of numbered images are clips."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stylize.errors import MediaError, UsageError
from stylize.media import check_output, open_clip, open_writer, probe, write_image
from tests.stylize.media.make_clips import number_of, numbers, picture, write_sequence

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stylize.media.conftest import Clips


def test_a_video_keeps_its_rate_and_says_so(clips: Clips) -> None:
    with open_clip(clips("ntsc.mp4"), rate=12) as clip:
        assert clip.info.rate == Fraction(30000, 1001)
        assert any("rate 12 is for image sequences" in notice for notice in clip.info.notices)
    with open_clip(clips("ntsc.mp4")) as clip:
        assert not any("rate" in notice for notice in clip.info.notices)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".exr"])
def test_every_kind_from_any_start(tmp_path: Path, suffix: str) -> None:
    with open_clip(write_sequence(tmp_path, suffix, start=1001)) as clip:
        assert numbers(clip) == [0, 1, 2, 3, 4]
        info = clip.info
        assert info.is_sequence
        assert info.names == ("f_1001", "f_1002", "f_1003", "f_1004", "f_1005")
        assert (info.rate, info.pts) == (Fraction(24), (0, 1, 2, 3, 4))
        assert clip[0].dtype == (np.uint16 if suffix == ".exr" else np.uint8)
        assert clip.small(2, 64).shape == (48, 64, 3)
        assert numbers(clip[2:4]) == [2, 3]


def test_numbers_sort_as_numbers(tmp_path: Path) -> None:
    for n in (8, 9, 10, 11):
        write_image(tmp_path / f"shot2_{n}.png", picture(n), durable=False)
    with open_clip(tmp_path) as clip:
        assert numbers(clip) == [8, 9, 10, 11]


def test_holes_are_named_held_or_black(tmp_path: Path) -> None:
    write_sequence(tmp_path, count=12)
    for n in (3, 7, 8):
        (tmp_path / f"f_{n:04d}.png").unlink()
    with pytest.raises(MediaError, match=r"lacks frames 3, 7-8;"):
        open_clip(tmp_path)
    with open_clip(tmp_path, missing="hold") as clip:
        assert numbers(clip) == [0, 1, 2, 2, 4, 5, 6, 6, 6, 9, 10, 11]
        assert clip.info.names[7] == "f_0007"
        assert "7-8" in clip.info.notices[0]
        held = clip.info.fingerprint
    with open_clip(tmp_path, missing="black") as clip:
        assert clip[3].max() == 0
        assert clip.info.fingerprint != held
    with pytest.raises(UsageError, match="error, hold, black"):
        open_clip(tmp_path, missing="skip")


def test_one_missing_frame_is_named_in_the_singular(tmp_path: Path) -> None:
    write_sequence(tmp_path)
    (tmp_path / "f_0002.png").unlink()
    with pytest.raises(MediaError, match="lacks frame 2;"):
        probe(tmp_path)


def test_folders_that_are_no_clip(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="holds no image"):
        open_clip(tmp_path)
    write_image(tmp_path / "cover.png", picture(0))
    with pytest.raises(MediaError, match="1 images and none has a number"):
        open_clip(tmp_path)
    write_sequence(tmp_path)
    assert "without a number" in probe(tmp_path).notices[0]
    write_image(tmp_path / "other_0001.png", picture(0))
    with pytest.raises(MediaError, match="2 series"):
        open_clip(tmp_path)


def test_two_files_for_one_frame(tmp_path: Path) -> None:
    write_image(tmp_path / "a1.png", picture(0))
    write_image(tmp_path / "a01.png", picture(0))
    with pytest.raises(MediaError, match="for one frame"):
        open_clip(tmp_path)


def test_differing_sizes_are_found_at_once(tmp_path: Path) -> None:
    write_sequence(tmp_path)
    write_image(tmp_path / "f_0003.png", picture(3, 64, 64))
    with pytest.raises(MediaError, match=r"f_0003\.png is 64x64 and f_0000\.png is 128x96"):
        open_clip(tmp_path)


def test_a_damaged_image_in_the_middle_is_named(tmp_path: Path) -> None:
    write_sequence(tmp_path)
    path = tmp_path / "f_0002.png"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    with open_clip(tmp_path) as clip:
        assert number_of(clip[1]) == 1
        with pytest.raises(MediaError, match=r"f_0002\.png is damaged"):
            clip[2]


def test_a_cut_off_image_is_found_at_once(tmp_path: Path) -> None:
    write_sequence(tmp_path)
    path = tmp_path / "f_0002.png"
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(MediaError, match=r"f_0002\.png is damaged"):
        open_clip(tmp_path)


def test_depths_may_be_mixed(tmp_path: Path) -> None:
    write_sequence(tmp_path)
    write_image(tmp_path / "f_0001.png", picture(1).astype(np.uint16) * 257)
    with open_clip(tmp_path) as clip:
        assert clip.info.bit_depth == 16
        np.testing.assert_array_equal(clip[0], picture(0).astype(np.uint16) * 257)


def test_fingerprint_sees_a_changed_image(tmp_path: Path) -> None:
    before = probe(write_sequence(tmp_path)).fingerprint
    write_image(tmp_path / "f_0002.png", picture(99))
    assert probe(tmp_path).fingerprint != before


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (25, 25),
        ("25", 25),
        (12.5, Fraction(25, 2)),
        ("23.976", Fraction(24000, 1001)),
        (29.97, Fraction(30000, 1001)),
    ],
)
def test_the_rate_is_what_the_user_says(tmp_path: Path, said: float | str, meant: Fraction) -> None:
    folder = write_sequence(tmp_path / "in")
    with open_clip(folder, rate=said, start="0s", end=f"{float(3 / Fraction(meant))!r}s") as clip:
        assert (clip.info.rate, clip.info.rate_assumed, len(clip)) == (meant, False, 3)
        assert check_output(tmp_path / "out.mp4", clip) == ()
        with open_writer(tmp_path / "out.mp4", clip.info) as writer:
            for frame in clip:
                writer.write(frame)
    made = probe(tmp_path / "out.mp4")
    assert (made.rate, made.count) == (meant, 3)


def test_a_rate_that_nobody_told_is_said_of_a_video_and_not_of_images(tmp_path: Path) -> None:
    info = probe(write_sequence(tmp_path / "in"))
    assert (info.rate, info.rate_assumed) == (24, True)
    assert check_output(tmp_path / "out", info) == ()
    assert check_output(tmp_path / "out.mp4", info) == ("in does not say its rate; 24 is taken (--rate changes it)",)


@pytest.mark.parametrize("rate", ["fast", "0", "-25", "25/0", "nan", 2000])
def test_no_rate_is_refused(tmp_path: Path, rate: float | str) -> None:
    with pytest.raises(UsageError, match=r"expected frames per second as 25"):
        open_clip(write_sequence(tmp_path), rate=rate)


@pytest.mark.parametrize("suffix", [".png", ".tif", ".exr"])
def test_transparency_that_is_left_out_is_said(tmp_path: Path, suffix: str) -> None:
    write_sequence(tmp_path / "solid", suffix)
    assert probe(tmp_path / "solid").notices == ()
    (tmp_path / "clear").mkdir()
    for n in range(2):
        solid = picture(n)
        write_image(tmp_path / "clear" / f"f{n}{suffix}", np.dstack([solid, solid[..., :1]]), durable=False)
    assert probe(tmp_path / "clear").notices == (
        "clear has an alpha channel, which is left out; --matte clear styles what it covers",
    )


@pytest.mark.parametrize(("light", "said"), [(0.9, False), (1.001, False), (7.5, True), (np.inf, False)])
def test_light_that_is_cut_off_is_said(tmp_path: Path, light: float, said: bool) -> None:
    import OpenEXR

    header = {"compression": OpenEXR.NO_COMPRESSION, "type": OpenEXR.scanlineimage}
    for n in range(3):
        planes = {name: np.full((16, 16), 0.5, np.float32) for name in "RGB"}
        planes["G"][3, 4] = light if n == 2 else 0.5
        OpenEXR.File(header, planes).write(str(tmp_path / f"a.{n}.exr"))
    (told,) = probe(tmp_path).notices if said else ("",)
    assert probe(tmp_path).notices == ((told,) if said else ())
    assert not said or "(7.5 in a.2.exr), which is cut off at white" in told


def test_a_video_that_few_players_show_is_said(tmp_path: Path) -> None:
    deep = probe(write_sequence(tmp_path / "deep", ".exr"), rate=25)
    (said,) = check_output(tmp_path / "out.mp4", deep)
    assert said.startswith("out.mp4: H.264 with 10 bits like the clip, which many players cannot show; .mov")
    assert check_output(tmp_path / "out.mov", deep) == ()
    assert check_output(tmp_path / "out.webm", deep) == ()
    assert check_output(tmp_path / "out.mp4", probe(write_sequence(tmp_path / "flat"), rate=25)) == ()
