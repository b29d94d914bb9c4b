"""What holds exactly, whatever the weights are."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from stylize.render import FrameContext, PaintTask
from stylize.render.diffusion import sampling
from stylize.render.diffusion.batch import engine_for
from stylize.render.diffusion.conditioning import make_row, make_setup
from stylize.render.diffusion.reference_attention import ReferenceAttnProcessor, reference_attention
from stylize.render.diffusion.resolution import fit_size
from stylize.render.diffusion.sampling import (
    Canvas,
    Piece,
    Row,
    decode,
    encode,
    first_noise,
    sample_latents,
    tensor,
)
from tests.stylize.render.diffusion.studio import SIZE, anchor, assert_same, moved, picture

pytestmark = pytest.mark.filterwarnings("ignore")


def stock(studio, tiny_models_folder, **other):
    """The same picture by diffusers alone, as its manual says."""
    import diffusers

    kinds = {
        "sd15": "StableDiffusionControlNetImg2ImgPipeline",
        "sdxl": "StableDiffusionXLControlNetImg2ImgPipeline",
    }
    extra = {"add_watermarker": False}
    if studio.family == "sd15":
        extra = {"safety_checker": None, "requires_safety_checker": False}
    net = diffusers.ControlNetModel.from_pretrained(studio.path("controlnet-canny"), local_files_only=True)
    pipe = getattr(diffusers, kinds[studio.family]).from_pretrained(
        studio.path("base"), controlnet=net, local_files_only=True, **extra
    )
    pipe.set_progress_bar_config(disable=True)
    pipe.scheduler = diffusers.UniPCMultistepScheduler.from_config(pipe.scheduler.config)
    folder, scale = "models", {"up": {"block_1": 1.0}}
    if studio.family == "sdxl":
        folder, scale = "sdxl_models", {"up": {"block_0": [0.0, 1.0, 0.0]}}
    name = {"sd15": "ip-adapter_sd15", "sdxl": "ip-adapter_sdxl_vit-h"}[studio.family]
    pipe.load_ip_adapter(
        str(tiny_models_folder / "ip-adapter"), subfolder=folder, weight_name=f"{name}.safetensors",
        image_encoder_folder="models/image_encoder" if studio.family == "sdxl" else "image_encoder",
        local_files_only=True,
    )  # fmt: skip
    pipe.set_ip_adapter_scale(scale)
    from stylize.maps import make_map

    frame = picture(3)
    canny = make_map("canny", frame, (SIZE, SIZE))
    side = {} if studio.family == "sd15" else {"original_size": (128, 128), "target_size": (128, 128)}
    asked = {
        "prompt": "a fox", "image": Image.fromarray(frame), "control_image": Image.fromarray(canny),
        "strength": 1.0, "num_inference_steps": 2, "guidance_scale": 6.0,
        "controlnet_conditioning_scale": 0.7, "generator": torch.Generator().manual_seed(1),
        "ip_adapter_image": Image.fromarray(picture(9)), "output_type": "np", **side, **other,
    }  # fmt: skip
    return pipe(**asked).images[0]


def test_with_agreement_off_it_is_the_stock_pipeline(studio, tiny_models_folder):
    mine = studio.paint()
    theirs = stock(studio, tiny_models_folder)
    assert_same(mine, np.rint(theirs * 255).astype(np.uint8))


def ready(studio, **other):
    """An engine, a canvas without references, and a setup."""
    painter = studio.painter(**other)
    engine = engine_for(painter.options, painter.parts)
    fit = fit_size(SIZE, SIZE, SIZE * SIZE)
    assert fit.work == (SIZE, SIZE)
    setup = make_setup(engine, painter.parts, painter.options, painter._moment(), fit, 1, painter.styles, ())
    rows = [make_row(painter.parts, picture(seed), picture(seed + 1), fit, "cpu") for seed in (3, 21, 31)]
    return engine, rows, setup


def latents(engine, canvas, setup):
    return sample_latents(engine, canvas, setup, lambda _: None)


@pytest.mark.parametrize("scheduler", ["unipc", "ddim", "euler-a", "dpm++"])
def test_a_pinned_row_is_its_reference(studio, scheduler):
    engine, rows, setup = ready(studio, scheduler=scheduler)
    found = latents(engine, Canvas([Piece(rows[0], looks=(0, 1))], rows[1:]), setup)
    assert torch.equal(found[:1], encode(engine, rows[1].picture))
    assert torch.equal(found[1:2], encode(engine, rows[2].picture))


@pytest.mark.parametrize("scheduler", ["unipc", "ddim", "euler", "lcm"])
def test_confidence_one_is_the_warped_key_and_zero_is_free(studio, scheduler):
    engine, rows, setup = ready(studio, scheduler=scheduler)
    held = rows[1].picture
    free = latents(engine, Canvas([Piece(rows[0])]), setup)
    whole = np.ones((SIZE, SIZE), np.float32)
    kept = latents(engine, Canvas([Piece(rows[0], held=held, until=whole)]), setup)
    assert torch.equal(kept, encode(engine, held))
    assert torch.equal(latents(engine, Canvas([Piece(rows[0], held=held, until=0 * whole)]), setup), free)
    half = whole.copy()
    half[:, SIZE // 2 :] = 0
    part = latents(engine, Canvas([Piece(rows[0], held=held, until=half)]), setup)
    assert torch.equal(part[..., : SIZE // 16], encode(engine, held)[..., : SIZE // 16])
    assert not torch.allclose(part[..., SIZE // 16 :], encode(engine, held)[..., SIZE // 16 :], atol=0.1)


def test_rows_that_are_not_looked_at_change_nothing(studio, monkeypatch):
    engine, rows, setup = ready(studio)
    alone = latents(engine, Canvas([Piece(rows[0])]), setup)
    with_none = latents(engine, Canvas([Piece(rows[0], looks=(0, 1))], rows[1:]), setup)
    assert not torch.allclose(alone, with_none[-1:], atol=1e-2)  # looked at, they change the key
    monkeypatch.setattr(sampling, "reference_attention", lambda *_: nullcontext())
    beside = latents(engine, Canvas([Piece(rows[0], looks=(0, 1))], rows[1:]), setup)[-1:]
    assert torch.allclose(alone, beside, atol=1e-4)  # in one batch and not looked at, they do not


@pytest.mark.parametrize("scheduler", ["unipc", "euler-a"])
def test_keys_painted_together_are_those_painted_alone(studio, scheduler):
    """But for rounding: each looks at its own references, is held by its own, and all share one noise."""
    painter = studio.painter(scheduler=scheduler, steps=3)
    left = np.zeros((SIZE, SIZE), np.float32)
    left[:, : SIZE // 2] = 0.6
    first, second = anchor(0.4), replace(anchor(0.5, 41, 42), key=9, confidence=left)
    tasks = [
        PaintTask(painter, picture(3), [first, second]), PaintTask(painter, picture(4)),
        PaintTask(painter, picture(5), [second]), PaintTask(painter, picture(6), [anchor(0.5, looked_at=False)]),
    ]  # fmt: skip
    shares = []
    together = painter.paint_batch(tasks, seed=1, on_progress=shares.append)
    alone = [painter.paint(task.frame, task.anchors, seed=1) for task in tasks]
    for one, other in zip(together, alone, strict=True):
        assert np.abs(one.image.astype(int) - other.image).max() <= 1
        assert {**one.recipe, "painted_together": 1} == other.recipe
    assert [made.recipe["looked_at"] for made in together] == [2, 0, 1, 0]
    assert {made.recipe["painted_together"] for made in together} == {4}
    assert shares == sorted(shares)
    assert shares[-1] == 1


def test_what_differs_is_not_painted_together(sd15):
    painter = sd15.painter(prompt="0: a fox, 9: a wolf")
    assert painter.at(FrameContext(1)).batchable_with(painter.at(FrameContext(8)))
    assert not painter.at(FrameContext(1)).batchable_with(painter.at(FrameContext(9)))
    assert not painter.batchable_with(sd15.painter(prompt="a fox", clip_skip=1))
    own = sd15.painter(seed_per_key=True)
    assert not own.at(FrameContext(1)).batchable_with(own.at(FrameContext(2)))
    assert [sd15.painter(batch=n).together for n in (0, 1, 5)] == [1, 1, 5]


def test_one_row_attends_as_the_library_does(studio):
    engine, rows, setup = ready(studio)
    plain = latents(engine, Canvas([Piece(rows[0])]), setup)
    unet = engine.pipe.unet
    before = dict(unet.attn_processors)
    mine = {n: ReferenceAttnProcessor(0, ((),)) if n.endswith("attn1.processor") else p for n, p in before.items()}
    unet.set_attn_processor(mine)
    try:
        assert torch.equal(latents(engine, Canvas([Piece(rows[0])]), setup), plain)
    finally:
        unet.set_attn_processor(before)


def test_what_was_installed_is_gone_afterwards(studio):
    first = studio.paint()
    engine, _, _ = ready(studio)
    before = dict(engine.pipe.unet.attn_processors)
    with_anchor = studio.paint(anchors=[anchor(0.5)])
    assert moved(first, with_anchor) > 1
    after = engine.pipe.unet.attn_processors
    assert all(after[name] is old for name, old in before.items())
    assert not any(module._forward_pre_hooks or module._forward_hooks for module in engine.pipe.unet.modules())
    np.testing.assert_array_equal(studio.paint(), first)


def test_an_error_inside_leaves_nothing_behind(studio):
    engine, _, _ = ready(studio)
    before = dict(engine.pipe.unet.attn_processors)
    looking = reference_attention(engine.pipe.unet, 2, [(0, 1)], "all")
    looking.__enter__()
    assert engine.pipe.unet.attn_processors != before
    assert not looking.__exit__(KeyError, KeyError(), None)
    assert all(engine.pipe.unet.attn_processors[name] is old for name, old in before.items())


def test_held_surface_has_the_noise_that_the_pipeline_draws(studio):
    engine, rows, _ = ready(studio)
    pipe, image = engine.pipe, tensor([rows[0].picture]) * 2 - 1
    pipe.scheduler.set_timesteps(3)
    time = pipe.scheduler.timesteps[:1]
    theirs = pipe.prepare_latents(image, time, 1, 1, torch.float32, "cpu", torch.Generator().manual_seed(5))
    drawn = pipe.vae.encode(image).latent_dist.sample(torch.Generator().manual_seed(5))
    noise = first_noise(5, tuple(drawn.shape), torch.float32)
    mine = pipe.scheduler.add_noise(drawn * pipe.vae.config.scaling_factor, noise, time)
    assert torch.equal(mine, theirs)


def test_decoding_is_the_librarys(studio):
    engine, rows, setup = ready(studio)
    found = latents(engine, Canvas([Piece(rows[0])]), setup)
    inner = found / engine.pipe.vae.config.scaling_factor
    with torch.no_grad():
        theirs = engine.pipe.image_processor.postprocess(engine.pipe.vae.decode(inner).sample, "np")[0]
    np.testing.assert_array_equal(decode(engine, found), theirs)


def test_the_same_twice_is_the_same(studio):
    np.testing.assert_array_equal(studio.paint(anchors=[anchor(0.6)]), studio.paint(anchors=[anchor(0.6)]))


def test_a_row_is_a_picture_and_its_maps(studio):
    _, rows, _ = ready(studio)
    assert isinstance(rows[0], Row)
    assert all(part.shape == (SIZE, SIZE, 3) for part in (rows[0].picture, *rows[0].maps))
