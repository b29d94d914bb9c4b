from __future__ import annotations

import logging
from dataclasses import replace

import numpy as np
import pytest

from stylize.errors import MediaError
from stylize.media import open_clip, probe, write_image
from stylize.media.frame_images import check_keys, find_keys, read_key, read_keys


@pytest.fixture
def info(world):
    return probe(world.frames)


@pytest.mark.parametrize("name", ["0003.png", "3.png", "key_0003.jpg", "take2-0003.tif", "003.JPG"])
def test_a_key_is_found_by_name_or_number(world, info, name):
    place = world.keys("x.png").parent / "k"
    write_image(place / name.lower(), np.full((48, 64, 3), 90, np.uint8))
    (place / name.lower()).rename(place / name)
    assert find_keys(place, info) == {3: place / name}


def test_an_exact_name_goes_before_a_number(world, info):
    named = replace(info, names=("a1", "b1", "1", *info.names[3:]))
    folder = world.keys("1.png")
    assert list(find_keys(folder, named)) == [2]


def test_keys_of_frames_outside_the_range_are_passed_over(world):
    folder = world.keys("0000.png", "0004.png", "0009.png")
    with open_clip(world.frames, start=3, end=6) as clip:
        assert find_keys(folder, clip.info) == {1: folder / "0004.png"}
        (folder / "0012.png").write_bytes((folder / "0004.png").read_bytes())
        with pytest.raises(MediaError, match=r"0012.png: names no frame"):
            find_keys(folder, clip.info)
    with open_clip(world.frames, start=1, end=3) as clip:
        (folder / "0012.png").unlink()
        with pytest.raises(MediaError, match="no key is for frames 0001 to 0002"):
            find_keys(folder, clip.info)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["0010.png"], "0010.png: names no frame of .* .0000 to 0009.; rename"),
        (["0003.png", "3.jpg"], "3.jpg: a second file for frame 0003, beside 0003.png"),
        (["cover.png"], "cover.png: names no frame"),
        ([], "holds no image; put painted keys there, named by frame, such as 0000.png"),
    ],
)
def test_unusable_folders_are_told(world, info, names, words):
    folder = world.keys(*names)
    folder.mkdir(exist_ok=True)
    (folder / "notes.txt").touch()
    (folder / ".0001.png").touch()
    with pytest.raises(MediaError, match=words):
        find_keys(folder, info)


def test_a_folder_that_is_not_there(world, info):
    with pytest.raises(MediaError, match="no such folder of painted keys"):
        find_keys(world.root / "nowhere", info)


def test_a_key_of_another_size_is_resized_only_if_the_aspect_agrees(world, info, caplog):
    frame = np.zeros((48, 64, 3), np.uint8)
    folder = world.keys("0000.png", size=(96, 128))
    check_keys(find_keys(folder, info), info)
    with caplog.at_level(logging.WARNING):
        assert read_key(folder / "0000.png", frame).shape == frame.shape
    assert "resized from 128x96 to the clip's 64x48" in caplog.text
    folder = world.keys("0000.png", folder="square", size=(64, 64))
    with pytest.raises(MediaError, match="64x64, but the clip is 64x48; paint it at that size"):
        check_keys(find_keys(folder, info), info)
    with pytest.raises(MediaError, match="64x64, but the clip is 64x48"):
        read_key(folder / "0000.png", frame)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
@pytest.mark.parametrize("wanted", [np.uint8, np.uint16])
def test_depth_and_channels_become_the_clips(tmp_path, rng, channels, depth, wanted):
    image = rng.integers(0, np.iinfo(depth).max, (6, 8, channels), depth, endpoint=True)
    write_image(tmp_path / "k.png", image)
    read = read_key(tmp_path / "k.png", np.zeros((6, 8, 3), wanted))
    assert read.dtype == wanted
    assert read.shape[2] == (4 if channels in (2, 4) else 3)
    scale = {(1, 1): 1.0, (1, 2): 257.0, (2, 1): 1 / 257, (2, 2): 1.0}[image.itemsize, read.itemsize]
    np.testing.assert_allclose(read[..., 0], image[..., 0] * scale, atol=0.5)


def test_one_key_with_alpha_gives_all_of_them_alpha(tmp_path):
    write_image(tmp_path / "a.png", np.full((6, 8, 3), 9, np.uint8))
    write_image(tmp_path / "b.png", np.full((6, 8, 4), 9, np.uint8))
    keys = read_keys({0: tmp_path / "a.png", 3: tmp_path / "b.png"}, np.zeros((6, 8, 3), np.uint8))
    assert keys[0].shape == (6, 8, 4)
    assert (keys[0][..., 3] == 255).all()
    assert (keys[3][..., 3] == 9).all()
