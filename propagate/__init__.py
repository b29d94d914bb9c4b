"""Carry painted pictures over the frames of a shot: flow, warping, guided patch synthesis.

Names are looked up when first used, so importing the package imports neither Numba nor OpenCV. The
functions `warp` and `register` share their modules' names and are found only there.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from propagate.flow import chain as chain
    from propagate.flow import consistency as consistency
    from propagate.flow import estimate_flow as estimate_flow
    from propagate.guides import Guide as Guide
    from propagate.options import CarriedFrame as CarriedFrame
    from propagate.options import PropagateOptions as PropagateOptions
    from propagate.options import SynthesisOptions as SynthesisOptions
    from propagate.registration import Registration as Registration
    from propagate.span import propagate_keyframes as propagate_keyframes
    from propagate.synthesis import Synthesis as Synthesis
    from propagate.synthesis import synthesize as synthesize

_HOME = {
    "propagate_keyframes": "propagate.span",
    "PropagateOptions": "propagate.options",
    "CarriedFrame": "propagate.options",
    "Registration": "propagate.registration",
    "estimate_flow": "propagate.flow",
    "consistency": "propagate.flow",
    "chain": "propagate.flow",
    "synthesize": "propagate.synthesis",
    "Guide": "propagate.guides",
    "SynthesisOptions": "propagate.options",
    "Synthesis": "propagate.synthesis",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  the table is the one list of names


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'propagate' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
