"""Mattes: where the paint goes, where they come from, how they are made and kept steady.

Importing this package imports nothing; a name brings its module with it when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stylize.mattes.clip import MatteClip as MatteClip
    from stylize.mattes.clip import open_matte as open_matte
    from stylize.mattes.colours import foreground as foreground
    from stylize.mattes.laying import over as over
    from stylize.mattes.options import MatteOptions as MatteOptions
    from stylize.mattes.spec import absolute_spec as absolute_spec
    from stylize.mattes.steadying import SteadyMattes as SteadyMattes
    from stylize.mattes.steadying import steady as steady

_HOME = {
    "MatteClip": "clip",
    "MatteOptions": "options",
    "SteadyMattes": "steadying",
    "absolute_spec": "spec",
    "foreground": "colours",
    "open_matte": "clip",
    "over": "laying",
    "steady": "steadying",
}

__all__ = sorted(_HOME)  # noqa: PLE0605  the table is the one list of names


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"stylize.mattes.{_HOME[name]}"), name)
