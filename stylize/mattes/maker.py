"""Which maker a matte comes from, and what finds its edges."""

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
