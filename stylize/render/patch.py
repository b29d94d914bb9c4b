"""The weight-free renderer: a frame painted with patches of any style image.

Guided patch synthesis in the line of Image Analogies (Hertzmann et al. 2001) and of Elad & Milanfar, "Style
Transfer via Texture Synthesis" (2017): the frame's colours are first carried onto the style's, then its shapes
are laid with strokes of the style from coarse to fine, then broad forms and small features are set right.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from propagate.arrays import check_image, check_map
from propagate.synthesis import Guide, SynthesisOptions, synthesize
from stylize.errors import MediaError, UsageError
from stylize.render.finish import keep_colors, set_right
from stylize.render.palette import ColorMap, fit_colors, oklab_to_rgb, rgb_to_oklab
from stylize.render.protocol import Anchor, PaintedKey, Progress
from stylize.render.structure import blur, busyness, detail_map, directions, flatten
from stylize.render.styles import StyleSheet, check_styles, lay_out

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from propagate.arrays import F32, Image

__all__ = ["PatchOptions", "PatchRenderer", "make_patch_renderer"]

_WORK_PIXELS = 640 * 480
"""Strokes are composed at about this size; a larger frame gets them enlarged from the style itself."""
_SMALLEST_FRAME = 16
_STROKE = 4.0
"""Pixels over which the style's colour is averaged: a stroke and its neighbours count as one colour."""


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
        0 to 1. Larger uses more of the style's colours, however far from the frame's; 0 only the nearest.
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


