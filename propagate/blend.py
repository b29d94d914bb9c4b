"""Join what several keys say about one frame into one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from propagate import _blend_kernels as kernels
from propagate.resample import restore_detail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from propagate.arrays import F32, Flow, Image
    from propagate.threads import ThreadTeam

_SOFTNESS = 4.0
_BASE = 4.0
_HARDEST = 8.0
_UNSHARED = 0.02
_STILL, _HELD, _SAME, _RESTLESS = 0.4, 0.15, 4.0, np.float32(0.005)
_EVEN, _LEAST, _WIDE = 0.3, 1e-4, 4.0


@dataclass(frozen=True)
class Candidate:
    """One key's word on a frame.

    Attributes
    ----------
    key : int
    picture : float32 (H, W, C)
        Its painted picture in the frame's geometry, 8-bit steps, color premultiplied with alpha.
    energy : float32 (H, W)
        How much fine detail its paint has, see `propagate.resample.detail_energy`.
    left : float32 (H, W)
        What difference of color is left between the frame and the key's own frame there, 8-bit steps.
    nearness : float
        1 on the key's own frame, 0 on the next key's.
    still : float32 (H, W), optional
        1 where the key shows the place unmoved, see `static_mask`.
    """

    key: int
    picture: F32
    energy: F32
    left: F32
    nearness: float
    still: F32 | None = None


@dataclass(frozen=True)
class BlendResult:
    """The joined picture, float32 (H, W, C), and each key's share of it, float32 (H, W)."""

    picture: F32
    shares: dict[int, F32]


def join(
    witnesses: Sequence[Candidate],
    *,
    choice: float,
    color_match: bool,
    before: Mapping[int, F32] | None,
    steadiness: float | F32,
    crew: ThreadTeam,
) -> BlendResult:
    """Weigh witnesses pixel by pixel by what is left between frame and key, and by nearness.

    Where their pictures agree, a weighted mean is best: it cancels what each has lost in warping. Where they
    disagree (two paintings never have the same strokes), a mean would wash the strokes, so weights grow hard
    and one is taken; slow color still goes over softly, a two-band form of Burt and Adelson (1983), so that
    no seam shows.

    Parameters
    ----------
    witnesses
        One or more.
    choice
        8-bit steps of disagreement at which weights are squared. Smaller takes one key's strokes sooner,
        larger mixes them.
    color_match
        Let every witness's slow colors drift towards the others' with nearness, so that tone does not jump
        where the choice changes.
    before : mapping, optional
        The shares of the frame before by key, float32 (H, W), moved along the flow.
    steadiness
        0 to 1, everywhere or float32 (H, W): the part of `before` that is kept; more is steadier and follows
        a change of view later.
    crew : ThreadTeam
    """
    if len(witnesses) == 1:
        only = witnesses[0]
        picture = restore_detail(only.picture.copy(), only.energy, crew)
        return BlendResult(picture, {only.key: np.ones_like(only.left)})
    h, w = witnesses[0].left.shape
    shares = _shares(witnesses, before, steadiness, crew)
    pictures = _matched(witnesses) if color_match else np.array([w.picture for w in witnesses])
    energies = np.array([w.energy for w in witnesses])
    near = np.array([np.maximum(w.nearness, _LEAST) for w in witnesses], np.float32)[:, None, None]
    # keys that agree count nearly alike, however near: each cancels what another has lost
    even = shares * near ** np.float32(_EVEN - 1)
    crew.run(kernels.normalize, h, even)
    apart = np.empty((h, w), np.float32)
    crew.run(kernels.apart, h, pictures, even, apart)
    power = np.clip(1 + np.square(cv2.GaussianBlur(2 * apart, (0, 0), 3.0) / choice), 1, _HARDEST)
    even *= np.power(near, (1 - _EVEN) * _unlike(2 * apart / choice))
    crew.run(kernels.normalize, h, even)
    hard = np.power(even, power)
    crew.run(kernels.normalize, h, hard)
    slow = pictures[:0]
    if power.max() > 1.5:
        # band by band: slow color by the soft weights, strokes by the hard ones
        slow = np.array([_slow(picture) for picture in pictures])
    joined, energy = np.empty_like(pictures[0]), np.empty((h, w), np.float32)
    crew.run(kernels.mix, h, pictures, slow, energies, even, hard, joined, energy)
    return BlendResult(restore_detail(joined, energy, crew), {w.key: shares[i] for i, w in enumerate(witnesses)})


