"""Options of an export: its parts, formats, numbering and color space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from stylize.errors import UsageError
from stylize.export.color_space import SPACES

PARTS: Final = ("flat", "layers", "mattes", "exr", "otio", "nuke", "ae")
"""Parts of an export: flattened clip, layers, mattes, EXR frames with all of these, and scripts."""
SCRIPTS: Final = ("otio", "nuke", "ae")
"""Parts that need a flattened clip, layers and mattes beside them."""
FORMATS: Final = {"png": ".png", "tif": ".tif", "prores": ".mov", "vp9": ".webm"}
"""Formats of layers and flattened clip, with their suffix."""
VIDEO_FORMATS: Final = ("prores", "vp9")
"""Those of `FORMATS` that are videos."""


@dataclass(frozen=True)
class ExportOptions:
    """Parts and formats of an export.

    Attributes
    ----------
    what
        Some of `PARTS`. A script brings the footage that it composites: flattened clip, layers, mattes.
    form
        Format of flattened clip and layers: ``png`` and ``tif`` with 16 bits, ``prores`` 4444, ``vp9`` with
        alpha.
    first
        Number of the first image, 0 or more.
    space
        Color space of images: ``srgb``, ``rec709``, ``linear``, ``acescg``; None is linear in EXR and sRGB in
        other images. Videos have the clip's.
    motion
        Write motion vectors into EXR frames; their optical flow is computed for it.
    """

    what: tuple[str, ...] = ("flat", "layers", "mattes")
    form: str = "png"
    first: int = 1001
    space: str | None = None
    motion: bool = True

    def __post_init__(self) -> None:
        for part in self.what:
            if part not in PARTS:
                raise UsageError(f"unknown --what {part}; choose from {', '.join(PARTS)}")
        if self.form not in FORMATS:
            raise UsageError(f"unknown --format {self.form}; choose from {', '.join(FORMATS)}")
        if self.first < 0:
            raise UsageError(f"invalid --first {self.first}; give a number of 0 or more")
        if self.space is not None and self.space not in SPACES:
            raise UsageError(f"unknown --color {self.space}; choose from {', '.join(SPACES)}")
        video = self.form in VIDEO_FORMATS and self.wants("flat", "layers")
        if video and "exr" not in self.what and self.space not in (None, "srgb"):
            raise UsageError(f"--color {self.space}: {self.form} has the clip's colors; use --format png or tif")

    @property
    def has_scripts(self) -> bool:
        """True if a script is a part."""
        return any(script in self.what for script in SCRIPTS)

    def wants(self, *parts: str) -> bool:
        """Return whether any of these parts is written, for itself or for a script."""
        return any(p in self.what or (self.has_scripts and p in ("flat", "layers", "mattes")) for p in parts)
