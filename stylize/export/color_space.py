"""From the values of a picture to those that a deliverable holds: sRGB, Rec.709, light, ACEScg."""

from __future__ import annotations

import os
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stylize.errors import StylizeError, UsageError
from stylize.media.color import srgb_to_linear

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPACES: Final = ("srgb", "rec709", "linear", "acescg")
"""What colors can be stored as. The first two hold a picture's values, the others light."""

CHROMATICITIES: Final = {
    "acescg": (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, 0.32168, 0.33767),
    **dict.fromkeys(("srgb", "rec709", "linear"), (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)),
}
"""x and y of red, green, blue and white, as EXR headers have them."""


def encode(values: NDArray[Any], space: str) -> NDArray[np.float32]:
    """Return sRGB values, 0 to 1 (…, 3), as `space` has them.

    Raises
    ------
    UsageError
        If the space is unknown, or ``$OCIO`` names a configuration without it.
    StylizeError
        If ACEScg is asked for and the extra ``ocio`` is not installed.
    """
    if space not in SPACES:
        raise UsageError(f"color is {space!r}; expected one of {', '.join(SPACES)}")
    if space == "srgb":
        return np.asarray(values, np.float32)
    light = srgb_to_linear(values)
    if space == "rec709":
        curve = 1.099 * np.maximum(light, 0.018) ** 0.45 - 0.099  # ITU-R BT.709, 1.2
        return np.where(light < 0.018, 4.5 * light, curve).astype(np.float32)
    if space == "acescg":
        apply_options = np.ascontiguousarray(light.reshape(1, -1, 3))
        _to_acescg().applyRGB(apply_options)
        return apply_options.reshape(light.shape)
    return light


@cache
def _to_acescg() -> Any:
    try:
        import PyOpenColorIO as Ocio
    except ImportError as error:
        raise StylizeError(
            "ACEScg needs OpenColorIO, which is not installed; pip install 'keystylize[ocio]'"
        ) from error
    try:
        config = (
            Ocio.Config.CreateFromEnv()
            if os.environ.get("OCIO")
            else Ocio.Config.CreateFromBuiltinConfig("ocio://cg-config-v1.0.0_aces-v1.3_ocio-v2.1")
        )
        return config.getProcessor("Linear Rec.709 (sRGB)", "ACEScg").getDefaultCPUProcessor()
    except Ocio.Exception as error:
        raise UsageError(f"$OCIO cannot lead to ACEScg ({error}); unset it to use the built-in one") from error
