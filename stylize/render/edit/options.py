"""What the renderer that edits pictures is asked for."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class EditOptions:
    """What the renderer that edits pictures is asked for. The prompt may be a schedule, ``0: a, 60: b``.

    Attributes
    ----------
    model : str
        A preset, repository or folder of an image editor that looks at several pictures: FLUX.2-klein, FLUX.2
        or Qwen-Image-Edit-Plus. ``auto`` takes the first preset that is here.
    prompt : str
        What the model is told, in place of the usual request to repaint the first picture in the style of the
        next.
    steps : int, optional
        1 to 200. More is finer and slower; what suits the model by default: 4 for a distilled one.
    guidance : float, optional
        0 to 20. Larger obeys the prompt harder; what suits the model by default. Distilled ones ignore it.
    megapixels : float
        0 to 4. Size to paint at; 0 is the models' own, one megapixel. They shrink what is larger.
    align : bool
        Editors let the picture drift by some pixels, and paint that is carried must lie where the frame has
        it: shift, turn and scale the painting back onto the frame's outlines.
    hold : float
        0 to 1. How far surface that a finished key shows is kept as it is there; 1 copies it.
    match_colors : float
        0 to 1. How far a key's colors are brought to those of the keys that it follows.
    edges : float
        0 to 1. How far edges of the enlarged painting follow the full-size frame.
    device : str
        ``auto``, ``cuda``, ``mps`` or ``cpu``.
    """

    model: str = "auto"
    prompt: str = ""
    steps: int | None = None
    guidance: float | None = None
    megapixels: float = 0.0
    align: bool = True
    hold: float = 0.0
    match_colors: float = 1.0
    edges: float = 1.0
    device: Literal["auto", "cuda", "mps", "cpu"] = "auto"

    def __post_init__(self) -> None:
        bounds = {
            "steps": (1, 200), "guidance": (0, 20), "megapixels": (0, 4), "hold": (0, 1),
            "match_colors": (0, 1), "edges": (0, 1),
        }  # fmt: skip
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}; expected {low} to {high}")


def make_options(given: Mapping[str, Any]) -> EditOptions:
    """Build options by name; UsageError for an unknown or impossible one."""
    known = {field.name for field in fields(EditOptions)}
    unknown = sorted(set(given) - known)
    if unknown:
        raise UsageError(f"renderer edit has no option {unknown[0]!r}; it has {', '.join(sorted(known))}")
    try:
        return EditOptions(**given)
    except ValueError as error:
        raise UsageError(str(error)) from error
