"""Maps of a frame: known drawings of known pictures, the size that is asked for, names and options."""

from __future__ import annotations

import subprocess
import sys

import cv2
import numpy as np
import pytest

from stylize.errors import ModelError, UsageError
from stylize.maps import NAMES, make_map, map_names
from stylize.maps.registry import fit

FREE = tuple(name for name in NAMES if name != "depth")
LINES = ("canny", "lineart", "scribble", "softedge")


def disc(height: int = 120, width: int = 200, inside=(200, 60, 40), around=(40, 60, 90)) -> np.ndarray:
    """A disc of one color on another, with soft rim."""
    image = np.full((4 * height, 4 * width, 3), around, np.uint8)
    cv2.circle(image, (2 * width, 2 * height), 4 * height // 3, inside, -1)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)


def rim_distance(height: int = 120, width: int = 200) -> np.ndarray:
    ys, xs = np.mgrid[:height, :width] + 0.5
    return np.abs(np.hypot(xs - width / 2, ys - height / 2) - height / 3)


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("size", [(120, 200), (64, 96), (121, 203), (240, 400), (16, 16)])
def test_exactly_the_size_that_is_asked_for(name, size):
    made = make_map(name, disc(), size)
    assert made.shape == (*size, 3)
    assert made.dtype == np.uint8
    assert made.flags["C_CONTIGUOUS"] or name in LINES


@pytest.mark.parametrize("name", FREE)
def test_sixteen_bits_say_the_same(name):
    image = disc()
    deep = image.astype(np.uint16) * 257
    assert np.array_equal(make_map(name, image, (120, 200)), make_map(name, deep, (120, 200)))


@pytest.mark.parametrize("name", FREE)
def test_the_frame_is_left_alone_and_the_map_is_repeatable(name):
    image = disc()
    before = image.copy()
    first = make_map(name, image, (120, 200))
    assert np.array_equal(image, before)
    assert np.array_equal(first, make_map(name, image, (120, 200)))


@pytest.mark.parametrize("name", LINES)
def test_lines_lie_on_the_rim_and_nowhere_else(name):
    lines = make_map(name, disc(), (120, 200))[..., 0]
    away = rim_distance()
    reach = 8 if name == "softedge" else 4
    assert lines[away > reach].max() == 0 if name != "softedge" else lines[away > 3 * reach].max() < 8
    angles = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    found = [
        lines[
            int(60 + 40 * np.sin(a)) - reach : int(60 + 40 * np.sin(a)) + reach + 1,
            int(100 + 40 * np.cos(a)) - reach : int(100 + 40 * np.cos(a)) + reach + 1,
        ].max()
        for a in angles
    ]
    assert min(found) > 100, "the rim is closed"


@pytest.mark.parametrize("name", LINES)
def test_an_outline_of_color_alone_is_seen(name):
    """Two colors of one lightness."""
    lab = np.zeros((120, 200, 3), np.float32)
    lab[..., 0], lab[..., 1] = 60, 40
    lab[:, 100:, 1] = -40
    image = np.rint(255 * np.clip(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), 0, 1)).astype(np.uint8)
    seen = make_map(name, image, (120, 200))[20:100, 90:110].max()
    assert seen > 60 if name in ("scribble", "softedge") else True


@pytest.mark.parametrize("name", LINES)
def test_grain_and_plain_walls_give_nothing(name, rng):
    plain = np.full((120, 200, 3), 128, np.uint8)
    grain = np.clip(plain + rng.normal(0, 3, plain.shape), 0, 255).astype(np.uint8)
    assert make_map(name, plain, (120, 200)).max() == 0
    assert make_map(name, grain, (120, 200)).mean() < 4


def contrasts() -> np.ndarray:
    """Squares that stand out more and more from left to right."""
    image = np.full((120, 400, 3), 110, np.uint8)
    for index in range(8):
        image[40:80, 50 * index + 10 : 50 * index + 40] = 110 + 4 * 2 ** (0.6 * index)
    return image


