"""Keys painted by Stable Diffusion with ControlNet in the manner of the style. Importing loads no torch.

options     what can be asked for                 parts       which files that needs, found and checked
moment      what schedules say at one frame       families    what differs between SD1.5 and SDXL
fits        whether parts go together             single      parts that come as one file
sizes       to the model's size and back          loading     files to a pipeline
prompts     words to embeddings                   adapter     style pictures to embeddings
masks       where each style is painted           region      a part of a key
ground      what a painting begins from           setting     all that one painting is told
attention   looking at finished keys              steering    holding what finished keys show
memory      device, number format, the ladder     engine      a pipeline on its device
sampling    one call of the pipeline              renderer    all of it for one key
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.render.diffusion.options import DiffusionOptions

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from propagate.arrays import Image
    from stylize.render.diffusion.renderer import DiffusionRenderer

__all__ = ["DiffusionOptions", "make_diffusion_renderer"]


def make_diffusion_renderer(styles: Sequence[Image], options: Mapping[str, Any]) -> DiffusionRenderer:
    """Build the renderer ``sd``: files are found and checked now, weights are loaded with the first key.

    Parameters
    ----------
    styles
        Style pictures, uint8 or uint16 (H, W, 1 to 4); may be none, then the prompt alone says how.
    options
        Those of `DiffusionOptions` by name; under ``models`` the `stylize.models.ModelOptions`.

    Raises
    ------
    UsageError
        If an option is unknown or impossible.
    ModelError
        If a model is missing, damaged, or of another family; or the packages are not installed.
    """
    from stylize.media import read_image
    from stylize.models import ModelOptions
    from stylize.models.device import choose_device
    from stylize.render.diffusion.components import check_packages, gather_parts
    from stylize.render.diffusion.loading import prepare_imports
    from stylize.render.diffusion.options import DiffusionOptions
    from stylize.render.diffusion.renderer import DiffusionRenderer
    from stylize.render.options import make_options

    models = options.get("models") or ModelOptions()
    given = {name: value for name, value in options.items() if name != "models"}
    asked = make_options(DiffusionOptions, given, "sd")
    check_packages()
    parts = gather_parts(asked, models, styled=bool(styles))
    if asked.device not in (
        "auto",
        "cpu",
    ):  # whether it is here is said now, and only torch knows
        prepare_imports()
        choose_device(asked.device)
    masks = [read_image(Path(path)) for path in asked.style_masks]
    return DiffusionRenderer(styles, asked, parts, masks)
