"""Pipelines on a device: kept and let go, offloaded part by part, and weights that change from key to key."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from stylize.errors import DeviceError
from stylize.render.diffusion import batch as painting
from stylize.render.diffusion import engine as engines
from stylize.render.diffusion import memory, sampling
from tests.stylize.render.diffusion.studio import anchor, assert_same, moved, picture

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _fresh():
    engines._OPEN.clear()
    yield
    engines._OPEN.clear()


def test_weights_of_controls_and_loras_change_without_loading_again(sd15, monkeypatch):
    net, lora = sd15.path("controlnet-canny"), sd15.path("lora.safetensors")

    def asked(control, weight):
        return {"controls": (f"canny@{net}:{control}",), "loras": (f"{lora}:{weight}",)}

    first, other = asked(0.7, 0.8), asked(0.2, 0.3)
    fresh = []
    for one in (first, other):
        engines._OPEN.clear()
        fresh.append(sd15.paint(**one))
    assert moved(*fresh) > 1
    loaded = []
    load = engines.load_pipeline
    monkeypatch.setattr(engines, "load_pipeline", lambda *a: loaded.append(1) or load(*a))
    engines._OPEN.clear()
    for one, expected in ((first, fresh[0]), (other, fresh[1]), (first, fresh[0])):
        assert_same(sd15.paint(**one), expected)
    assert len(loaded) == 1


def test_keys_with_models_of_their_own_find_them_loaded_while_memory_allows(sd15, monkeypatch):
    loaded = []
    load = engines.load_pipeline
    monkeypatch.setattr(engines, "load_pipeline", lambda *a: loaded.append(1) or load(*a))
    usual, own = {}, {"controls": ("none",)}
    for one in (usual, own, usual, own):
        sd15.paint(**one)
    assert len(loaded) == 2
    monkeypatch.setattr(engines, "free_bytes", lambda _: 0.0)
    sd15.paint(style_adapter="none")
    assert len(engines._OPEN) == 1  # no room: the others were dropped first


@pytest.mark.parametrize("way", ["offload", "layer offload"])
def test_offloaded_it_paints_the_same_key(studio, way):
    """The hooks that keep weights in main memory work on a processor too; only the device is another."""
    asked = {"loras": (studio.path("lora.safetensors"),), "clip_skip": 1}
    plain = studio.paint(anchors=[anchor(0.5)], **asked)
    engine = studio.engine(**asked)
    engine.ladder.given_up.append(way)
    engine.apply_fallback(way)
    assert_same(studio.paint(anchors=[anchor(0.5)], **asked), plain)
    with engines.full_precision(engine):
        assert engine.pipe.unet.dtype == torch.float32
    assert_same(studio.paint(anchors=[anchor(0.5)], **asked), plain)


@pytest.mark.parametrize("way", ["", "offload", "layer offload"])
def test_half_precision_falls_back_to_full_however_weights_are_kept(sd15, monkeypatch, way):
    full = sd15.paint()
    engine = sd15.engine(dtype="bfloat16")
    if way:
        engine.ladder.given_up.append(way)
        engine.apply_fallback(way)
    half = sd15.paint(dtype="bfloat16")
    assert 0 < moved(half, full) < 12
    decode, formats = sampling.decode, []

    def failing(engine, latents):
        formats.append((engine.dtype, engine.pipe.unet.dtype, engine.pipe.vae.dtype))
        found = decode(engine, latents)
        return found * np.nan if engine.dtype != torch.float32 else found

    sample, found = sampling.sample_latents, []

    def sampled(*given):
        found.append(sample(*given))
        return found[-1] * (np.nan if len(found) == 1 else 1)

    monkeypatch.setattr(sampling, "decode", failing)
    monkeypatch.setattr(sampling, "sample_latents", sampled)
    mended = sd15.paint(dtype="bfloat16")
    assert formats == [(torch.bfloat16,) * 3, (torch.float32,) * 3]
    assert moved(mended, full) < 12  # the weights were rounded once; all else is full
    monkeypatch.undo()
    assert moved(sd15.paint(dtype="bfloat16"), half) < 0.5  # weights went to full and back


def test_an_autoencoder_that_overflows_works_in_full_while_offloaded(sdxl):
    engine = sdxl.engine(dtype="float16")
    plain = sdxl.paint(dtype="float16")
    for way in ("offload", "layer offload"):
        engine.ladder.given_up.append(way)
        engine.apply_fallback(way)
        assert moved(sdxl.paint(dtype="float16"), plain) < 1, way


class Card:
    """A pipeline for whose weights a card is too small, until parts of them stay in main memory."""

    def __init__(self, pipe, enough):
        self.pipe, self.enough, self.told = pipe, enough, []

    def to(self, device):
        self.told.append(f"to {device}")
        if device != "cpu":
            self._refuse("whole")

    def enable_model_cpu_offload(self, device):
        self.told.append(f"parts {device}")
        self._refuse("offload")

    def remove_all_hooks(self):
        pass

    def enable_group_offload(self, device, offload_type):
        self.told.append(f"{offload_type} {device}")
        self._refuse("layers")

    def _refuse(self, way):
        if way != self.enough:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    def __getattr__(self, name):
        return getattr(self.pipe, name)


@pytest.mark.parametrize(
    ("enough", "told", "given_up"),
    [
        ("whole", ["to cuda"], []),
        ("offload", ["to cuda", "parts cuda"], ["offload"]),
        ("layers", ["to cuda", "parts cuda", "to cpu", "leaf_level cuda"], ["offload", "layer offload"]),
        ("none", ["to cuda", "parts cuda", "to cpu", "leaf_level cuda"], None),
    ],
)
def test_a_card_that_cannot_hold_the_weights_gets_them_in_parts(sd15, monkeypatch, caplog, enough, told, given_up):
    load, cards = engines.load_pipeline, []
    monkeypatch.setattr(engines, "load_pipeline", lambda *a: cards.append(Card(load(*a), enough)) or cards[-1])
    monkeypatch.setattr(engines, "free_bytes", lambda _: 1e12)
    for room in (engines, memory):
        monkeypatch.setattr(room, "release", lambda _: None)
    parts = sd15.painter().parts
    if given_up is None:
        with pytest.raises(DeviceError, match="everything given up"):
            engines.open_engine(parts, "cuda", torch.float32, safety_checker=False)
        assert not engines._OPEN
    else:
        engine = engines.open_engine(parts, "cuda", torch.float32, safety_checker=False)
        assert engine.ladder.given_up == given_up
        assert len(caplog.records) == len(given_up)
    assert cards[0].told == told


def test_models_of_other_keys_go_before_anything_is_given_up(sd15, monkeypatch, caplog):
    sd15.paint(controls=("none",))
    plain = sd15.paint()
    assert len(engines._OPEN) == 2
    sample, tried = painting.sample, []

    def short(*given):
        tried.append(len(engines._OPEN))
        if len(tried) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return sample(*given)

    monkeypatch.setattr(painting, "sample", short)
    made = sd15.painter().paint(picture(3), seed=1)
    assert_same(made.image, plain)
    assert (tried, made.recipe["given_up"]) == ([2, 1], [])
    assert "without the models of other keys" in caplog.text


def test_what_encodes_is_on_the_ladder_too(sd15, monkeypatch):
    from stylize.render.diffusion import conditioning as setting

    encode, tried = setting.encode_styles, []

    def short(*given):
        tried.append(1)
        if len(tried) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return encode(*given)

    monkeypatch.setattr(setting, "encode_styles", short)
    assert sd15.painter().paint(picture(3), seed=1).recipe["given_up"] == ["tiling"]
