"""What carrying keys takes as options, and what it gives for a frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from propagate.arrays import F32, I32, Image

__all__ = ["CarriedFrame", "PropagateOptions"]


@dataclass(frozen=True)
class PropagateOptions:
    """How keys are carried.

    Attributes
    ----------
    choice : float
        8-bit steps of disagreement between keys from which one key's strokes are taken instead of a mix.
        Smaller keeps strokes crisper, larger goes over more softly from key to key.
    steadiness : float
        0 to 1.  Larger keeps the choice between keys steadier along the motion, at the price of following a
        change of view a little later.
    colour_match : bool
        Let the keys' slow colours drift into each other between them; off keeps each key's own tones.
    other_keys : int
        How many keys beyond the two neighbours may explain a frame: an expression or a view that comes back
        finds its own key.  0 takes neighbours only, and a changed key then concerns only its two spans.
    new_surface : float
        0 to 1.  Confidence below which a place counts as shown by no key and is synthesized in the style; 0
        never synthesizes and leaves the nearest key's colours there.
    quality : {"medium", "fine"}
        "fine" matches at full size, "medium" at half: a seventh less work, thin things may swim.
    seed : int
        Another seed, other strokes on synthesized surface.
    threads : int or None
        None uses as many as Numba is set to.  The result does not depend on it.
    """

    choice: float = 12.0
    steadiness: float = 0.5
    colour_match: bool = True
    other_keys: int = 1
    new_surface: float = 0.2
    quality: str = "fine"
    seed: int = 0
    threads: int | None = None

    def __post_init__(self) -> None:
        """Check every bound."""
        if not 0 < self.choice < float("inf"):
            raise ValueError(f"choice is {self.choice}; expected more than 0")
        for name in ("steadiness", "new_surface"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected 0 to 1")
        if self.other_keys < 0:
            raise ValueError(f"other_keys is {self.other_keys}; expected 0 or more")
        if self.quality not in ("medium", "fine"):
            raise ValueError(f"quality is {self.quality!r}; expected 'medium' or 'fine'")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed is {self.seed}; expected 0 to 4294967295")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads is {self.threads}; expected at least 1")


@dataclass(frozen=True)
class CarriedFrame:
    """One finished frame.

    Attributes
    ----------
    index : int
        Its number within the shot.
    image : Image, (H, W, C)
        In the painted keys' type and channels; on a key's own frame the very key.
    confidence : float32 (H, W)
        0 to 1, how surely some key shows each place.
    error : float32 (H, W)
        Colour difference left between the frame and the key that explains it best, 8-bit steps.
    quality : float
        Mean confidence.
    source : int32 (H, W)
        The key, by its number within the shot, whose paint each place shows most; -1 where the style was
        synthesized.
    """

    index: int
    image: Image
    confidence: F32
    error: F32
    quality: float
    source: I32
