"""What one painting needs besides its ground: words, style and control, made ready for the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.maps import make_map
from stylize.maps.registry import DETECTOR
from stylize.render.diffusion.ip_adapter import encode_styles, region_masks, set_scale
from stylize.render.diffusion.prompts import encode
from stylize.render.diffusion.sampling import Row, Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import Image
    from stylize.render.diffusion.components import Components
    from stylize.render.diffusion.engine import Engine
    from stylize.render.diffusion.frame_options import FrameOptions
    from stylize.render.diffusion.options import DiffusionOptions
    from stylize.render.diffusion.resolution import Fit


def make_setup(
    engine: Engine,
    parts: Components,
    options: DiffusionOptions,
    moment: FrameOptions,
    fit: Fit,
    seed: int,
    styles: Sequence[Image],
    masks: Sequence[Image],
) -> Setup:
    """Encode words and styles, and gather the numbers of a painting.

    Parameters
    ----------
    engine
        The loaded pipeline; the scale of its IP-Adapter is set.
    parts
        Files of this key, with the weights of its controls: an engine serves several keys.
    options, moment
        What is asked for, and what schedules make of it here.
    fit
        The sizes, to which masks are brought.
    seed
        Of the noise.
    styles, masks
        Pictures, and where each is painted; no masks for everywhere.
    """
    style = confined = None
    adapter = parts.adapter
    if adapter is not None:
        set_scale(engine.pipe, parts.family, options.style_blocks, moment.style_scale)
        style = engine.style_of(styles, lambda: encode_styles(adapter, styles, engine.dtype, engine.device))
        if masks:
            confined = region_masks([fit.down(mask[..., :1])[..., 0] for mask in masks])
    words = encode(engine.pipe, moment.prompt, moment.negative_prompt, options.clip_skip)
    return Setup(words, moment, seed, _control(parts, moment), style, confined, options.attention)


def make_row(parts: Components, frame: Image, painted: Image, fit: Fit, device: str) -> Row:
    """Return a picture of the batch, with the control maps of the frame that it is a painting of."""
    maps = []
    for part in parts.controls:
        told: dict[str, Any] = {}
        if part.control.map == "depth":
            told = {"model": parts.depth, "models": parts.models, "device": device}
        elif part.control.map.startswith(DETECTOR):
            told = {"weights": part.annotator, "models": parts.models}
        made = make_map(part.control.map, frame, fit.inner, **told)
        maps.append(fit.pad(np.asarray(made, np.float32) / 255))
    return Row(fit.down(painted), maps)


def _control(parts: Components, moment: FrameOptions) -> dict[str, Any]:
    nets = parts.controls
    if not nets:
        return {}
    lists = {
        "controlnet_conditioning_scale": [p.control.weight * moment.control_scale for p in nets],
        "control_guidance_start": [p.control.start for p in nets],
        "control_guidance_end": [p.control.end for p in nets],
    }
    if parts.union:
        return {**lists, "control_mode": [part.mode for part in nets]}
    return lists if len(nets) > 1 else {name: values[0] for name, values in lists.items()}
