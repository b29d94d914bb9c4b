"""Colors of the frame carried onto the colors of the style.

Colors are OKLab, see `stylize.render.oklab`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import F32


@dataclass(frozen=True)
class Palette:
    """A picture's colors, most important first to none in particular.

    Attributes
    ----------
    colors
        float32 (K, 3), OKLab.
    mass
        float32 (K,), shares of the picture; they sum to 1.
    """

    colors: F32
    mass: F32


_CHROMA_WEIGHT = 3.0
"""A step in hue counts three times a step in lightness; plain OKLab lets shade outvote hue."""
_SCALE = np.array([1, _CHROMA_WEIGHT, _CHROMA_WEIGHT], np.float32)


def extract_palette(lab: F32, count: int = 24, rounds: int = 12) -> Palette:
    """Find a picture's colors by weighted k-means over a coarse histogram.

    Parameters
    ----------
    lab
        float32 (..., 3), OKLab; a subsample of the picture is enough.
    count
        Most colors to find; fewer come back from a picture that has fewer.
    rounds
        Lloyd rounds after the start, which takes the farthest colors first so that small accents count.
    """
    scaled = lab.reshape(-1, 3) * _SCALE
    bins = np.round(scaled * 32).astype(np.int64) + 200
    label = (bins[:, 0] * 1024 + bins[:, 1]) * 1024 + bins[:, 2]
    _, member, population = np.unique(label, return_inverse=True, return_counts=True)
    points = np.stack([np.bincount(member, scaled[:, c]) for c in range(3)], 1) / population[:, None]
    mass = population / population.sum()
    first = int(np.argmax(mass))
    centers = [first]
    distance = ((points - points[first]) ** 2).sum(1)
    while len(centers) < min(count, len(points)):
        # The small power lets a rare color (an eye, a scarf) win against one more shade of the wall.
        chosen = int(np.argmax(distance * mass**0.35))
        centers.append(chosen)
        distance = np.minimum(distance, ((points - points[chosen]) ** 2).sum(1))
    colors = points[centers]
    for _ in range(rounds):
        nearest = ((points[:, None] - colors) ** 2).sum(2).argmin(1)
        share = np.bincount(nearest, mass, minlength=len(colors))
        sums = [np.bincount(nearest, mass * points[:, c], minlength=len(colors)) for c in range(3)]
        colors = np.where(share[:, None] > 0, np.stack(sums, 1) / np.maximum(share, 1e-12)[:, None], colors)
    kept = share > 0
    return Palette((colors[kept] / _SCALE).astype(np.float32), share[kept].astype(np.float32))


def transport(source: Palette, goal: Palette, *, evenness: float = 0.02, blur: float = 0.003) -> F32:
    """Carry each color of `source` to colors of `goal` by semi-relaxed entropic optimal transport.

    All of the source must go somewhere; the goal's shares are only a wish (Chizat et al. 2018, unbalanced
    transport by scaling). A balanced plan would paint half of a dark scene in the style's white paper.

    Parameters
    ----------
    source, goal
        Palettes of the frame and of the style.
    evenness
        Price of leaving the goal's shares. Larger uses all of the style's colors, however far; near 0 each
        color goes to its nearest.
    blur
        Entropy of the plan. Larger mixes neighboring goals.

    Returns
    -------
    float32 (K, 3), OKLab: where each color of `source` goes.
    """
    cost = (((source.colors[:, None] - goal.colors) * _SCALE) ** 2).sum(2).astype(np.float64)
    kernel = -cost / blur
    log_source, log_goal = np.log(source.mass + 1e-12), np.log(goal.mass + 1e-12)
    pull = evenness / (evenness + blur)
    columns = np.zeros(len(goal.mass))
    rows = np.zeros(len(source.mass))
    for _ in range(200):
        rows = log_source - _log_sum(kernel + columns, axis=1)
        columns = pull * (log_goal - _log_sum(kernel + rows[:, None], axis=0))
    plan = np.exp(kernel + rows[:, None] + columns)
    # Squared, the larger share wins: the mean of orange and blue is mud that the style never had.
    share = plan**4
    goals = (share / share.sum(1, keepdims=True)) @ goal.colors
    for _ in range(4):
        goals = _steady(source.colors, goals)
        goals = 0.5 * goals + 0.5 * _settled(goals, goal)
    return np.asarray(goals, np.float32)


def _settled(goals: NDArray[np.float64], paint: Palette, reach: float = 0.08) -> NDArray[np.float64]:
    """Shift each goal towards the paint around it (mean shift): between paints is nothing to copy."""
    apart = (((goals[:, None] - paint.colors) * _SCALE) ** 2).sum(2)
    weight = np.sqrt(paint.mass) * np.exp(-(apart - apart.min(1, keepdims=True)) / (2 * reach**2))
    settled: NDArray[np.float64] = (weight / weight.sum(1, keepdims=True)) @ paint.colors
    return settled


def _log_sum(values: NDArray[np.float64], axis: int) -> NDArray[np.float64]:
    top = values.max(axis=axis, keepdims=True)
    total: NDArray[np.float64] = np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis)
    return total


def _steady(colors: F32, goals: NDArray[np.float64], reach: float = 0.12) -> NDArray[np.float64]:
    """Let neighboring colors move alike, so that a smooth shade stays smooth (Ferradans et al. 2014)."""
    apart = (((colors[:, None] - colors) * _SCALE) ** 2).sum(2)
    weight = np.exp(-apart / (2 * reach**2))
    weight /= weight.sum(1, keepdims=True)
    move = goals - colors
    smooth_flows: NDArray[np.float64] = colors + 0.5 * move + 0.5 * (weight @ move)
    return smooth_flows


@dataclass(frozen=True)
class ColorMap:
    """A smooth map of the frame's colors; see `fit_colors`.

    Attributes
    ----------
    tone
        float32 (2, N): lightness of the frame and the lightness that it is given.
    chroma
        float32 (2, N): strength of color of the frame and the one that it is given.
    colors, goals
        float32 (K, 3): colors of the toned frame and where they go.
    detail
        Shares of the variation around its color that a pixel keeps, for lightness and for hue.
    """

    tone: F32
    chroma: F32
    colors: F32
    goals: F32
    detail: tuple[float, float] = (0.7, 0.35)

    def toned(self, lab: F32) -> F32:
        """`lab` with the style's tones and strength of color, still in its own hues."""
        lightness = np.interp(lab[..., 0], self.tone[0], self.tone[1])
        vivid = np.hypot(lab[..., 1], lab[..., 2])
        factor = np.interp(vivid, self.chroma[0], self.chroma[1]) / np.maximum(vivid, 1e-4)
        return np.dstack([lightness, lab[..., 1] * factor, lab[..., 2] * factor]).astype(np.float32)

    def __call__(self, lab: F32, calm: F32) -> F32:
        """Carry OKLab (H, W, 3) to the style's colors.

        `calm` is the same picture without grain: it says which color a pixel belongs to, so that grain in a
        shadow does not scatter over the palette.
        """
        toned, still = self.toned(lab), self.toned(calm)
        out = np.empty_like(toned)
        kept = np.array([self.detail[0], self.detail[1], self.detail[1]], np.float32)
        for start in range(0, len(lab), 64):
            rows = slice(start, start + 64)
            share = self.shares(still[rows])
            moved = share @ self.goals + (toned[rows].reshape(-1, 3) - share @ self.colors) * kept
            out[rows] = moved.reshape(out[rows].shape)
        return out

    def shares(self, toned: F32, reach: float = 0.06) -> F32:
        """Each color's say in each pixel of toned OKLab: float32 (pixels, K), rows sum to 1."""
        pixels = toned.reshape(-1, 3) * _SCALE
        colors = self.colors * _SCALE
        apart = (pixels**2).sum(1)[:, None] - 2 * pixels @ colors.T + (colors**2).sum(1)
        apart -= apart.min(1, keepdims=True)
        share = np.exp(apart * np.float32(-0.5 / reach**2))
        return np.asarray(share / share.sum(1, keepdims=True), np.float32)


