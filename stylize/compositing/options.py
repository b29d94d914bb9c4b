"""How layers are put together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class ComposeOptions:
    """How layers are put together.

    Attributes
    ----------
    light
        In which values edges and blends are mixed: ``display`` mixes the pictures' own values, as editors and
        paint programs do; ``linear`` mixes light, as compositors do: soft edges come out lighter.
    """

    light: Literal["display", "linear"] = "display"

    def __post_init__(self) -> None:
        if self.light not in ("display", "linear"):
            raise ValueError(f"light is {self.light!r}; choose 'display' or 'linear'")
