"""Keyframe stylization: paint a few frames of a clip, carry the paint to all others.

Ten lines that do the whole job::

    import stylize

    result = stylize.stylize_clip("clip.mp4", "painting.png", "out.mp4")
    print(result.output, result.keys)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stylize._version import installed_version

if TYPE_CHECKING:
    from stylize.api.propagate import propagate_clip as propagate_clip
    from stylize.api.synthesize import synth_image as synth_image
    from stylize.errors import StylizeError as StylizeError
    from stylize.pipeline.run import stylize_clip as stylize_clip
    from stylize.project.project import Project as Project
    from stylize.settings.schema import Settings as Settings
    from stylize.settings.schema import load_settings as load_settings

__all__ = [
    "Project",
    "Settings",
    "StylizeError",
    "__version__",
    "load_settings",
    "propagate_clip",
    "stylize_clip",
    "synth_image",
]

_PLACES = {
    "Project": "stylize.project.project",
    "Settings": "stylize.settings.schema",
    "StylizeError": "stylize.errors",
    "propagate_clip": "stylize.api.propagate",
    "load_settings": "stylize.settings.schema",
    "stylize_clip": "stylize.pipeline.run",
    "synth_image": "stylize.api.synthesize",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that importing the package costs nothing."""
    if name == "__version__":
        return installed_version()
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PLACES[name]), name)
