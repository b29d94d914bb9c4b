"""Chroma key: matte of a subject in front of a screen of one color, and removal of the screen's spill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stylize.errors import MediaError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from propagate.arrays import F32, Image

NAMED = {"green": (0, 177, 64), "blue": (0, 71, 187)}
"""RGB of common screens; a camera records other values, and ``auto`` measures them."""
_CLEAR = 0.75
"""Share of the screen color above which a pixel is transparent."""
_SOLID = 0.15
"""Share of the screen color below which a pixel is opaque."""
_LEAST_CHROMA = 0.12
"""Chroma (length of Cb, Cr) below which a color is gray."""


def parse_color(text: str, frame: Image) -> tuple[float, float, float]:
    """Parse the screen color, each channel 0 to 1: ``auto``, ``green``, ``blue`` or ``#RRGGBB``.

    Raises
    ------
    UsageError
        If `text` is invalid, or a gray.
    MediaError
        With ``auto``, if the border of `frame` has no dominant color.
    """
    if text == "auto":
        return screen_color(frame)
    try:
        code = NAMED.get(text) or tuple(bytes.fromhex(text.removeprefix("#")))
    except ValueError:
        code = ()
    if len(code) != 3:
        raise UsageError(f"invalid --chroma {text}; give auto, green, blue or #RRGGBB")
    red, green, blue = (channel / 255 for channel in code)
    if np.linalg.norm(_hues(np.array([[[red, green, blue]]], np.float32))) < _LEAST_CHROMA:
        raise UsageError(f"invalid --chroma {text}, a gray; give the color of the screen")
    return red, green, blue


def screen_color(frame: Image) -> tuple[float, float, float]:
    """Return the dominant color of the frame's left, right and upper border; each channel 0 to 1."""
    height, width = frame.shape[:2]
    rim = max(2, round(0.04 * min(height, width)))
    unit = frame.astype(np.float32) / np.float32(np.iinfo(frame.dtype).max)
    sides = [
        unit[:rim],
        unit[rim:-rim, :rim],
        unit[rim:-rim, -rim:],
    ]  # people stand on the lower border
    border = np.concatenate([side.reshape(-1, 3) for side in sides])
    hues = _hues(border[None])[0]
    strong = np.linalg.norm(hues, axis=1)
    angle = np.arctan2(hues[:, 1], hues[:, 0])
    counts, edges = np.histogram(angle, bins=36, range=(-np.pi, np.pi), weights=strong * (strong > _LEAST_CHROMA))
    best = int(np.argmax(counts + np.roll(counts, 1) + np.roll(counts, -1)))
    middle = (edges[best] + edges[best + 1]) / 2
    same = (np.cos(angle - middle) > np.cos(np.pi / 9)) & (strong > _LEAST_CHROMA)
    if same.mean() < 0.25:
        raise MediaError("--chroma auto: the frame's border has no dominant color; name it: --chroma #RRGGBB")
    red, green, blue = np.median(border[same], axis=0)
    return float(red), float(green), float(blue)


def chroma_matte(frame: Image, color: tuple[float, float, float]) -> F32:
    """Return the opacity of the subject, float32 (H, W), 0 on the screen.

    The share of the screen in a pixel is its chroma along that of the screen, less its chroma across it. So
    shadows and folds of the screen are transparent too, and soft edges keep the mix that the camera recorded.
    """
    share = _share(frame, color)
    return np.asarray(np.clip((_CLEAR - share) / (_CLEAR - _SOLID), 0, 1), np.float32)


def despill(frame: Image, color: tuple[float, float, float]) -> Image:
    """Remove the spill of the screen from a frame; luma stays.

    Hues are limited to 60 degrees from that of the screen, as yellow and cyan are from green: skin and hair
    keep theirs.
    """
    key = _hues(np.array([[color]], np.float32))[0, 0]
    top = np.float32(np.iinfo(frame.dtype).max)
    unit = frame.astype(np.float32) / top
    along = key / np.linalg.norm(key)
    hues = _hues(unit)
    spilled = np.maximum(_excess(hues, along, _NEIGHBOR_SLOPE), 0)[..., None] * along
    made = _with_hues(unit, hues - spilled)
    codes: Image = np.rint(np.clip(made, 0, 1) * top).astype(frame.dtype)
    return codes


def _share(frame: Image, color: tuple[float, float, float]) -> NDArray[np.float32]:
    key = _hues(np.array([[color]], np.float32))[0, 0]
    length = float(np.linalg.norm(key))
    unit = frame.astype(np.float32) / np.float32(np.iinfo(frame.dtype).max)
    return np.asarray(_excess(_hues(unit), key / length) / length, np.float32)


def _excess(hues: NDArray[np.float32], along: NDArray[np.float32], slope: float = 1.0) -> NDArray[np.float32]:
    """Return the chroma along a direction, less `slope` times the chroma across it."""
    ahead = hues @ along
    aside = np.abs(hues[..., 0] * along[1] - hues[..., 1] * along[0])
    return np.asarray(ahead - np.float32(slope) * aside, np.float32)


def _hues(unit: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (Cb, Cr) of BT.709, each -0.5 to 0.5."""
    luma = unit @ _LUMA
    return np.stack([(unit[..., 2] - luma) / 1.8556, (unit[..., 0] - luma) / 1.5748], axis=-1)


def _with_hues(unit: NDArray[np.float32], hues: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return RGB of the same luma with other hues."""
    luma = unit @ _LUMA
    red, blue = luma + 1.5748 * hues[..., 1], luma + 1.8556 * hues[..., 0]
    green = (luma - _LUMA[0] * red - _LUMA[2] * blue) / _LUMA[1]
    return np.stack([red, green, blue], axis=-1)


_NEIGHBOR_SLOPE = 0.58
"""Ratio of chroma along to chroma across at a hue 60 degrees away: 1 / tan(60 degrees)."""
_LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)
