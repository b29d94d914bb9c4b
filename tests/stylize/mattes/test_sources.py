from __future__ import annotations

import logging
import subprocess
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stylize.errors import MediaError, UsageError
from stylize.mattes import MatteOptions, absolute_spec, open_matte
from stylize.mattes.sources.frame_matching import match_frames
from stylize.mattes.sources.spec import parse_spec
from stylize.media import open_clip, write_image
from stylize.media.ffmpeg import find_ffmpeg

SIZE = (48, 64)


@pytest.fixture
def clip(world):
    with open_clip(world.frames) as opened:
        yield opened


def disc(x=30.0, y=24.0, radius=15.0):
    rows, columns = np.mgrid[0 : SIZE[0], 0 : SIZE[1]].astype(np.float32)
    return np.clip((radius - np.hypot(columns - x, rows - y)) / 4 + 0.5, 0, 1).astype(np.float32)


def write_folder(folder, mattes, first=0, suffix=".png", skip=()):
    for index, matte in enumerate(mattes):
        if index not in skip:
            codes = np.rint(matte * 255).astype(np.uint8)[..., None]
            write_image(folder / f"m{first + index:04d}{suffix}", codes, durable=False)
    return folder


def encode(path, mattes, *options, color=0.6, rate=24):
    """A video of gray frames whose alpha is the mattes, or with color None whose brightness is."""
    pictures = []
    for matte in mattes:
        gray = matte if color is None else np.full_like(matte, color)
        alpha = np.ones_like(matte) if color is None else matte
        pictures.append(np.rint(np.dstack([gray, gray, gray, alpha]) * 65535).astype("<u2").tobytes())
    height, width = mattes[0].shape
    command = [find_ffmpeg(), "-loglevel", "error", "-y", "-f", "rawvideo", "-pix_fmt", "rgba64le"]
    command += ["-s", f"{width}x{height}", "-r", str(rate), "-i", "-", *options, str(path)]
    subprocess.run(command, input=b"".join(pictures), check=True, capture_output=True)
    return path


MOVING = [disc(22 + 2 * t) for t in range(10)]


@pytest.mark.parametrize(
    ("name", "options", "bound"),
    [
        ("p.mov", ("-c:v", "prores_ks", "-pix_fmt", "yuva444p10le", "-alpha_bits", "16"), 0.002),
        ("f.mkv", ("-c:v", "ffv1", "-pix_fmt", "gbrap16le"), 1e-4),
        ("q.mov", ("-c:v", "qtrle", "-pix_fmt", "argb"), 0.006),
        ("v.webm", ("-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-crf", "10", "-b:v", "0"), 0.03),
    ],
)
def test_alpha_of_a_video_is_its_matte_by_default(clip, tmp_path, name, options, bound):
    path = encode(tmp_path / name, MOVING, *options)
    with open_matte(path, clip.info) as matte:
        for at in (7, 2, 9):
            np.testing.assert_allclose(matte[at], MOVING[at], atol=bound)


