"""Guides and style stacked into one set of weighted features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from propagate._vote_kernels import encode_channels
from propagate.arrays import check_image, check_map

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from propagate.arrays import F32, Image
    from propagate.threads import ThreadTeam

MAX_GUIDE_CHANNELS = 24
MAX_WEIGHT = 1e6
_INT16 = 32767


@dataclass(frozen=True)
class Guide:
    """Channels that say which place of the source looks like which place of the target.

    Attributes
    ----------
    source : Image, (Hs, Ws, C)
        uint8 or uint16, 1 to 4 channels, the size of the style.
    target : Image, (Ht, Wt, C)
        The same channels for the picture that is to be made.
    weight : float
        Larger: the result follows this guide more closely, at the price of the style's texture; it is spread
        over the guide's channels.  0 leaves the guide out.
    target_weight : float32 (Ht, Wt), optional
        0 to 1: how far this guide is to be trusted at each target pixel.
    """

    source: Image
    target: Image
    weight: float = 1.0
    target_weight: F32 | None = None


@dataclass(frozen=True)
class Scale:
    """How 8-bit units become features: multiply channel c by ``gain[c]``; distances then carry ``unit``."""

    gain: tuple[float, ...]
    unit: float
    channels: int


def check_guides(style: Image, guides: Sequence[Guide], style_weight: float) -> None:
    """Raise ValueError unless the guides fit the style and one another."""
    check_image("style", style)
    if not 0 <= style_weight <= MAX_WEIGHT:
        raise ValueError(f"style_weight is {style_weight}; expected 0 to {MAX_WEIGHT:.0f}")
    if not guides:
        raise ValueError("no guide given; synthesis needs at least one")
    for i, guide in enumerate(guides):
        name = f"guides[{i}]"
        check_image(f"{name}.source", guide.source)
        check_image(f"{name}.target", guide.target)
        if not 0 <= guide.weight <= MAX_WEIGHT:
            raise ValueError(f"{name}.weight is {guide.weight}; expected 0 to {MAX_WEIGHT:.0f}")
        if guide.source.shape[:2] != style.shape[:2]:
            raise ValueError(
                f"{name}.source is {guide.source.shape[:2]} and the style {style.shape[:2]} (height, width); "
                "resize one to the other"
            )
        if guide.target.shape[:2] != guides[0].target.shape[:2]:
            raise ValueError(
                f"{name}.target is {guide.target.shape[:2]} and guides[0].target is "
                f"{guides[0].target.shape[:2]} (height, width); all targets must have one size"
            )
        if guide.source.shape[2] != guide.target.shape[2]:
            raise ValueError(
                f"{name} has {guide.source.shape[2]} channels in its source and {guide.target.shape[2]} "
                "in its target; convert one"
            )
        if guide.target_weight is not None:
            check_map(f"{name}.target_weight", guide.target_weight, guide.target.shape[:2])
            if guide.target_weight.min() < 0 or guide.target_weight.max() > 1:
                raise ValueError(f"{name}.target_weight leaves the range 0 to 1")
    channels = sum(g.source.shape[2] for g in guides)
    if channels > MAX_GUIDE_CHANNELS:
        raise ValueError(f"guides have {channels} channels together; at most {MAX_GUIDE_CHANNELS} are supported")
    if style_weight + sum(g.weight for g in guides) <= 0:
        raise ValueError("style_weight and every guide's weight are 0; at least one must be larger")


def scale_of(style: Image, guides: Sequence[Guide], style_weight: float, patch_size: int, modulated: bool) -> Scale:
    """Choose the finest fixed-point scale at which no difference leaves int16 and no patch leaves int32."""
    counts = [style.shape[2], *(g.source.shape[2] for g in guides)]
    weights = [style_weight, *(g.weight for g in guides)]
    per_channel = [w / n for w, n in zip(weights, counts, strict=True) for _ in range(n)]
    worst = sum(per_channel) * 255.0**2 * patch_size**2
    unit = min(8.0, (0.98 * 2**31 / worst) ** 0.5)
    headroom = 2.0 if modulated else 1.0  # the modulated distance halves what it compares
    unit = min(unit, (_INT16 - 1) / (255.0 * headroom * max(per_channel) ** 0.5))
    gain = tuple(headroom * unit * w**0.5 for w in per_channel)
    return Scale(gain, unit, -(-len(gain) // 4) * 4)


def encode(images: Sequence[Image], scale: Scale, pad: int, crew: ThreadTeam) -> NDArray[np.int16]:
    """Stack images as features, int16 (H + 2 pad, W + 2 pad, channels)."""
    height, width = images[0].shape[:2]
    features = np.zeros((height + 2 * pad, width + 2 * pad, scale.channels), np.int16)
    channel = 0
    for image in images:
        count = image.shape[2]
        gain = np.array(scale.gain[channel : channel + count], np.float32)
        if image.dtype == np.uint16:
            gain /= np.float32(257)
        crew.run(encode_channels, height, np.ascontiguousarray(image), gain, channel, features, pad)
        channel += count
    replicate_border(features, pad)
    return features


def replicate_border(features: NDArray[Any], pad: int) -> None:
    """Fill a border of `pad` pixels with the nearest inner pixel, in place."""
    if pad:
        features[:pad] = features[pad]
        features[-pad:] = features[-pad - 1]
        features[:, :pad] = features[:, pad : pad + 1]
        features[:, -pad:] = features[:, -pad - 1 : -pad]


def modulation(
    style: Image, guides: Sequence[Guide], known: NDArray[np.bool_] | None, scale: Scale, pad: int
) -> NDArray[np.int16]:
    """Multipliers of differences, int16 laid out like the target's features, 32767 for full weight.

    `known` marks target pixels whose style is to be compared; None for all.
    """
    height, width = guides[0].target.shape[:2]
    factors = np.full((height + 2 * pad, width + 2 * pad, scale.channels), _INT16, np.int16)
    inner = factors[pad : pad + height, pad : pad + width]
    if known is not None:
        inner[..., : style.shape[2]] = np.where(known, _INT16, 0)[..., None]
    channel = style.shape[2]
    for guide in guides:
        count = guide.source.shape[2]
        if guide.target_weight is not None:
            inner[..., channel : channel + count] = np.rint(_INT16 * np.sqrt(guide.target_weight))[..., None]
        channel += count
    replicate_border(factors, pad)
    return factors
