"""How much each frame differs from those before it: the numbers that shot detection decides on.

Measured once while frames pass by, on thumbnails; thresholds are applied later (`keyframes.shots`), so that
they can be tuned without decoding again.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from propagate.arrays import Image

LAGS = 6
"""A frame is compared with each of this many frames before it."""
WINDOWS = (4, 8, 16, 32)
"""Half widths in frames of the blends that a dissolve is looked for with."""
FAINTEST = 0.15
"""Least share of each picture in a mixture that counts as one."""
COLUMNS = (
    *(f"lag{i}" for i in range(1, LAGS + 1)),
    *(f"layout{i}" for i in range(1, LAGS + 1)),
    *(f"blend{w}" for w in WINDOWS),
    "luma",
    "contrast",
)
LAYOUT = slice(LAGS, 2 * LAGS)
"""Columns of the layout."""
BLENDS = slice(2 * LAGS, 2 * LAGS + len(WINDOWS))
"""Columns of the blends."""

_CELLS = (12, 8)  # columns and rows of the coarse layout: areas, no details
_FLATTEST = 6.0  # spread of the cells, in steps of 8 bits, below which a difference of layouts is not enlarged further
_LEAST = 1e-6  # stands for no difference where 0 means "not measured"
_FLOW_SIDE = 32  # OpenCV's inverse search ends the process on pictures with fewer rows or columns
_TINY = (48, 30)  # width and height at which blends are looked for
_OVERLAP = 0.4  # of the picture that must be in sight before, at and after a blend
_SIDE = 96  # long side of the thumbnails in pixels
_QUIET = 0.1  # longer lags are only measured where the shortest reaches this; below, nothing can be a cut

_U8 = NDArray[np.uint8]
F32 = NDArray[np.float32]


class ChangeMeter:
    """Takes frames one by one and returns one row of `COLUMNS` for each.

    ``lag`` i is the share of the picture that cannot be found again in the frame i before, 0 to 1, after
    motion and a change of exposure have been taken out.  ``layout`` i is how unlike the two are as a layout of
    large areas, 0 to 1: one minus the correlation of 12x8 mean colors, which motion and new content in a part
    of the picture hardly change.  ``blend`` w tells how well frame t is a mixture of
    frames t - w and t + w, each shifted to where the camera was at t, times how little these two have in
    common, 0 to 1.  ``luma`` and ``contrast`` are mean and spread of the brightness, 0 to 1.
    """

    def __init__(self) -> None:
        self._flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)  # type: ignore[attr-defined]
        self._thumbs: deque[tuple[_U8, F32]] = deque(maxlen=LAGS)
        self._tiny: deque[_Tiny] = deque(maxlen=2 * max(WINDOWS) + 1)
        self._rows: list[list[float]] = []

    def add(self, frame: Image) -> None:
        """Measure the next frame, uint8 or uint16 (H, W, 3)."""
        thumb = _thumbnail(frame)
        gray = cv2.cvtColor(thumb, cv2.COLOR_RGB2GRAY)
        layout = _layout(thumb)
        lags, layouts = [0.0] * LAGS, [0.0] * LAGS
        for i, (before, layout_before) in enumerate(reversed(self._thumbs)):
            if i and lags[0] < _QUIET:
                break
            lags[i] = self._difference(thumb, before)
            layouts[i] = min(max(1 - float((layout * layout_before).mean()), _LEAST), 1.0)
        self._thumbs.append((thumb, layout))
        self._tiny.append(_Tiny.of(thumb))
        blends = [0.0] * len(WINDOWS)
        for i, width in enumerate(WINDOWS):
            if len(self._tiny) > 2 * width:
                self._rows[-width][BLENDS.start + i] = _blend(
                    self._tiny[-1 - 2 * width], self._tiny[-1 - width], self._tiny[-1]
                )
        self._rows.append([*lags, *layouts, *blends, float(gray.mean()) / 255, float(gray.std()) / 255])

    def rows(self) -> F32:
        """Return float32 (frames, len(COLUMNS))."""
        return np.array(self._rows, np.float32).reshape(-1, len(COLUMNS))

    def _difference(self, now: _U8, before: _U8) -> float:
        a, b = _levelled(now), _levelled(before)
        height, width = a.shape
        room = (0, max(_FLOW_SIDE - height, 0), 0, max(_FLOW_SIDE - width, 0))
        padded = (cv2.copyMakeBorder(picture, *room, cv2.BORDER_REFLECT) for picture in (a, b))
        flow = self._flow.calc(*padded, None)[:height, :width]
        x = flow[..., 0] + np.arange(width, dtype=np.float32)
        y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
        moved = cv2.remap(before, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return _mismatch(now, np.asarray(moved, np.uint8))


def _thumbnail(frame: Image) -> _U8:
    if frame.dtype == np.uint16:
        frame = (frame >> 8).astype(np.uint8)
    height, width = frame.shape[:2]
    scale = min(_SIDE / max(height, width), 1.0)
    size = (max(round(width * scale), 1), max(round(height * scale), 1))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)


def _levelled(image: _U8) -> _U8:
    """Return the brightness, stretched to one mean and spread: flicker and fades do not disturb the flow."""
    gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    spread = max(float(gray.std()), 2.0)
    return np.asarray(np.clip((gray - gray.mean()) * (48.0 / spread) + 128, 0, 255), np.uint8)


def _layout(thumb: _U8) -> F32:
    """Return the mean colors of large areas, free of exposure: float32 (8, 12, 3) of mean 0 and spread 1."""
    cells = cv2.resize(thumb, _CELLS, interpolation=cv2.INTER_AREA).astype(np.float32)
    return np.asarray((cells - cells.mean()) / max(float(cells.std()), _FLATTEST), np.float32)


def _mismatch(now: _U8, moved: _U8) -> float:
    """Return the share of the picture whose surroundings do not correlate, in brightness and in color."""
    a, b = now.astype(np.float32), moved.astype(np.float32)
    box = (9, 9)
    mean_a, mean_b = cv2.blur(a, box), cv2.blur(b, box)
    var_a = cv2.blur(a * a, box) - mean_a * mean_a
    var_b = cv2.blur(b * b, box) - mean_b * mean_b
    cov = cv2.blur(a * b, box) - mean_a * mean_b
    # flat places always "correlate": the noise floor is added above and below
    floor = 16.0
    alike = (cov.sum(2) + floor) / np.sqrt((var_a.sum(2) + floor) * (var_b.sum(2) + floor))
    gain = (a.mean() + 4) / (b.mean() + 4)
    shade = np.abs(mean_a - mean_b * gain).max(2) / (24 + 0.25 * mean_a.max(2))
    return float(np.clip(np.maximum(1 - alike, np.minimum(shade, 1) ** 2), 0, 1).mean())


class _Tiny(NamedTuple):
    """A frame of 48x30 pixels for finding blends, in color and as windowed spectrum of its brightness."""

    color: F32
    spectrum: NDArray[np.complex64]

    @classmethod
    def of(cls, thumb: _U8) -> _Tiny:
        color = cv2.resize(thumb, _TINY, interpolation=cv2.INTER_AREA).astype(np.float32)
        gray = color.mean(axis=2)
        window = np.outer(np.hanning(_TINY[1]), np.hanning(_TINY[0]))
        return cls(color, np.fft.rfft2((gray - gray.mean()) * window).astype(np.complex64))


def _moved(frame: _Tiny, to: _Tiny) -> tuple[F32, NDArray[np.bool_]]:
    """Shift a frame as a whole to where it fits another best, and tell which pixels are filled.

    Phase correlation (Kuglin and Hines 1975): its peak stands out even where `to` is half something else.
    """
    cross = to.spectrum * frame.spectrum.conj()
    surface = np.fft.irfft2(cross / np.maximum(np.abs(cross), 1e-6), s=_TINY[::-1])
    dy, dx = np.unravel_index(int(surface.argmax()), surface.shape)
    y, x = (int(v) - size * (int(v) > size // 2) for v, size in ((dy, _TINY[1]), (dx, _TINY[0])))
    filled = np.zeros(surface.shape, bool)
    filled[max(y, 0) : _TINY[1] + min(y, 0), max(x, 0) : _TINY[0] + min(x, 0)] = True
    return np.roll(frame.color, (y, x), (0, 1)), filled


def _blend(a: _Tiny, middle: _Tiny, b: _Tiny) -> float:
    """Tell how well `middle` is a mixture of a and b that needs both, times how unlike they are."""
    (before, there), (after, here) = _moved(a, middle), _moved(b, middle)
    both = there & here
    if both.mean() < _OVERLAP:
        return 0.0
    return _mixture(*(picture[both].ravel() for picture in (before, middle.color, after)))


def _mixture(a: F32, middle: F32, b: F32) -> float:
    a, middle, b = a - a.mean(), middle - middle.mean(), b - b.mean()
    aa, bb, ab = float(a @ a), float(b @ b), float(a @ b)
    if aa < 1e3 or bb < 1e3:
        return 0.0
    unlike = 1 - max(ab / (aa * bb) ** 0.5, 0.0)
    det = aa * bb - ab * ab
    if det < 1e-3 * aa * bb:
        return 0.0
    am, bm, mm = float(a @ middle), float(b @ middle), max(float(middle @ middle), 1.0)
    share_a, share_b = (am * bb - bm * ab) / det, (bm * aa - am * ab) / det
    if min(share_a, share_b) < FAINTEST:
        return 0.0
    left = mm - share_a * am - share_b * bm
    return float(max(1 - left / mm, 0.0) * unlike)
