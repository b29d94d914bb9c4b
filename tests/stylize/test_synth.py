from __future__ import annotations

import numpy as np
import pytest

from stylize.errors import MediaError, UsageError
from stylize.media import read_image, write_image
from stylize.settings import load_settings
from stylize.synth import error_image, synth_image


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
    return synth_image(choices.pop("style"), pairs, choices.pop("output"), **choices)


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
        ({"guides": (("small.png", "b.png"),)}, "style.png: "),
        ({"output": "style.png", "overwrite": True}, "is also an input"),
        ({"output": "out.mp4"}, "no image format known by '.mp4'"),
        ({"output": "nowhere/out.png"}, "does not exist; make it first"),
    ],
)
def test_what_cannot_work_is_told_and_nothing_written(pictures, choices, words):
    before = sorted(pictures.iterdir())
    if "output" in choices:
        choices = {**choices, "output": pictures / choices["output"]}
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


def test_error_images_compare():
    image = error_image(np.array([[0.0, 1.0], [100.0, 1e9]], np.float32))
    assert image[..., 0].tolist() == [[0, 256], [2560, 65535]]
