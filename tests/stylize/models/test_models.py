"""Models on disk: found by name, told apart, known by a hash, refused when damaged or pickled."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stylize.errors import ModelError, UsageError
from stylize.models import (
    KINDS,
    ModelOptions,
    check_weights,
    family_of,
    find_model,
    kind_of,
    model_hash,
    presets,
    read_header,
)
from stylize.models.verify import check_model
from stylize.settings.loading import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def write_weights(path: Path, shapes: dict[str, tuple[int, ...]], fill: int = 0) -> Path:
    """A safetensors file with tensors of bytes."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 1
        for one in shape:
            size *= one
        header[name] = {"dtype": "U8", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes([fill]) * at)
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)


def test_every_preset_is_sound():
    for preset in presets().values():
        assert preset.kind in KINDS, preset.name
        assert preset.license
        assert preset.megabytes > 0
        assert preset.files
        assert preset.repo.count("/") == 1
        assert preset.pickled == (preset.kind == "annotator")


@pytest.mark.parametrize(
    ("inside", "kind", "family"),
    [
        ("sd15/base", "base", "sd15"), ("sdxl/base", "base", "sdxl"), ("edit", "edit", "flux2"),
        ("depth", "depth", ""), ("segmenter", "segmenter", ""), ("matter", "matter", ""),
        ("sd15/base.safetensors", "base", "sd15"),
        ("sd15/controlnet-canny", "controlnet", "sd15"), ("sdxl/controlnet-canny", "controlnet", "sdxl"),
        ("sdxl/controlnet-union", "controlnet", "sdxl"), ("sd15/base/vae", "vae", ""),
        ("sd15/lora.safetensors", "lora", "sd15"), ("sdxl/lora.safetensors", "lora", "sdxl"),
        ("sd15/lora-kohya.safetensors", "lora", "sd15"), ("sdxl/lora-kohya.safetensors", "lora", "sdxl"),
        ("sd15/token.safetensors", "embedding", "sd15"), ("sdxl/token.safetensors", "embedding", "sdxl"),
        ("ip-adapter/models/ip-adapter_sd15.safetensors", "ip-adapter", "sd15"),
        ("ip-adapter/models/ip-adapter-plus_sd15.safetensors", "ip-adapter", "sd15"),
        ("ip-adapter/sdxl_models/ip-adapter_sdxl_vit-h.safetensors", "ip-adapter", "sdxl"),
        ("sd15/controlnet-depth/diffusion_pytorch_model.safetensors", "controlnet", "sd15"),
        ("sdxl/controlnet-canny/diffusion_pytorch_model.safetensors", "controlnet", "sdxl"),
    ],
)  # fmt: skip
def test_models_are_told_apart(tiny_models_folder, inside, kind, family):
    path = tiny_models_folder / inside
    assert (kind_of(path), family_of(path)) == (kind, family)
    assert find_model(path, kind) == path
    assert check_model(path) == []


@pytest.mark.parametrize(
    ("name", "shape", "family"),
    [
        ("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_down.weight", (4, 640), "sdxl"),
        (
            "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight",
            (4, 768),
            "sd15",
        ),
        (
            "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight",
            (4, 1024),
            "sd2",
        ),
        ("unet.mid_block.attentions.0.transformer_blocks.0.attn2.to_v.lora_A.weight", (4, 2048), "sdxl"),
        ("transformer.single_transformer_blocks.0.attn.to_q.lora_A.weight", (4, 3072), "flux"),
        ("lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", (4, 1280), "sdxl"),
    ],
)
def test_loras_of_others_are_told_apart(tmp_path, name, shape, family):
    path = write_weights(tmp_path / "x.safetensors", {name: shape})
    assert (kind_of(path), family_of(path)) == ("lora", family)


def test_a_model_of_another_kind_is_refused(tiny_models_folder):
    with pytest.raises(UsageError, match="is a diffusion pipeline, not a ControlNet"):
        find_model(tiny_models_folder / "sd15" / "base", "controlnet")


@pytest.mark.parametrize("as_text", [True, False])
def test_folders_of_the_settings(tmp_path, as_text):
    file = write_weights(tmp_path / "mine" / "ink.safetensors", {"a": (3,)})
    folder = write_weights(tmp_path / "mine" / "org" / "net" / "x.safetensors", {"a": (3,)}).parent
    text = str(tmp_path / "mine")
    options = load_settings(
        flags={} if as_text else {"models.folders": [text]},
        environment={"STYLIZE_MODELS_FOLDERS": f"{tmp_path / 'none'}:{text}"} if as_text else {},
        user_file=tmp_path / "none.toml",
    ).models
    assert find_model("ink", "lora", options=options) == file
    assert find_model("org/net", "controlnet", options=options) == folder
    assert find_model("org/net/x.safetensors", "lora", options=options) == folder / "x.safetensors"


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("sd51", UsageError, "did you mean 'sd15'"),
        ("qqqqqqqq", UsageError, "stylize models list"),
        (
            "sd15",
            ModelError,
            r"sd15 \(a diffusion pipeline, about 2.0 GB, .*stylize models fetch sd15.*patch",
        ),
        ("org/net", ModelError, "stylize models fetch org/net"),
        ("./lost.safetensors", ModelError, "no such file"),
        ("/lost/model", ModelError, "no such file"),
    ],
)
def test_what_is_not_here(name, error, words):
    with pytest.raises(error, match=words):
        find_model(name, "base")


