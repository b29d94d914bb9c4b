"""Whether parts of a model fit each other: told from configurations and heads of files, before loading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stylize.errors import ModelError, UsageError
from stylize.models import read_config
from stylize.render.diffusion.families import UNION_MODES
from stylize.render.diffusion.single_file import controlnet_width, shapes_of, union_types

if TYPE_CHECKING:
    from pathlib import Path

    from stylize.render.diffusion.families import Shape


def check_controlnet(path: Path, name: str, shape: Shape, *, allow_pickle: bool = False) -> int | None:
    """Compare a ControlNet with the UNet; returns the map's number for a ControlNet-Union."""
    if path.is_file():
        shapes = shapes_of(path, allow_pickle=allow_pickle)
        width, types = controlnet_width(path, shapes), union_types(shapes)
        if width != shape.cross:
            raise ModelError(
                f"{path}: a ControlNet for text of width {width}; the model is {shape.family.title} with {shape.cross}"
            )
        return _mode(path, name, types) if types else None
    config = read_config(path / "config.json")
    channels = tuple(config.get("block_out_channels", ()))
    fits = config.get("cross_attention_dim") == shape.cross and (not shape.channels or channels == shape.channels)
    if not fits:
        of = "SDXL" if config.get("addition_embed_type") == "text_time" else "Stable Diffusion 1.5 or 2"
        raise ModelError(f"{path}: a ControlNet for {of}; it does not fit the model, which is {shape.family.title}")
    if config.get("_class_name") != "ControlNetUnionModel":
        return None
    return _mode(path, name, int(config.get("num_control_type", 6)))


def _mode(path: Path, name: str, types: int) -> int:
    """Return the number of a map in a ControlNet-Union that knows so many types."""
    if UNION_MODES.get(name, 99) >= types:
        raise UsageError(f"control {name}: {path} was not trained on it; it knows {', '.join(UNION_MODES)}")
    return UNION_MODES[name]


def check_adapter(path: Path, shape: Shape, *, allow_pickle: bool = False) -> tuple[bool, int]:
    """Compare an IP-Adapter with the UNet; returns whether it reads hidden states, and of which width."""
    shapes = shapes_of(path, allow_pickle=allow_pickle)
    layers = [s for n, s in shapes.items() if n.startswith("ip_adapter.") and n.endswith("to_k_ip.weight")]
    if not layers:
        raise ModelError(f"{path}: no IP-Adapter (it has no to_k_ip layers); name another with --style-adapter")
    if {layer[1] for layer in layers} != {shape.cross}:
        raise ModelError(
            f"{path}: an IP-Adapter for text of width {layers[0][1]}; the model is {shape.family.title} with "
            f"{shape.cross}; use ip-adapter-{shape.family.name}"
        )
    plus = "image_proj.latents" in shapes
    return plus, shapes["image_proj.proj_in.weight" if plus else "image_proj.proj.weight"][1]


def find_encoder(path: Path, plus: bool, width: int) -> Path:
    """Find the image encoder that the adapter was trained with: beside it, or where the makers keep it."""
    tried = [path.parent / "image_encoder", path.parent.parent / "models" / "image_encoder"]
    for place in tried:
        if (place / "config.json").is_file():
            config = read_config(place / "config.json")
            if config.get("hidden_size" if plus else "projection_dim") == width:
                return place
    places = " and ".join(str(place) for place in tried)
    raise ModelError(f"{path}: its image encoder of width {width} is not in {places}; fetch the adapter again")


def check_lora(path: Path, shape: Shape, *, allow_pickle: bool = False) -> None:
    """Refuse a LoRA whose layers do not fit, as far as its head tells."""
    shapes = shapes_of(path, allow_pickle=allow_pickle)
    widths = {
        dims[-1]
        for name, dims in shapes.items()
        if "attn2" in name and ("to_k" in name or "to_v" in name)
        and any(end in name for end in ("lora_down", "lora_A", "lora.down"))
    }  # fmt: skip
    if widths and widths != {shape.cross}:
        raise ModelError(
            f"{path}: a LoRA for text of width {widths.pop()}; the model is {shape.family.title} with {shape.cross}"
        )
    if not any(name.startswith(("unet.", "lora_unet_", "text_encoder", "lora_te", "lycoris_")) for name in shapes):
        raise ModelError(f"{path}: fits no layer of {shape.family.title}; name a LoRA for that family")
