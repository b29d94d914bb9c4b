"""Guided patch synthesis: a picture like the style, laid out like the guides.

The method is that of Fiser et al., "StyLit" (2016) and Jamriska et al., "LazyFluids" (2015) as EbSynth made it
known: a match field from coarse to fine, PatchMatch (Barnes et al. 2009), voting (Wexler et al. 2007), and a price
on using a part of the style more often than the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from propagate._cpu import TILE_HEIGHT, TILE_WIDTH, search, vote
from propagate._patch import hash3
from propagate.arrays import check_image
from propagate.backend import Crew, choose_backend
from propagate.guides import Guide, check_guides, encode, modulation, replicate_border, scale_of
from propagate.pyramid import Level, coarser, coarser_matches, finer_matches, level_count, usable_centres

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from propagate.arrays import F32, I32, Bool, Image
    from propagate.guides import Scale

__all__ = ["Guide", "Synthesis", "SynthesisOptions", "synthesize"]


@dataclass(frozen=True)
class SynthesisOptions:
    """How to search and how long.

    Attributes
    ----------
    patch_size : int
        Odd side of the compared squares.  Larger keeps bigger strokes whole, at the price of seams and time.
    uniformity : float
        Larger uses all parts of the style evenly; 0 lets flat parts repeat themselves until they look washed.
    pyramid_levels : int or None
        More levels arrange larger structures; 1 only repairs what `initial` or `initial_matches` give.
        None takes as many as the pictures allow.
    search_vote_iters : int
        Rounds of search and vote on every level.  More sharpens and settles the picture.
    patchmatch_iters : int
        Sweeps in each search.  More finds better patches.
    stop_threshold : float
        8-bit steps: a pixel that changes by less than this in a round is left alone in the next.  0 never stops.
    extra_pass_3x3 : bool
        End with a pass of 3 x 3 patches without uniformity: closer to the guides, finer noise.
    vote : {"weighted", "plain"}
        "weighted" lets better matches count for more (crisper); "plain" is EbSynth's average.
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
        if not np.isfinite(self.uniformity) or self.uniformity < 0:
            raise ValueError(f"uniformity is {self.uniformity}; expected a number of at least 0")
        if self.pyramid_levels is not None and self.pyramid_levels < 1:
            raise ValueError(f"pyramid_levels is {self.pyramid_levels}; expected at least 1, or None")
        for name in ("search_vote_iters", "patchmatch_iters"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}; expected at least 1")
        if not np.isfinite(self.stop_threshold) or self.stop_threshold < 0:
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
class Synthesis:
    """A synthesized picture.

    Attributes
    ----------
    image : Image, (Ht, Wt, C)
        In the style's type and channels.
    matches : int32 (Ht, Wt, 2)
        (x, y) of the style patch's centre for each pixel; (-1, -1) where nothing was synthesized.
    error : float32 (Ht, Wt)
        Weighted squared difference per pixel of the patch, in 8-bit steps squared; 0 where nothing was synthesized.
    """

    image: Image
    matches: I32
    error: F32


