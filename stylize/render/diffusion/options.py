"""Options of the diffusion renderer, and the spelling of controls and weighted files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from annotated_types import Interval, Unit
from typing_extensions import Doc

from propagate.option_fields import check_options, described

Blocks = Literal["style", "layout", "all"]
Fast = Literal["off", "hyper", "lcm"]
_CONTROL = re.compile(
    r"(?P<map>[^@]+?)(?:@(?P<model>.+?))?"
    r"(?::(?P<weight>\d*\.?\d+)(?::(?P<start>\d*\.?\d+)-(?P<end>\d*\.?\d+))?)?"
)
_WEIGHTED = re.compile(r"(?P<name>.+?)(?::(?P<weight>-?\d*\.?\d+))?")


@dataclass(frozen=True)
class Control:
    """A control map and its ControlNet: ``canny``, ``canny:0.7``, ``depth:0.5:0-0.8``, ``canny@FOLDER:0.7``.

    Attributes
    ----------
    map
        Name of the map, see ``stylize maps``.
    model
        Preset, folder or file of the ControlNet; None for the family's own for this map.
    weight
        0 to 2. Larger keeps closer to the frame's forms.
    start, end
        Share of the steps between which it acts. Ending early leaves details to the style.
    """

    map: str
    model: str | None = None
    weight: float = 0.7
    start: float = 0.0
    end: float = 1.0


@dataclass(frozen=True)
class Weighted:
    """A file or preset with a weight: ``ink.safetensors:0.8``."""

    name: str
    weight: float = 1.0


@described
@dataclass(frozen=True)
class DiffusionOptions:
    """How Stable Diffusion paints keys."""

    type_id: ClassVar[str] = "diffusion-options"
    model: Annotated[
        str, Doc("Preset, folder in diffusers' layout or checkpoint file; auto: the first preset present.")
    ] = "auto"
    config: Annotated[
        str,
        Doc("Folder in diffusers' layout of the same family, for parts that a checkpoint lacks; auto: its preset's."),
    ] = "auto"
    vae: Annotated[str, Doc("Another autoencoder, folder or file; auto: the model's own.")] = "auto"
    prompt: Annotated[
        str,
        Doc("Words for the picture; the style picture gives the manner. (word:1.3) weighs; 0: a, 60: b is a schedule."),
    ] = ""
    negative_prompt: Annotated[
        str, Doc("Words for what must not appear; without effect where guidance is 1 or less. May be a schedule.")
    ] = ""
    blend_prompts: Annotated[
        bool, Doc("Scheduled prompts blend into each other; by default each holds until the next.")
    ] = False
    strength: Annotated[
        float | str,
        Interval(ge=0, le=1),
        Doc("Share of the steps that are painted. 0: the frame as it is; 1: free of its colors."),
    ] = 0.75
    steps: Annotated[
        int | None, Interval(ge=1, le=200), Doc("More is finer and slower; 24 by default, 8 with --fast hyper.")
    ] = None
    guidance: Annotated[
        float | str | None,
        Interval(ge=0, le=30),
        Doc("Higher obeys the prompt more, with harsher contrast; 6 by default, or what --fast needs."),
    ] = None
    controls: Annotated[
        tuple[str, ...],
        Doc("Control maps, NAME[@MODEL][:WEIGHT[:START-END]], such as depth:0.5:0-0.8; none: no map."),
    ] = ("lineart:0.7",)
    depth_model: Annotated[str, Doc("Model that estimates depth for the control map depth.")] = "depth-small"
    control_scale: Annotated[
        float | str,
        Interval(ge=0, le=2),
        Doc("Factor for the weight of every control map. Higher keeps the frame's forms."),
    ] = 1.0
    style_adapter: Annotated[
        str,
        Doc("Carrier of the style: an IP-Adapter by preset or file, auto: the family's own, attention or none."),
    ] = "auto"
    style_scale: Annotated[float | str, Interval(ge=0, le=2), Doc("Higher paints more like the style picture.")] = 1.0
    style_blocks: Annotated[
        Blocks,
        Doc("Layers that see the style picture: those of style, also those of layout, or all, which copies content."),
    ] = "style"
    style_masks: Annotated[
        tuple[str, ...], Doc("Pictures of the clip's size, one for each style: white is where that style is painted.")
    ] = ()
    loras: Annotated[tuple[str, ...], Doc("LoRA files, PATH[:WEIGHT], in diffusers' or kohya's format.")] = ()
    embeddings: Annotated[
        tuple[str, ...], Doc("Textual inversions; the name of the file is its word in the prompt.")
    ] = ()
    scheduler: Annotated[
        str | None, Doc("Sampler: unipc, dpm++, euler-a, ddim and others; unipc by default, or what --fast needs.")
    ] = None
    fast: Annotated[Fast, Doc("Few steps by a LoRA; hyper keeps guidance and the negative prompt.")] = "off"
    clip_skip: Annotated[
        int, Interval(ge=0, le=11), Doc("Last layers of the text encoder that are left out; many anime models need 1.")
    ] = 0
    seed_per_key: Annotated[
        bool, Doc("Uses a different noise seed for each key; by default one seed makes keys agree.")
    ] = False
    hold: Annotated[
        float,
        Interval(ge=0, le=1),
        Doc("Share of the steps in which surface of finished keys is held. 1 copies it; lower mends seams."),
    ] = 0.85
    match_colors: Annotated[
        float, Interval(ge=0, le=1), Doc("How far a key's colors are brought to those of the keys that it follows.")
    ] = 1.0
    attention: Annotated[
        Literal["up", "all"],
        Doc("Layers that look at finished keys with strong agreement; all agrees more and is slower."),
    ] = "up"
    edges: Annotated[
        float, Interval(ge=0, le=1), Doc("How far edges of the enlarged painting follow the full-size frame.")
    ] = 1.0
    megapixels: Annotated[
        float,
        Interval(ge=0, le=4),
        Unit("megapixels"),
        Doc("Size to paint at; 0: the model's own. Larger takes more memory and can double things."),
    ] = 0.0
    device: Annotated[Literal["auto", "cuda", "mps", "cpu"], Doc("Device that runs models.")] = "auto"
    dtype: Annotated[
        Literal["auto", "float16", "bfloat16", "float32"],
        Doc("Number format of models; auto is half precision on GPUs."),
    ] = "auto"
    batch: Annotated[
        int,
        Interval(ge=0, le=16),
        Unit("keys"),
        Doc("Independent keys painted at once: faster on a GPU, more memory. 0: four on CUDA, one elsewhere."),
    ] = 0
    safety_checker: Annotated[bool, Doc("Lets the model's own checker refuse pictures; a refused key is an error.")] = (
        False
    )

    def __post_init__(self) -> None:
        check_options(self)
        for spec in self.controls:
            parse_control(spec)
        for spec in (*self.loras, *self.embeddings):
            parse_weighted(spec)
        if self.scheduler is not None:
            from stylize.render.diffusion.schedulers import check_scheduler

            check_scheduler(self.scheduler)


def parse_control(spec: str) -> Control | None:
    """Read ``NAME[@MODEL][:WEIGHT[:START-END]]``; None for ``none``. ValueError for anything else."""
    if spec == "none":
        return None
    found = _CONTROL.fullmatch(spec)
    if found is None or ":" in found["map"].removeprefix("aux:"):
        raise ValueError(f"control {spec!r} is not NAME[@MODEL][:WEIGHT[:START-END]], such as depth:0.5:0-0.8")
    weight, start, end = (float(found[name] or usual) for name, usual in (("weight", 0.7), ("start", 0), ("end", 1)))
    if not 0 <= weight <= 2:
        raise ValueError(f"control {spec!r} has weight {weight}; expected 0 to 2")
    if not 0 <= start < end <= 1:
        raise ValueError(f"control {spec!r} acts from {start} to {end}; expected 0 <= START < END <= 1")
    return Control(found["map"], found["model"], weight, start, end)


def parse_weighted(spec: str) -> Weighted:
    """Read ``PATH[:WEIGHT]``; ValueError for a weight beyond -4 to 4 or an empty path."""
    found = _WEIGHTED.fullmatch(spec)
    if found is None or Path(spec).exists():  # a name may end like a weight
        if not spec:
            raise ValueError("a file's name is empty; write PATH[:WEIGHT]")
        return Weighted(spec)
    weight = float(found["weight"] or 1)
    if not -4 <= weight <= 4:
        raise ValueError(f"{spec!r} has weight {weight}; expected -4 to 4")
    return Weighted(found["name"], weight)
