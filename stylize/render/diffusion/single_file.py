"""Parts that come as one file, as model sites give them: what they are, and the settings that they lack.

The library would fetch these settings from the hub. All of them are told by the model that the part is for,
and by the names and shapes of its tensors.
"""

from __future__ import annotations

import inspect
import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import ModelError
from stylize.models import is_pickle, read_config, read_header

if TYPE_CHECKING:
    from collections.abc import Mapping

_LONG = "control_model."
"""In front of every tensor of a ControlNet in the layout of its first code."""
_HINTS = ("input_hint_block.0", "input_hint_block.4", "input_hint_block.8", "input_hint_block.12")
"""Layers whose widths are those of a ControlNet's embedding of hints, in that layout."""


def load_tensors(path: Path) -> dict[str, Any]:
    """Load a file's tensors by name, from safetensors or from a pickle that holds nothing but tensors.

    Raises
    ------
    ModelError
        If a pickle holds anything else: even where pickles are allowed, none is let run code here.
    """
    if not is_pickle(path):
        from safetensors.torch import load_file

        return dict(load_file(path))
    import torch

    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(f"{path}: holds more than weights, or is damaged; use a .safetensors file") from error
    return _flat(found)


def shapes_of(path: Path, *, allow_pickle: bool = False) -> Mapping[str, tuple[int, ...]]:
    """Return the shape of every tensor of a file; of a safetensors file only the head is read."""
    if allow_pickle and is_pickle(path):
        return {name: tuple(one.shape) for name, one in load_tensors(path).items()}
    return read_header(path).shapes


def controlnet_width(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return the width of the text embeddings that a ControlNet of one file reads.

    Raises
    ------
    ModelError
        If it is none, or of a sort that is no net of its own.
    """
    if any(name.startswith("lora_controlnet") or ".lora_" in name for name in shapes):
        raise ModelError(f"{path}: a Control-LoRA, which only ComfyUI reads; use a whole ControlNet")
    if "difference" in shapes:
        raise ModelError(f"{path}: only a difference to a model; use a whole ControlNet")
    control = any("controlnet_cond_embedding" in name or "input_hint_block" in name for name in shapes)
    widths = {shape[1] for name, shape in shapes.items() if name.endswith("attn2.to_k.weight")}
    if not control or len(widths) != 1:
        raise ModelError(f"{path}: no ControlNet; name a ControlNet after the @ of --control")
    return widths.pop()


def union_types(shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Return how many sorts of maps a ControlNet-Union of one file knows; 0 for a plain ControlNet."""
    return shapes["task_embedding"][0] if "task_embedding" in shapes else 0


def controlnet_settings(shapes: Mapping[str, tuple[int, ...]], unet: Mapping[str, Any], kind: Any) -> dict[str, Any]:
    """Return the settings of a ControlNet of one file.

    Parameters
    ----------
    shapes
        Of its tensors, in the layout of the first code or in diffusers'.
    unet
        Settings of the UNet that it is for: a ControlNet is a copy of the UNet's way down.
    kind
        Its class in diffusers.
    """
    known = set(inspect.signature(kind.__init__).parameters)
    settings = {name: value for name, value in unet.items() if name in known and value is not None}
    short = {name.removeprefix(_LONG): shape for name, shape in shapes.items()}
    hints = [short[f"{name}.weight"][0] for name in _HINTS if f"{name}.weight" in short]
    if not hints:
        inner = re.compile(r"controlnet_cond_embedding\.blocks\.(\d*[13579])\.weight")
        blocks = {int(found[1]): shape[0] for n, shape in short.items() if (found := inner.fullmatch(n))}
        first = short["controlnet_cond_embedding.conv_in.weight"][0]
        hints = [first, *(blocks[index] for index in sorted(blocks))]
        settings |= _depths(short, settings)
    settings["conditioning_embedding_out_channels"] = hints
    if union_types(short):
        trans = short["task_embedding"][1]
        settings |= {
            "num_control_type": union_types(short),
            "num_trans_channel": trans,
            "num_proj_channel": short["spatial_ch_projs.weight"][0],
        }
    return settings


def _depths(shapes: Mapping[str, tuple[int, ...]], unet: Mapping[str, Any]) -> dict[str, Any]:
    """Small ControlNets leave attention out of some blocks: return the types and depths that are there."""
    types, depths = [], []
    for block in range(len(unet["block_out_channels"])):
        inner = re.compile(rf"down_blocks\.{block}\.attentions\.0\.transformer_blocks\.(\d+)\.")
        layers = {int(found[1]) for name in shapes if (found := inner.match(name))}
        types.append("CrossAttnDownBlock2D" if layers else "DownBlock2D")
        depths.append(max(layers, default=0) + 1)
    told: dict[str, Any] = {"down_block_types": types, "transformer_layers_per_block": depths}
    if not any(name.startswith("mid_block.attentions.") for name in shapes) and "mid_block_type" in unet:
        told["mid_block_type"] = "UNetMidBlock2D"
    return told


def load_net(kind: Any, path: Path, settings: Mapping[str, Any], **told: Any) -> Any:
    """Load a part of one file with settings that are known, without a network.

    Raises
    ------
    ModelError
        If the file lacks some of the part's tensors.
    """
    tensors = load_tensors(path)
    if "task_embedding" in tensors:  # the library reads a ControlNet-Union from a folder only
        from accelerate import init_empty_weights

        with init_empty_weights():
            net = kind.from_config(dict(settings))
        net.load_state_dict(tensors, strict=False, assign=True)
        net = net.to(told["dtype"]).eval() if not _lacking(net) else net
    else:
        with tempfile.TemporaryDirectory() as folder:
            config = {**settings, "_class_name": kind.__name__}
            (Path(folder) / "config.json").write_text(json.dumps(config), encoding="utf-8")
            net = kind.from_single_file(tensors, config=folder, local_files_only=True, **told)
    lacking = _lacking(net)
    if lacking:
        raise ModelError(f"{path}: lacks {lacking[0]} and {len(lacking) - 1} others; fetch it again")
    return net


def _lacking(net: Any) -> list[str]:
    return [name for name, weight in net.named_parameters() if weight.is_meta]


def settings_beside(base: Path, config: Path | None, part: str) -> dict[str, Any]:
    """Return the settings of a part of the model: ``unet`` or ``vae``."""
    return read_config((base if base.is_dir() else config or base) / part / "config.json")


def _flat(found: Any) -> dict[str, Any]:
    """Take the tensors out of what people save: nested by part, or under names of the trainer."""
    if isinstance(found, dict) and "string_to_param" in found:  # a textual inversion of the first web pages
        return dict(found["string_to_param"])
    if isinstance(found, dict) and isinstance(found.get("state_dict"), dict):
        found = found["state_dict"]
    flat: dict[str, Any] = {}
    for name, value in found.items() if isinstance(found, dict) else ():
        inside = _flat(value) if isinstance(value, dict) else {"": value}
        flat |= {f"{name}.{rest}".rstrip("."): one for rest, one in inside.items() if hasattr(one, "shape")}
    return flat
