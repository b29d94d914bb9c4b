"""Tiny pipelines that edit a picture after other pictures: FLUX.2-klein and Qwen-Image-Edit."""

from __future__ import annotations

from typing import Any

import tiny_parts as parts

CHAT = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
MARKS = (
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>", "<|image_pad|>",
    "<|video_pad|>",
)  # fmt: skip
"""Words of the tokenizer that stand for something else than letters."""


def make_flux2() -> Any:
    """Make a FLUX.2-klein pipeline; its text encoder has the depth that the pipeline reads from."""
    from diffusers import (
        AutoencoderKLFlux2,
        FlowMatchEulerDiscreteScheduler,
        Flux2KleinPipeline,
        Flux2Transformer2DModel,
    )
    from transformers import Qwen2Tokenizer, Qwen3Config, Qwen3ForCausalLM

    vae = AutoencoderKLFlux2(
        block_out_channels=parts.HINT, latent_channels=4, norm_num_groups=2, layers_per_block=1,
        sample_size=64, down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4,
    )  # fmt: skip
    letters = parts.bytes_as_letters()
    marks = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = Qwen2Tokenizer(vocab={w: i for i, w in enumerate([*letters, *marks])}, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": marks[1:]})
    tokenizer.chat_template = CHAT
    reader = Qwen3ForCausalLM(Qwen3Config(
        vocab_size=len(letters) + len(marks), hidden_size=8, intermediate_size=16, num_hidden_layers=27,
        head_dim=4, num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=1024,
    ))  # fmt: skip
    net = Flux2Transformer2DModel(
        in_channels=16, num_layers=2, num_single_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=24, timestep_guidance_channels=16, axes_dims_rope=(4, 4, 4, 4),
        guidance_embeds=False,
    )  # fmt: skip
    for name, weight in net.named_parameters():
        if weight.ndim == 2 and not any(part in name for part in ("modulation", "norm_out")):
            weight.mul_(parts.SELECTIVE)
        elif any(part in name for part in ("norm_q", "norm_k", "norm_added")):
            weight.mul_(2.0)
    return Flux2KleinPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True), vae=vae, text_encoder=reader,
        tokenizer=tokenizer, transformer=net, is_distilled=True,
    )  # fmt: skip


def make_qwen() -> Any:
    """Make a Qwen-Image-Edit pipeline; its processor, not its nets, needs torchvision."""
    from diffusers import (
        AutoencoderKLQwenImage,
        FlowMatchEulerDiscreteScheduler,
        QwenImageEditPlusPipeline,
        QwenImageTransformer2DModel,
    )
    from transformers import (
        Qwen2_5_VLConfig,
        Qwen2_5_VLForConditionalGeneration,
        Qwen2Tokenizer,
        Qwen2VLImageProcessor,
        Qwen2VLProcessor,
        Qwen2VLVideoProcessor,
    )

    letters = parts.bytes_as_letters()
    tokenizer = Qwen2Tokenizer(vocab={w: i for i, w in enumerate([*letters, *MARKS])}, merges=[])
    tokenizer.add_special_tokens({"additional_special_tokens": list(MARKS[1:])})
    known = {mark: len(letters) + index for index, mark in enumerate(MARKS)}
    cut = {"patch_size": 4, "merge_size": 2, "temporal_patch_size": 2}
    processor = Qwen2VLProcessor(
        image_processor=Qwen2VLImageProcessor(min_pixels=64, max_pixels=4096, **cut), tokenizer=tokenizer,
        video_processor=Qwen2VLVideoProcessor(**cut),
    )  # fmt: skip
    words = {
        "vocab_size": len(letters) + len(MARKS), "hidden_size": 16, "intermediate_size": 32,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "bos_token_id": None,
        "eos_token_id": None, "max_position_embeddings": 4096,
        "rope_parameters": {"rope_type": "default", "mrope_section": [1, 1, 2], "rope_theta": 10000.0},
    }  # fmt: skip
    sight = {
        "depth": 2, "hidden_size": 16, "intermediate_size": 32, "num_heads": 2, "patch_size": 4,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "out_hidden_size": 16, "window_size": 16,
        "fullatt_block_indexes": [1],
    }  # fmt: skip
    reader = Qwen2_5_VLForConditionalGeneration(Qwen2_5_VLConfig(
        text_config=words, vision_config=sight, image_token_id=known["<|image_pad|>"],
        video_token_id=known["<|video_pad|>"], vision_start_token_id=known["<|vision_start|>"],
        vision_end_token_id=known["<|vision_end|>"],
    ))  # fmt: skip
    vae = AutoencoderKLQwenImage(
        base_dim=8, z_dim=4, dim_mult=[1, 1, 2, 2], num_res_blocks=1, latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )  # fmt: skip
    net = QwenImageTransformer2DModel(
        in_channels=16, out_channels=4, num_layers=2, attention_head_dim=16, num_attention_heads=2,
        joint_attention_dim=16, axes_dims_rope=(4, 6, 6),
    )  # fmt: skip
    for name, weight in net.named_parameters():
        if weight.ndim == 2 and not any(part in name for part in ("mod", "norm_out")):
            weight.mul_(parts.SELECTIVE)
        elif any(part in name for part in ("norm_q", "norm_k", "norm_added")):
            weight.mul_(3.0)
    vae.decoder.conv_out.weight.mul_(4.0)  # else all pictures are one gray
    return QwenImageEditPlusPipeline(
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True), vae=vae, text_encoder=reader,
        tokenizer=tokenizer, processor=processor, transformer=net,
    )  # fmt: skip
