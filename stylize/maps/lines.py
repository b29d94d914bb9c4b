"""Maps of lines that need no weights: canny, lineart, scribble, softedge. White on black.

Sizes are in shares of the picture's diagonal, so that a picture at twice the size gives the same lines, twice
as large.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from stylize.errors import DeviceError, UsageError

if TYPE_CHECKING:
    from propagate.arrays import F32, Image

FAINT = 1.8
"""Strength of an outline, in steps of L*a*b*, below which it is the grain of compression."""
FLAT = 12.0
"""Gradient, in 8-bit steps per pixel, below which there is grain and no edge."""


def draw_canny(image: Image, *, detail: float = 0.5) -> Image:
    """Draw edges one pixel wide (Canny 1986).

    Thresholds follow the picture: a dim or hazy one gets its edges too, and grain gets none.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    detail
        0 only the strongest edges, 1 every fold and blade of grass.

    Returns
    -------
    uint8 (H, W), 0 or 255.
    """
    _check(detail)
    gray = _smooth(image, 0.0012)
    across = cv2.Sobel(gray, cv2.CV_32F, 1, 0)
    down = cv2.Sobel(gray, cv2.CV_32F, 0, 1)
    strength = np.abs(across) + np.abs(down)  # as Canny measures it
    steep = strength[strength > 4 * FLAT]
    share = 100 - (15 + 70 * detail)
    high = float(np.percentile(steep, share)) if steep.size else 8 * FLAT
    high = max(high, 4 * FLAT)
    return np.asarray(cv2.Canny(gray, 0.4 * high, high), np.uint8)


def draw_lineart(image: Image, *, detail: float = 0.5) -> Image:
    """Draw what a pen would: dark lines and outlines, smooth along their run.

    Differences of Gaussians, averaged along the flow of edges (Kang, Lee & Chui, "Coherent Line Drawing",
    2007) and lifted softly (Winnemöller, Kyprianidis & Olsen, "XDoG", 2012).

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    detail
        0 few bold lines, 1 fine ones too.

    Returns
    -------
    uint8 (H, W), white lines on black, with soft edges.
    """
    _check(detail)
    light = _lightness(image)
    sigma = _pixels(light, 0.0016 * 2 ** (1 - 2 * detail), least=0.7)
    narrow = cv2.GaussianBlur(light, (0, 0), sigma)
    wide = cv2.GaussianBlur(light, (0, 0), 1.6 * sigma)
    darker = _along(wide - narrow, light, 3 * sigma)
    lift = 0.9 + 1.6 * (1 - detail)
    lines = np.tanh(np.maximum(darker - 0.35 * lift, 0) / lift * 0.9)
    return np.asarray(np.rint(255 * np.clip(lines * 1.25, 0, 1)), np.uint8)


def draw_scribble(image: Image, *, detail: float = 0.5) -> Image:
    """Draw a few thick strokes along the strongest outlines, as by hand with a marker.

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    detail
        0 the outline of large things, 1 their features too.

    Returns
    -------
    uint8 (H, W), 0 or 255.
    """
    _check(detail)
    if not hasattr(cv2, "ximgproc"):
        raise DeviceError("map scribble needs OpenCV's contrib part, which is not there; see `stylize doctor`")
    edges = _edge_strength(image, (0.003, 0.006)).astype(np.float32)
    bold = np.asarray(edges > 0.42 - 0.24 * detail, np.uint8) * 255
    thin = cv2.ximgproc.thinning(bold)
    least = _pixels(edges, 0.05 * (1.2 - detail), least=4)
    count, labels, facts, _ = cv2.connectedComponentsWithStats(thin, connectivity=8)
    keep = np.zeros(count, np.bool_)
    keep[1:] = facts[1:, cv2.CC_STAT_AREA] >= least
    width = int(_pixels(edges, 0.004, least=3)) | 1
    brush = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (width, width))
    return np.asarray(cv2.dilate(np.asarray(keep[labels], np.uint8) * 255, brush), np.uint8)


def draw_softedge(image: Image, *, detail: float = 0.5) -> Image:
    """Draw outlines as soft bands, strong where things end and weak within textures.

    Color gradients at several sizes, each weakened by how much of the same is around it (surround
    suppression, Grigorescu, Petkov & Westenberg 2003).

    Parameters
    ----------
    image
        uint8 (H, W, 3) RGB.
    detail
        0 large outlines only, 1 fine edges and textures too.

    Returns
    -------
    uint8 (H, W).
    """
    _check(detail)
    size = 2 ** (0.5 - detail)
    edges = _edge_strength(
        image, (0.0012 * size, 0.0025 * size, 0.005 * size), around=0.9 - 0.7 * detail, faint=FAINT * size**2
    )
    return np.asarray(np.rint(255 * edges), np.uint8)


def _check(detail: float) -> None:
    if not 0 <= detail <= 1:
        raise UsageError(f"detail is {detail:g}; expected 0, few lines, to 1, every one")


def _edge_strength(image: Image, sizes: tuple[float, ...], around: float = 0.6, faint: float = FAINT) -> F32:
    """Strength of color edges, 0 to 1, (H, W), the mean over `sizes` (shares of the diagonal)."""
    lab = np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab), np.float32)
    lab *= np.array((1, 1.4, 1.4), np.float32)  # outlines that only color shows count as well
    total = np.zeros(image.shape[:2], np.float32)
    for size in sizes:
        sigma = _pixels(total, size, least=0.8)
        soft = cv2.GaussianBlur(lab, (0, 0), sigma)
        across, down = cv2.Scharr(soft, cv2.CV_32F, 1, 0), cv2.Scharr(soft, cv2.CV_32F, 0, 1)
        # times sigma: a step edge counts the same at every size
        step = np.asarray(np.sqrt((across**2 + down**2).sum(-1)) * np.float32(sigma / 16), np.float32)
        crowd = cv2.GaussianBlur(step, (0, 0), 6 * sigma)
        total += np.maximum(step - around * crowd, 0)
    total /= len(sizes)
    return np.asarray(np.clip(1 - np.exp(-np.maximum(total - faint, 0) / 3.5), 0, 1), np.float32)


def _along(values: F32, light: F32, length: float) -> F32:
    """Average `values` along the flow of edges in `light`, `length` pixels to either side."""
    soft = cv2.GaussianBlur(light, (0, 0), max(length / 3, 0.8))
    gx, gy = (cv2.Scharr(soft, cv2.CV_32F, *way) for way in ((1, 0), (0, 1)))
    xx, yy, xy = (cv2.GaussianBlur(part, (0, 0), length) for part in (gx * gx, gy * gy, gx * gy))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2
    tx, ty = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    ys, xs = np.mgrid[: light.shape[0], : light.shape[1]].astype(np.float32)
    total, weights = values.copy(), 1.0
    steps = max(int(length), 1)
    for way in (1, -1):
        px, py, dx, dy = xs.copy(), ys.copy(), way * tx, way * ty
        for step in range(1, steps + 1):
            px, py = px + dx, py + dy
            nx, ny = (cv2.remap(part, px, py, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for part in (tx, ty))
            sign = np.where(nx * dx + ny * dy < 0, -1, 1).astype(np.float32)  # a line has no direction
            dx, dy = nx * sign, ny * sign
            weight = float(np.exp(-0.5 * (2 * step / steps) ** 2))
            total += weight * _fetched(values, px, py)
            weights += weight
    return np.asarray(total / weights, np.float32)


def _fetched(values: F32, xs: F32, ys: F32) -> F32:
    return np.asarray(cv2.remap(values, xs, ys, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.float32)


def _lightness(image: Image) -> F32:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)[..., 0], np.float32)


def _smooth(image: Image, share: float) -> Image:
    gray = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    return np.asarray(cv2.GaussianBlur(gray, (0, 0), _pixels(gray, share, least=0.8)), np.uint8)


def _pixels(picture: F32 | Image, share: float, least: float) -> float:
    """Return a share of the diagonal in pixels."""
    return max(share * float(np.hypot(*picture.shape[:2])), least)
