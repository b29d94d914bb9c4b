"""Guided patch synthesis: a picture like the style, laid out like the guides.

The method is that of Fiser et al., "StyLit" (2016) and Jamriska et al., "LazyFluids" (2015) as EbSynth made
it known: a match field from coarse to fine, PatchMatch (Barnes et al. 2009), voting (Wexler et al. 2007), and
a price on using a part of the style more often than the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from propagate._multiscale import solve
from propagate.arrays import check_image
from propagate.backend import choose_field
from propagate.guides import Guide, check_guides
from propagate.options import SynthesisOptions
from propagate.pyramid import build, level_count
from propagate.threads import ThreadTeam

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from propagate.arrays import F32, I32, Bool, Image

_USUAL = SynthesisOptions()


@dataclass(frozen=True)
class Synthesis:
    """A synthesized picture.

    Attributes
    ----------
    image : Image, (Ht, Wt, C)
        In the style's type and channels.
    matches : int32 (Ht, Wt, 2)
        (x, y) of the style patch's center for each pixel; (-1, -1) where nothing was made.
    error : float32 (Ht, Wt)
        Weighted squared difference per pixel of the patch, in 8-bit steps squared; 0 where nothing was made.
    """

    image: Image
    matches: I32
    error: F32


def synthesize(  # noqa: PLR0913  EbSynth's inputs, and where to start
    style: Image,
    guides: Sequence[Guide],
    options: SynthesisOptions = _USUAL,
    *,
    style_weight: float = 1.0,
    source_valid: Bool | None = None,
    target_valid: Bool | None = None,
    initial: Image | None = None,
    initial_matches: I32 | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> Synthesis:
    """Make a picture that looks like `style` patch by patch and is arranged as the guides say.

    Parameters
    ----------
    style : Image, (Hs, Ws, C)
        uint8 or uint16, 1 to 4 channels; alpha is a channel like the others.
    guides : sequence of Guide
        At most 24 channels together.
    options : SynthesisOptions
        How to search and how long.
    style_weight : float
        Larger holds the style's texture together, at the price of following the guides less.
    source_valid : bool (Hs, Ws), optional
        Only these style pixels are used.
    target_valid : bool (Ht, Wt), optional
        Only these pixels are made; the others keep `initial` (0 without it).  Where `initial` is given, the
        picture grows on from them without a seam.  Time and memory go with the area of the box around them.
    initial : Image, (Ht, Wt, C), optional
        A picture to start from, in the style's type and channels; the first search compares with it.
    initial_matches : int32 (Ht, Wt, 2), optional
        (x, y) in the style to start from; -1 for no idea.  Finer levels come back to it wherever coarser ones
        have stayed within two pixels of it.
    on_progress : callable, optional
        Called with the share of the work done, 0 to 1.

    Returns
    -------
    Synthesis
        The picture, where it came from and how well that fits.

    Raises
    ------
    ValueError
        If sizes, types, channels, weights or masks do not fit; the message says which and how to mend it.
    """
    check_guides(style, guides, style_weight)
    size = guides[0].target.shape[:2]
    _check_inputs(style, size, options, source_valid, target_valid, initial, initial_matches)
    make = choose_field(options.backend)
    active = np.ones(size, np.bool_) if target_valid is None else target_valid
    canvas = np.zeros((*size, style.shape[2]), style.dtype) if initial is None else initial.copy()
    matches = np.full((*size, 2), -1, np.int32)
    error = np.zeros(size, np.float32)
    if not active.any():
        return Synthesis(canvas, matches, error)
    wanted = level_count(style.shape[:2], size, options.patch_size, options.pyramid_levels)
    part = _surroundings(active, options.patch_size << wanted)
    with ThreadTeam(options.threads) as crew:
        levels, scale = build(
            style,
            [_cropped(guide, part) for guide in guides],
            canvas[part],
            crew,
            style_weight=style_weight,
            patch_size=options.patch_size,
            count=wanted,
            usable=np.ones(style.shape[:2], np.bool_) if source_valid is None else source_valid,
            active=active[part],
            canvas_known=initial is not None,
        )
        matches[part], error[part] = solve(
            levels,
            scale,
            options,
            crew,
            None if initial_matches is None else initial_matches[part],
            make,
            painted=initial is not None,
            on_progress=on_progress,
        )
    error[~active] = 0
    made = levels[0].canvas if style.dtype == np.uint16 else (levels[0].canvas.astype(np.uint32) + 128) // 257
    np.copyto(canvas[part], made, where=active[part][..., None], casting="unsafe")
    return Synthesis(canvas, matches, error)


def _surroundings(active: Bool, margin: int) -> tuple[slice, slice]:
    """Return the box of the active pixels with a margin: a small hole in a large frame costs little."""
    rows = np.flatnonzero(active.any(axis=1))
    columns = np.flatnonzero(active.any(axis=0))
    return (
        slice(max(int(rows[0]) - margin, 0), int(rows[-1]) + 1 + margin),
        slice(max(int(columns[0]) - margin, 0), int(columns[-1]) + 1 + margin),
    )


def _cropped(guide: Guide, part: tuple[slice, slice]) -> Guide:
    weight = None if guide.target_weight is None else guide.target_weight[part]
    return replace(guide, target=guide.target[part], target_weight=weight)


def _check_inputs(
    style: Image,
    size: tuple[int, int],
    options: SynthesisOptions,
    source_valid: Bool | None,
    target_valid: Bool | None,
    initial: Image | None,
    initial_matches: I32 | None,
) -> None:
    smallest = min(*style.shape[:2], *size)
    if options.patch_size > smallest:
        raise ValueError(
            f"patch_size {options.patch_size} is larger than the smallest side of style and target, "
            f"{smallest}; use a smaller patch or larger pictures"
        )
    for name, mask, shape in (
        ("source_valid", source_valid, style.shape[:2]),
        ("target_valid", target_valid, size),
    ):
        if mask is not None and (mask.dtype != np.bool_ or mask.shape != shape):
            raise ValueError(f"{name} is {mask.dtype} {mask.shape}; expected bool {shape}")
    if source_valid is not None and not source_valid.any():
        raise ValueError("source_valid leaves no style pixel to paint with; mark at least one")
    if initial is not None:
        check_image("initial", initial)
        if initial.dtype != style.dtype or initial.shape != (*size, style.shape[2]):
            raise ValueError(
                f"initial is {initial.dtype} {initial.shape}; expected {style.dtype} {(*size, style.shape[2])}"
            )
    if initial_matches is not None and (initial_matches.dtype.kind != "i" or initial_matches.shape != (*size, 2)):
        raise ValueError(
            f"initial_matches is {initial_matches.dtype} {initial_matches.shape}; expected int32 {(*size, 2)}"
        )
