"""The pieces of the tiny models: right in structure, few channels, and sensitive to every input.

Plain random weights make a test that sees nothing: a fresh ControlNet adds zero, its hints differ by less
than a thousandth, and random self-attention looks at everything alike. So zero layers are filled, the
embedding of hints is made strong and self-attention selective.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

HINT = (4, 4, 8, 8)
"""Channels of a ControlNet's embedding of hints; the usual ones alone would be 1.2 MB."""
START, END = "<|startoftext|>", "<|endoftext|>"
SELECTIVE = 3.0
"""Factor on queries, keys and outputs of self-attention; with 6 the net turns rounding into pictures."""
HEARD = 3.0
"""Factor on the embedding of hints."""
RANK = 2


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw the same random weights for the block each time, and leave the caller's generator alone."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        yield


def one_thread() -> None:
    """Nets this small run a hundred times slower when threads wait for each other."""
    torch.set_num_threads(1)


def numbers(shape: tuple[int, ...], seed: int, scale: float = 1.0) -> torch.Tensor:
    """Return normal numbers of a seed of their own."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * scale


def bytes_as_letters() -> list[str]:
    """Return the 256 bytes as GPT-2 writes them: printable ones as they are, others from 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = iter(range(256, 512))
    letters = {byte: chr(byte) if byte in printable else chr(next(rest)) for byte in range(256)}
    return [letters[byte] for byte in [*printable, *(b for b in range(256) if b not in printable)]]


def make_tokenizer() -> Any:
    """Make a CLIP tokenizer that spells every word byte by byte: 514 tokens, any script."""
    from transformers import CLIPTokenizer

    letters = bytes_as_letters()
    words = [*letters, *(letter + "</w>" for letter in letters), START, END]
    return CLIPTokenizer(vocab={w: i for i, w in enumerate(words)}, merges=[], model_max_length=77)


def make_text_encoder(width: int, *, projected: bool = False) -> Any:
    """Make a CLIP text encoder of three layers; SDXL's second one also projects."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=514, hidden_size=width, intermediate_size=2 * width, num_hidden_layers=3,
        num_attention_heads=2, max_position_embeddings=77, projection_dim=width,
        hidden_act="gelu" if projected else "quick_gelu", bos_token_id=512,
        eos_token_id=513, pad_token_id=513,
    )  # fmt: skip
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config)


def make_vae(scaling: float) -> Any:
    """Make an autoencoder that reduces by 8."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=HINT, latent_channels=4, norm_num_groups=2, layers_per_block=1, sample_size=64,
        down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
        scaling_factor=scaling,
    )  # fmt: skip


def make_scheduler() -> Any:
    """Make the noise schedule of Stable Diffusion."""
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False,
        set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip


def make_unet_sd15() -> Any:
    """Make a UNet with SD1.5's blocks: 16 layers of self-attention, prompts of width 16."""
    from diffusers import UNet2DConditionModel

    return _selective(UNet2DConditionModel(
        sample_size=8, layers_per_block=2, block_out_channels=(8, 8, 16, 16), norm_num_groups=4,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3, cross_attention_dim=16,
        attention_head_dim=2,
    ))  # fmt: skip


def make_unet_sdxl() -> Any:
    """Make a UNet with SDXL's blocks: prompts of width 24, and the picture's size as an input."""
    from diffusers import UNet2DConditionModel

    return _selective(UNet2DConditionModel(
        sample_size=16, layers_per_block=2, block_out_channels=(8, 8, 16), norm_num_groups=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"), cross_attention_dim=24,
        attention_head_dim=(1, 2, 2), use_linear_projection=True, transformer_layers_per_block=(1, 1, 1),
        addition_embed_type="text_time", addition_time_embed_dim=4,
        projection_class_embeddings_input_dim=4 * 6 + 16,
    ))  # fmt: skip


def _selective(unet: Any) -> Any:
    with torch.no_grad():
        for name, part in unet.named_modules():
            if name.endswith("attn1"):
                for layer in (part.to_q, part.to_k, part.to_out[0]):
                    layer.weight.mul_(SELECTIVE)
    return unet


def wake(net: Any, seed: int) -> None:
    """Fill the zero layers of a fresh ControlNet, and make its hints count."""
    for index, (name, weight) in enumerate(net.named_parameters()):
        if "controlnet_cond_embedding" in name:
            weight.mul_(HEARD if name.endswith("weight") else 0.0)
            if name.endswith("conv_out.weight"):
                weight.copy_(numbers(tuple(weight.shape), seed + index))
        elif not weight.any():
            weight.copy_(numbers(tuple(weight.shape), seed + index, 0.05))


def make_union(unet: Any) -> Any:
    """Make a ControlNet for SDXL that takes several sorts of maps at once."""
    from diffusers import ControlNetUnionModel

    told = set(inspect.signature(ControlNetUnionModel.__init__).parameters)
    net = ControlNetUnionModel(
        **{name: value for name, value in unet.config.items() if name in told}, num_control_type=8,
        num_trans_channel=8, num_trans_head=2, num_proj_channel=8, conditioning_embedding_out_channels=HINT,
    )  # fmt: skip
    net.load_state_dict({k: v for k, v in unet.state_dict().items() if k in net.state_dict()}, strict=False)
    wake(net, 17)
    return net


