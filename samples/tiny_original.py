"""Stable Diffusion 1.5 under the names of its first code: what files from model sites look like inside."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

UNET = {
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_in": "input_blocks.0.0",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "time_emb_proj": "emb_layers.1",
    "conv_shortcut": "skip_connection",
}
VAE = {
    "mid_block.resnets.0": "mid.block_1",
    "mid_block.resnets.1": "mid.block_2",
    "mid_block.attentions.0": "mid.attn_1",
    "conv_norm_out": "norm_out",
    "conv_shortcut": "nin_shortcut",
    "group_norm": "norm",
    "to_q": "q",
    "to_k": "k",
    "to_v": "v",
    "to_out.0": "proj_out",
}


def original_weights(pipe: Any) -> dict[str, torch.Tensor]:
    """Return all weights of an SD1.5 pipeline under the names of the original layout."""
    found = {f"model.diffusion_model.{unet_name(k)}": v for k, v in pipe.unet.state_dict().items()}
    levels = len(pipe.vae.config.block_out_channels)
    for name, weight in pipe.vae.state_dict().items():
        inside = vae_name(name, levels)
        attention = "attn_1" in inside and inside.endswith("weight") and weight.ndim == 2
        found[f"first_stage_model.{inside}"] = weight[..., None, None] if attention else weight
    for name, weight in pipe.text_encoder.state_dict().items():
        inside = name if name.startswith("text_model.") else f"text_model.{name}"
        found[f"cond_stage_model.transformer.{inside}"] = weight
    return {name: weight.contiguous() for name, weight in found.items()}


def original_controlnet(net: Any) -> dict[str, torch.Tensor]:
    """Return all weights of an SD1.5 ControlNet under the names of its first code."""
    return {f"control_model.{controlnet_name(name)}": weight.contiguous() for name, weight in net.state_dict().items()}


def controlnet_name(name: str) -> str:
    """Return the original name of a ControlNet's weight: the UNet's way down, and what is its own."""
    stem, _, kind = name.rpartition(".")
    if stem.startswith("controlnet_cond_embedding."):
        inner = stem.removeprefix("controlnet_cond_embedding.")
        last = inner.rpartition(".")[2]
        place = {"conv_in": 0, "conv_out": 14}.get(inner)
        return f"input_hint_block.{2 * int(last) + 2 if place is None else place}.{kind}"
    if stem == "controlnet_mid_block":
        return f"middle_block_out.0.{kind}"
    if stem.startswith("controlnet_down_blocks."):
        return f"zero_convs.{stem.rpartition('.')[2]}.0.{kind}"
    return unet_name(name)


def unet_name(name: str) -> str:
    """Return the original name of a UNet's weight."""
    stem, _, kind = name.rpartition(".")
    if stem in UNET:
        return f"{UNET[stem]}.{kind}"
    side, block, part, layer, rest = re.fullmatch(r"(down|up|mid)_blocks?\.?(\d*)\.(\w+)\.(\d+)\.(.*)", name).groups()  # type: ignore[union-attr]
    index = int(layer)
    if part == "resnets":
        inner, _, last = rest.rpartition(".")
        rest = f"{RESNET[inner]}.{last}"
    if side == "mid":
        return f"middle_block.{2 * index if part == 'resnets' else 2 * index + 1}.{rest}"
    at = 3 * int(block) + index  # two layers and a change of size make three places
    if side == "down":
        if part == "downsamplers":
            return f"input_blocks.{3 * int(block) + 3}.0.{rest.replace('conv', 'op')}"
        return f"input_blocks.{at + 1}.{0 if part == 'resnets' else 1}.{rest}"
    if part == "upsamplers":  # after the attention, which the first block does not have
        return f"output_blocks.{3 * int(block) + 2}.{2 if int(block) else 1}.{rest}"
    return f"output_blocks.{at}.{0 if part == 'resnets' else 1}.{rest}"


def vae_name(name: str, levels: int) -> str:
    """Return the original name of an autoencoder's weight; the original counts the way up backwards."""
    for new, old in VAE.items():
        name = name.replace(new, old)
    name = re.sub(r"down_blocks\.(\d+)\.resnets", r"down.\1.block", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    back = r"up_blocks\.(\d+)\.(resnets|upsamplers\.0)"

    def upwards(match: re.Match[str]) -> str:
        return f"up.{levels - 1 - int(match[1])}.{'block' if match[2] == 'resnets' else 'upsample'}"

    return re.sub(back, upwards, name)
