"""What differs between the families of models, and which one a model is of, told before it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from stylize.errors import ModelError
from stylize.models import family_of, read_config
from stylize.models.families import family_of_tensors
from stylize.render.diffusion.single_file import shapes_of

if TYPE_CHECKING:
    from pathlib import Path

StyleTable = dict[str, dict[str, "list[float] | float"]]


@dataclass(frozen=True)
class Family:
    """A family of models.

    Attributes
    ----------
    name
        ``sd15`` or ``sdxl``; the beginning of its presets.
    title
        As people say it.
    pipelines
        Class in diffusers without control, with ControlNets, with a ControlNet-Union; empty if there is none.
    area
        Working area over that of the square that the model was trained on.
    style
        For ``style`` and ``layout`` of `style_blocks`: which blocks of the UNet get the style picture
        (InstantStyle, Wang et al. 2024). A table of the other family would silently address nothing.
    controls
        Map → preset of its ControlNet; under the empty name, the one for every other map.
    """

    name: str
    title: str
    pipelines: tuple[str, str, str]
    area: float
    style: dict[str, StyleTable]
    controls: dict[str, str]


SD15 = Family(
    "sd15",
    "Stable Diffusion 1.5",
    ("StableDiffusionImg2ImgPipeline", "StableDiffusionControlNetImg2ImgPipeline", ""),
    1.5,
    {
        "style": {"up": {"block_1": 1.0}},
        "layout": {"up": {"block_1": 1.0}, "down": {"block_2": 1.0}},
    },
    {
        "canny": "sd15-canny",
        "lineart": "sd15-lineart",
        "softedge": "sd15-softedge",
        "scribble": "sd15-scribble",
        "depth": "sd15-depth",
        "tile": "sd15-tile",
        "openpose": "sd15-openpose",
        "normalbae": "sd15-normal",
        "hed": "sd15-softedge",
        "pidinet": "sd15-softedge",
        "teed": "sd15-softedge",
        "anyline": "sd15-lineart",
        "midas": "sd15-depth",
        "zoe": "sd15-depth",
        "leres": "sd15-depth",
    },
)
SDXL = Family(
    "sdxl",
    "SDXL",
    (
        "StableDiffusionXLImg2ImgPipeline",
        "StableDiffusionXLControlNetImg2ImgPipeline",
        "StableDiffusionXLControlNetUnionImg2ImgPipeline",
    ),
    1.0,
    {
        "style": {"up": {"block_0": [0.0, 1.0, 0.0]}},
        "layout": {"up": {"block_0": [0.0, 1.0, 0.0]}, "down": {"block_2": [0.0, 1.0]}},
    },
    {"": "sdxl-union"},
)
FAMILIES = {family.name: family for family in (SD15, SDXL)}

UNION_MODES = {
    "openpose": 0, "depth": 1, "midas": 1, "zoe": 1, "leres": 1, "softedge": 2, "scribble": 2, "hed": 2,
    "pidinet": 2, "teed": 2, "canny": 3, "lineart": 3, "lineart_anime": 3, "anyline": 3, "mlsd": 3,
    "normalbae": 4, "tile": 6,
}  # fmt: skip
"""Map → the number under which a ControlNet-Union was trained on it."""


@dataclass(frozen=True)
class Shape:
    """What other parts have to fit: the family, and the width of the text embeddings that its UNet reads.

    `channels` are those of the UNet's blocks; empty where only a checkpoint's tensors tell of it.
    """

    family: Family
    cross: int
    channels: tuple[int, ...] = ()


def detect(path: Path, *, allow_pickle: bool = False) -> Shape:
    """Say of which family the model at `path` is, from its configuration or the names of its tensors.

    Raises
    ------
    ModelError
        If it is none of ours, or a part that paints nothing by itself.
    """
    shapes = {} if path.is_dir() else shapes_of(path, allow_pickle=allow_pickle)
    name = family_of(path) if path.is_dir() else family_of_tensors(shapes)
    if name not in FAMILIES:
        what = f"a model of family {name}" if name else "no model that is known"
        raise ModelError(f"{path}: {what}; renderer sd paints with Stable Diffusion 1.5 and SDXL")
    family = FAMILIES[name]
    if path.is_dir():
        return _of_unet(path, read_config(path / "unet" / "config.json"), family)
    widths = [shape[1] for tensor, shape in shapes.items() if tensor.endswith("attn2.to_k.weight")]
    entry = shapes.get("model.diffusion_model.input_blocks.0.0.weight", (0, 4))
    if not widths:
        raise ModelError(f"{path}: holds no UNet; name a whole model with --model")
    return Shape(_of_width(path, family, entry[1]), widths[0])


def _of_unet(path: Path, unet: dict[str, Any], family: Family) -> Shape:
    if family is SDXL and not (path / "text_encoder").is_dir():
        raise ModelError(f"{path}: an SDXL refiner, which paints nothing by itself; name the base model")
    _of_width(path, family, unet.get("in_channels", 4))
    return Shape(family, int(unet["cross_attention_dim"]), tuple(unet.get("block_out_channels", ())))


def _of_width(path: Path, family: Family, channels: int) -> Family:
    if channels != 4:
        raise ModelError(f"{path}: its UNet reads {channels} channels, as inpainting models do; use a plain model")
    return family
