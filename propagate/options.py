"""What carrying keys and synthesis take as options, and what carrying gives for a frame."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from propagate.arrays import F32, I32, Image

_LARGE = 1e6


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
    color_match : bool
        Let the keys' slow colors drift into each other between them; off keeps each key's own tones.
    other_keys : int
        How many keys beyond the two neighbors may explain a frame: an expression or a view that comes back
        finds its own key.  0 takes neighbors only, and a changed key then concerns only its two spans.
    new_surface : float
        0 to 1.  Confidence below which a place counts as shown by no key and is synthesized in the style; 0
        never synthesizes and leaves the nearest key's colors there.
    quality : {"medium", "fine"}
        "fine" matches at full size, "medium" at half: a seventh less work, thin things may swim.
    seed : int
        Another seed, other strokes on synthesized surface.
    threads : int or None
        None uses as many as Numba is set to.  The result does not depend on it.
    """

    choice: float = 12.0
    steadiness: float = 0.5
    color_match: bool = True
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
class SynthesisOptions:
    """How to search and how long.

    Attributes
    ----------
    patch_size : int
        Odd side of the compared squares.  Larger keeps bigger strokes whole, at the price of seams and time.
    uniformity : float
        Larger uses all parts of the style evenly; 0 lets flat parts repeat themselves until they look washed.
        With `initial_matches` that are to be kept (a repair), 0 is right: it pulls towards what is unused.
    pyramid_levels : int or None
        More levels arrange larger structures; 1 only repairs what `initial` or `initial_matches` give.
        None takes as many as the pictures allow.
    search_vote_iters : int
        Rounds of search and vote, half as many at full size if that has over 100,000 pixels.  More sharpens
        and settles the picture.
    patchmatch_iters : int
        Sweeps in each search, half as many at full size.  More finds better patches.
    stop_threshold : float
        8-bit steps: a pixel that changes by less in a round is left alone in the next.  0 never stops.
    extra_pass_3x3 : bool
        End with a pass of 3 x 3 patches without uniformity: closer to the guides, finer noise.
    vote : {"weighted", "plain"}
        "weighted" lets better matches count for more until the last vote (crisper); "plain" is EbSynth's
        average throughout.
    seed : int
        Another seed, another equally good picture; the same seed, the same picture on any number of threads.
    threads : int or None
        None uses as many as Numba is set to.
    backend : {"auto", "cpu", "cuda"}
        "auto" takes a CUDA device if there is one.
    """

    patch_size: int = 5
    uniformity: float = 3500.0
    pyramid_levels: int | None = None
    search_vote_iters: int = 6
    patchmatch_iters: int = 4
    stop_threshold: float = 5.0
    extra_pass_3x3: bool = False
    vote: Literal["weighted", "plain"] = "weighted"
    seed: int = 0
    threads: int | None = None
    backend: Literal["auto", "cpu", "cuda"] = "auto"

    def __post_init__(self) -> None:
        """Check every bound."""
        if self.patch_size < 3 or self.patch_size % 2 == 0:
            raise ValueError(f"patch_size is {self.patch_size}; expected an odd number of at least 3")
        if not 0 <= self.uniformity <= _LARGE:
            raise ValueError(f"uniformity is {self.uniformity}; expected 0 to {_LARGE:.0f}")
        if self.pyramid_levels is not None and self.pyramid_levels < 1:
            raise ValueError(f"pyramid_levels is {self.pyramid_levels}; expected at least 1, or None")
        for name in ("search_vote_iters", "patchmatch_iters"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not math.isfinite(self.stop_threshold) or self.stop_threshold < 0:
            raise ValueError(f"stop_threshold is {self.stop_threshold}; expected a number of at least 0")
        if self.vote not in ("weighted", "plain"):
            raise ValueError(f"vote is {self.vote!r}; expected 'weighted' or 'plain'")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed is {self.seed}; expected 0 to 4294967295")
        if self.threads is not None and self.threads < 1:
            raise ValueError(f"threads is {self.threads}; expected at least 1, or None")
        if self.backend not in ("auto", "cpu", "cuda"):
            raise ValueError(f"backend is {self.backend!r}; expected 'auto', 'cpu' or 'cuda'")


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
        Color difference left between the frame and the key that explains it best, 8-bit steps.
    quality : float
        Mean confidence.
    source : int32 (H, W)
        The key, by its number within the shot, whose paint each place shows most; -1 where the style was
        synthesized.
    others : tuple of int, or None
        Keys beyond the two neighbors that were followed here; None where none was asked for, so that the
        frame would be the same whichever other keys there are. How keys are painted decides nothing of it.
    """

    index: int
    image: Image
    confidence: F32
    error: F32
    quality: float
    source: I32
    others: tuple[int, ...] | None = None
