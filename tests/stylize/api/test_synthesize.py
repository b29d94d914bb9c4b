from __future__ import annotations

import numpy as np
import pytest

from stylize.api.synthesize import alike, error_image, synthesize_image, with_channels
from stylize.errors import DeviceError, MediaError, UsageError
from stylize.media import read_image, write_image
from stylize.settings.loading import load_settings


@pytest.fixture
def pictures(tmp_path, rng):
    """A style of two halves, its guide, and a target with the halves changed over."""
    style = np.zeros((24, 32, 3), np.uint8)
    style[:, :16] = (200, 40, 40)
    style[:, 16:] = (40, 40, 200)
    style = np.clip(style + rng.integers(-20, 20, style.shape), 0, 255).astype(np.uint8)
    guide = np.zeros((24, 32, 1), np.uint8)
    guide[:, 16:] = 255
    for name, image in (("style", style), ("a", guide), ("b", 255 - guide), ("small", guide[:20, :20])):
        write_image(tmp_path / f"{name}.png", image)
    return tmp_path


def synth(pictures, guides=(("a.png", "b.png"),), **choices):
    pairs = [(pictures / a, pictures / b) for a, b in guides]
    settings = load_settings(flags={"synthesis.patch_size": 3, "synthesis.pyramid_levels": 3}, environment={})
    choices = {
        "style": pictures / "style.png",
        "output": pictures / "out.png",
        "settings": settings,
        **choices,
    }
    return synthesize_image(choices.pop("style"), pairs, choices.pop("output"), **choices)


def test_the_target_is_painted_as_its_guide_says(pictures):
    result = synth(pictures, error=pictures / "error.png")
    image = read_image(pictures / "out.png").astype(int)
    assert image.shape == (24, 32, 3)
    assert (image[:, :14, 2] > image[:, :14, 0]).all()
    assert (image[:, 18:, 0] > image[:, 18:, 2]).all()
    assert result.energy >= 0
    assert set(result.seconds) == {"read", "synthesis", "write", "total"}
    assert read_image(pictures / "error.png").dtype == np.uint16


def test_guides_without_weights_share_one(pictures):
    two = (("a.png", "b.png"), ("a.png", "b.png"))
    synth(pictures, two)
    plain = read_image(pictures / "out.png")
    synth(pictures, two, weights=(0.5, 0.5), overwrite=True)
    np.testing.assert_array_equal(read_image(pictures / "out.png"), plain)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"guides": ()}, "no guide given"),
        ({"weights": (1.0, 2.0)}, "2 weights for 1 guides; give each guide its --weight, or none"),
        ({"weights": (-1.0,)}, "weight"),
        ({"weights": (float("nan"),)}, "weight"),
        ({"weights": (float("inf"),)}, r"the weight of guide \S*a.png is inf"),
        ({"guides": (("small.png", "b.png"),)}, r"^\S*small.png is \(20, 20\) and the style \(24, 32\)"),
        ({"guides": (("a.png", "b.png"), ("a.png", "small.png"))}, r"^\S*small.png is \(20, 20\) and "),
        ({"output": "style.png", "overwrite": True}, "is also an input"),
        ({"output": "out.mp4"}, "no image format known by '.mp4'"),
        ({"output": "nowhere/out.png"}, "does not exist; make it first"),
        ({"error": "out.png"}, "would be one file"),
        ({"error": "a.png", "overwrite": True}, "is also an input"),
    ],
)
def test_what_cannot_work_is_told_and_nothing_written(pictures, choices, words):
    before = sorted(pictures.iterdir())
    for name in {"output", "error"} & set(choices):
        choices = {**choices, name: pictures / choices[name]}
    with pytest.raises(UsageError, match=words) as raised:
        synth(pictures, **choices)
    assert "\n" not in str(raised.value)
    assert sorted(pictures.iterdir()) == before


def test_an_existing_image_is_not_overwritten_unasked(pictures):
    (pictures / "out.png").write_text("mine")
    with pytest.raises(UsageError, match="exists; overwrite it with -y"):
        synth(pictures)
    assert (pictures / "out.png").read_text() == "mine"
    asked = []
    synth(pictures, overwrite=lambda path: not asked.append(path))
    assert asked == [pictures / "out.png"]


def test_bad_images_are_media_errors(pictures):
    (pictures / "b.png").write_text("no image")
    with pytest.raises(MediaError, match=r"b\.png"):
        synth(pictures)
    with pytest.raises(MediaError, match=r"c\.png"):
        synth(pictures, (("a.png", "c.png"),))


def test_a_backend_that_is_not_there_is_told_before_anything_is_read(pictures, monkeypatch):
    monkeypatch.setattr("propagate.backend._cuda_problem", lambda: "no CUDA device answers")
    settings = load_settings(flags={"synthesis.backend": "cuda"}, environment={})
    with pytest.raises(DeviceError, match=r"^backend is 'cuda', but no CUDA device answers; use 'cpu' or"):
        synth(pictures, (("a.png", "missing.png"),), settings=settings)
    assert not (pictures / "out.png").exists()


def test_error_images_compare():
    image = error_image(np.array([[0.0, 1.0], [100.0, 1e9]], np.float32))
    assert image[..., 0].tolist() == [[0, 256], [2560, 65535]]


def test_guides_are_compared_in_the_channels_that_tell_something(rng):
    gray = rng.integers(0, 200, (5, 6, 1), np.uint8)
    color = rng.integers(0, 200, (4, 7, 3), np.uint8)
    opaque = np.full_like(gray, 255)
    assert [i.shape[2] for i in alike(np.dstack([gray, gray, gray, opaque]), gray)] == [1, 1]
    assert [i.shape[2] for i in alike(gray, color)] == [3, 3]
    assert [i.shape[2] for i in alike(color, np.dstack([gray, gray]))] == [4, 4]
    assert [i.shape[2] for i in alike(np.dstack([gray, gray // 2]))] == [2]
    assert [i.shape[2] for i in alike(gray, gray.astype(np.uint16) * 257)] == [1, 1]


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_channels_come_back_as_they_were(dtype, count, rng):
    """What is left out says nothing, so it can be put back exactly."""
    top = np.iinfo(dtype).max
    gray = rng.integers(0, top, (5, 6, 1), dtype)
    image = np.concatenate([gray] * (1 if count < 3 else 3) + [np.full_like(gray, top)] * (count % 2 == 0), axis=2)
    [short] = alike(image)
    assert short.shape[2] == 1
    np.testing.assert_array_equal(with_channels(short, count), image)


@pytest.mark.parametrize("suffix", ["png", "tif", "exr"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_depth_and_alpha_of_the_style_come_out(pictures, suffix, dtype, count, rng):
    """With the style as its own guide and target the style comes out, in its own form."""
    top = np.iinfo(dtype).max
    style = rng.integers(0, top, (24, 32, count), dtype, endpoint=True)
    write_image(pictures / f"deep.{suffix}", style)
    stored = read_image(pictures / f"deep.{suffix}")
    pair = ((f"deep.{suffix}", f"deep.{suffix}"),)
    synth(pictures, pair, style=pictures / f"deep.{suffix}", output=pictures / f"out.{suffix}", weights=(1e4,))
    made = read_image(pictures / f"out.{suffix}")
    assert (made.dtype, made.shape) == (stored.dtype, stored.shape)
    apart = np.abs(made.astype(float) - stored) / np.iinfo(stored.dtype).max
    assert apart.max() < 1 / 400
