"""What several finished keys say of the one that is painted now: one picture, one confidence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from stylize.render.oklab import oklab_to_rgb, rgb_to_oklab

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import F32, Image
    from stylize.render.protocol import Anchor

_DECIDED = 4
"""Power of the confidence with which anchors are mixed: the surer one shows, the other hardly does."""
_GAINS = (0.8, 1.25)
_LEAST = 0.01
"""Share of the picture that must be known before its colors say anything of the whole."""


def merge_anchors(anchors: Sequence[Anchor], frame: Image) -> tuple[F32, F32]:
    """Put the anchors of a key together.

    Parameters
    ----------
    anchors
        At least one, at the frame's size.
    frame
        uint8 or uint16 (H, W, 3); stands where no anchor is sure at all.

    Returns
    -------
    picture : float32 (H, W, 3), 0 to 1
        Of the surest anchor everywhere.
    confidence : float32 (H, W), 0 to 1
        That of the surest, drawn in a little: at the border of what is known, nothing is.
    """
    top = np.float32(np.iinfo(frame.dtype).max)
    total = np.zeros((*frame.shape[:2], 1), np.float32)
    mixed = np.zeros(frame.shape, np.float32)
    for anchor in anchors:
        share = anchor.confidence[..., None] ** _DECIDED
        mixed += share * (anchor.image.astype(np.float32) / np.float32(np.iinfo(anchor.image.dtype).max))
        total += share
    known = np.where(total > 1e-6, mixed / np.maximum(total, 1e-6), frame.astype(np.float32) / top)
    sure = np.max([anchor.confidence for anchor in anchors], axis=0)
    reach = max(round(frame.shape[0] / 240), 1)
    inside = cv2.erode(sure, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    return np.asarray(known, np.float32), np.asarray(cv2.GaussianBlur(inside, (0, 0), reach / 2), np.float32)


def match_colors(painted: Image, known: F32, confidence: F32, amount: float) -> Image:
    """Bring a painting's colors to those of the surface that it shares with finished keys.

    One gain and offset for each channel of OKLab, fitted where the anchors are sure and applied everywhere;
    the gain stays between 0.8 and 1.25, so that a difference of forms is not taken for one of color.

    Parameters
    ----------
    painted
        uint8 or uint16 (H, W, 3).
    known, confidence
        Of `merge_anchors`.
    amount
        0 leaves it, 1 goes all the way.
    """
    weight = np.where(confidence > 0.5, confidence, 0).astype(np.float64)
    if amount <= 0 or weight.mean() < _LEAST:
        return painted
    top = np.iinfo(painted.dtype).max
    lab = rgb_to_oklab(painted)
    kind: Any = painted.dtype
    wanted = rgb_to_oklab(np.asarray(np.clip(np.rint(known * top), 0, top), kind))
    weight /= weight.sum()
    mean, goal = ((weight[..., None] * values).sum((0, 1)) for values in (lab, wanted))
    spread, far = (
        np.sqrt((weight[..., None] * (values - middle) ** 2).sum((0, 1)))
        for values, middle in ((lab, mean), (wanted, goal))
    )
    gain = np.clip(far / np.maximum(spread, 1e-3), *_GAINS)
    matched = (lab - mean) * gain + goal
    return oklab_to_rgb(np.asarray(lab + np.float32(amount) * (matched - lab), np.float32), painted.dtype)
