"""One test for each trap of the libraries that this renderer steps around."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from stylize.errors import DeviceError, ModelError, StylizeError, UsageError
from stylize.models import ModelOptions, device
from stylize.render import PaintTask, make_renderer
from stylize.render.diffusion import batch as painting
from stylize.render.diffusion import engine as engines
from stylize.render.diffusion import ip_adapter as adapter
from stylize.render.diffusion import memory, sampling
from stylize.render.diffusion.components import gather_parts
from stylize.render.diffusion.families import SD15, SDXL, detect
from stylize.render.diffusion.options import DiffusionOptions
from stylize.render.diffusion.prompts import encode, parse_weights
from stylize.render.diffusion.resolution import fit_size
from tests.stylize.render.diffusion.studio import PLACES, SIZE, Studio, anchor, moved, picture

pytestmark = pytest.mark.filterwarnings("ignore")
ROOT = Path(__file__).parents[4]
SOURCES = sorted((ROOT / "stylize" / "render" / "diffusion").glob("*.py"))


def engine_of(studio, **other):
    return studio.engine(**other)


# 1, 2: where tiling is switched on, and what a machine without a GPU can give up


class Short:
    """A sampling for which memory does not suffice the first `times`."""

    def __init__(self, times):
        self.times, self.seen, self.sample = times, [], sampling.sample

    def __call__(self, engine, canvas, setup, report):
        self.seen.append((len(canvas.pieces), len(canvas.references), engine.pipe.vae.use_tiling))
        if len(self.seen) <= self.times:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return self.sample(engine, canvas, setup, report)


def test_memory_is_given_up_step_by_step_and_said(sd15, monkeypatch, caplog):
    engines._OPEN.clear()
    short = Short(4)
    monkeypatch.setattr(painting, "sample", short)
    anchors = [anchor(0.5), replace(anchor(0.5, 41, 42), key=9)]
    painter = sd15.painter()
    tasks = [PaintTask(painter, picture(3), anchors), PaintTask(painter, picture(4))]
    made = painter.paint_batch(tasks, seed=1)
    assert short.seen[:4] == [(2, 2, False), (1, 2, False), (1, 1, False), (1, 0, False)]
    assert short.seen[4:] == [(1, 0, True), (1, 0, True)]  # one key, then the other
    assert made[0].recipe["given_up"] == ["batch", "references", "no references", "tiling"]
    assert [r.getMessage().partition(";")[0] for r in caplog.records] == ["out of memory on cpu"] * 4
    again = sd15.painter().paint(picture(3), anchors, seed=1)  # remembered: no second climb
    np.testing.assert_array_equal(made[0].image, again.image)
    engines._OPEN.clear()


def test_when_nothing_is_left_to_give_up_it_says_so(sd15, monkeypatch):
    engines._OPEN.clear()
    monkeypatch.setattr(painting, "sample", Short(9))
    with pytest.raises(DeviceError, match=r"everything given up.*--megapixels"):
        sd15.paint()
    monkeypatch.undo()
    assert sd15.paint().any()
    engines._OPEN.clear()


@pytest.mark.parametrize(
    ("error", "short"),
    [
        (torch.OutOfMemoryError("x"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("size mismatch"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_what_counts_as_out_of_memory(error, short):
    assert device.is_out_of_memory(error) is short


def test_a_gpu_can_give_up_more_than_a_processor():
    def climb(device):
        ladder, steps = memory.MemoryFallback(device), []
        while step := ladder._next(2, 2):
            ladder.given_up.append(step)
            steps.append(step)
        return steps

    assert climb("cuda") == list(memory.STEPS)
    assert climb("cpu") == climb("mps") == list(memory.STEPS)[:4]


def test_devices_and_number_formats():
    assert device.choose_dtype("auto", "cpu", "sd15") == torch.float32
    assert device.choose_dtype("auto", "mps", "sdxl") == torch.float16
    assert device.choose_dtype("bfloat16", "cpu", "sd15") == torch.bfloat16
    if not torch.cuda.is_available():
        assert device.choose_device("auto") in ("mps", "cpu")
        with pytest.raises(DeviceError, match="cuda is not available"):
            device.choose_device("cuda")


# 3: clip skip on SD1.5, long prompts, weights


def test_clip_skip_takes_an_earlier_layer(sd15):
    pipe = engine_of(sd15).pipe
    words = [("a fox", 1.0)]
    found = encode(pipe, words, [("", 1.0)], 1).prompt
    ids = pipe.tokenizer("a fox", padding="max_length", max_length=77, return_tensors="pt").input_ids
    encoder = pipe.text_encoder
    inner = getattr(encoder, "text_model", encoder)
    expected = inner.final_layer_norm(encoder(ids, output_hidden_states=True).hidden_states[-2])
    assert torch.equal(found, expected)


def test_a_plain_prompt_is_encoded_as_the_library_does(studio):
    pipe = engine_of(studio).pipe
    theirs = pipe.encode_prompt("a fox", device="cpu", num_images_per_prompt=1, do_classifier_free_guidance=True)
    mine = encode(pipe, [("a fox", 1.0)], [("", 1.0)], 0)
    for one, other in zip((mine.prompt, mine.negative, mine.pooled, mine.negative_pooled), theirs, strict=False):
        assert torch.equal(one, other)


def test_a_long_prompt_counts_to_its_end(studio):
    pipe = engine_of(studio).pipe
    long = "many words " * 30
    one, other = (encode(pipe, [(long + last, 1.0)], [("", 1.0)], 0) for last in ("fox", "wolf"))
    assert one.prompt.shape == one.negative.shape
    assert one.prompt.shape[1] % 77 == 0
    assert one.prompt.shape[1] > 77
    assert not torch.equal(one.prompt, other.prompt)
    assert torch.equal(one.prompt[:, :77], other.prompt[:, :77])


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("a fox", [("a fox", 1)]),
        ("a (fox:1.3) runs", [("a ", 1), ("fox", 1.3), (" runs", 1)]),
        ("((fox))", [("fox", 1.21)]),
        ("[fox] (a (b:2):1.5)", [("fox", 1 / 1.1), (" ", 1), ("a ", 1.5), ("b", 3.0)]),
        (r"a \(fox\)", [("a (fox)", 1)]),
        ("at 10:30 (red", [("at 10:30 ", 1), ("red", 1.1)]),
        ("a) b", [("a) b", 1)]),
        ("", []),
    ],
)
def test_weights_are_read(text, pieces):
    found = parse_weights(text)
    assert [word for word, _ in found] == [word for word, _ in pieces]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in pieces])


# 4, 5: attention slicing, and the order in which things are put on


def test_attention_slicing_is_never_used():
    for path in SOURCES:
        assert "attention_slicing" not in path.read_text("utf-8"), path


def test_the_adapter_survives_our_attention(studio):
    engine = engine_of(studio)
    adapter.set_scale(engine.pipe, engine.parts.family, "style", 1.0)
    before = adapter.active_layers(engine.pipe.unet)
    studio.paint(anchors=[anchor()])
    assert adapter.active_layers(engine.pipe.unet) == before > 0


# 6: a table of the other family switches the adapter off without a word


def test_scales_of_the_other_family_are_refused(sd15):
    engine = engine_of(sd15)
    with pytest.raises(ModelError, match="reaches no layer"):
        adapter.set_scale(engine.pipe, SDXL, "style", 1.0)
    adapter.set_scale(engine.pipe, SD15, "style", 1.0)
    engines._OPEN.clear()


# 7: families are told before loading, and parts must fit


def test_families_are_told_without_loading(studio):
    assert detect(Path(studio.path("base"))).family.name == studio.family


def other(studio):
    return Studio(studio.models, "sdxl" if studio.family == "sd15" else "sd15")


def test_parts_of_the_other_family_are_refused(studio):
    wrong = other(studio)
    adapter_file = studio.models / "ip-adapter" / f"{PLACES[wrong.family]['adapter']}.safetensors"
    with pytest.raises(ModelError, match="a ControlNet for"):
        studio.painter(controls=(f"canny@{wrong.path('controlnet-canny')}",))
    with pytest.raises(ModelError, match="an IP-Adapter for text of width"):
        studio.painter(style_adapter=str(adapter_file))
    with pytest.raises(ModelError, match="a LoRA for text of width"):
        studio.painter(loras=(wrong.path("lora.safetensors"),))
    with pytest.raises(ModelError, match="textual inversion"):
        studio.paint(embeddings=(wrong.path("token.safetensors"),))
    engines._OPEN.clear()


def test_models_that_cannot_paint_are_refused(sd15, tmp_path):
    base = tmp_path / "base"
    shutil.copytree(sd15.path("base"), base)
    config = base / "unet" / "config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "in_channels": 9}))
    with pytest.raises(ModelError, match="9 channels"):
        sd15.painter(model=str(base))
    config.write_text(json.dumps({**json.loads(config.read_text()), "cross_attention_dim": 1024}))
    with pytest.raises(ModelError, match="family sd2"):
        sd15.painter(model=str(base))
    config.write_text("{")
    with pytest.raises(ModelError, match="damaged"):
        sd15.painter(model=str(base))


def test_damaged_and_pickled_files_are_refused(sd15, tmp_path):
    whole = Path(sd15.path("lora.safetensors")).read_bytes()
    cut = tmp_path / "cut.safetensors"
    for length, words in ((-100, "cut off, "), (1000, "cut off within its header, 1000 bytes")):
        cut.write_bytes(whole[:length])
        with pytest.raises(ModelError, match=words):
            sd15.painter(loras=(str(cut),))
    pickled = tmp_path / "old.pt"
    torch.save({"a": torch.zeros(1)}, pickled)
    with pytest.raises(ModelError, match="pickled"):
        sd15.painter(loras=(str(pickled),))


# 8: sizes


@pytest.mark.parametrize("size", [(50, 70), (33, 119), (72, 72), (16, 200), (360, 640)])
def test_every_size_comes_back_exactly(sd15, size):
    frame = picture(3, *size)
    made = sd15.painter().paint(frame, seed=1)
    assert made.image.shape == frame.shape
    assert [side % 8 for side in made.recipe["size"]] == [0, 0]


@pytest.mark.parametrize("size", [(50, 70), (33, 119), (720, 576), (1080, 1920), (64, 64)])
def test_pictures_are_scaled_alike_both_ways(size):
    fit = fit_size(*size, 64 * 64.0)
    across, down = fit.inner[1] / size[1], fit.inner[0] / size[0]
    assert abs(across / down - 1) < 1 / min(fit.inner) + 1e-9
    assert all(0 <= work - inner < 8 for work, inner in zip(fit.work, fit.inner, strict=True))
    frame = picture(4, *size)
    assert fit.down(frame).shape == (*fit.work, 3)
    same = fit_size(*size, float(size[0] * size[1]))
    np.testing.assert_array_equal(same.up(same.down(frame), frame, 1.0), frame)


def test_sixteen_bits_stay_sixteen_bits(sd15):
    frame = picture(3).astype(np.uint16) * 257
    made = sd15.painter().paint(frame, seed=1)
    assert made.image.dtype == np.uint16
    assert moved(made.image // 257, sd15.paint()) < 1.5


# 10: interrupts


def test_whoever_listens_can_stop_it_and_paint_again(sd15):
    first = sd15.paint()

    def stop(share):
        if share > 0.3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sd15.painter().paint(picture(3), [anchor(0.5)], seed=1, on_progress=stop)
    np.testing.assert_array_equal(sd15.paint(), first)


def test_progress_is_told_for_every_step(sd15):
    shares = []
    sd15.painter(steps=4).paint(picture(3), seed=1, on_progress=shares.append)
    assert len(shares) == 5
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


# 11: the watermark


def test_sdxl_paints_without_a_watermark(tiny_models_folder):
    assert engine_of(Studio(tiny_models_folder, "sdxl")).pipe.watermark is None


# 12: no weights, no network


def test_missing_weights_are_answered_at_once_and_without_torch(tmp_path):
    program = """
