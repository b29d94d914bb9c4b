"""Options of mattes: how a given matte is fitted, stabilized and shaped, and how one is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

_CHOICES = {
    "maker": ("color", "sam2"),
    "edges": ("color", "vitmatte", "none"),
    "device": ("auto", "cuda", "mps", "cpu"),
    "dtype": ("auto", "float16", "bfloat16", "float32"),
}


@dataclass(frozen=True)
class MatteOptions:
    """How a matte is fitted to its clip, steadied and shaped; in this order.

    Attributes
    ----------
    fit
        For a matte of another size than the clip: ``error`` refuses, ``scale`` stretches it to the clip's
        size, ``crop`` keeps its scale and cuts it or surrounds it with black, center on center.
    missing
        For frames that a matte lacks, has damaged, or ends before: ``error`` refuses and names them, ``hold``
        repeats the last one before, ``black`` leaves the clip untouched there.
    match
        Which matte belongs to which frame: ``number`` by frame number, ``time`` the one that is on screen
        then (for another rate), ``auto`` by number, or one for one where there are as many.
    stabilize
        How much of the chatter of edges is taken away, 0 to 1, see `stylize.mattes.stabilize`; 0 takes every
        matte as it is.
    radius
        Neighbors on each side that steady an edge; more is calmer and softens edges that change form.
    levels
        ``"BLACK,WHITE"``: opacities that become 0 and 1. ``0.1,0.9`` clips weak remains of the
        background and thin spots in the subject; the edge gets harder.
    choke
        Pixels by which the edge goes inwards, in fractions too; negative spreads. Takes a rim of background
        away.
    feather
        Pixels over which the edge is softened, half inside and half outside.
    invert
        Style the background and keep the subject.
    """

    fit: Literal["error", "scale", "crop"] = "error"
    missing: Literal["error", "hold", "black"] = "error"
    match: Literal["auto", "number", "time"] = "auto"
    stabilize: float = 1.0
    radius: int = 2
    levels: str = "0,1"
    choke: float = 0.0
    feather: float = 0.0
    invert: bool = False

    def __post_init__(self) -> None:
        for name, choices in (
            ("fit", ("error", "scale", "crop")),
            ("missing", ("error", "hold", "black")),
            ("match", ("auto", "number", "time")),
        ):
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"{name} is {value!r}; choose {', '.join(choices)}")
        if not 0 <= self.stabilize <= 1:
            raise ValueError(f"stabilize is {self.stabilize}; expected 0 to 1")
        if not 0 <= self.radius <= 8:
            raise ValueError(f"radius is {self.radius}; expected 0 to 8")
        if not -200 <= self.choke <= 200:
            raise ValueError(f"choke is {self.choke}; expected -200 to 200 pixels")
        if not 0 <= self.feather <= 200:
            raise ValueError(f"feather is {self.feather}; expected 0 to 200 pixels")
        parse_levels(self.levels)


@dataclass(frozen=True)
class MakingOptions:
    """What cuts the subject out and what finds its edges; ``sam2`` and ``vitmatte`` need models.

    Attributes
    ----------
    maker
        ``color`` cuts out by color and follows the motion, and needs no weights. ``sam2`` is SAM 2 (Ravi et
        al. 2024): it knows things when it sees them, also after they were hidden, and takes points.
    edges
        ``color`` solves for the opacity near the edge by colors; ``vitmatte`` is ViTMatte (Yao et al.
        2023), for hair and blur; ``none`` leaves the edge of ``sam2`` as it is, at a quarter of the
        model's size.
    segmenter
        The SAM 2 that is taken: a preset, a repository or a folder. Larger ones are slower and surer.
    matter
        The ViTMatte that is taken.
    device
        Where models run.
    dtype
        Number format of models; ``auto`` is half on GPUs.
    """

    maker: Literal["color", "sam2"] = "color"
    edges: Literal["color", "vitmatte", "none"] = "color"
    segmenter: str = "sam2-small"
    matter: str = "vitmatte-small"
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"
    dtype: Literal["auto", "float16", "bfloat16", "float32"] = "auto"

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise ValueError(f"{name} is {value!r}; choose {', '.join(choices)}")


def parse_levels(text: str) -> tuple[float, float]:
    """Return (black, white) of ``"BLACK,WHITE"``, each 0 to 1.

    Raises
    ------
    ValueError
        If there are not two numbers, or black is not below white.
    """
    try:
        black, white = (float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"levels is {text!r}; expected BLACK,WHITE such as 0.1,0.9") from None
    if not 0 <= black < white <= 1:
        raise ValueError(f"levels is {text!r}; expected 0 <= BLACK < WHITE <= 1")
    return black, white