@pytest.mark.parametrize("name", LINES)
def test_more_detail_more_lines(name):
    seen = []
    for detail in (0.0, 0.5, 1.0):
        lines = make_map(name, contrasts(), (120, 400), detail=detail)[..., 0]
        seen.append([int(lines[:, 50 * index : 50 * index + 50].max()) > 40 for index in range(8)])
    counts = [sum(one) for one in seen]
    assert counts[0] < counts[2]
    assert counts == sorted(counts)
    assert all(one == sorted(one) for one in seen), "the strongest come first"


@pytest.mark.parametrize("name", LINES)
def test_twice_the_size_shows_the_same_lines(name):
    small = make_map(name, disc(), (120, 200))[..., 0].astype(np.float32)
    large = make_map(name, disc(240, 400), (240, 400))[..., 0]
    down = cv2.resize(large.astype(np.float32), (200, 120), interpolation=cv2.INTER_AREA)
    blur = [cv2.GaussianBlur(one, (0, 0), 4).ravel() for one in (small, down)]
    assert np.corrcoef(*blur)[0, 1] > 0.9


def test_tile_is_the_picture(rng):
    image = rng.integers(0, 255, (40, 60, 3), np.uint8)
    assert np.array_equal(make_map("tile", image, (40, 60)), image)
    soft = make_map("tile", image, (40, 60), blur=1.0)
    assert soft.std() < image.std()


def test_color_is_a_mosaic_of_means():
    image = np.zeros((128, 128, 3), np.uint8)
    image[:64, :64] = (255, 0, 0)
    image[64:, 64:] = (0, 0, 255)
    image[:64, 64:][::2] = (0, 200, 0)
    made = make_map("color", image, (128, 128))
    assert np.all(made[:64, :64] == (255, 0, 0))
    assert np.all(made[64:, 64:] == (0, 0, 255))
    assert np.all(made[:64, 64:] == (0, 100, 0))
    assert np.unique(make_map("color", image, (128, 128), cell=16)[:16, :16].reshape(-1, 3), axis=0).shape == (1, 3)


def test_a_frame_is_never_cropped():
    image = np.zeros((50, 80, 3), np.uint8)
    image[0, 0] = image[-1, -1] = 255
    made = fit(image, (100, 160))
    assert made[0, 0].min() > 200
    assert made[-1, -1].min() > 200


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("cany", {}, "did you mean 'canny'"),
        ("aux:openpos", {}, "did you mean 'aux:openpose'"),
        ("zzz", {}, "known are canny"),
        ("canny", {"detial": 1}, "did you mean 'detail'"),
        ("tile", {"detail": 1}, "it takes blur"),
        ("canny", {"detail": 3}, "expected 0, few lines, to 1"),
        ("scribble", {"detail": -1}, "expected 0"),
        ("tile", {"blur": 2}, "expected 0 to 1"),
        ("color", {"cell": 0}, "1 or more"),
    ],
)
def test_names_and_options_that_do_not_exist(name, options, words):
    with pytest.raises(UsageError, match=words):
        make_map(name, disc(), (120, 200), **options)


def test_a_detector_without_its_package(monkeypatch):
    monkeypatch.setattr("stylize.maps.detectors.find_spec", lambda _: None)
    monkeypatch.delitem(sys.modules, "controlnet_aux", raising=False)
    with pytest.raises(ModelError, match=r"aux:canny needs the package controlnet-aux.*keystylize\[maps\]"):
        make_map("aux:canny", disc(), (120, 200))


def test_names_are_known_without_loading_anything():
    program = """
import sys
from stylize.maps import map_names
map_names()
print(sorted({"torch", "transformers", "controlnet_aux", "torchvision"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]"]
    assert {"canny", "depth", "aux:openpose", "aux:lineart_anime"} <= set(map_names())
