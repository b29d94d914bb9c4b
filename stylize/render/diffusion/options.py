"""What can be asked of the diffusion renderer."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@dataclass(frozen=True)
class DiffusionOptions:
    """What the diffusion renderer is asked for. What is marked (S) may be a schedule, ``0: a, 60: b``.

    Attributes
    ----------
    model : str
        A preset (`stylize models list`), a folder in diffusers' layout or a checkpoint file; ``auto`` takes
        the first preset that is here.
    config : str
        For a checkpoint file: a folder in diffusers' layout of the same family, for what the file lacks
        (tokenizer, settings); ``auto`` looks for the family's preset.
    vae : str
        Another autoencoder: folder or file; ``auto`` is the model's own.
    prompt : str
        (S) What is to be seen; the style picture says how. ``(word:1.3)`` weighs, any length.
    negative_prompt : str
        (S) What is not to be seen. Without effect where guidance is 1 or less.
    blend_prompts : bool
        Scheduled prompts run into each other; by default each holds until the next.
    strength : float or str
        (S) 0 to 1. Share of the steps that are painted: larger frees the picture from the frame's colors,
        smaller keeps the photograph.
    steps : int, optional
        1 to 200. More is finer and slower; 24, or 8 with `fast`, by default.
    guidance : float or str, optional
        (S) 0 to 30. Larger obeys the prompt harder, with harsher contrast; 6, or what `fast` needs, by
        default.
    controls : tuple of str
        ``NAME[@MODEL][:WEIGHT[:START-END]]`` each; ``none`` for no control. See `Control`.
    depth_model : str
        What guesses depth for control ``depth``: preset, folder or repository.
    control_scale : float or str
        (S) 0 to 2, times the weight of every control.
    style_adapter : str
        What carries the style: an IP-Adapter by preset or file, ``auto`` for the family's own, ``attention``
        for looking at the picture while painting, which needs no further model, ``none`` for words alone.
    style_scale : float or str
        (S) 0 to 2. Larger paints more like the style picture.
    style_blocks : str
        ``style`` feeds the picture to the layers that carry style, ``layout`` also to those that place
        things, ``all`` to all of them, which also copies what the picture shows.
    style_masks : tuple of str
        Pictures of the clip's size, one for each style: white is where that style is painted.
    loras : tuple of str
        ``PATH[:WEIGHT]`` each, in diffusers' or kohya's format.
    embeddings : tuple of str
        ``PATH`` of a textual inversion each; the file's name is its word in the prompt.
    scheduler : str, optional
        How noise is taken away, see `schedulers.NAMES`; ``unipc`` by default, with `fast` what that needs.
    fast : str
        ``hyper`` or ``lcm``: a LoRA that needs few steps. ``hyper`` keeps guidance and negative prompt.
    clip_skip : int
        0 to 11. Leaves out the last layers of the text encoder; many anime models were trained with 1.
    seed_per_key : bool
        Other noise for each key. The same for all, the default, makes keys agree.
    hold : float
        0 to 1. Until which share of the steps surface is held that another key shows. At 1 it is copied,
        lower lets the model mend seams.
    match_colors : float
        0 to 1. How far a key's colors are brought to those of the keys that it follows.
    attention : str
        With strong agreement, which layers look at finished keys: those on the way ``up``, or ``all``, which
        agrees more and is slower.
    edges : float
        0 to 1. How far edges of the enlarged painting follow the full-size frame.
    megapixels : float
        0 to 4. Size to paint at; 0 is the model's own. Larger takes more memory and doubles things.
    device : str
        ``auto``, ``cuda``, ``mps`` or ``cpu``.
    dtype : str
        ``auto``, ``float16``, ``bfloat16`` or ``float32``.
    batch : int
        0 to 16. Keys that do not follow each other are painted so many at once: faster on a GPU, and takes
        more memory. 0 chooses: four on CUDA, one elsewhere.
    safety_checker : bool
        Let the model's own checker refuse pictures; a refused key is an error, never a black picture.
    """

    model: str = "auto"
    config: str = "auto"
    vae: str = "auto"
    prompt: str = ""
    negative_prompt: str = ""
    blend_prompts: bool = False
    strength: float | str = 0.75
    steps: int | None = None
    guidance: float | str | None = None
    controls: tuple[str, ...] = ("lineart:0.7",)
    depth_model: str = "depth-small"
    control_scale: float | str = 1.0
    style_adapter: str = "auto"
    style_scale: float | str = 1.0
    style_blocks: Blocks = "style"
    style_masks: tuple[str, ...] = ()
    loras: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    scheduler: str | None = None
    fast: Fast = "off"
    clip_skip: int = 0
    seed_per_key: bool = False
    hold: float = 0.85
    match_colors: float = 1.0
    attention: Literal["up", "all"] = "up"
    edges: float = 1.0
    megapixels: float = 0.0
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto"
    batch: int = 0
    safety_checker: bool = False

    def __post_init__(self) -> None:
        """Check every bound and spelling that can be checked without a model."""
        bounds = {
            "strength": (0, 1),
            "steps": (1, 200),
            "guidance": (0, 30),
            "control_scale": (0, 2),
            "style_scale": (0, 2),
            "clip_skip": (0, 11),
            "hold": (0, 1),
            "match_colors": (0, 1),
            "edges": (0, 1),
            "megapixels": (0, 4),
            "batch": (0, 16),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if isinstance(value, str):
                value = _number(value)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}; expected {low} to {high}")
        for name, kind in (("style_blocks", Blocks), ("fast", Fast)):
            if getattr(self, name) not in get_args(kind):
                raise ValueError(f"{name} is {getattr(self, name)!r}; choose one of {', '.join(get_args(kind))}")
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


def make_options(given: Mapping[str, Any]) -> DiffusionOptions:
    """Build options by name; UsageError for an unknown or impossible one."""
    known = {field.name for field in fields(DiffusionOptions)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise UsageError(f"renderer sd has no option {unknown[0]!r}; it has {', '.join(sorted(known))}")
    try:
        return DiffusionOptions(**given)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _number(text: str) -> float | None:
    """`text` as a number; None if it is a schedule, which is judged where it is evaluated."""
    try:
        return float(text)
    except ValueError:
        return None
