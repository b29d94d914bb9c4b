"""Files as model sites give them: one file for a part, a LoRA that needs few steps, pickles where allowed."""

from __future__ import annotations

import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from stylize.errors import ModelError, UsageError
from stylize.maps import detectors
from stylize.models import ModelOptions
from stylize.render.diffusion import components as parts
from stylize.render.diffusion.batch import engine_for
from stylize.render.diffusion.single_file import load_tensors
from tests.stylize.maps.fake_controlnet_aux import make_package
from tests.stylize.render.diffusion.studio import Studio, assert_same, picture

pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_controlnet_of_one_file_is_the_same_in_both_layouts(sd15, tmp_path):
    plain = sd15.paint()
    original = sd15.path("controlnet.safetensors")
    assert_same(sd15.paint(controls=(f"canny@{original}:0.7",)), plain)
    flat = tmp_path / "net.safetensors"
    shutil.copy(Path(sd15.path("controlnet-canny")) / "diffusion_pytorch_model.safetensors", flat)
    assert_same(sd15.paint(controls=(f"canny@{flat}:0.7",)), plain)
    single = sd15.paint(
        model=sd15.path("base.safetensors"), config=sd15.path("base"), controls=(f"canny@{original}:0.7",)
    )
    assert_same(single, plain)


def test_sdxls_controlnets_of_one_file(tiny_models_folder, tmp_path):
    sdxl = Studio(tiny_models_folder, "sdxl")
    for name in ("controlnet-canny", "controlnet-union"):
        folder, file = sdxl.path(name), tmp_path / f"{name}.safetensors"
        shutil.copy(Path(folder) / "diffusion_pytorch_model.safetensors", file)
        made = [sdxl.paint(controls=(f"canny@{place}:0.7",)) for place in (folder, file)]
        assert_same(*made)


def test_an_autoencoder_of_one_file(sd15, tmp_path):
    file = tmp_path / "vae.safetensors"
    shutil.copy(Path(sd15.path("base")) / "vae" / "diffusion_pytorch_model.safetensors", file)
    assert_same(sd15.paint(vae=str(file)), sd15.paint())


def test_one_file_that_is_no_controlnet_or_of_another_family_is_refused(sd15, tmp_path):
    def refused(tensors, words):
        save_file(tensors, tmp_path / "net.safetensors")
        with pytest.raises((ModelError, UsageError), match=words):
            sd15.paint(controls=(f"canny@{tmp_path}/net.safetensors",))

    tensors = load_file(sd15.path("controlnet.safetensors"))
    wide = {
        name: torch.zeros(one.shape[0], 24) if name.endswith("attn2.to_k.weight") else one
        for name, one in tensors.items()
    }
    refused(wide, "for text of width 24; the model is Stable Diffusion 1.5 with 16")
    refused({**tensors, "lora_controlnet": torch.zeros(1)}, "a Control-LoRA")
    refused({**tensors, "difference": torch.zeros(1)}, "only a difference")
    refused({"input_hint_block.0.weight": torch.zeros(4, 3, 3, 3)}, "no ControlNet")
    some = {name: one for name, one in tensors.items() if "zero_convs.3" not in name}
    refused(some, r"does not load|lacks")


@pytest.mark.parametrize(
    ("fast", "steps", "guidance", "scheduler"),
    [("hyper", 8, 5.0, "DDIMScheduler"), ("lcm", 6, 1.5, "LCMScheduler")],
)
def test_fast_puts_its_lora_on_and_sets_what_that_needs(sd15, tmp_path, fast, steps, guidance, scheduler):
    shutil.copy(sd15.path("fast.safetensors"), tmp_path / f"{fast}-sd15.safetensors")
    here = ModelOptions(str(tmp_path))
    painter = sd15.painter(fast=fast, steps=None, models=here)
    shares = []
    made = painter.paint(picture(3), seed=1, on_progress=shares.append)
    assert len(shares) == steps + 1
    engine, file = engine_for(painter.options, painter.parts), load_file(sd15.path("fast.safetensors"))
    assert type(engine.pipe.scheduler).__name__ == scheduler
    if fast == "hyper":
        assert engine.pipe.scheduler.config.timestep_spacing == "trailing"
    wanted = sum(name.endswith("alpha") for name in file)
    assert sum("lora0" in (getattr(m, "lora_A", None) or ()) for m in engine.pipe.unet.modules()) == wanted
    assert made.recipe["models"]["loras"][0][0] == f"{fast}-sd15.safetensors"
    assert made.recipe["options"]["guidance"] == guidance
    assert made.recipe["options"]["steps"] == steps
    by_hand = sd15.paint(
        loras=(sd15.path("fast.safetensors"),), steps=steps, guidance=guidance,
        scheduler="lcm" if fast == "lcm" else "ddim-trailing",
    )  # fmt: skip
    assert_same(made.image, by_hand)
    own = sd15.painter(fast=fast, steps=4, guidance=2.0, scheduler="tcd", models=here)
    facts = own.fingerprint()["options"]
    assert (facts["steps"], facts["guidance"], facts["scheduler"]) == (4, 2.0, "tcd")