def _unlike(apart: F32) -> F32:
    """Say where pictures differ at large, 0 to 1; where only edges do not meet they are still alike."""
    h, w = apart.shape
    small = _soft(_smaller(apart, (max(1, w // 8), max(1, h // 8))), _WIDE)
    return np.asarray(np.square(np.minimum(cv2.resize(small, (w, h)), 1)), np.float32)


def _shares(
    witnesses: Sequence[Candidate],
    before: Mapping[int, F32] | None,
    steadiness: float | F32,
    crew: ThreadTeam,
) -> F32:
    """Return each witness's share of every pixel, float32 (N, H, W)."""
    lefts = np.array([w.left for w in witnesses])
    least, h = lefts.min(0), lefts.shape[1]
    near = np.array([w.nearness for w in witnesses], np.float32)[:, None, None]
    shares: F32 = np.exp((least - lefts) / _SOFTNESS) * np.maximum(near, _LEAST)
    still = [w.still for w in witnesses if w.still is not None]
    if len(still) == len(witnesses):
        # what has not moved needs no other word: every warp takes something
        shares *= np.array(still) + _RESTLESS
    crew.run(kernels.normalize, h, shares)
    if before is not None:
        # never more than nearness allows: a key fades out before the next key's own frame
        none = np.zeros_like(least)
        past = np.array([before.get(w.key, none) for w in witnesses])
        # and a little of the present always counts, or nobody would be left where all of the past has gone
        kept = np.asarray(steadiness, np.float32)
        past = kept * np.minimum(past, 2 * near)
        shares = np.maximum(1 - kept, np.float32(1e-4)) * shares + past
        crew.run(kernels.normalize, h, shares)
    return shares


def static_mask(flow: Flow, left: F32) -> F32:
    """How surely a key shows a place unmoved, in a picture that all but holds, float32 (H, W), 0 to 1.

    Where most of the picture moves, if only a little, a place that does not gains more by a mean of all keys.
    """
    h, w = left.shape
    size = max(1, w // 4), max(1, h // 4)
    far = np.linalg.norm(_smaller(flow, size), axis=-1)
    held = np.exp(-np.square(far.mean() / _HELD))
    lasting = np.exp(-np.square(_smaller(left, size)[..., 0] / _SAME))
    still = np.exp(-np.square(cv2.dilate(far, np.ones((3, 3), np.uint8)) / _STILL)) * lasting * held
    return np.asarray(cv2.resize(cv2.blur(still, (3, 3)), (w, h)), np.float32)


def _slow(picture: F32) -> F32:
    """Return the slow colors of a picture, which at half the size cost a third."""
    h, w = picture.shape[:2]
    small: F32 = _soft(_smaller(picture, (max(1, w // 2), max(1, h // 2))), _BASE / 2)
    return np.asarray(cv2.resize(small, (w, h)), np.float32).reshape(picture.shape)


def _matched(witnesses: Sequence[Candidate]) -> F32:
    """Return the pictures, float32 (N, H, W, C), their slow colors drawn to the mean of all by nearness.

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
    out = np.empty((len(witnesses), *witnesses[0].picture.shape), np.float32)
    for i, witness in enumerate(witnesses):
        shared = sure[i] * np.maximum.reduce([s for j, s in enumerate(sure) if j != i])
        slow = _soft((goal - small[i]) * shared, sigma) / (_soft(shared, sigma) + _UNSHARED)
        drift = cv2.resize(slow, (w, h), interpolation=cv2.INTER_LINEAR).reshape(witness.picture.shape)
        np.add(witness.picture, drift, out=out[i])
    return out


def _smaller(picture: F32, size: tuple[int, int]) -> F32:
    small = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32)
    return small.reshape(size[1], size[0], -1)


def _soft(picture: F32, sigma: float) -> F32:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.float32).reshape(picture.shape)


def premultiplied(picture: F32) -> F32:
    """Color times alpha for a picture that has alpha (two or four channels), 8-bit steps."""
    if picture.shape[2] in (1, 3):
        return picture
    return np.concatenate([picture[..., :-1] * (picture[..., -1:] / 255), picture[..., -1:]], axis=2)


def straight(picture: F32) -> F32:
    """Undo `premultiplied`; nothing is divided by less than one 8-bit step of alpha."""
    if picture.shape[2] in (1, 3):
        return picture
    alpha = picture[..., -1:]
    return np.concatenate([picture[..., :-1] * (255 / np.maximum(alpha, 1)), alpha], axis=2)


def rounded(picture: F32, *, deep: bool) -> Image:
    """Return a picture in 8-bit steps as uint8, or as uint16 if `deep`."""
    top, kind = (257, np.uint16) if deep else (1, np.uint8)
    image: Image = np.rint(np.clip(picture, 0, 255) * np.float32(top)).astype(kind)
    return image
