"""Options of painting keys: how far they follow each other, and what the weight-free renderer is asked for.

They stand apart from what reads them, so that a command's help can tell defaults without loading painters.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class AgreementOptions:
    """How far a key follows the keys that were painted before it.

    Attributes
    ----------
    level : str
        ``off``: every key is painted on its own, whatever the others look like. ``weak``: what others show
        is the ground that a key is painted on. ``strong``: it is held until shortly before the end, and a
        painter with attention looks at the finished keys while it paints.
    anchors : int
        1 to 8: at most so many finished keys are followed, those that share most. More finds more surface
        and takes more memory.
    least : float
        0 to 1. Keys that share less than this part of the picture do not follow each other.
    """

    level: Literal["off", "weak", "strong"] = "strong"
    anchors: int = 2
    least: float = 0.02

    def __post_init__(self) -> None:
        """Check every bound."""
        if self.level not in ("off", "weak", "strong"):
            raise ValueError(f"level is {self.level!r}; choose 'off', 'weak' or 'strong'")
        if not 1 <= self.anchors <= 8:
            raise ValueError(f"anchors is {self.anchors}; expected 1 to 8")
        if not 0 <= self.least <= 1:
            raise ValueError(f"least is {self.least}; expected 0 to 1")


@dataclass(frozen=True)
class PatchOptions:
    """What the painter is asked for.

    Attributes
    ----------
    style_strength : float
        0 to 1. Larger gives the strokes their own way; smaller keeps closer to the frame's forms.
    keep_colors : float
        0 to 1. 0 paints in the style's palette, 1 in the frame's own hues with the style's strokes and light.
    stroke_scale : float
        0.25 to 4. 2 paints with strokes twice as large, 0.5 with finer ones.
    palette_reach : float
        0 to 1. Larger uses more of the style's colors, however far from the frame's; 0 only the nearest.
    """

    style_strength: float = 0.6
    keep_colors: float = 0.0
    stroke_scale: float = 1.0
    palette_reach: float = 0.5

    def __post_init__(self) -> None:
        """Check every bound."""
        bounds = {
            "style_strength": (0, 1),
            "keep_colors": (0, 1),
            "stroke_scale": (0.25, 4),
            "palette_reach": (0, 1),
        }
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ValueError(f"{name} is {value}; expected {low} to {high}")