def synthesize(
    style: Image,
    guides: Sequence[Guide],
    options: SynthesisOptions = SynthesisOptions(),
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
        Only these pixels are made; the others keep `initial` (0 without it) and, where `initial` is given, the
        picture grows on from them without a seam.
    initial : Image, (Ht, Wt, C), optional
        A picture to start from, in the style's type and channels.
    initial_matches : int32 (Ht, Wt, 2), optional
        (x, y) in the style to start from; -1 for no idea.
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
    choose_backend(options.backend)
    active = np.ones(size, np.bool_) if target_valid is None else np.ascontiguousarray(target_valid)
    canvas = _canvas(style, size, initial)
    if not active.any():
        image = canvas if style.dtype == np.uint16 else (canvas // 257).astype(np.uint8)
        return Synthesis(image, np.full((*size, 2), -1, np.int32), np.zeros(size, np.float32))
    with Crew(options.threads) as crew:
        work = _Work(style, guides, options, style_weight, crew)
        work.prepare(canvas, active, source_valid, has_initial=initial is not None)
        matches, error = work.go(initial_matches, initial is not None, on_progress)
    canvas = work.levels[0].canvas
    image = canvas if style.dtype == np.uint16 else ((canvas.astype(np.uint32) + 128) // 257).astype(np.uint8)
    return Synthesis(image, matches, error)


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
            f"patch_size {options.patch_size} is larger than the smallest side of style and target, {smallest}; "
            "use a smaller patch or larger pictures"
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
    if initial_matches is not None and (
        initial_matches.dtype.kind != "i" or initial_matches.shape != (*size, 2)
    ):
        raise ValueError(
            f"initial_matches is {initial_matches.dtype} {initial_matches.shape}; expected int32 {(*size, 2)}"
        )


def _canvas(style: Image, size: tuple[int, int], initial: Image | None) -> NDArray[np.uint16]:
    if initial is None:
        return np.zeros((*size, style.shape[2]), np.uint16)
    return _deep(initial)


def _deep(image: Image) -> NDArray[np.uint16]:
    if image.dtype == np.uint8:
        return image.astype(np.uint16) * np.uint16(257)
    return np.array(image, np.uint16)


class _Work:
    """One synthesis under way: levels, scale and the loop over them."""

    def __init__(
        self,
        style: Image,
        guides: Sequence[Guide],
        options: SynthesisOptions,
        style_weight: float,
        crew: Crew,
    ) -> None:
        self.style, self.guides, self.options, self.crew = style, guides, options, crew
        self.style_weight = style_weight
        self.pad = options.patch_size // 2
        self.levels: list[Level] = []
        self.scale: Scale
        self.turn = 0

    def prepare(
        self,
        canvas: NDArray[np.uint16],
        active: Bool,
        source_valid: Bool | None,
        *,
        has_initial: bool,
    ) -> None:
        blind = not has_initial and not active.all()
        self.modulated = blind or any(g.target_weight is not None for g in self.guides)
        patch = self.options.patch_size
        self.scale = scale_of(self.style, self.guides, self.style_weight, patch, self.modulated)
        style = _deep(self.style)
        known = active if blind else None
        factors = np.zeros((1, 1, 1), np.int16)
        if self.modulated:
            factors = modulation(self.style, self.guides, known, self.scale, self.pad)
        usable = (
            np.ones(style.shape[:2], np.bool_) if source_valid is None else np.ascontiguousarray(source_valid)
        )
        level = Level(
            style=style,
            canvas=canvas,
            source=encode([self.style, *(g.source for g in self.guides)], self.scale, self.pad),
            target=encode([canvas, *(g.target for g in self.guides)], self.scale, self.pad),
            factors=factors,
            usable=usable,
            centres=usable_centres(usable, patch),
            active=active,
        )
        self.levels = [level]
        for _ in range(level_count(style.shape[:2], active.shape, patch, self.options.pyramid_levels) - 1):
            level = coarser(level, self.pad, patch, self.crew)
            self.levels.append(level)

    def go(
        self,
        initial_matches: I32 | None,
        has_initial: bool,
        on_progress: Callable[[float], None] | None,
    ) -> tuple[I32, F32]:
        hints: list[I32 | None] = [None] * len(self.levels)
        if initial_matches is not None:
            hint = np.ascontiguousarray(initial_matches, np.int32)
            height, width = self.style.shape[:2]
            off = (hint < 0).any(axis=2) | (hint[..., 0] >= width) | (hint[..., 1] >= height)
            hint = np.where(off[..., None], np.int32(-1), hint)
            for i in range(len(self.levels)):
                hints[i] = hint
                hint = coarser_matches(hint)
        total = sum(4.0**-i for i in range(len(self.levels)))
        done = 0.0
        matches = None
        for i in reversed(range(len(self.levels))):
            level = self.levels[i]
            start = self._start(level, matches, hints[i])
            # A given picture is looked at before it is painted over; a random field would only blur it.
            look_first = matches is None and has_initial and initial_matches is None
            matches, cost = self._settle(level, start, look_first)
            done += 4.0**-i
            if on_progress is not None:
                on_progress(done / total)
        assert matches is not None  # noqa: S101
        error = (cost / np.float32(self.scale.unit**2 * self.options.patch_size**2)).astype(np.float32)
        matches[~self.levels[0].active] = -1
        error[~self.levels[0].active] = 0
        return matches, error

    def _start(self, level: Level, coarse: I32 | None, hint: I32 | None) -> I32:
        size = level.active.shape
        source_size = level.centres.shape
        if coarse is not None:
            field = finer_matches(coarse, size, source_size)
        elif hint is not None:
            field = hint.copy()
        else:
            field = np.full((*size, 2), -1, np.int32)
        missing = level.active & (field[..., 0] < 0)
        if missing.any():
            ys, xs = np.nonzero(missing)
            places = np.flatnonzero(level.centres.ravel())
            picks = _hash_array(xs, ys, self.options.seed) % len(places)
            chosen = places[picks]
            field[ys, xs, 0] = chosen % source_size[1]
            field[ys, xs, 1] = chosen // source_size[1]
        if not level.centres.all():
            away = (level.centres == 0).view(np.uint8)
            _, labels = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
            home = np.zeros(labels.max() + 1, np.int64)
            ok = np.flatnonzero(level.centres.ravel())
            home[labels.ravel()[ok]] = ok
            ys, xs = np.nonzero(level.active)
            near = home[labels[field[ys, xs, 1], field[ys, xs, 0]]]
            field[ys, xs, 0] = near % source_size[1]
            field[ys, xs, 1] = near // source_size[1]
        field[~level.active] = -1
        return field

    def _settle(self, level: Level, matches: I32, look_first: bool) -> tuple[I32, F32]:
        options = self.options
        cost = np.zeros(matches.shape[:2], np.float32)
        busy = level.active
        if not look_first:
            self._vote(level, matches, None, level.active)
        for _ in range(options.search_vote_iters):
            self._search(level, matches, cost, busy)
            changed = self._vote(level, matches, cost, _grown(busy, options.patch_size) & level.active)
            busy = _grown(changed, options.patch_size) & level.active
            if not busy.any():
                break
        self._sweep(
            level, matches, cost, level.active, self._penalty(level, matches), fresh=True, measure=True
        )
        return matches, cost

    def _search(self, level: Level, matches: I32, cost: F32, busy: Bool) -> None:
        reach = max(level.centres.shape)
        for i in range(self.options.patchmatch_iters):
            penalty = self._penalty(level, matches)
            self._sweep(level, matches, cost, busy, penalty, fresh=i == 0, forward=i % 2 == 0, reach=reach)

    def _sweep(
        self,
        level: Level,
        matches: I32,
        cost: F32,
        busy: Bool,
        penalty: F32,
        *,
        fresh: bool,
        forward: bool = True,
        measure: bool = False,
        reach: int = 0,
    ) -> None:
        self.turn += 1
        tiles = _tiles(busy)
        self.crew.run(
            search,
            len(tiles),
            tiles,
            level.target.reshape(-1),
            level.source.reshape(-1),
            level.factors.reshape(-1),
            self.modulated,
            self.scale.channels,
            self.pad,
            self.options.patch_size,
            busy,
            penalty,
            matches if measure else matches.copy(),
            matches,
            cost,
            fresh,
            forward,
            not measure,
            reach,
            0 if measure else reach.bit_length(),
            self.turn,
            self.options.seed,
        )

    def _penalty(self, level: Level, matches: I32) -> F32:
        height, width = level.centres.shape
        unit = self.scale.unit**2 * self.options.uniformity
        if unit > 0:
            used = matches[level.active]
            counts = np.bincount(used[:, 1] * width + used[:, 0], minlength=height * width)
            density = counts.reshape(height, width).astype(np.float32)
            patch = (self.options.patch_size, self.options.patch_size)
            for _ in range(2):
                density = cv2.blur(density, patch, borderType=cv2.BORDER_CONSTANT)
            ideal = max(len(used) / np.count_nonzero(level.centres), 1.0)
            penalty = density * np.float32(unit / ideal)
        else:
            penalty = np.zeros((height, width), np.float32)
        penalty[~level.centres] = np.inf
        return penalty

    def _vote(self, level: Level, matches: I32, cost: F32 | None, wanted: Bool) -> Bool:
        options = self.options
        weight = np.ones(matches.shape[:2], np.float32)
        channels = level.style.shape[2]
        if cost is not None and options.vote == "weighted":
            weight /= 1 + cost / np.float32(self.scale.unit**2 * options.patch_size**2 * channels)
        changed = np.zeros(matches.shape[:2], np.bool_)
        gain = np.array(self.scale.gain[:channels], np.float32) / np.float32(257)
        self.crew.run(
            vote,
            matches.shape[0],
            matches,
            weight,
            level.style,
            level.usable,
            wanted,
            options.patch_size,
            level.canvas,
            level.target,
            gain,
            self.pad,
            np.float32(options.stop_threshold * 257),
            changed,
        )
        replicate_border(level.target, self.pad)
        return changed


def _hash_array(xs: NDArray[Any], ys: NDArray[Any], seed: int) -> NDArray[np.int64]:
    return np.array([hash3(int(x), int(y), 0, seed) for x, y in zip(xs, ys, strict=True)], np.int64)


def _grown(mask: Bool, size: int) -> Bool:
    return np.asarray(cv2.dilate(mask.view(np.uint8), np.ones((size, size), np.uint8)).view(np.bool_))


def _tiles(busy: Bool) -> I32:
    height, width = busy.shape
    rows, columns = -(-height // TILE_HEIGHT), -(-width // TILE_WIDTH)
    whole = np.zeros((rows * TILE_HEIGHT, columns * TILE_WIDTH), np.bool_)
    whole[:height, :width] = busy
    some = whole.reshape(rows, TILE_HEIGHT, columns, TILE_WIDTH).any(axis=(1, 3))
    corners = np.argwhere(some) * (TILE_HEIGHT, TILE_WIDTH)
    return corners.astype(np.int32)
