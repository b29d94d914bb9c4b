"""Mattes: sources, segmentation from hints, edge refinement, and temporal stabilization.

Importing this package imports nothing; a name brings its module with it when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stylize.mattes.clip import MatteClip as MatteClip
    from stylize.mattes.clip import open_matte as open_matte
    from stylize.mattes.options import MatteOptions as MatteOptions
    from stylize.mattes.refine.foreground import estimate_foreground as estimate_foreground
    from stylize.mattes.sources.spec import absolute_spec as absolute_spec
    from stylize.mattes.temporal.stabilize import StabilizedMattes as StabilizedMattes
    from stylize.mattes.temporal.stabilize import stabilize as stabilize

_HOME = {
    "MatteClip": "clip",
    "MatteOptions": "options",
    "StabilizedMattes": "temporal.stabilize",
    "absolute_spec": "sources.spec",
    "estimate_foreground": "refine.foreground",
    "open_matte": "clip",
    "stabilize": "temporal.stabilize",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  the table is the one list of names


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"stylize.mattes.{_HOME[name]}"), name)