def fit_colors(
    frame: F32, style: F32, paint: F32 | None = None, *, evenness: float = 0.02, tone: float = 0.2
) -> ColorMap:
    """Fit the map that gives the frame the style's colors and keeps its own order of light and hue.

    Parameters
    ----------
    frame, style
        OKLab, float32 (..., 3); subsamples are enough.
    paint
        Colors of the style that a patch can be found for; all of `style` if None.
    evenness
        See `transport`.
    tone
        0 stretches the frame's range of light to the style's; 1 gives it the style's histogram of light.
    """
    curve = _tone_curve(frame[..., 0].ravel(), style[..., 0].ravel(), tone)
    chroma = _chroma_curve(*(np.hypot(lab[..., 1], lab[..., 2]).ravel() for lab in (frame, style)))
    start = ColorMap(curve, chroma, np.zeros((1, 3), np.float32), np.zeros((1, 3), np.float32))
    colors = extract_palette(start.toned(np.atleast_3d(frame)))
    goals = transport(colors, extract_palette(style if paint is None else paint), evenness=evenness)
    # Means of several goals lie nearer to gray than any of them: give back what was lost on the way.
    vivid = [np.hypot(lab[:, 1], lab[:, 2]) for lab in (colors.colors, goals)]
    goals[:, 1:] *= np.clip(vivid[0] / np.maximum(vivid[1], 1e-3), 1, 1.5)[:, None]
    colorful = [float(np.quantile(np.hypot(lab[..., 1], lab[..., 2]), 0.9)) for lab in (frame, style)]
    hue_detail = 0.35 * min(colorful[1] / max(colorful[0], 1e-3), 1.0)
    found = ColorMap(curve, chroma, colors.colors, goals, (0.7, hue_detail))
    return _stretched(found, np.atleast_3d(frame), style)


