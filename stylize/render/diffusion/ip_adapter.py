"""The style pictures as an IP-Adapter reads them: encoded once, fed to the layers that carry style."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import ModelError
from stylize.render.diffusion.single_file import load_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import F32, Image
    from stylize.render.diffusion.components import Adapter
    from stylize.render.diffusion.families import Family


def attach_adapter(pipe: Any, adapter: Adapter) -> None:
    """Give the UNet of `pipe` the adapter's layers; all attention is replaced, so our own comes later."""
    nested: dict[str, dict[str, Any]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in load_tensors(adapter.path).items():
        part, _, inside = name.partition(".")
        if part in nested:
            nested[part][inside] = tensor
    try:
        pipe.load_ip_adapter(nested, subfolder=None, weight_name=None, image_encoder_folder=None)
    except (RuntimeError, ValueError, KeyError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(f"{adapter.path}: does not fit the model ({reason}); name another IP-Adapter") from error


def encode_styles(adapter: Adapter, styles: Sequence[Image], dtype: Any, device: str = "cpu") -> tuple[Any, Any]:
    """Encode the style pictures; the encoder, larger than a UNet, is loaded for it and dropped.

    Returns
    -------
    embeddings, negative : tensors (1, pictures, …)
        Of the pictures, and of nothing.
    """
    import torch
    from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

    encoder = CLIPVisionModelWithProjection.from_pretrained(
        adapter.encoder, dtype=dtype, local_files_only=True, use_safetensors=True
    ).to(device)
    size = encoder.config.image_size
    processor = CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    pixels = processor([style_picture(style) for style in styles], return_tensors="pt").pixel_values
    pixels = pixels.to(device, dtype)
    with torch.no_grad():
        if adapter.plus:
            positive = encoder(pixels, output_hidden_states=True).hidden_states[-2]
            negative = encoder(torch.zeros_like(pixels), output_hidden_states=True).hidden_states[-2]
        else:
            positive = encoder(pixels).image_embeds
            negative = torch.zeros_like(positive)
    return positive[None].cpu(), negative[None].cpu()


def style_picture(style: Image) -> Any:
    """Return a style as an RGB picture; what is transparent takes the mean color of the paint."""
    from PIL import Image as Pictures

    full = style.astype(np.float32) * np.float32(255 / np.iinfo(style.dtype).max)
    colors = full[..., : 3 if full.shape[2] > 2 else 1]
    rgb = np.broadcast_to(colors, (*colors.shape[:2], 3))
    if full.shape[2] in (2, 4):
        alpha = full[..., -1:] / 255
        mean = (rgb * alpha).sum((0, 1)) / max(float(alpha.sum()), 1e-6)
        rgb = rgb * alpha + mean * (1 - alpha)
    return Pictures.fromarray(np.clip(np.rint(rgb), 0, 255).astype(np.uint8))


def set_scale(pipe: Any, family: Family, blocks: str, scale: float) -> None:
    """Feed the style to the layers of `blocks` with weight `scale`.

    Raises
    ------
    ModelError
        If that reaches no layer: the library would go on without the style and say nothing.
    """
    if blocks == "all":
        pipe.set_ip_adapter_scale(scale)
    else:
        table = {
            side: {block: _times(weights, scale) for block, weights in of.items()}
            for side, of in family.style[blocks].items()
        }
        pipe.set_ip_adapter_scale(table)
    if scale > 0 and not active_layers(pipe.unet):
        raise ModelError(f"the style reaches no layer of this {family.title} model; use --style-blocks all")


def active_layers(unet: Any) -> int:
    """How many layers of attention the style reaches."""
    found = 0
    for processor in unet.attn_processors.values():
        scales = getattr(processor, "scale", None)
        if isinstance(scales, list) and np.any([np.any(np.asarray(one) != 0) for one in scales]):
            found += 1
    return found


def region_masks(masks: Sequence[F32]) -> dict[str, Any]:
    """Return ``cross_attention_kwargs`` that confine each style to its mask, float32 (h, w)."""
    import torch

    return {"ip_adapter_masks": [torch.from_numpy(np.stack(masks))[None]]}


def _times(weights: list[float] | float, scale: float) -> list[float] | float:
    return [weight * scale for weight in weights] if isinstance(weights, list) else weights * scale