def test_brightness_of_a_limited_range_video_fills_0_to_1(clip, tmp_path):
    path = encode(tmp_path / "l.mp4", MOVING, "-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "8", color=None)
    with open_matte(path, clip.info) as matte:
        assert matte[4].min() == 0
        assert matte[4].max() > 0.995
        np.testing.assert_allclose(matte[4], MOVING[4], atol=0.05)
    with pytest.raises(MediaError, match="alpha channel not found"):
        open_matte(f"{path}:alpha", clip.info)


def test_limited_range_images_are_expanded(clip, tmp_path, caplog):
    squeezed = [(16 + 219 * matte) / 255 for matte in MOVING]
    with open_matte(write_folder(tmp_path / "m", squeezed), clip.info) as matte:
        np.testing.assert_allclose(matte[4], MOVING[4], atol=0.004)
    assert "limited range" in caplog.text


def test_opaque_alpha_is_ignored_in_favor_of_brightness(clip, tmp_path, caplog):
    for folder, alpha in (("opaque", 255), ("cut", None)):
        for at, matte in enumerate(MOVING):
            codes = np.rint(matte * 255).astype(np.uint8)
            plane = np.full_like(codes, 255) if alpha else codes // 2
            image = np.dstack([codes, codes, codes, plane])
            write_image(tmp_path / folder / f"{at:03d}.png", image, durable=False)
    with open_matte(tmp_path / "opaque", clip.info) as matte:
        np.testing.assert_allclose(matte[5], MOVING[5], atol=0.003)
    assert "opaque everywhere" in caplog.text
    with open_matte(tmp_path / "cut", clip.info) as matte:
        np.testing.assert_allclose(matte[5], MOVING[5] / 2, atol=0.005)
    with open_matte(f"{tmp_path / 'cut'}:red", clip.info) as matte:
        np.testing.assert_allclose(matte[5], MOVING[5], atol=0.003)


def test_single_image_applies_to_all_frames_and_an_image_of_a_sequence_opens_it(clip, tmp_path):
    codes = np.rint(disc() * 255).astype(np.uint8)[..., None]
    write_image(tmp_path / "still.png", codes, durable=False)
    with open_matte(tmp_path / "still.png", clip.info) as matte:
        np.testing.assert_array_equal(matte[0], matte[9])
    folder = write_folder(tmp_path / "m", MOVING, first=1001)
    with open_matte(folder / "m1003.png", clip.info) as matte:
        np.testing.assert_allclose(matte[9], MOVING[9], atol=0.003)


def test_operators_combine_mattes(clip, tmp_path):
    a, b = disc(20), disc(38)
    for name, values in (("a - 1.png", a), ("a.png", a), ("b.png", b)):
        write_image(tmp_path / name, np.rint(values * 65535).astype(np.uint16)[..., None], durable=False)
    one, two = tmp_path / "a.png", tmp_path / "b.png"
    for spec, wanted in {
        f"{one} + {two}": np.minimum(a + b, 1),
        f"{one} | {two}": np.maximum(a, b),
        f"{one} & {two}": np.minimum(a, b),
        f"{two} - {one}": np.maximum(b - a, 0),
        f"{two} & not {one}": np.minimum(b, 1 - a),
        f"not {two}": 1 - b,
        str(tmp_path / "a - 1.png"): a,  # a file's name and no operation
    }.items():
        with open_matte(spec, clip.info) as matte:
            np.testing.assert_allclose(matte[0], wanted, atol=1e-4)


def test_matte_specification_is_parsed_and_made_absolute(tmp_path):
    terms = parse_spec("shots/a.exr:crypto=hero,b - not c.mov:alpha & d")
    assert [(str(t.path), t.select, t.invert, t.operator) for t in terms] == [
        (str(Path("shots/a.exr")), "crypto=hero,b", False, "+"),
        ("c.mov", "alpha", True, "-"),
        ("d", "", False, "&"),
    ]
    spelled = absolute_spec("a.exr:hero.A - not c.mov", tmp_path)
    assert spelled == f"{tmp_path / 'a.exr'}:hero.A - not {tmp_path / 'c.mov'}"
    assert absolute_spec(spelled) == spelled
    with pytest.raises(UsageError, match="missing beside an operator"):
        parse_spec("a.mov -  + b.mov")


def test_missing_frames_are_an_error_held_or_black(clip, tmp_path):
    folder = write_folder(tmp_path / "m", MOVING[:8], skip=(3,))
    with pytest.raises(MediaError, match="8 frames, but the clip has 10; none for frame 0008 and 1 more"):
        open_matte(folder, clip.info)
    whole = write_folder(tmp_path / "h", MOVING, skip=(3,))
    with open_matte(whole, clip.info) as matte, pytest.raises(MediaError, match="frame 3 is missing"):
        _ = matte[3]
    with open_matte(folder, clip.info, MatteOptions(missing="hold")) as matte:
        for at, stand_in in ((3, 2), (4, 4), (8, 7), (9, 7)):
            np.testing.assert_allclose(matte[at], MOVING[stand_in], atol=0.003)
    with open_matte(folder, clip.info, MatteOptions(missing="black")) as matte:
        assert max(matte[3].max(), matte[9].max()) == 0


def test_mattes_match_a_longer_sequence_by_number(world, tmp_path):
    folder = write_folder(tmp_path / "m", MOVING, first=2)  # for frames 2 to 11
    with (
        open_clip(world.frames, start=4, end=8) as part,
        open_matte(folder, part.info, MatteOptions(match="number")) as matte,
    ):
        np.testing.assert_allclose(matte[0], MOVING[2], atol=0.003)


def test_matte_of_another_rate_is_matched_by_time(world, tmp_path):
    by_time, lossless = MatteOptions(match="time"), ("-c:v", "ffv1")
    double = encode(tmp_path / "48.mkv", [disc(10 + t) for t in range(20)], *lossless, rate=48)
    half = encode(tmp_path / "12.mkv", MOVING[:5], *lossless, rate=12)
    clip_path = world.video("clip.mp4")
    with open_clip(clip_path) as video:
        with pytest.raises(MediaError, match="pass --matte-match time"):
            open_matte(half, video.info)
        with open_matte(double, video.info, by_time) as matte:
            np.testing.assert_allclose(matte[4], disc(18), atol=1e-4)
        with open_matte(half, video.info, by_time) as matte:
            np.testing.assert_allclose(matte[7], MOVING[3], atol=1e-4)
    with open_clip(clip_path, start=4, end=8) as part, open_matte(double, part.info, by_time) as matte:
        np.testing.assert_allclose(matte[0], disc(18), atol=1e-4)


def test_frame_of_a_variable_rate_takes_the_matte_at_its_beginning():
    times = tuple(Fraction(place, 50) for place in range(29))
    mattes = SimpleNamespace(path="m.mkv", still=False, times=times, numbers=None)
    clip = SimpleNamespace(
        pts=(0, 40, 120, 159, 320), last_duration=40, time_base=Fraction(1, 1000), is_range=False,
        is_sequence=False, count=5, start=0,
    )  # fmt: skip
    assert match_frames(mattes, clip, MatteOptions(match="time")) == [0, 2, 6, 8, 16]


def test_matte_of_another_size_is_an_error_scaled_or_cropped(clip, tmp_path):
    big = np.kron(disc(), np.ones((2, 2), np.float32))
    folder = write_folder(tmp_path / "m", [big] * 10)
    with pytest.raises(MediaError, match=r"128x96, but the clip is 64x48.*--matte-fit"):
        open_matte(folder, clip.info)
    with open_matte(folder, clip.info, MatteOptions(fit="scale")) as matte:
        np.testing.assert_allclose(matte[0], disc(), atol=0.003)
    with open_matte(folder, clip.info, MatteOptions(fit="crop")) as matte:
        np.testing.assert_allclose(matte[0], np.rint(big[24:72, 32:96] * 255) / 255, atol=1e-6)


def test_truncated_matte_video_is_an_error_or_held(clip, tmp_path):
    path = encode(tmp_path / "v.mkv", MOVING, "-c:v", "ffv1", "-pix_fmt", "gray", color=None)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with pytest.raises(MediaError, match="--matte-missing hold"):
        open_matte(path, clip.info)
    with open_matte(path, clip.info, MatteOptions(missing="hold")) as matte:
        np.testing.assert_allclose(matte[2], MOVING[2], atol=0.01)
        np.testing.assert_array_equal(matte[9], matte[8])
        assert matte[9].max() > 0.9


@pytest.mark.parametrize(("value", "words"), [(0, "black in all sampled frames"), (1, "white in all sampled frames")])
def test_empty_or_full_matte_is_a_warning_and_exact(clip, tmp_path, caplog, value, words):
    caplog.set_level(logging.WARNING)
    folder = write_folder(tmp_path / "m", [np.full(SIZE, value, np.float32)] * 10)
    with open_matte(folder, clip.info, MatteOptions(), clip) as matte:
        np.testing.assert_array_equal(matte[4], np.full(SIZE, value, np.float32))
    assert words in caplog.text


def test_frame_has_the_same_matte_in_every_slice(clip, tmp_path):
    folder = write_folder(tmp_path / "m", [np.roll(m, t % 2, axis=1) for t, m in enumerate(MOVING)])
    with open_matte(folder, clip.info, MatteOptions(choke=0.5), clip) as matte:
        part = matte[3:7]
        np.testing.assert_array_equal(part[1], matte[4])
        assert part.fingerprint != matte.fingerprint
        assert len(part[1:3]) == 2
    with open_matte(folder, clip.info, MatteOptions(choke=0.25), clip) as other:
        assert other.fingerprint != matte.fingerprint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fit": "stretch"}, "invalid fit 'stretch'; use error, scale or crop"),
        ({"missing": "none"}, "invalid missing 'none'"),
        ({"match": "name"}, "invalid match 'name'"),
        ({"levels": "0.9,0.1"}, "BLACK < WHITE"),
        ({"levels": "half"}, "use BLACK,WHITE"),
        ({"choke": 300}, "invalid choke 300; use -200 to 200 pixels"),
        ({"feather": -1}, "invalid feather -1"),
        ({"stabilize": 2}, "invalid stabilize 2; use 0 to 1"),
        ({"radius": 99}, "invalid radius 99"),
    ],
)
def test_invalid_matte_options_are_errors(options, words):
    with pytest.raises(ValueError, match=words):
        MatteOptions(**options)