def test_fast_stands_beside_other_loras_and_says_what_to_fetch(sd15, tmp_path):
    shutil.copy(sd15.path("fast.safetensors"), tmp_path / "hyper-sd15.safetensors")
    both = sd15.painter(
        fast="hyper", loras=(f"{sd15.path('lora.safetensors')}:0.5",), models=ModelOptions(str(tmp_path))
    )
    assert [lora.weight for lora in both.parts.loras] == [0.5, 1.0]
    with pytest.raises(ModelError, match="stylize models fetch lcm-sd15"):
        sd15.painter(fast="lcm", models=ModelOptions(str(tmp_path)))


def test_pickles_of_weights_are_read_where_they_are_allowed(sd15, tmp_path):
    """As the first web pages saved them; no code in them is ever run."""
    word = load_file(sd15.path("token.safetensors"))
    torch.save({"string_to_param": {"*": next(iter(word.values()))}, "name": "x"}, tmp_path / "token.pt")
    torch.save(load_file(sd15.path("lora-kohya.safetensors")), tmp_path / "lora.pt")
    torch.save({"state_dict": load_file(sd15.path("controlnet.safetensors"))}, tmp_path / "net.pth")
    nested = {"image_proj": {}, "ip_adapter": {}}
    adapters = sd15.models / "ip-adapter" / "models"
    for name, one in load_file(adapters / "ip-adapter_sd15.safetensors").items():
        part, _, rest = name.partition(".")
        nested[part][rest] = one
    (tmp_path / "models").mkdir()
    torch.save(nested, tmp_path / "models" / "adapter.bin")
    shutil.copytree(adapters / "image_encoder", tmp_path / "models" / "image_encoder")
    given = {
        "embeddings": (str(tmp_path / "token.pt"),), "loras": (str(tmp_path / "lora.pt"),),
        "controls": (f"canny@{tmp_path}/net.pth:0.7",), "prompt": "a token",
        "style_adapter": str(tmp_path / "models" / "adapter.bin"),
    }  # fmt: skip
    with pytest.raises(ModelError, match=r"pickled weights.*allow_pickle"):
        sd15.painter(**given)
    safe = sd15.paint(
        embeddings=(sd15.path("token.safetensors"),), loras=(sd15.path("lora-kohya.safetensors"),),
        prompt="a token",
    )  # fmt: skip
    assert_same(sd15.paint(**given, models=ModelOptions(allow_pickle=True)), safe)


def test_a_pickle_with_code_in_it_is_refused_even_then(sd15, tmp_path):
    class Harm:
        def __reduce__(self):
            return (print, ("it ran",))

    torch.save({"a": Harm()}, tmp_path / "bad.pt")
    with pytest.raises(ModelError, match="more than weights"):
        load_tensors(tmp_path / "bad.pt")
    with pytest.raises(ModelError, match="more than weights"):
        sd15.painter(loras=(str(tmp_path / "bad.pt"),), models=ModelOptions(allow_pickle=True))


def test_weights_of_detectors_are_looked_for_before_any_work(sd15, monkeypatch, tmp_path):
    net = sd15.path("controlnet-canny")
    controls = (f"aux:hed@{net}:0.7",)
    if find_spec("controlnet_aux") is None:
        with pytest.raises(ModelError, match=r"aux:hed needs the package controlnet-aux.*keystylize\[maps\]"):
            sd15.painter(controls=controls)
    monkeypatch.setitem(sys.modules, "controlnet_aux", make_package())
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(ModelError, match="stylize models fetch aux-hed"):
        sd15.painter(controls=controls)
    home = tmp_path / "models" / "aux-hed"
    home.mkdir(parents=True)
    (home / "ControlNetHED.pth").write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelError, match="pickled"):
        sd15.painter(controls=controls, models=ModelOptions(str(tmp_path / "models")))
    allowed = ModelOptions(str(tmp_path / "models"), allow_pickle=True)
    detectors._loaded.cache_clear()
    painter = sd15.painter(controls=controls, models=allowed)
    assert painter.paint(picture(3), seed=1).image.any()
    detectors._loaded.cache_clear()
    before = painter.fingerprint()["models"]["controls"]
    assert before[0][3] == "ControlNetHED.pth"
    (home / "another.pth").write_bytes(b"PK\x03\x04")  # of another detector in the same repository
    assert sd15.painter(controls=controls, models=allowed).fingerprint()["models"]["controls"] == before
    (home / "ControlNetHED.pth").write_bytes(b"PK\x03\x04\x00")
    assert sd15.painter(controls=controls, models=allowed).fingerprint()["models"]["controls"] != before


def test_nothing_of_it_imports_torch_for_safe_files(sd15):
    assert "torch" not in vars(parts)
