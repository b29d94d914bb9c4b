"""Keys painted by a model that edits a picture while it looks at others: frame, style, what is known."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import asdict
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

from propagate.arrays import check_image, check_map
from stylize.errors import MediaError
from stylize.models import model_hash
from stylize.render.anchors import match_colors, merge_anchors
from stylize.render.diffusion.resolution import fit_size
from stylize.render.edit.alignment import align
from stylize.render.edit.editors import MULTIPLE, Request, open_editor
from stylize.render.protocol import FrameContext, PaintedKey
from stylize.schedules.schedule import parse_schedule

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from propagate.arrays import F32, Image
    from stylize.render.edit.options import EditOptions
    from stylize.render.protocol import Anchor, Progress

SMALLEST = 16
"""Least side of a frame in pixels."""
OWN = 1.0
"""Megapixels at which these models paint best."""
KNOWN = 0.02
"""Share of the frame that finished keys must show before it is worth looking at them."""


class EditRenderer:
    """Paints keys with an image editor."""

    name = "edit"
    version = "1"

    def __init__(
        self, styles: Sequence[Image], options: EditOptions, path: Path, *, allow_pickle: bool = False
    ) -> None:
        for index, style in enumerate(styles):
            check_image(f"style {index + 1}", style)
        self.styles, self.options, self.path = tuple(styles), options, path
        self._allow_pickle = allow_pickle
        self._model = model_hash(path)
        self._looks = [_content(style) for style in styles]
        self._spot = FrameContext()
        self._prompt()  # a misspelt schedule is refused now

    def at(self, spot: FrameContext) -> EditRenderer:
        """Return this renderer as its schedule makes it at a frame of the clip; the weights are shared."""
        other = copy.copy(self)
        vars(other).update(_spot=spot)
        return other

    def fingerprint(self) -> dict[str, Any]:
        """Model and styles by content, and every option as it stands at this frame but the device."""
        options = asdict(self.options) | {"prompt": self._prompt()}
        del options["device"], options["model"]
        return {
            "renderer": self.name,
            "version": self.version,
            "model": self._model,
            "styles": self._looks,
            "options": options,
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
            Finished keys, warped to this frame. They are one more picture that the model looks at; afterwards
            colors are matched, and `hold` of what they show is kept.
        seed
            Another seed, another painting.
        on_progress
            Called with the finished share after every step. What it raises ends the painting.

        Raises
        ------
        MediaError
            If the frame is too small.
        ModelError, DeviceError
            If weights do not load, memory does not suffice, or nothing but black comes out.
        """
        check_image("frame", frame, (3,))
        height, width = frame.shape[:2]
        if min(height, width) < SMALLEST:
            raise MediaError(f"the frame is {width}x{height}; editing needs at least {SMALLEST} pixels a side")
        for anchor in anchors:
            check_image("anchor", anchor.image, (3,))
            check_map("anchor confidence", anchor.confidence, (height, width))
        report = on_progress or (lambda _: None)
        fit = fit_size(height, width, (self.options.megapixels or OWN) * 1e6, MULTIPLE)
        known = merge_anchors(anchors, frame) if anchors else None
        ground = fit.down(frame)
        pictures = [ground, *(_reference(style, ground.shape[0] * ground.shape[1]) for style in self.styles)]
        seen = known is not None and float(known[1].mean()) >= KNOWN
        if known is not None and seen:
            whole = _unit(frame)
            pictures.append(fit.down_float(whole + known[1][..., None] * (known[0] - whole)))
        prompt = self._prompt() or instruction(len(self.styles), anchored=seen)
        editor = open_editor(self.path, self.options.device, allow_pickle=self._allow_pickle)
        request = Request(pictures, prompt, fit.work, self.options.steps, self.options.guidance, seed)
        picture = editor.paint(request, lambda share: report(0.02 + 0.93 * share))
        image, moved = fit.up(picture, frame, self.options.edges), 0.0
        if self.options.align:
            image, moved = align(image, frame)
        if known is not None:
            image = match_colors(image, *known, self.options.match_colors)
            image = _held(image, *known, self.options.hold)
        report(1.0)
        facts = {
            "seed": seed,
            "anchors": len(anchors),
            "told": prompt,
            "size": list(fit.work),
            "moved_back": round(moved, 2),
            "device": editor.device,
            "given_up": list(editor.ladder.given_up),
            "packages": {name: version(name) for name in ("torch", "diffusers", "transformers")},
        }
        return PaintedKey(image, {**self.fingerprint(), **facts})

    def _prompt(self) -> str:
        text = self.options.prompt
        return str(parse_schedule(text, "prompt").at(self._spot.frame, self._spot.seconds)) if text else ""


def instruction(styles: int, *, anchored: bool) -> str:
    """Return what the model is told when nobody says anything else.

    Parameters
    ----------
    styles
        How many pictures behind the first show the style.
    anchored
        Whether the last picture shows what finished keys know of this one.
    """
    which = "image 2" if styles == 1 else f"images 2 to {styles + 1}"
    text = (
        f"Repaint image 1 in the style of {which}: the same brushwork, materials and palette. "
        if styles
        else "Repaint image 1 as a painting. "
    )
    text += "Keep every person, face, pose, thing and outline of image 1 exactly where it is."
    if anchored:
        text += f" Image {styles + 2} shows which parts of it are painted already: keep them as they are."
    return text


def _reference(style: Image, area: float) -> F32:
    """Return a style as float32 (h, w, 3), in its own shape and about as large as the painting."""
    unit = style.astype(np.float32) / np.float32(np.iinfo(style.dtype).max)
    if style.shape[2] in (2, 4):  # what is transparent is white paper
        unit = unit[..., :-1] * unit[..., -1:] + 1 - unit[..., -1:]
    unit = np.asarray(unit if unit.shape[2] == 3 else unit.repeat(3, axis=2), np.float32)
    height, width = unit.shape[:2]
    scale = min((area / (height * width)) ** 0.5, 1.0)
    size = [max(round(side * scale / MULTIPLE), 1) * MULTIPLE for side in (height, width)]
    how = cv2.INTER_AREA if size[0] < height else cv2.INTER_CUBIC
    return np.asarray(np.clip(cv2.resize(unit, size[::-1], interpolation=how), 0, 1), np.float32)


def _held(image: Image, known: F32, sure: F32, amount: float) -> Image:
    """Keep a share of what finished keys show."""
    if amount <= 0:
        return image
    share = np.float32(amount) * sure[..., None]
    top = np.iinfo(image.dtype).max
    mixed = _unit(image) * (1 - share) + known * share
    return cast("Image", np.rint(np.clip(mixed, 0, 1) * top).astype(image.dtype))


def _unit(image: Image) -> F32:
    return np.asarray(image, np.float32) / np.float32(np.iinfo(image.dtype).max)


def _content(image: Image) -> str:
    head = f"{image.dtype} {image.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).hexdigest()