import sys, time
from stylize.errors import ModelError
from stylize.render import PaintTask, make_renderer
import numpy as np
try:
    make_renderer("sd", [np.zeros((40, 40, 3), np.uint8)], {})
except ModelError as error:
    assert "stylize models fetch sd15" in str(error), error
    assert "--renderer patch" in str(error), error
    print(sorted({"torch", "diffusers", "transformers"} & set(sys.modules)))
"""
    place = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_CACHE": str(tmp_path / "hub")}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=place, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# 13: LoRA files


def test_both_formats_of_a_lora_are_the_same(sd15):
    base = sd15.paint()
    one, kohya = (sd15.paint(loras=(sd15.path(f"{name}.safetensors"),)) for name in ("lora", "lora-kohya"))
    assert moved(one, kohya) < 0.05
    assert moved(one, base) > 0.3
    np.testing.assert_array_equal(sd15.paint(loras=(sd15.path("lora.safetensors") + ":0",)), base)
    np.testing.assert_array_equal(sd15.paint(), base)


def test_a_lora_that_fits_no_layer_is_refused(sd15, tmp_path):
    from safetensors.torch import save_file

    save_file({"other.lora_A.weight": torch.zeros(2, 4)}, tmp_path / "alien.safetensors")
    with pytest.raises(ModelError, match="fits no layer"):
        sd15.painter(loras=(str(tmp_path / "alien.safetensors"),))
    name = "unet.nowhere.attn1.to_q"
    pair = {f"{name}.lora_A.weight": torch.ones(2, 8), f"{name}.lora_B.weight": torch.ones(8, 2)}
    save_file(pair, tmp_path / "stray.safetensors")
    with pytest.raises(ModelError, match="fits no layer"):
        sd15.paint(loras=(str(tmp_path / "stray.safetensors"),))


# 14: a torchvision of another build


@pytest.mark.slow  # a process of its own that imports everything
def test_a_broken_torchvision_does_not_break_us(tmp_path):
    package = tmp_path / "torchvision"
    package.mkdir()
    (package / "__init__.py").write_text('raise RuntimeError("operator torchvision::nms does not exist")')
    dist = tmp_path / "torchvision-0.20.dist-info"
    dist.mkdir()
    (dist / "METADATA").write_text("Metadata-Version: 2.1\nName: torchvision\nVersion: 0.20\n")
    program = """
