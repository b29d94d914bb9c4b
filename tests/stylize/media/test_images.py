"""Stills of every kind come in as one form, and go out whole or not at all."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image as Pillow
from PIL import ImageOps

from stylize.errors import DeviceError, MediaError, UsageError
from stylize.media import image_size, read_image, write_image
from stylize.media.color import srgb_to_linear
from stylize.storage import partial as placing
from tests.stylize.media.make_clips import picture

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lossless_kinds_keep_every_bit(
    tmp_path: Path, rng: np.random.Generator, suffix: str, channels: int, dtype: type
) -> None:
    image = rng.integers(0, np.iinfo(dtype).max, (7, 9, channels), dtype, endpoint=True)
    path = tmp_path / f"a{suffix}"
    write_image(path, image)
    back = read_image(path)
    if channels == 2 and dtype == np.uint16:  # no library writes it: it becomes RGBA
        back = back[..., [0, 3]]
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, image)
    assert image_size(path) == (9, 7)


def test_exr_is_linear_light_and_comes_back_as_srgb(tmp_path: Path, rng: np.random.Generator) -> None:
    import OpenEXR

    path = tmp_path / "a.exr"
    image = rng.integers(0, 65535, (8, 8, 3), np.uint16)
    write_image(path, image, text="how it was made")
    assert np.abs(read_image(path).astype(int) - image).max() < 65535 * 0.001
    half = np.full((4, 4, 3), 188, np.uint8)  # sRGB 188 is half the light
    write_image(path, half)
    assert float(OpenEXR.File(str(path)).channels()["RGB"].pixels.mean()) == pytest.approx(0.5, abs=0.005)
    assert image_size(path) == (4, 4)


@pytest.mark.parametrize(("left", "top", "width", "height"), [(-4, -3, 30, 22), (5, 4, 8, 6), (40, 0, 4, 4)])
def test_an_exr_is_its_display_window(tmp_path: Path, left: int, top: int, width: int, height: int) -> None:
    import OpenEXR

    y, x = np.mgrid[top : top + height, left : left + width].astype(np.float32)
    windows = {
        "dataWindow": (
            np.array([left, top], np.int32),
            np.array([left + width - 1, top + height - 1], np.int32),
        ),
        "displayWindow": (np.array([0, 0], np.int32), np.array([19, 14], np.int32)),
    }
    path, stored = tmp_path / "a.exr", np.abs(x * 20 + y + 1) / 400
    kind = {"type": OpenEXR.scanlineimage, "compression": OpenEXR.ZIP_COMPRESSION}
    OpenEXR.File({**kind, **windows}, dict.fromkeys("RGB", stored)).write(str(path))
    rows, columns = np.mgrid[:15, :20].astype(np.float32)
    there = (columns >= left) & (columns < left + width) & (rows >= top) & (rows < top + height)
    wanted = np.where(there, (columns * 20 + rows + 1) / 400, 0)
    assert image_size(path) == (20, 15)
    back = read_image(path)[..., 0] / 65535
    np.testing.assert_allclose(srgb_to_linear(back.astype(np.float32)), wanted, atol=1e-4)


def test_exr_alpha_is_premultiplied_on_disk_and_straight_in_memory(tmp_path: Path) -> None:
    import OpenEXR

    image = np.full((4, 4, 4), 65535, np.uint16)
    image[..., 3] = 16384
    write_image(tmp_path / "a.exr", image)
    stored = OpenEXR.File(str(tmp_path / "a.exr"), separate_channels=True).channels()["R"].pixels
    assert float(stored.mean()) == pytest.approx(0.25, abs=0.001)
    back = read_image(tmp_path / "a.exr")
    assert np.abs(back.astype(int) - image).max() < 40


def test_jpeg_is_close_and_refuses_alpha(tmp_path: Path) -> None:
    image = picture(3)
    write_image(tmp_path / "a.jpg", image, quality=95)
    assert np.abs(read_image(tmp_path / "a.jpg").astype(int) - image).mean() < 3
    with pytest.raises(UsageError, match="no transparency"):
        write_image(tmp_path / "b.jpg", np.zeros((4, 4, 4), np.uint8))
    assert not (tmp_path / "b.jpg").exists()


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a{suffix}"
    Pillow.fromarray(picture(5, 40, 24)).save(path, exif=exif, **({"quality": 95} if suffix == ".jpg" else {}))
    with Pillow.open(path) as image:
        truth = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(read_image(path), truth)
    assert image_size(path) == truth.shape[1::-1]


def test_orientation_of_deep_images_is_that_of_shallow_ones() -> None:
    from stylize.media.image_reader import _oriented

    image = picture(5, 40, 24)
    for orientation in range(1, 9):
        exif = Pillow.Exif()
        exif[0x0112] = orientation
        still = Pillow.fromarray(image)
        still.getexif().update(exif)
        np.testing.assert_array_equal(_oriented(image, orientation), np.asarray(ImageOps.exif_transpose(still)))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_tiff_is_turned_once(tmp_path: Path, orientation: int) -> None:
    import tifffile

    from stylize.media.image_reader import _oriented

    image = picture(5, 40, 24).astype(np.uint16) * 257
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, image, photometric="rgb", extratags=[(274, "H", 1, orientation, True)])
    np.testing.assert_array_equal(read_image(path), _oriented(image, orientation))


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("L", 1), ("LA", 2), ("RGB", 3), ("RGBA", 4), ("P", 3), ("1", 1), ("CMYK", 3), ("I;16", 1)],
)
def test_every_mode_has_its_channels(tmp_path: Path, mode: str, channels: int) -> None:
    suffix = ".jpg" if mode == "CMYK" else ".png"
    if mode == "I;16":
        image = Pillow.fromarray(picture(2)[..., 0].astype(np.uint16) * 257)
    else:
        image = Pillow.fromarray(picture(2)).convert(mode)
    path = tmp_path / f"a{suffix}"
    image.save(path)
    back = read_image(path)
    assert back.shape == (96, 128, channels)
    assert back.dtype == (np.uint16 if mode == "I;16" else np.uint8)
    assert read_image(path, 3).shape == (96, 128, 3)
    assert read_image(path, 4).shape == (96, 128, 4)
    if mode == "CMYK":
        assert np.abs(back.astype(int) - picture(2)).mean() < 12


def test_palette_with_transparency_is_rgba(tmp_path: Path) -> None:
    image = Pillow.fromarray(picture(2)).convert("P")
    image.save(tmp_path / "a.png", transparency=0)
    assert read_image(tmp_path / "a.png").shape[2] == 4


def test_channels_are_checked(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", picture(1))
    with pytest.raises(ValueError, match="channels is 2"):
        read_image(tmp_path / "a.png", 2)


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    def refused(name: str, *words: str) -> None:
        for read in (read_image, image_size):
            with pytest.raises(MediaError) as caught:
                read(tmp_path / name)
            assert all(word in str(caught.value) for word in (str(tmp_path / name), *words)), str(caught.value)
            assert "\n" not in str(caught.value)

    refused("none.png", "does not exist")
    (tmp_path / "folder.png").mkdir()
    refused("folder.png", "folder")
    (tmp_path / "empty.png").touch()
    refused("empty.png", "0 bytes")
    (tmp_path / "text.png").write_text("not an image\n" * 9)
    refused("text.png", "text file")
    (tmp_path / "noise.png").write_bytes(bytes(range(256)) * 9)
    refused("noise.png", "save it as PNG")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tif", ".exr"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_cut_off_image_is_called_damaged(tmp_path: Path, suffix: str, dtype: type, rng: np.random.Generator) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(path, rng.integers(0, np.iinfo(dtype).max, (64, 64, 3), dtype))
    path.write_bytes(path.read_bytes()[:-900])
    with pytest.raises(MediaError, match=r"damaged|cut off"):
        read_image(path)


def test_animations_and_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = [Pillow.fromarray(picture(n)) for n in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(MediaError, match="animation of 3 frames"):
        read_image(tmp_path / "a.gif")
    from stylize.media import image_reader as images

    monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    write_image(tmp_path / "big.png", picture(1))
    for read in (read_image, image_size):
        with pytest.raises(MediaError, match="128x96"):
            read(tmp_path / "big.png")


def test_a_header_alone_betrays_a_bomb(tmp_path: Path) -> None:
    import struct
    import zlib

    body = b"IHDR" + struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    data = b"IDAT" + zlib.compress(b"")
    (tmp_path / "bomb.png").write_bytes(
        head + struct.pack(">I", len(data) - 4) + data + struct.pack(">I", zlib.crc32(data))
    )
    with pytest.raises(MediaError, match="30000x30000"):
        read_image(tmp_path / "bomb.png")


def test_text_travels_in_png(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", picture(1), text="recipe: ü {}")
    with Pillow.open(tmp_path / "a.png") as image:
        assert image.text["Comment"] == "recipe: ü {}"  # type: ignore[attr-defined]


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.png"
    write_image(path, picture(1))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(placing.os, "fsync", full)
    with pytest.raises(DeviceError, match="disk is full"):
        write_image(path, picture(2))
    np.testing.assert_array_equal(read_image(path), picture(1))
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_unknown_suffix_and_bad_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.png"):
        write_image(tmp_path / "a.gif", picture(1))
    with pytest.raises(ValueError, match="float64"):
        write_image(tmp_path / "a.png", np.zeros((4, 4, 3)))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="compression is 10"):
        write_image(tmp_path / "a.png", picture(1), compression=10)
    (tmp_path / "file").touch()
    with pytest.raises(DeviceError, match="cannot be written"):
        write_image(tmp_path / "file" / "a.png", picture(1))


@pytest.mark.parametrize("harm", ["breaks off", "zeros"])
def test_a_damaged_exr_is_named_and_leaves_stdout_alone(
    tmp_path: Path, rng: np.random.Generator, harm: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """OpenEXR prints a warning to stdout, where a program reads its answer."""
    from stylize.mattes.sources.exr import open_exr

    file = tmp_path / "a.exr"
    write_image(file, rng.integers(0, 65535, (64, 64, 1), np.uint16))
    data = file.read_bytes()
    half = len(data) // 2
    file.write_bytes(data[:half] if harm == "breaks off" else data[:half] + bytes(300) + data[half + 300 :])
    for read in (read_image, open_exr):
        with pytest.raises(MediaError, match="damaged"):
            read(file)
    print("the answer")  # noqa: T201
    told = capfd.readouterr()
    assert told.out == "the answer\n"
    assert "Warning" in told.err


@pytest.mark.skipif(not hasattr(os, "O_DIRECTORY"), reason="folders are flushed on POSIX only")
def test_a_file_reaches_the_disk_before_its_name_and_then_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, named = tmp_path / "a.png", []
    monkeypatch.setattr(os, "fsync", lambda _: named.append(place.exists()))
    write_image(place, np.zeros((4, 4, 3), np.uint8))
    assert named == [False, True]
    write_image(tmp_path / "b.png", np.zeros((4, 4, 3), np.uint8), durable=False)
    assert len(named) == 2