class PatchRenderer:
    """Paints frames with patches of the style images; see `stylize.render.protocol.Renderer`."""

    name = "patch"
    version = "1"

    def __init__(self, styles: Sequence[Image], options: PatchOptions = PatchOptions()) -> None:
        """Take the styles, uint8 or uint16 (H, W, 1 to 4); raise MediaError if one cannot be painted from."""
        check_styles(styles)
        self.styles = tuple(styles)
        self.options = options

    def fingerprint(self) -> dict[str, Any]:
        """Styles by content and every option."""
        return {
            "renderer": self.name,
            "version": self.version,
            "options": asdict(self.options),
            "styles": [_content(style) for style in self.styles],
        }

    def paint(
        self,
        frame: Image,
        anchors: Sequence[Anchor] = (),
        *,
        seed: int = 0,
        on_progress: Progress | None = None,
    ) -> PaintedKey:
        """Paint `frame`.

        Parameters
        ----------
        frame
            uint8 or uint16 (H, W, 3) RGB.
        anchors
            Earlier painted keys of the shot, warped to this frame; where their confidence is high, this key takes
            their strokes.
        seed
            Another seed, other strokes.
        on_progress
            Called with the finished share, 0 to 1.

        Returns
        -------
        PaintedKey
            (H, W, 3) RGB in the frame's dtype.

        Raises
        ------
        MediaError
            If the frame is too small to paint.
        ValueError
            If frame or anchors are malformed.
        """
        check_image("frame", frame, (3,))
        for anchor in anchors:
            check_image("anchor", anchor.image, (3,))
            check_map("anchor confidence", anchor.confidence, frame.shape[:2])
        height, width = frame.shape[:2]
        if min(height, width) < _SMALLEST_FRAME:
            raise MediaError(
                f"the frame is {width}x{height}; painting needs at least {_SMALLEST_FRAME} pixels a side"
            )
        report = on_progress or (lambda _: None)
        full = rgb_to_oklab(frame)
        size = _working_size(height, width)
        lab = _resized(full, size)
        sheet = lay_out(self.styles, size, self.options.stroke_scale)
        held = _Held(anchors, size) if anchors else None
        colors = self._colors(lab, sheet)
        report(0.05)
        strokes = self._strokes(lab, sheet, colors, held, seed, lambda share: report(0.05 + 0.85 * share))
        painted = self._finished(full, strokes, colors)
        if anchors:
            painted = _hold(painted, _Held(anchors, (height, width)))
        report(1.0)
        recipe = {**self.fingerprint(), "seed": seed, "anchors": len(anchors), "notices": list(sheet.notices)}
        return PaintedKey(oklab_to_rgb(painted, frame.dtype), recipe)

    def _colors(self, lab: F32, sheet: StyleSheet) -> ColorMap:
        style = rgb_to_oklab(sheet.image)
        # Only where the paint is calm is its colour one that a patch can be found for.
        broad = blur(style, _STROKE)
        calm = busyness(style, _STROKE)
        pure = sheet.valid & (calm <= np.quantile(calm[sheet.valid], 0.7))
        every = max(int((lab.shape[0] * lab.shape[1] / 60_000) ** 0.5), 1)
        paint = broad[pure]
        evenness = 0.08 * self.options.palette_reach**1.7
        return fit_colors(
            blur(lab, every / 2)[::every, ::every], paint[:: max(len(paint) // 60_000, 1)], evenness=evenness
        )

    def _strokes(
        self, lab: F32, sheet: StyleSheet, colors: ColorMap, held: _Held | None, seed: int, report: Progress
    ) -> F32:
        """Compose the strokes at working size: OKLab."""
        unit = lab.shape[0] / 400
        strength = self.options.style_strength
        detail = detail_map(lab[..., 0], 2 * unit)
        share = detail[..., None]
        calm = share * flatten(lab, 1.5 + unit) + (1 - share) * flatten(lab, 2 + 4 * unit, 0.1)
        wanted = colors(calm, calm)
        style = rgb_to_oklab(sheet.image)
        active = _busy_channels(style, wanted)
        guides = [
            Guide(_color_channels(blur(style, _STROKE)), _color_channels(blur(wanted, 1.0)), 3.5 - 2.5 * strength),
            Guide(_color_channels(blur(style, 0.7)), _color_channels(wanted), 6.0 - 4.0 * strength, detail),
            Guide(
                _bytes(directions(style[..., 0], (2, 5, 10))),
                _bytes(directions(wanted[..., 0], (2, 8, 24))),
                1.1 - 0.5 * strength,
            ),
            Guide(*active, 0.4),
        ]
        if held is not None:
            guides.append(Guide(sheet.image, held.image, 6.0, held.confidence))
        options = SynthesisOptions(patch_size=5, uniformity=1200, search_vote_iters=4, patchmatch_iters=3, seed=seed)
        made = synthesize(sheet.image, guides, options, source_valid=sheet.valid, on_progress=report)
        return rgb_to_oklab(made.image)

    def _finished(self, full: F32, strokes: F32, colors: ColorMap) -> F32:
        height, width = full.shape[:2]
        unit = height / 400
        painted = _resized(strokes, (height, width))
        detail = detail_map(full[..., 0], 2 * unit)
        wanted = colors(full, flatten(full, 1 + unit, 0.08, 1))
        painted = set_right(painted, wanted, detail, self.options.style_strength, unit)
        return keep_colors(painted, full, self.options.keep_colors, unit)


class _Held:
    """Anchors joined, the surest first, at a given size."""

    def __init__(self, anchors: Sequence[Anchor], size: tuple[int, int]) -> None:
        image, confidence = anchors[0].image, anchors[0].confidence
        for anchor in anchors[1:]:
            surer = anchor.confidence > confidence
            image = np.where(surer[..., None], anchor.image, image)
            confidence = np.where(surer, anchor.confidence, confidence)
        self.lab = _resized(rgb_to_oklab(image), size)
        self.image = oklab_to_rgb(self.lab)
        self.confidence = np.clip(_resized(confidence.astype(np.float32), size), 0, 1)


def _hold(painted: F32, held: _Held) -> F32:
    """Let the surest parts of the anchors stand as they are."""
    share = np.clip((held.confidence - 0.5) / 0.45, 0, 1)[..., None]
    return (painted + share * (held.lab - painted)).astype(np.float32)


def make_patch_renderer(styles: Sequence[Image], options: Mapping[str, Any]) -> PatchRenderer:
    """Build a `PatchRenderer` from options by name; UsageError for an unknown or impossible one."""
    known = {field.name for field in fields(PatchOptions)}
    unknown = sorted(set(options) - known)
    if unknown:
        raise UsageError(f"renderer patch has no option {unknown[0]!r}; it has {', '.join(sorted(known))}")
    try:
        return PatchRenderer(styles, PatchOptions(**options))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _working_size(height: int, width: int) -> tuple[int, int]:
    scale = min((_WORK_PIXELS / (height * width)) ** 0.5, 1.0)
    return max(round(height * scale), _SMALLEST_FRAME), max(round(width * scale), _SMALLEST_FRAME)


def _resized(array: F32, size: tuple[int, int]) -> F32:
    if array.shape[:2] == size:
        return array
    how = cv2.INTER_AREA if size[0] < array.shape[0] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(array, size[::-1], interpolation=how), np.float32)


def _color_channels(lab: F32) -> Image:
    """OKLab as three bytes, hue three times as loud as lightness."""
    scaled = lab * np.array([255, 750, 750], np.float32) + np.array([0, 128, 128], np.float32)
    return np.clip(np.rint(scaled), 0, 255).astype(np.uint8)


def _busy_channels(style: F32, wanted: F32) -> tuple[Image, Image]:
    """Busyness of both pictures, each from its calm tenth to its busiest twentieth, as one byte."""
    out = []
    for lab in (style, wanted):
        busy = busyness(lab, _STROKE)
        low, high = np.quantile(busy[::4, ::4], (0.1, 0.95))
        out.append(_bytes((busy - low) / max(high - low, 1e-4))[..., None])
    return out[0], out[1]


def _bytes(array: F32) -> Image:
    return np.clip(np.rint(array * 255), 0, 255).astype(np.uint8)


def _content(image: Image) -> str:
    head = f"{image.dtype} {image.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).hexdigest()
