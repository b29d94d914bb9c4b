"""Join what several keys say about one frame into one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from propagate.fetch import channel_mean, detail_energy, split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from propagate.arrays import F32

__all__ = ["Joined", "Witness", "join", "premultiplied", "straight"]

_SOFTNESS = 4.0
_BASE = 4.0
_HARDEST = 8.0
_FLOOR, _MOST_GAIN = 0.5, 2.0
_UNSHARED = 0.02


@dataclass(frozen=True)
class Witness:
    """One key's word on a frame.

    Attributes
    ----------
    key : int
    picture : float32 (H, W, C)
        Its painted picture in the frame's geometry, 8-bit steps, colour premultiplied with alpha.
    energy : float32 (H, W)
        How much fine detail its paint has, see `propagate.fetch.detail_energy`.
    left : float32 (H, W)
        What difference of colour is left between the frame and the key's own frame there, 8-bit steps.
    nearness : float
        1 on the key's own frame, 0 on the next key's.
    """

    key: int
    picture: F32
    energy: F32
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
    steadiness: float | F32,
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
        0 to 1, everywhere or float32 (H, W): the part of `before` that is kept; more is steadier and follows
        a change of view later.
    """
    if len(witnesses) == 1:
        only = witnesses[0]
        return Joined(_crisp(only.picture, only.energy), {only.key: np.ones_like(only.left)})
    least = np.minimum.reduce([w.left for w in witnesses])
    near = np.array([w.nearness for w in witnesses], np.float32)
    shares = np.dstack([np.exp((least - w.left) / _SOFTNESS) for w in witnesses]) * np.maximum(near, 1e-4)
    shares /= channel_mean(shares)[..., None] * len(witnesses)
    if before is not None:
        # never more than nearness allows: a key fades out before the next key's own frame
        none = np.zeros_like(least)
        past = np.dstack([before.get(w.key, none) for w in witnesses])
        # and a little of the present always counts, or nobody would be left where all of the past has gone
        kept = np.broadcast_to(np.asarray(steadiness, np.float32), least.shape)[..., None]
        shares = np.maximum(1 - kept, 1e-4) * shares + kept * np.minimum(past, 2 * near)
        shares /= channel_mean(shares)[..., None] * len(witnesses)
    pictures = [w.picture for w in witnesses]
    if colour_match:
        pictures = _matched(witnesses)
    mean = sum(p * shares[..., i : i + 1] for i, p in enumerate(pictures))
    apart = sum(channel_mean(np.abs(p - mean)) * shares[..., i] for i, p in enumerate(pictures))
    power = np.clip(1 + np.square(cv2.GaussianBlur(2 * apart, (0, 0), 3.0) / choice), 1, _HARDEST)
    hard = np.power(shares, power[..., None])
    hard /= channel_mean(hard)[..., None] * len(witnesses)
    joined = sum(p * hard[..., i : i + 1] for i, p in enumerate(pictures))
    if power.max() > 1.5:
        # band by band: slow colour by the soft weights, strokes by the hard ones
        slow = [cv2.GaussianBlur(p, (0, 0), _BASE).reshape(p.shape) for p in pictures]
        joined = joined + sum(s * (shares - hard)[..., i : i + 1] for i, s in enumerate(slow))
    energy = sum(w.energy * hard[..., i] for i, w in enumerate(witnesses))
    return Joined(
        _crisp(np.ascontiguousarray(joined, np.float32), energy),
        {w.key: np.ascontiguousarray(shares[..., i]) for i, w in enumerate(witnesses)},
    )


def _crisp(picture: F32, energy: F32) -> F32:
    """Return the picture with as much fine detail as the paint had before means and votes took some.

    Histogram-preserving blending of Heitz and Neyret (2018, sec. 3) with a local variance for the histogram.
    """
    slow, detail = split(picture)
    gain = np.sqrt((energy + _FLOOR) / (detail_energy(detail) + _FLOOR))
    return np.asarray(slow + detail * np.clip(gain, 1, _MOST_GAIN)[..., None], np.float32)


def _matched(witnesses: Sequence[Witness]) -> list[F32]:
    """Return the pictures with their slow colours drawn to the mean of all by nearness.

    Only keys that explain a place have a say in its mean, and a key is only drawn where another explains the
    place as well: another view's tones are not these.
    """
    h, w = witnesses[0].left.shape
    size = (max(1, w // 8), max(1, h // 8))
    sigma = max(2.0, max(size) / 12)
    small = [_smaller(witness.picture, size) for witness in witnesses]
    sure = [np.exp(-_smaller(witness.left, size) / _SOFTNESS) for witness in witnesses]
    say = [s * max(witness.nearness, 1e-4) + 1e-9 for s, witness in zip(sure, witnesses, strict=True)]
    goal = sum(part * own for part, own in zip(say, small, strict=True)) / sum(say)
    out = []
    for i, witness in enumerate(witnesses):
        shared = sure[i] * np.maximum.reduce([s for j, s in enumerate(sure) if j != i])
        slow = _soft((goal - small[i]) * shared, sigma) / (_soft(shared, sigma) + _UNSHARED)
        drift = cv2.resize(slow, (w, h), interpolation=cv2.INTER_LINEAR).reshape(witness.picture.shape)
        out.append(witness.picture + drift)
    return out


def _smaller(picture: F32, size: tuple[int, int]) -> F32:
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    return small.reshape(size[1], size[0], -1)


def _soft(picture: F32, sigma: float) -> F32:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32).reshape(picture.shape)


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
