"""Conformance of every matte source: one class of tests, run on each kind of file that a matte is read from."""

from __future__ import annotations

import numpy as np
import pytest

from stylize.errors import MediaError
from stylize.mattes import MatteOptions, open_matte
from stylize.mattes.sources.base import open_source
from stylize.mattes.sources.spec import parse_spec
from stylize.media import open_clip, write_image
from tests.stylize.mattes import exr_files
from tests.stylize.mattes.test_sources import encode

COUNT = 10
HEIGHT = 48
WIDTH = 64


def disc(frame):
    """Return the matte of a frame: a disc with a soft edge that moves by two pixels a frame."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    return np.clip((12 - np.hypot(columns - 20 - 2 * frame, rows - 24)) / 4 + 0.5, 0, 1).astype(np.float32)


MATTES = [disc(frame) for frame in range(COUNT)]


def gray_images(folder):
    for frame, matte in enumerate(MATTES):
        codes = np.rint(matte * 65535).astype(np.uint16)[..., None]
        write_image(folder / f"m.{frame:04d}.png", codes, durable=False)
    return str(folder)


def alpha_images(folder):
    for frame, matte in enumerate(MATTES):
        image = np.full((HEIGHT, WIDTH, 4), 9000, np.uint16)
        image[..., 3] = np.rint(matte * 65535)
        write_image(folder / f"m.{frame:04d}.png", image, durable=False)
    return str(folder)


def gray_video(folder):
    path = encode(folder / "m.mkv", MATTES, "-c:v", "ffv1", "-pix_fmt", "gbrp16le", color=None)
    return str(path)


def alpha_video(folder):
    return str(encode(folder / "m.mkv", MATTES, "-c:v", "ffv1", "-pix_fmt", "gbrap16le"))


def exr_layer(folder):
    for frame, matte in enumerate(MATTES):
        exr_files.write_layers(folder / f"m.{frame:04d}.exr", {"R": 1 - matte, "hero.A": matte})
    return f"{folder}:hero"


def exr_cryptomatte(folder):
    for frame, matte in enumerate(MATTES):
        exr_files.write_crypto(folder / f"m.{frame:04d}.exr", {"hero": matte})
    return f"{folder}:crypto=hero"


SOURCES = {
    "gray images": (gray_images, 1e-5),
    "alpha images": (alpha_images, 1e-5),
    "gray video": (gray_video, 1e-4),
    "alpha video": (alpha_video, 1e-4),
    "EXR layer": (exr_layer, 1e-6),
    "Cryptomatte": (exr_cryptomatte, 1e-6),
}


@pytest.fixture(params=sorted(SOURCES))
def spec(request, tmp_path):
    """Return the specification of a source of `MATTES`, and the greatest error of its opacities."""
    write, tolerance = SOURCES[request.param]
    folder = tmp_path / "m"
    folder.mkdir()
    return write(folder), tolerance


@pytest.fixture
def clip(world):
    with open_clip(world.frames) as opened:
        yield opened


@pytest.fixture
def source(spec):
    (term,) = parse_spec(spec[0])
    opened = open_source(term)
    yield opened
    opened.close()


class TestMatteSource:
    def test_length_is_the_number_of_frames(self, source):
        assert len(source) == COUNT
        assert not source.still

    def test_a_source_has_numbers_or_times_and_not_both(self, source):
        assert (source.numbers is None) != (source.times is None)
        if source.numbers is not None:
            assert source.numbers == tuple(range(COUNT))
        if source.times is not None:
            assert len(source.times) == COUNT + 1
            assert list(source.times) == sorted(set(source.times))

    def test_mattes_are_read_in_any_order(self, source, spec):
        for place in (7, 0, 9, 3, 3):
            matte = source.read(place)
            assert matte.dtype == np.float32
            assert matte.shape == (HEIGHT, WIDTH)
            np.testing.assert_allclose(matte, MATTES[place], atol=spec[1])

    def test_fingerprint_is_the_same_when_opened_again(self, source, spec):
        (term,) = parse_spec(spec[0])
        again = open_source(term, gaps=True)
        assert again.fingerprint == source.fingerprint
        again.close()

    def test_matte_clip_has_the_mattes_of_the_source(self, spec, clip):
        with open_matte(spec[0], clip.info) as mattes:
            assert len(mattes) == COUNT
            for frame in (0, 4, 9):
                np.testing.assert_allclose(mattes[frame], MATTES[frame], atol=spec[1])

    def test_a_range_of_the_clip_gets_its_own_mattes(self, spec, world):
        with open_clip(world.frames, start=3, end=8) as part, open_matte(spec[0], part.info) as mattes:
            assert len(mattes) == 5
            np.testing.assert_allclose(mattes[0], MATTES[3], atol=spec[1])
            np.testing.assert_allclose(mattes[1:3][1], MATTES[5], atol=spec[1])

    def test_not_inverts_the_matte(self, spec, clip):
        with open_matte(f"not {spec[0]}", clip.info) as mattes:
            np.testing.assert_allclose(mattes[2], 1 - MATTES[2], atol=spec[1])

    def test_a_matte_minus_itself_is_empty(self, spec, clip):
        with open_matte(f"{spec[0]} - {spec[0]}", clip.info) as mattes:
            assert not mattes[6].any()

    def test_fingerprint_changes_with_options(self, spec, clip):
        with open_matte(spec[0], clip.info) as plain, open_matte(spec[0], clip.info, MatteOptions(choke=1)) as choked:
            assert plain.fingerprint != choked.fingerprint

    def test_an_unknown_channel_is_an_error(self, spec):
        path = spec[0].partition(":")[0]
        (term,) = parse_spec(f"{path}:villain.A")
        with pytest.raises(MediaError, match=r"unknown channel villain\.A"):
            open_source(term)
