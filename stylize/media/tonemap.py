"""HDR to SDR, so that a stylizer sees colors it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REFERENCE_WHITE = 203.0  # cd/m2, diffuse white in HDR (ITU-R BT.2408)
_KNEE = 0.75  # of SDR white: below, light passes unchanged; above, it bends
_BT2020_TO_BT709 = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)  # ITU-R BT.2087, annex 2


class ToneMap:
    """Maps PQ or HLG with BT.2020 primaries to BT.709 SDR, uint16 in and out.

    Light below three quarters of white stays, brighter light bends towards white along a hyperbola, so that
    faces keep their tone and highlights their drawing. The bend looks at the largest of the three channels:
    hues hold.
    """

    def __init__(self, transfer: str) -> None:
        code = np.arange(65536, dtype=np.float64) / 65535
        light = _pq_light(code) if transfer == "smpte2084" else _hlg_light(code)
        self._light = (light / _REFERENCE_WHITE).astype(np.float32)
        # The display's 2.4 gamma (ITU-R BT.1886) is what BT.709 video is looked at with.
        self._code = np.round(np.linspace(0, 1, 65536) ** (1 / 2.4) * 65535).astype(np.uint16)

    def apply(self, image: NDArray[np.uint16]) -> NDArray[np.uint16]:
        """Return the SDR picture of an HDR one, both (H, W, 3)."""
        light = self._light[image] @ _BT2020_TO_BT709.T
        np.maximum(light, 0, out=light)
        peak = light.max(axis=2, keepdims=True)
        over = np.maximum(peak - _KNEE, 0)
        room = 1 - _KNEE
        bent = np.minimum(peak, _KNEE) + over * room / (over + room)
        light *= bent / np.maximum(peak, 1e-6)
        code: NDArray[np.uint16] = self._code[np.round(np.minimum(light, 1) * 65535).astype(np.uint16)]
        return code


def _pq_light(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return cd/m2 of PQ codes (SMPTE ST 2084)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = code ** (1 / m2)
    return 10000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


def _hlg_light(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return cd/m2 of HLG codes on a display of 1000 cd/m2 (ITU-R BT.2100), its gamma taken per channel."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return 1000 * scene**1.2
