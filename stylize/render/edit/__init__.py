"""Keys painted by a model that edits pictures: FLUX.2-klein, Qwen-Image-Edit. Importing loads no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from stylize.render.edit.options import EditOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from propagate.arrays import Image
    from stylize.render.edit.renderer import EditRenderer

__all__ = ["EditOptions", "make_edit_renderer"]


def make_edit_renderer(styles: Sequence[Image], options: Mapping[str, Any]) -> EditRenderer:
    """Build the renderer ``edit``: the model is found and checked now, weights are loaded with the first key.

    Parameters
    ----------
    styles
        Style pictures, uint8 or uint16 (H, W, 1 to 4); may be none, then the prompt alone says how.
    options
        Those of `EditOptions` by name; under ``models`` the `stylize.models.ModelOptions`.

    Raises
    ------
    UsageError
        If an option is unknown or impossible.
    ModelError
        If the model is missing, damaged or no editor, or the packages are not installed.
    """
    from stylize.models import ModelOptions
    from stylize.render.edit.editors import find_editor
    from stylize.render.edit.options import EditOptions
    from stylize.render.edit.renderer import EditRenderer
    from stylize.render.options import make_options

    models = options.get("models") or ModelOptions()
    given = {name: value for name, value in options.items() if name != "models"}
    asked = make_options(EditOptions, given, "edit")
    path = find_editor(asked.model, models)
    return EditRenderer(styles, asked, path, allow_pickle=models.allow_pickle)
