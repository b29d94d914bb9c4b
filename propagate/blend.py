"""Join what several keys say about one frame into one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from propagate.arrays import F32

__all__ = ["Joined", "Witness", "join", "premultiplied", "straight"]

_SOFTNESS = 4.0
_BASE = 4.0
_HARDEST = 8.0


@dataclass(frozen=True)
class Witness:
    """One key's word on a frame.

    Attributes
    ----------
    key : int
    picture : float32 (H, W, C)
        Its painted picture in the frame's geometry, 8-bit steps, colour premultiplied with alpha.
    left : float32 (H, W)
        What difference of colour is left between the frame and the key's own frame there, 8-bit steps.
    nearness : float
        1 on the key's own frame, 0 on the next key's.
    """

    key: int
    picture: F32
    left: F32
    nearness: float


@dataclass(frozen=True)
class Joined:
    """The joined picture, float32 (H, W, C), and each key's share of it, float32 (H, W)."""

    picture: F32
    shares: dict[int, F32]


def join(
    witnesses: Sequence[Witness],
    *,
    choice: float,
    colour_match: bool,
    before: Mapping[int, F32] | None,
    steadiness: float,
) -> Joined:
    """Weigh witnesses pixel by pixel by what is left between frame and key, and by nearness.

    Where their pictures agree, a weighted mean is best: it cancels what each has lost in warping. Where they
    disagree (two paintings never have the same strokes), a mean would wash the strokes, so weights grow hard
    and one is taken; slow colour still goes over softly, a two-band form of Burt and Adelson (1983), so that
    no seam shows.

    Parameters
    ----------
    witnesses
        One or more.
    choice
        8-bit steps of disagreement at which weights are squared. Smaller takes one key's strokes sooner,
        larger mixes them.
    colour_match
        Let every witness's slow colours drift towards the others' with nearness, so that tone does not jump
        where the choice changes.
    before : mapping, optional
        The shares of the frame before by key, float32 (H, W), moved along the flow.
    steadiness
        0 to 1, the part of `before` that is kept; more is steadier and follows a change of view later.
    """
    if len(witnesses) == 1:
        only = witnesses[0].picture
        return Joined(only, {witnesses[0].key: np.ones(only.shape[:2], np.float32)})
    least = np.minimum.reduce([w.left for w in witnesses])
    near = np.array([w.nearness for w in witnesses], np.float32)
    shares = np.dstack([np.exp((least - w.left) / _SOFTNESS) for w in witnesses]) * np.maximum(near, 1e-4)
    shares /= shares.sum(-1, keepdims=True)
    if before is not None and steadiness > 0:
        # never more than nearness allows: a key fades out before the next key's own frame
        none = np.zeros_like(least)
        past = np.dstack([before.get(w.key, none) for w in witnesses])
        shares = (1 - steadiness) * shares + steadiness * np.minimum(past, 2 * near)
        shares /= shares.sum(-1, keepdims=True)
    pictures = [w.picture for w in witnesses]
    if colour_match:
        pictures = _matched(pictures, shares, near, least)
    mean = sum(p * shares[..., i : i + 1] for i, p in enumerate(pictures))
    apart = sum(np.abs(p - mean).mean(-1) * shares[..., i] for i, p in enumerate(pictures))
    power = np.clip(1 + np.square(cv2.GaussianBlur(2 * apart, (0, 0), 3.0) / choice), 1, _HARDEST)
    hard = np.power(shares, power[..., None])
    hard /= hard.sum(-1, keepdims=True)
    joined = sum(p * hard[..., i : i + 1] for i, p in enumerate(pictures))
    if power.max() > 1.5:
        # both bands of `mean` and of `joined`: slow colour from the soft weights, strokes from the hard ones
        joined = joined + cv2.GaussianBlur(mean - joined, (0, 0), _BASE).reshape(joined.shape)
    return Joined(
        np.ascontiguousarray(joined, np.float32),
        {w.key: np.ascontiguousarray(shares[..., i]) for i, w in enumerate(witnesses)},
    )


def _matched(pictures: Sequence[F32], shares: F32, near: F32, least: F32) -> list[F32]:
    """Return the pictures with their slow colours drawn to the mean of all by nearness."""
    h, w = least.shape
    size = (max(1, w // 8), max(1, h // 8))
    sigma = max(2.0, max(size) / 12)
    # shared surface only: where one key does not show a place, its colours there mean nothing
    sure = cv2.resize(np.minimum.reduce(np.moveaxis(shares, -1, 0)), size, interpolation=cv2.INTER_AREA)
    sure = sure * np.exp(-cv2.resize(least, size, interpolation=cv2.INTER_AREA) / _SOFTNESS) + 1e-4
    small = [
        cv2.resize(p, size, interpolation=cv2.INTER_AREA).reshape(size[1], size[0], -1) for p in pictures
    ]
    total = near / max(float(near.sum()), 1e-6)
    goal = sum(s * float(part) for s, part in zip(small, total, strict=True))
    weight = cv2.GaussianBlur(sure, (0, 0), sigma)[..., None]
    out = []
    for picture, own in zip(pictures, small, strict=True):
        slow = cv2.GaussianBlur((goal - own) * sure[..., None], (0, 0), sigma).reshape(own.shape) / weight
        out.append(picture + cv2.resize(slow, (w, h), interpolation=cv2.INTER_LINEAR).reshape(picture.shape))
    return out


def premultiplied(picture: F32) -> F32:
    """Colour times alpha for a picture that has alpha (two or four channels), 8-bit steps."""
    if picture.shape[2] in (1, 3):
        return picture
    return np.concatenate([picture[..., :-1] * (picture[..., -1:] / 255), picture[..., -1:]], axis=2)


def straight(picture: F32) -> F32:
    """Undo `premultiplied`; nothing is divided by less than one 8-bit step of alpha."""
    if picture.shape[2] in (1, 3):
        return picture
    alpha = picture[..., -1:]
    return np.concatenate([picture[..., :-1] * (255 / np.maximum(alpha, 1)), alpha], axis=2)
