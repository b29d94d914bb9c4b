"""Every option moves the picture, and bad ones are refused with the way out."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from stylize.errors import ModelError, UsageError
from stylize.media import write_image
from stylize.render import FrameContext, make_renderer
from stylize.render.diffusion.frame_options import moment_at
from stylize.render.diffusion.options import (
    Control,
    DiffusionOptions,
    Weighted,
    parse_control,
    parse_weighted,
)
from stylize.render.diffusion.resolution import fit_size
from stylize.render.diffusion.schedulers import NAMES
from tests.stylize.render.diffusion.studio import SIZE, anchor, moved, picture

pytestmark = pytest.mark.filterwarnings("ignore")
SEEN = 0.3
"""Mean difference in 8-bit steps that counts as seen."""


@pytest.fixture(scope="module")
def plain(tiny_models_folder):
    from tests.stylize.render.diffusion.studio import Studio

    return Studio(tiny_models_folder).paint()


def variants(sd15):
    canny, depth = sd15.path("controlnet-canny"), sd15.path("controlnet-depth")
    adapter = sd15.models / "ip-adapter/models/ip-adapter-plus_sd15.safetensors"
    return {
        "prompt": {"prompt": "a wolf"},
        "weight": {"prompt": "a (fox:1.5)"},
        "long prompt": {"prompt": "a fox " * 60},
        "any script": {"prompt": "狐狸 в снегу 🦊"},
        "negative prompt": {"negative_prompt": "snow"},
        "strength": {"strength": 0.5},
        "steps": {"steps": 3},
        "guidance": {"guidance": 2.0},
        "no guidance": {"guidance": 1.0},
        "control": {"controls": (f"tile@{depth}:0.7",)},
        "no control": {"controls": ("none",)},
        "control weight": {"controls": (f"canny@{canny}:0.2",)},
        "control range": {"controls": (f"canny@{canny}:0.7:0-0.5",)},
        "two controls": {"controls": (f"canny@{canny}:0.7", f"tile@{depth}:0.5")},
        "control scale": {"control_scale": 0.3},
        "style": {"styles": [picture(77)]},
        "two styles": {"styles": [picture(9), picture(77)]},
        "style scale": {"style_scale": 0.2},
        "style blocks": {"style_blocks": "layout"},
        "all blocks": {"style_blocks": "all"},
        "plus adapter": {"style_adapter": str(adapter)},
        "words alone": {"style_adapter": "none"},
        "attention": {"style_adapter": "attention"},
        "lora": {"loras": (sd15.path("lora.safetensors"),)},
        "lora weight": {"loras": (sd15.path("lora.safetensors") + ":0.3",)},
        "clip skip": {"clip_skip": 1},
        "seed": {"seed": 5},
        "size": {"megapixels": 0.008},
    }


@pytest.mark.parametrize(
    "name",
    [
        "prompt", "weight", "long prompt", "any script", "negative prompt", "strength", "steps", "guidance",
        "no guidance", "control", "no control", "control weight", "control range", "two controls",
        "control scale", "style", "two styles", "style scale", "style blocks", "all blocks", "plus adapter",
        "words alone", "attention", "lora", "lora weight", "clip skip", "seed", "size",
    ],
)  # fmt: skip
def test_every_option_moves_the_picture(sd15, plain, name):
    painted = sd15.paint(**variants(sd15)[name])
    assert painted.shape == plain.shape
    assert moved(painted, plain) > SEEN


def test_every_scheduler_paints_and_each_its_own(sd15):
    made = {name: sd15.paint(scheduler=name, steps=4) for name in NAMES}
    different = {image.tobytes() for image in made.values()}
    assert len(different) >= len(made) - 1  # with few steps two of them may agree


def test_what_anchors_do_is_adjustable(sd15, plain):
    usual = sd15.paint(anchors=[anchor()], steps=4)
    assert moved(usual, plain) > SEEN
    for other in ({"hold": 0.2}, {"match_colors": 0.0}):
        assert moved(sd15.paint(anchors=[anchor()], steps=4, **other), usual) > SEEN / 3, other
    free = sd15.paint(anchors=[anchor(0.3)])
    assert moved(sd15.paint(anchors=[anchor(0.3)], attention="all"), free) > SEEN / 3
    assert moved(sd15.paint(anchors=[anchor(0.3, looked_at=False)]), free) > SEEN / 3


def test_edges_of_the_frame_are_followed_when_paint_is_enlarged(sd15):
    frame = np.full((96, 128, 3), 40, np.uint8)
    frame[:, 61:] = 220
    fit = fit_size(96, 128, 64 * 64.0)
    tint = np.float32([0.5, 1, 0.2])
    truth = 255 * (1 - frame / 255 * tint)  # paint that goes where the frame goes, darker where it is light
    painted = fit.pad(1 - fit.down(frame)[: fit.inner[0], : fit.inner[1]] * tint)
    off = [np.abs(fit.up(painted, frame, edges) - truth).mean() for edges in (0.0, 0.5, 1.0)]
    assert off[0] > 1.2 * off[1] > 1.2 * off[2]
    flat = np.full_like(frame, 128)  # no edge in the frame, none added to the paint
    np.testing.assert_array_equal(fit.up(painted, flat, 0.0), fit.up(painted, flat, 1.0))
    assert moved(sd15.paint(picture(3, 96, 128), edges=0.0), sd15.paint(picture(3, 96, 128))) > 0.01


def test_a_style_mask_confines_its_style(sd15):
    from stylize.render.diffusion.components import ModelOptions, gather_parts
    from stylize.render.diffusion.options import DiffusionOptions
    from stylize.render.diffusion.renderer import DiffusionRenderer
    from stylize.render.options import make_options

    options = make_options(DiffusionOptions, sd15.options(style_blocks="all"), "sd")
    parts = gather_parts(options, ModelOptions(), styled=True)
    left = np.zeros((SIZE, SIZE, 3), np.uint8)
    left[:, : SIZE // 2] = 255
    styles = [picture(9), picture(77)]
    masked = DiffusionRenderer(styles, options, parts, [left, 255 - left]).paint(picture(3), seed=1).image
    swapped = DiffusionRenderer(styles, options, parts, [255 - left, left]).paint(picture(3), seed=1).image
    assert moved(masked, swapped) > SEEN
    with pytest.raises(UsageError, match="1 style masks for 2 styles"):
        DiffusionRenderer(styles, options, parts, [left])


def test_a_word_that_was_taught_and_one_that_was_not(sd15):
    said = sd15.paint(prompt="a token")
    taught = sd15.paint(prompt="a token", embeddings=(sd15.path("token.safetensors"),))
    assert moved(said, taught) > SEEN
    np.testing.assert_array_equal(sd15.paint(prompt="a token"), said)  # it went with its pipeline


def test_schedules_change_a_key_only_where_they_change(sd15):
    painter = sd15.painter(prompt="0: a fox, 10: a wolf", strength="0: 1, 20: 1, 40: 0.5")
    early, later, last = (painter.at(FrameContext(frame, frame / 25)) for frame in (0, 12, 40))
    assert early.fingerprint() == painter.at(FrameContext(9, 0.36)).fingerprint()
    assert early.fingerprint() != later.fingerprint() != last.fingerprint()
    assert last.fingerprint()["options"]["strength"] == 0.5
    np.testing.assert_array_equal(early.paint(picture(3), seed=1).image, sd15.paint())
    assert moved(later.paint(picture(3), seed=1).image, sd15.paint()) > SEEN


def test_prompts_blend(sd15):
    told = {"prompt": "0: a fox, 10: a wolf", "blend_prompts": True}
    ends = [sd15.painter(**told).at(FrameContext(frame)).paint(picture(3), seed=1).image for frame in (0, 5, 10)]
    np.testing.assert_array_equal(ends[0], sd15.paint())
    assert moved(ends[1], ends[0]) > SEEN / 3
    assert moved(ends[1], ends[2]) > SEEN / 3


def test_seed_per_key_and_one_seed_for_all(sd15):
    same = [sd15.painter().at(FrameContext(frame)).fingerprint() for frame in (1, 2)]
    assert same[0] == same[1]
    other = [sd15.painter(seed_per_key=True).at(FrameContext(frame)) for frame in (1, 2)]
    assert other[0].fingerprint() != other[1].fingerprint()
    assert moved(*(painter.paint(picture(3), seed=1).image for painter in other)) > SEEN


def test_the_union_follows_several_maps(tiny_models_folder):
    from tests.stylize.render.diffusion.studio import Studio

    sdxl = Studio(tiny_models_folder, "sdxl")
    union = sdxl.path("controlnet-union")
    one = sdxl.paint(controls=(f"canny@{union}:0.7",))
    two = sdxl.paint(controls=(f"canny@{union}:0.7", f"tile@{union}:0.7"))
    assert moved(one, two) > SEEN
    with pytest.raises(UsageError, match="stands alone"):
        sdxl.painter(controls=(f"canny@{union}", f"canny@{sdxl.path('controlnet-canny')}"))


def test_a_renderer_is_known_by_content_and_not_by_place(sd15, tmp_path):
    import shutil

    shutil.copytree(sd15.path("base"), tmp_path / "elsewhere" / "base")
    here, there = sd15.painter(), sd15.painter(model=str(tmp_path / "elsewhere" / "base"))
    assert here.fingerprint() == there.fingerprint()
    assert here.fingerprint() != sd15.painter(clip_skip=1).fingerprint()
    assert here.fingerprint() != sd15.painter([picture(10)]).fingerprint()
    assert here.fingerprint() == sd15.painter(device="cpu").fingerprint()


def test_every_option_is_in_the_fingerprint_or_known_to_be_unread(sd15):
    seen = sd15.painter().fingerprint()["options"]
    by_content = {
        "model", "config", "vae", "loras", "embeddings", "style_adapter", "style_masks", "depth_model",
        "device", "batch", "blend_prompts",
    }  # fmt: skip
    assert {field.name for field in fields(DiffusionOptions)} <= {*seen, *by_content}


@pytest.mark.parametrize(
    ("spec", "found"),
    [
        ("canny", Control("canny")),
        ("depth:0.5", Control("depth", None, 0.5)),
        ("depth:0.5:0-0.8", Control("depth", None, 0.5, 0, 0.8)),
        ("aux:openpose:1", Control("aux:openpose", None, 1.0)),
        (r"canny@C:\nets\canny:0.3", Control("canny", r"C:\nets\canny", 0.3)),
        ("none", None),
    ],
)
def test_controls_are_read(spec, found):
    assert parse_control(spec) == found


def test_weights_of_files_are_read(tmp_path):
    assert parse_weighted("ink.safetensors:0.8") == Weighted("ink.safetensors", 0.8)
    assert parse_weighted(r"C:\ink.safetensors") == Weighted(r"C:\ink.safetensors")
    strange = tmp_path / "ink:0.5"
    strange.touch()
    assert parse_weighted(str(strange)) == Weighted(str(strange))


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"scheduler": "unipcc"}, "did you mean 'unipc'"),
        ({"scheduler": "dpmpp_2m"}, r"did you mean 'dpm\+\+'"),
        ({"scheduler": "DPM++ 2M Karras"}, r"did you mean 'dpm\+\+-karras'"),
        ({"scheduler": "euler_ancestral"}, "did you mean 'euler-a'"),
        ({"scheduler": "zzz"}, "choose one of"),
        ({"controls": ("cany",)}, "did you mean 'canny'"),
        ({"controls": ("canny:3",)}, "expected 0 to 2"),
        ({"controls": ("canny:0.5:0.8-0.2",)}, "START < END"),
        ({"controls": ("canny:x",)}, "is not NAME"),
        ({"strength": 2.0}, "invalid strength 2.0; use 0 to 1"),
        ({"strength": 0.3, "steps": 2}, "paints none"),
        ({"strength": "0: 0.5, 10 0.6"}, "schedule"),
        ({"strength": "0: __import__('os')"}, r"schedule|__import__"),
        ({"guidance": -1}, "invalid guidance -1"),
        ({"fast": "turbo"}, "invalid fast 'turbo'; use off, hyper or lcm"),
        ({"style_blocks": "some"}, "style_blocks"),
        ({"loras": ("x:9",)}, "expected -4 to 4"),
        ({"sampler": "ddim"}, "unknown option 'sampler' of renderer sd"),
        ({"model": "sd16"}, r"unknown|no such"),
    ],
)
def test_a_bad_option_is_refused_before_anything_is_loaded(sd15, bad, words):
    with pytest.raises((UsageError, ModelError), match=words):
        sd15.painter(**bad).fingerprint()


def test_expressions_know_frame_time_and_the_clips_end(sd15):
    painter = sd15.painter(strength="0: (0.4 + 0.2*t/max_f), 30: (0.5 + 0.1*sin(pi*s))", steps=20)

    def at(frame, seconds, last=60):
        return painter.at(FrameContext(frame, seconds, last)).fingerprint()["options"]["strength"]

    assert at(0, 0) == pytest.approx(0.4)
    assert at(15, 0.6) == pytest.approx(0.45)
    assert at(15, 0.6, last=15) == pytest.approx(0.6)
    assert at(40, 0.5) == pytest.approx(0.6)
    with pytest.raises(UsageError, match="max_f is not known here"):
        painter.at(FrameContext(3)).fingerprint()


def test_a_schedule_is_read_before_any_work(sd15):
    for bad, words in (
        ({"prompt": "0: a fox, 6O: a wolf"}, "is no frame"),
        ({"negative_prompt": "0: a fox, 6O: a wolf"}, "is no frame"),
        ({"strength": "0: 0.5, 30: 1.5"}, r"strength is 1\.5 at frame 30; expected 0 to 1"),
        ({"guidance": "0: 5, 2.5s: 40"}, r"guidance is 40 at 2\.5s"),
        ({"style_scale": "0: open('x')"}, "may not be called"),
        ({"control_scale": "0: (1).real"}, "is no arithmetic"),
    ):
        with pytest.raises(UsageError, match=words):
            sd15.painter(**bad)


def test_style_masks_are_cut_to_the_window_that_is_painted(sd15, tmp_path):
    """A mask is of the clip's size: a subject painted in its window gets the part that lies there."""
    rng = np.random.default_rng(4)
    whole = rng.integers(0, 2, (12, 16, 3), np.uint8).repeat(16, 0).repeat(16, 1) * 255
    write_image(tmp_path / "mask.png", whole)
    top, left = 48, 96
    window = whole[top : top + SIZE, left : left + SIZE]
    write_image(tmp_path / "window.png", window)
    one = {"styles": [picture(9)], "style_blocks": "all"}
    styles = one.pop("styles")
    cut = sd15.painter(styles, style_masks=(str(tmp_path / "mask.png"),), **one)
    ready = sd15.painter(styles, style_masks=(str(tmp_path / "window.png"),), **one)
    spot = FrameContext(size=(192, 256), window=(top, left, SIZE, SIZE))
    made = cut.at(spot).paint(picture(3), seed=1).image
    np.testing.assert_array_equal(made, ready.paint(picture(3), seed=1).image)
    with pytest.raises(UsageError, match="style mask 1 is 256x192 and the clip 200x100; make it so"):
        cut.at(FrameContext(size=(100, 200)))
    with pytest.raises(UsageError, match="style mask 1 is 256x192 and the frame 64x64"):
        cut.paint(picture(3))


def test_a_schedule_that_leaves_its_bounds_is_refused():
    with pytest.raises(UsageError, match=r"strength is 1\.5 at frame 20"):
        moment_at(DiffusionOptions(strength="0: 0.5, 20: 1.5"), FrameContext(20, 0.8))


def test_unknown_files_are_named(sd15, tmp_path):
    with pytest.raises(ModelError, match="nowhere"):
        sd15.painter(loras=(str(tmp_path / "nowhere.safetensors"),))
    with pytest.raises(ModelError, match="nowhere"):
        make_renderer("sd", [picture(9)], sd15.options(model=str(tmp_path / "nowhere")))