def _stretched(found: ColorMap, frame: F32, style: F32) -> ColorMap:
    """Give back the range of light and color that averaging took: deep darks, clear lights, full colors."""
    toned, mapped = found.toned(frame), found(frame, frame)
    (low, high), (dark, light) = (np.quantile(lab[..., 0], (0.02, 0.98)) for lab in (mapped, toned))
    gain = np.clip((light - dark) / max(high - low, 0.05), 1, 1.6)
    lightness = (dark + light) / 2 + gain * (found.goals[:, 0] - (low + high) / 2)
    least, most = np.quantile(style[..., 0], (0.005, 0.995))
    dull, vivid = (float(np.quantile(np.hypot(lab[..., 1], lab[..., 2]), 0.8)) for lab in (mapped, toned))
    factor = min(max(vivid / max(dull, 1e-3), 1.0), 1.5)
    goals = np.column_stack([np.clip(lightness, least, most), found.goals[:, 1:] * factor])
    return replace(found, goals=goals.astype(np.float32))


def _tone_curve(frame: F32, style: F32, tone: float) -> F32:
    """Rising curve from the frame's lightness to the style's, its slope held to 0.4 … 1.7."""
    at = np.linspace(0, 1, 65)
    have, want = np.quantile(frame, at), np.quantile(style, at)
    low, high = have[2], max(have[-3], have[2] + 0.05)
    reach = want[-3] - want[2]
    # Most of the stretch measures from black and white, not from what the frame holds: night stays dark.
    stretched, absolute = (have - low) / (high - low), np.clip((have - 0.12) / 0.86, 0, 1)
    line = want[2] + reach * (0.3 * stretched + 0.7 * absolute)
    wish = (1 - tone) * np.clip(line, want[0], want[-1]) + tone * want
    steps = np.diff(have)
    rise = np.clip(np.diff(wish), 0.4 * steps, 1.7 * steps)
    curve = np.concatenate([[0], np.cumsum(rise)])
    curve += np.mean(wish - curve)
    # The held slope can leave the style's range: pull the ends back in.
    curve = np.clip(curve, want[0], want[-1])
    return np.stack([have + np.linspace(0, 1e-5, 65), curve]).astype(np.float32)


def _chroma_curve(frame: F32, style: F32) -> F32:
    """Rising curve from the frame's strength of color to the style's; gray stays gray."""
    at = np.array([0.25, 0.5, 0.75, 0.9, 0.98])
    have, want = np.quantile(frame, at), np.quantile(style, at)
    # Grays of the frame are no reason to gray its skin, nor vivid paint to make its grays bloom.
    # Only the strongest colors are held back: what is weak already would lose its hue.
    factor = np.clip(want / np.maximum(have, 0.015), [0.95, 0.95, 0.9, 0.75, 0.6], 2.2)
    have = np.maximum.accumulate(have + np.linspace(1e-5, 2e-5, len(at)))
    curve = np.maximum.accumulate(have * factor)
    have = np.concatenate([[0.0], have, [have[-1] + 0.5]])
    curve = np.concatenate([[0.0], curve, [curve[-1] + 0.3]])
    return np.stack([have, curve]).astype(np.float32)
