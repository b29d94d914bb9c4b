"""The weight-free renderer: a frame painted with patches of any style image.

Guided patch synthesis in the line of Image Analogies (Hertzmann et al. 2001) and of Elad & Milanfar, "Style
Transfer via Texture Synthesis" (2017): the frame's colors are first carried onto the style's, then its
shapes are laid with strokes of the style from coarse to fine, then broad forms and small features set right.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from propagate.arrays import check_image, check_map
from stylize.errors import MediaError
from stylize.render.oklab import oklab_to_rgb, rgb_to_oklab
from stylize.render.options import PatchOptions, make_options
from stylize.render.patch.color_transfer import ColorMap, fit_colors
from stylize.render.patch.finishing import correct_tones, crisp_gain, keep_colors, sharpen
from stylize.render.patch.strokes import STROKE, AnchorGuide, PatchContext, compose, enlarge, resized
from stylize.render.patch.structure import blur, detail_map, flatten, local_contrast
from stylize.render.patch.style_images import StyleAtlas, build_style_atlas, check_styles
from stylize.render.protocol import Anchor, PaintedKey, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from propagate.arrays import F32, Image

_WORK_PIXELS = 640 * 480
"""Strokes are composed at about this size; a larger frame gets them enlarged from the style itself."""
_SMALLEST_FRAME = 16
_USUAL = PatchOptions()


class PatchRenderer:
    """Paints frames with patches of the style images; see `stylize.render.protocol.Renderer`."""

    name = "patch"
    version = "5"

    def __init__(self, styles: Sequence[Image], options: PatchOptions = _USUAL) -> None:
        """Take the styles, uint8 or uint16 (H, W, 1 to 4); raise MediaError if one cannot be painted from."""
        check_styles(styles)
        self.styles = tuple(styles)
        self.options = options
        self._contents = [_content(style) for style in styles]

    def fingerprint(self) -> dict[str, Any]:
        """Styles by content and every option."""
        return {
            "renderer": self.name,
            "version": self.version,
            "options": asdict(self.options),
            "styles": list(self._contents),
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
            Earlier painted keys of the shot, warped to this frame; where their confidence is high, this key
            takes their strokes.
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
            raise MediaError(f"the frame is {width}x{height}; painting needs at least {_SMALLEST_FRAME} pixels a side")
        report = on_progress or (lambda _: None)
        full = rgb_to_oklab(frame)
        size = _working_size(height, width)
        sheet = build_style_atlas(self.styles, size, self.options.stroke_scale)
        lab = resized(full, size)
        colors = self._colors(lab, sheet)
        sitting = PatchContext(colors, self.options.style_strength, anchors, seed)
        report(0.05)
        share = 0.85 if size == (height, width) else 0.5
        image, matches = compose(lab, sheet, sitting, lambda done: report(0.05 + share * done))
        if size != (height, width):
            sheet = build_style_atlas(self.styles, (height, width), self.options.stroke_scale)
            image = enlarge(full, sheet, sitting, matches, lambda done: report(0.55 + 0.35 * done))
        zoom = height / size[0]
        strokes, style = rgb_to_oklab(image), rgb_to_oklab(sheet.image)
        gain = crisp_gain(strokes[..., 0], style[..., 0], zoom)
        painted = self._finished(full, strokes, colors, gain, zoom)
        if anchors:
            painted = _hold(painted, AnchorGuide(anchors, (height, width)))
        report(1.0)
        recipe = {**self.fingerprint(), "seed": seed, "anchors": len(anchors), "notices": list(sheet.notices)}
        return PaintedKey(oklab_to_rgb(painted, frame.dtype), recipe)

    def _colors(self, lab: F32, sheet: StyleAtlas) -> ColorMap:
        style = rgb_to_oklab(sheet.image)
        # Only where the paint is calm is its color one that a patch can be found for.
        calm = local_contrast(style, STROKE)
        pure = sheet.valid & (calm <= np.quantile(calm[sheet.valid], 0.7))
        paint = blur(style, STROKE)[pure]
        every = max(int((lab.shape[0] * lab.shape[1] / 60_000) ** 0.5), 1)
        seen = blur(lab, every / 2)[::every, ::every]
        evenness = 0.08 * self.options.palette_reach**1.7
        whole = style[sheet.valid]
        return fit_colors(
            seen,
            whole[:: max(len(whole) // 60_000, 1)],
            paint[:: max(len(paint) // 60_000, 1)],
            evenness=evenness,
        )

    def _finished(self, full: F32, strokes: F32, colors: ColorMap, gain: float, zoom: float) -> F32:
        """Set forms, features and colors right; OKLab at full size."""
        unit = full.shape[0] / 400
        detail = detail_map(full[..., 0], 2 * unit)
        wanted = colors(full, flatten(full, 1 + unit, 0.08, 1))
        painted = sharpen(strokes, gain, zoom, detail)
        painted = correct_tones(painted, wanted, colors.toned(full)[..., 0], detail, self.options.style_strength, unit)
        return keep_colors(painted, full, self.options.keep_colors, unit)


def _hold(painted: F32, held: AnchorGuide) -> F32:
    """Let the surest parts of the anchors stand as they are, a little inside of where they are sure."""
    reach = max(round(painted.shape[0] / 120), 1)
    inside = cv2.erode(held.confidence, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    sure = blur(np.asarray(inside, np.float32), reach / 2)
    share = np.clip((sure - 0.5) / 0.45, 0, 1)[..., None]
    return np.asarray(painted + share * (held.lab - painted), np.float32)


def make_patch_renderer(styles: Sequence[Image], options: Mapping[str, Any]) -> PatchRenderer:
    """Make a `PatchRenderer` from options by name; UsageError for an unknown or invalid one."""
    return PatchRenderer(styles, make_options(PatchOptions, options, "patch"))


def _working_size(height: int, width: int) -> tuple[int, int]:
    scale = min((_WORK_PIXELS / (height * width)) ** 0.5, 1.0)
    return max(round(height * scale), _SMALLEST_FRAME), max(round(width * scale), _SMALLEST_FRAME)


def _content(image: Image) -> str:
    head = f"{image.dtype} {image.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).hexdigest()