from stylize.render.diffusion.loading import prepare_imports
prepare_imports()
from diffusers import StableDiffusionControlNetImg2ImgPipeline
print("loaded")
"""
    place = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=ROOT,
        env=place,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "loaded", done.stderr[-2000:]


# 15: checkpoints of one file, under the old names


def test_an_old_checkpoint_is_the_same_model(sd15):
    folder = sd15.paint()
    single = sd15.paint(model=sd15.path("base.safetensors"), config=sd15.path("base"))
    assert moved(folder, single) < 0.05
    with pytest.raises(ModelError, match="one file needs tokenizer"):
        gather_parts(
            DiffusionOptions(model=sd15.path("base.safetensors"), controls=("none",)),
            ModelOptions(),
            styled=False,
        )


# black pictures, and those that are no numbers


def test_what_is_no_number_is_painted_again_in_full_precision(sd15, monkeypatch):
    engines._OPEN.clear()
    decode, formats = sampling.decode, []

    def failing(engine, latents):
        formats.append(str(engine.dtype))
        found = decode(engine, latents)
        return found * np.nan if engine.dtype != torch.float32 else found

    monkeypatch.setattr(sampling, "decode", failing)
    painted = sd15.paint(dtype="bfloat16")
    assert formats == ["torch.bfloat16", "torch.float32"]
    assert painted.any()
    engines._OPEN.clear()


@pytest.mark.parametrize("value", [0.0, np.nan])
def test_black_keys_are_refused(sd15, monkeypatch, value):
    black = np.full((SIZE, SIZE, 3), value, np.float32)
    monkeypatch.setattr(sampling, "decode", lambda *_: black)
    with pytest.raises(DeviceError, match="frame 0: the painting came out black"):
        sd15.paint()


def test_a_black_frame_may_become_a_black_key(sd15, monkeypatch):
    monkeypatch.setattr(sampling, "decode", lambda *_: np.zeros((SIZE, SIZE, 3), np.float32))
    assert not sd15.paint(np.zeros((SIZE, SIZE, 3), np.uint8), controls=("none",)).any()


def test_the_safety_checker_refuses_and_paints_nothing_black(sd15, tmp_path):
    with pytest.raises(ModelError, match="has no safety checker"):
        sd15.paint(safety_checker=True)
    base = tmp_path / "base"
    shutil.copytree(sd15.path("base"), base)
    shutil.copytree(sd15.path("safety"), base / "safety_checker")
    with pytest.raises(StylizeError, match="safety checker refuses"):
        sd15.paint(model=str(base), safety_checker=True)


# regions


def test_outside_of_a_region_no_bit_changes(sd15):
    before, mask = picture(50), np.zeros((SIZE, SIZE, 3), np.uint8)
    mask[20:50, 10:40] = 255
    made = sd15.painter().paint_region(picture(3), before, mask, seed=1)
    outside = mask[..., 0] == 0
    np.testing.assert_array_equal(made.image[outside], before[outside])
    assert moved(made.image[30:40, 20:30], before[30:40, 20:30]) > 3
    assert made.recipe["region"]
    assert moved(made.image, sd15.painter(prompt="a wolf").paint_region(picture(3), before, mask, seed=1).image) > 0


def test_a_region_that_does_not_fit_is_refused(sd15):
    with pytest.raises(UsageError, match="the region is 64x40"):
        sd15.painter().paint_region(picture(3), picture(5), np.full((40, 64, 3), 255, np.uint8))
    with pytest.raises(UsageError, match="the region is empty; paint the part"):
        sd15.painter().paint_region(picture(3), picture(5), np.zeros((SIZE, SIZE, 3), np.uint8))


def test_without_a_style_the_words_say_how(sd15):
    painter = make_renderer("sd", [], sd15.options())
    assert painter.parts.adapter is None
    assert painter.paint(picture(3), seed=1).image.any()