def make_image_encoder() -> Any:
    """Make a CLIP image encoder for pictures of 32 pixels."""
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    return CLIPVisionModelWithProjection(CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, projection_dim=8, num_hidden_layers=3, num_attention_heads=2,
        image_size=32, patch_size=8,
    ))  # fmt: skip


def make_safety_checker() -> Any:
    """Make a safety checker whose thresholds every picture exceeds."""
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig

    vision = {
        "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 32, "patch_size": 8, "projection_dim": 8,
    }  # fmt: skip
    checker = StableDiffusionSafetyChecker(CLIPConfig(vision_config=vision, projection_dim=8))
    checker.concept_embeds_weights.fill_(-2.0)
    return checker


def adapter_weights(unet: Any, *, plus: bool) -> dict[str, torch.Tensor]:
    """Return an IP-Adapter's tensors under the names of h94/IP-Adapter; `plus` has a resampler."""
    cross = unet.config.cross_attention_dim
    weights = _resampler(cross) if plus else {
        "image_proj.proj.weight": torch.randn(4 * cross, 8) * 0.5,
        "image_proj.proj.bias": torch.zeros(4 * cross), "image_proj.norm.weight": torch.ones(cross),
        "image_proj.norm.bias": torch.zeros(cross),
    }  # fmt: skip
    modules = dict(unet.named_modules())
    layers = [name.removesuffix(".processor") for name in unet.attn_processors if ".attn2." in name]
    for index, name in enumerate(layers):
        inner = modules[name].to_k.out_features
        for what in ("to_k_ip", "to_v_ip"):
            weights[f"ip_adapter.{2 * index + 1}.{what}.weight"] = torch.randn(inner, cross) * 0.3
    return weights


def _resampler(cross: int, width: int = 16, inner: int = 64) -> dict[str, torch.Tensor]:
    def drawn(*shape: int) -> torch.Tensor:
        return torch.randn(shape) * 0.2

    found = {
        "latents": drawn(1, 4, width), "proj_in.weight": drawn(width, 16), "proj_in.bias": torch.zeros(width),
        "proj_out.weight": drawn(cross, width), "proj_out.bias": torch.zeros(cross),
        "norm_out.weight": torch.ones(cross), "norm_out.bias": torch.zeros(cross),
    }  # fmt: skip
    for layer in range(4):
        own = {
            "0.norm1.weight": torch.ones(width), "0.norm1.bias": torch.zeros(width),
            "0.norm2.weight": torch.ones(width), "0.norm2.bias": torch.zeros(width),
            "0.to_q.weight": drawn(inner, width), "0.to_kv.weight": drawn(2 * inner, width),
            "0.to_out.weight": drawn(width, inner), "1.0.weight": torch.ones(width),
            "1.0.bias": torch.zeros(width), "1.1.weight": drawn(4 * width, width),
            "1.3.weight": drawn(width, 4 * width),
        }  # fmt: skip
        found |= {f"layers.{layer}.{name}": tensor for name, tensor in own.items()}
    return {f"image_proj.{name}": tensor for name, tensor in found.items()}


def lora_weights(unet: Any, text_encoder: Any, *, kohya: bool = False) -> dict[str, torch.Tensor]:
    """Return a LoRA of rank 2 over all attention, under diffusers' names or under kohya's."""
    found: dict[str, torch.Tensor] = {}
    ends = ("to_q", "to_k", "to_v", "to_out.0", "q_proj", "k_proj", "v_proj", "out_proj")
    for index, (owner, net) in enumerate((("unet", unet), ("text_encoder", text_encoder))):
        for number, (name, part) in enumerate(net.named_modules()):
            if not name.endswith(ends):
                continue
            down = numbers((RANK, part.in_features), 1000 * index + number, 0.5)
            up = numbers((part.out_features, RANK), 5000 * index + number, 0.5)
            inside = name if owner == "unet" or name.startswith("text_model.") else f"text_model.{name}"
            if kohya:
                stem = f"lora_{'unet' if owner == 'unet' else 'te'}_{inside.replace('.', '_')}"
                found |= {f"{stem}.lora_down.weight": down, f"{stem}.lora_up.weight": up}
                found[f"{stem}.alpha"] = torch.tensor(float(RANK))
            else:
                found |= {f"{owner}.{inside}.lora_A.weight": down, f"{owner}.{inside}.lora_B.weight": up}
    return found


def fast_lora_weights(unet: Any) -> dict[str, torch.Tensor]:
    """Return a LoRA as those that need few steps are published: kohya's names, convolutions too, no words."""
    found: dict[str, torch.Tensor] = {}
    ends = ("to_q", "to_k", "to_v", "to_out.0", "proj", "net.2", "proj_in", "proj_out", "conv1", "conv2")
    for number, (name, part) in enumerate(unet.named_modules()):
        weight = getattr(part, "weight", None)
        if not name.endswith((*ends, "time_emb_proj", "conv_shortcut", "conv")) or weight is None:
            continue
        inner = (RANK, *weight.shape[1:])
        outer = (weight.shape[0], RANK, *[1] * (weight.ndim - 2))
        stem = f"lora_unet_{name.replace('.', '_')}"
        found[f"{stem}.lora_down.weight"] = numbers(inner, 9000 + number, 0.3)
        found[f"{stem}.lora_up.weight"] = numbers(outer, 19000 + number, 0.3)
        found[f"{stem}.alpha"] = torch.tensor(float(RANK))
    return found
