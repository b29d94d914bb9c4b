"""Keyframe stylization: paint a few frames of a clip and propagate the paint to all others.

The complete job from Python::

    import stylize

    result = stylize.stylize_clip("clip.mp4", "painting.png", "out.mp4")
    print(result.output, result.keys)

Every command of the command line is a function here; see `stylize.api`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from stylize._version import installed_version

if TYPE_CHECKING:
    from stylize.api.check_matte import check_matte as check_matte
    from stylize.api.composite import composite_project as composite_project
    from stylize.api.doctor import run_doctor as run_doctor
    from stylize.api.export import export_project as export_project
    from stylize.api.key_sheet import key_sheet as key_sheet
    from stylize.api.keys import add_keys as add_keys
    from stylize.api.keys import ban_frames as ban_frames
    from stylize.api.keys import change_plan as change_plan
    from stylize.api.keys import choose_keys as choose_keys
    from stylize.api.keys import import_keys as import_keys
    from stylize.api.keys import list_keys as list_keys
    from stylize.api.keys import lock_keys as lock_keys
    from stylize.api.keys import move_key as move_key
    from stylize.api.keys import remove_keys as remove_keys
    from stylize.api.keys import unban_frames as unban_frames
    from stylize.api.keys import unlock_keys as unlock_keys
    from stylize.api.keys_export import export_keys as export_keys
    from stylize.api.maps import render_maps as render_maps
    from stylize.api.mattes import make_matte as make_matte
    from stylize.api.mattes import refine_matte as refine_matte
    from stylize.api.models import check_models as check_models
    from stylize.api.models import fetch_models as fetch_models
    from stylize.api.models import list_models as list_models
    from stylize.api.models import model_path as model_path
    from stylize.api.paint import paint_keys as paint_keys
    from stylize.api.propagate import propagate_clip as propagate_clip
    from stylize.api.report import write_report as write_report
    from stylize.api.run import run_status as run_status
    from stylize.api.run import stylize_clip as stylize_clip
    from stylize.api.synthesize import synthesize_image as synthesize_image
    from stylize.errors import StylizeError as StylizeError
    from stylize.export.options import ExportOptions as ExportOptions
    from stylize.project.project import Project as Project
    from stylize.review import open_review as open_review
    from stylize.settings.loading import load_settings as load_settings
    from stylize.settings.schema import Settings as Settings

__all__ = [
    "ExportOptions",
    "Project",
    "Settings",
    "StylizeError",
    "__version__",
    "add_keys",
    "ban_frames",
    "change_plan",
    "check_matte",
    "check_models",
    "choose_keys",
    "composite_project",
    "export_keys",
    "export_project",
    "fetch_models",
    "import_keys",
    "key_sheet",
    "list_keys",
    "list_models",
    "load_settings",
    "lock_keys",
    "make_matte",
    "model_path",
    "move_key",
    "open_review",
    "paint_keys",
    "propagate_clip",
    "refine_matte",
    "remove_keys",
    "render_maps",
    "run_doctor",
    "run_status",
    "stylize_clip",
    "synthesize_image",
    "unban_frames",
    "unlock_keys",
    "write_report",
]

_HOMES = {
    "ExportOptions": "stylize.export.options",
    "Project": "stylize.project.project",
    "Settings": "stylize.settings.schema",
    "StylizeError": "stylize.errors",
    "add_keys": "stylize.api.keys",
    "ban_frames": "stylize.api.keys",
    "change_plan": "stylize.api.keys",
    "check_matte": "stylize.api.check_matte",
    "check_models": "stylize.api.models",
    "choose_keys": "stylize.api.keys",
    "composite_project": "stylize.api.composite",
    "export_keys": "stylize.api.keys_export",
    "export_project": "stylize.api.export",
    "fetch_models": "stylize.api.models",
    "import_keys": "stylize.api.keys",
    "key_sheet": "stylize.api.key_sheet",
    "list_keys": "stylize.api.keys",
    "list_models": "stylize.api.models",
    "load_settings": "stylize.settings.loading",
    "lock_keys": "stylize.api.keys",
    "make_matte": "stylize.api.mattes",
    "model_path": "stylize.api.models",
    "move_key": "stylize.api.keys",
    "open_review": "stylize.review",
    "paint_keys": "stylize.api.paint",
    "propagate_clip": "stylize.api.propagate",
    "refine_matte": "stylize.api.mattes",
    "remove_keys": "stylize.api.keys",
    "render_maps": "stylize.api.maps",
    "run_doctor": "stylize.api.doctor",
    "run_status": "stylize.api.run",
    "stylize_clip": "stylize.api.run",
    "synthesize_image": "stylize.api.synthesize",
    "unban_frames": "stylize.api.keys",
    "unlock_keys": "stylize.api.keys",
    "write_report": "stylize.api.report",
}
"""Module of each public name."""


def __getattr__(name: str) -> Any:
    """Import a public name on its first use, so that importing the package loads nothing else."""
    if name == "__version__":
        return installed_version()
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted({*globals(), *__all__})
