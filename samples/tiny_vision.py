"""The tiny models that look at pictures: depth, a segmenter of video, and a matter."""

from __future__ import annotations

from typing import Any

import torch


def make_depth_model() -> Any:
    """Make a Depth Anything model for pictures of 56 pixels."""
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation, Dinov2Config

    backbone = Dinov2Config(
        hidden_size=16, num_hidden_layers=4, num_attention_heads=2, image_size=56, patch_size=14,
        reshape_hidden_states=False, out_features=["stage1", "stage2", "stage3", "stage4"],
        apply_layernorm=True,
    )  # fmt: skip
    model = DepthAnythingForDepthEstimation(DepthAnythingConfig(
        backbone_config=backbone, patch_size=14, reassemble_hidden_size=16, neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8, head_hidden_size=8,
    ))  # fmt: skip
    for name, weight in model.named_parameters():
        if name.startswith(("neck", "head")) and name.endswith("weight") and weight.ndim == 4:
            weight.mul_(6.0)  # without it the depth is the same everywhere
    return model


def make_segmenter() -> Any:
    """Make a SAM 2 for pictures of 64 pixels that remembers six frames and compares with keys."""
    from transformers import Sam2HieraDetConfig, Sam2VideoConfig, Sam2VideoModel, Sam2VisionConfig

    backbone = Sam2HieraDetConfig(
        hidden_size=8, num_attention_heads=1, image_size=[64, 64], blocks_per_stage=[1, 1, 2, 1],
        embed_dim_per_stage=[8, 16, 24, 32], num_attention_heads_per_stage=[1, 1, 1, 1],
        window_size_per_stage=[4, 4, 4, 4], global_attention_blocks=[3],
        window_positional_embedding_background_size=[4, 4],
    )  # fmt: skip
    vision = Sam2VisionConfig(
        backbone_config=backbone, backbone_channel_list=[32, 24, 16, 8], fpn_hidden_size=128,
        backbone_feature_sizes=[[16, 16], [8, 8], [4, 4]],
    )  # fmt: skip
    # its memory has 64 channels whatever the config says, and all else has to have more
    model = Sam2VideoModel(Sam2VideoConfig(
        vision_config=vision, prompt_encoder_config={"hidden_size": 128, "image_size": 64, "patch_size": 16},
        mask_decoder_config={
            "hidden_size": 128, "mlp_dim": 32, "num_attention_heads": 2, "iou_head_hidden_dim": 16,
        },
        image_size=64, memory_attention_hidden_size=128, memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=32, memory_attention_rope_feat_sizes=[4, 4],
        memory_encoder_hidden_size=128, memory_encoder_output_channels=64, mask_downsampler_embed_dim=128,
        memory_fuser_num_layers=1, memory_fuser_embed_dim=128, memory_fuser_intermediate_dim=32,
        memory_fuser_kernel_size=3, memory_fuser_padding=1, max_object_pointers_in_encoder=8,
    ))  # fmt: skip
    for name, weight in model.named_parameters():
        if weight.ndim > 1:
            weight.mul_(4.0)  # without it nothing that is said or remembered shows
        if name.endswith("pred_obj_score_head.proj_out.bias"):
            weight.fill_(8.0)  # the subject is always there
    return model


def make_matter() -> Any:
    """Make a ViTMatte of two layers."""
    from transformers import VitDetConfig, VitMatteConfig, VitMatteForImageMatting

    backbone = VitDetConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_channels=4, image_size=64,
        patch_size=16, window_block_indices=[0], window_size=2, use_relative_position_embeddings=True,
        out_features=["stage2"],
    )  # fmt: skip
    model = VitMatteForImageMatting(VitMatteConfig(
        backbone_config=backbone, hidden_size=16, convstream_hidden_sizes=[4, 8, 16],
        fusion_hidden_sizes=[16, 8, 8, 4],
    ))  # fmt: skip
    for name, weight in model.named_parameters():
        if weight.ndim == 4 and name.startswith("decoder"):  # else the opacity is one half everywhere
            torch.nn.init.kaiming_normal_(weight, nonlinearity="relu")
        elif name.startswith("decoder") and name.endswith("weight"):
            weight.fill_(1.0)  # of normalization
    return model
