"""What a painter looks at in a picture besides color: edges, directions, and where detail matters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from propagate.arrays import F32


def blur(array: F32, sigma: float) -> F32:
    """Gaussian blur of (H, W) or (H, W, C), mirrored at the border; `sigma` in pixels, 0 for none."""
    if sigma <= 0:
        return array
    out: F32 = np.asarray(cv2.GaussianBlur(array, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101), np.float32)
    return out.reshape(array.shape)


def flatten(lab: F32, radius: float, contrast: float = 0.05, rounds: int = 2) -> F32:
    """Smooth OKLab (H, W, 3) inside regions and keep their borders (bilateral, Tomasi & Manduchi 1998).

    Photographs carry texture at every scale; strokes can only be chosen in long pieces where that is gone.

    Parameters
    ----------
    lab
        float32 (H, W, 3).
    radius
        Reach in pixels. Larger gives broader, calmer regions.
    contrast
        Steps of lightness well above this stay. Larger lets neighboring regions flow together.
    rounds
        More rounds give flatter regions.
    """
    out = lab
    for _ in range(rounds):
        filtered = cv2.bilateralFilter(out, max(int(2 * radius) | 1, 3), contrast, radius)
        out = np.asarray(filtered, np.float32)
    return out


def detail_map(lightness: F32, radius: float) -> F32:
    """Where small things matter: float32 (H, W), 0 on plain surfaces to 1 on eyes, mouths, lettering, edges.

    Fine contrast, measured against its wider surroundings: a brow on smooth skin counts for more than one
    leaf among a thousand leaves.

    Parameters
    ----------
    lightness
        float32 (H, W), 0 to 1.
    radius
        Size in pixels of the details meant, about 1/200 of the frame's height.
    """
    fine = np.abs(lightness - blur(lightness, 2 * radius)) + np.abs(
        blur(lightness, radius / 2) - blur(lightness, radius)
    )
    near = blur(fine, 1.5 * radius)
    around = blur(fine, 12 * radius)
    standing_out = near / (0.6 * around + 0.012)
    small = np.clip((standing_out - 0.6) / 1.6, 0, 1).astype(np.float32)
    # Between two eyes and a mouth lies a face.
    return np.asarray(np.clip(np.maximum(small, 1.3 * blur(small, 4 * radius)), 0, 1), np.float32)


def directions(lightness: F32, reach: tuple[float, float, float]) -> F32:
    """Direction of what runs through each pixel: float32 (H, W, 2), each 0 to 1.

    The channels hold the cosine and sine of twice the angle, around 0.5, smaller where nothing runs one way.
    From the structure tensor (Bigün & Granlund 1987) averaged over three reaches, the wider ones weaker: on a
    plain cheek the direction of the nearest strong contours prevails, as Litwinowicz (1997) lays strokes.

    Parameters
    ----------
    lightness
        float32 (H, W), 0 to 1.
    reach
        Gaussian sigmas in pixels.
    """
    dx = cv2.Sobel(lightness, cv2.CV_32F, 1, 0, ksize=3, borderType=cv2.BORDER_REFLECT_101) / 8
    dy = cv2.Sobel(lightness, cv2.CV_32F, 0, 1, ksize=3, borderType=cv2.BORDER_REFLECT_101) / 8
    products = np.dstack([dx * dx, dy * dy, dx * dy]).astype(np.float32)
    tensor = blur(products, reach[0]) + 0.15 * blur(products, reach[1]) + 0.02 * blur(products, reach[2])
    cosine, sine = tensor[..., 1] - tensor[..., 0], -2 * tensor[..., 2]
    length = np.hypot(cosine, sine)
    agreement = np.sqrt(length / (tensor[..., 0] + tensor[..., 1] + 1e-6))
    scale = 0.5 * agreement / (length + 1e-7)
    return np.dstack([0.5 + cosine * scale, 0.5 + sine * scale]).astype(np.float32)


def local_contrast(lab: F32, sigma: float) -> F32:
    """How much goes on around each pixel: float32 (H, W), deviation of OKLab within `sigma` pixels."""
    loud = lab * np.array([1, 2, 2], np.float32)
    variance = blur(loud * loud, sigma) - blur(loud, sigma) ** 2
    return np.asarray(np.sqrt(np.maximum(variance.sum(2), 0)), np.float32)