def test_a_missing_model_is_said_without_any_library():
    """Answered at once: neither torch nor the hub's library is loaded to say no."""
    program = """
import sys
from stylize.models import find_model
try:
    find_model("sdxl", "base")
except Exception as error:
    print(error)
print(sorted({"torch", "diffusers", "transformers", "huggingface_hub", "numpy", "cv2"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    first, last = done.stdout.splitlines()
    assert "stylize models fetch sdxl" in first
    assert last == "[]"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"PK\x03\x04" + bytes(100), "pickled"),
        (b"\x80\x02}q\x00" + bytes(100), "pickled"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 3\n", "Git LFS"),
        (b"<!DOCTYPE html><html>sign in</html>" + bytes(40), "a web page"),
        (b"", "not a safetensors file"),
        ((20).to_bytes(8, "little") + b"x" * 40, "damaged"),
        ((10).to_bytes(8, "little") + b'{"a": [1]}', "damaged"),
    ],
)
def test_files_that_are_no_weights(tmp_path, data, words):
    path = tmp_path / "x.safetensors"
    path.write_bytes(data)
    with pytest.raises(ModelError, match=words):
        read_header(path)
    assert len(check_model(path)) == 1


def test_a_file_cut_off_or_too_long(tmp_path):
    path = write_weights(tmp_path / "x.safetensors", {"a": (100,), "b": (7, 3)})
    assert read_header(path).shapes == {"a": (100,), "b": (7, 3)}
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    with pytest.raises(ModelError, match=f"cut off, {len(whole) - 1} bytes instead of {len(whole)}"):
        find_model(path, "lora")
    path.write_bytes(whole + b"x")
    with pytest.raises(ModelError, match="followed by something else"):
        find_model(path, "lora")


def test_pickles_come_in_only_when_allowed(tmp_path):
    file = tmp_path / "net.ckpt"
    file.write_bytes(b"PK\x03\x04")
    for path in (file, tmp_path):
        with pytest.raises(ModelError, match="allow_pickle"):
            check_weights(path)
        check_weights(path, allow_pickle=True)
    renamed = tmp_path / "sub" / "net.weights"
    renamed.parent.mkdir()
    renamed.write_bytes(b"\x80\x04code")
    with pytest.raises(ModelError, match="pickled"):
        check_weights(renamed)


def test_the_hash_follows_the_weights(tmp_path):
    a = write_weights(tmp_path / "a.safetensors", {"a": (100,)})
    same = write_weights(tmp_path / "other" / "b.safetensors", {"a": (100,)})
    other = write_weights(tmp_path / "c.safetensors", {"a": (100,)}, fill=1)
    assert model_hash(a) == model_hash(same)
    assert model_hash(a) != model_hash(other)
    large = write_weights(tmp_path / "large.safetensors", {"a": (5 << 20,)})
    before = model_hash(large)
    data = bytearray(large.read_bytes())
    data[-1] = 1
    large.write_bytes(data)
    assert model_hash(large) != before


def test_a_damaged_folder_is_told_in_full(tmp_path, tiny_models_folder):
    folder = tmp_path / "base"
    shutil.copytree(tiny_models_folder / "sd15" / "base", folder)
    assert check_model(folder) == []
    net = folder / "unet" / "diffusion_pytorch_model.safetensors"
    net.write_bytes(net.read_bytes()[:-100])
    (folder / "vae" / "config.json").write_text("{", encoding="utf-8")
    shutil.rmtree(folder / "text_encoder")
    found = {str(one.file.relative_to(folder)): one.what for one in check_model(folder)}
    assert found.keys() == {"unet/diffusion_pytorch_model.safetensors", "vae/config.json", "text_encoder"}
    assert "cut off" in found["unet/diffusion_pytorch_model.safetensors"]
    shutil.copytree(tiny_models_folder / "sd15" / "base", folder, dirs_exist_ok=True)
    assert check_model(folder) == []
    net.unlink()
    net.with_suffix(".bin").write_bytes(b"PK\x03\x04")
    (one,) = check_model(folder)
    assert one.pickled
    with pytest.raises(ModelError, match=r"unet.*pickled"):
        find_model(folder, "base")


def test_weights_in_parts_must_all_be_there(tmp_path):
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    write_weights(tmp_path / "model-1.safetensors", {"a": (3,)})
    table = {"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(table), encoding="utf-8")
    (found,) = check_model(tmp_path)
    assert found.file.name == "model-2.safetensors"
    with pytest.raises(ModelError, match="model-2"):
        find_model(tmp_path, "depth", options=ModelOptions())
