"""Selection of the renderer: the one that is named, or the best that is available."""

from __future__ import annotations

import difflib
import logging
from dataclasses import asdict
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from stylize.errors import MediaError, StylizeError, UsageError
from stylize.media import read_image
from stylize.render import make_renderer, renderer_names
from stylize.settings.schema import SECTIONS, section_class

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from stylize.render import Renderer
    from stylize.settings.schema import Settings

_SECTIONS = {"patch": "patch", "sd": "diffusion", "edit": "edit"}
"""The section of the settings that each built-in renderer reads."""

log = logging.getLogger(__name__)


def select_renderer(name: str, styles: Sequence[Path], settings: Settings) -> Renderer:
    """Return the renderer called `name`; ``auto`` selects diffusion if its models and a device are available.

    The choice of ``auto`` and its reason are logged, as a warning if the packages of diffusion are installed or
    one of its options is set.

    Raises
    ------
    UsageError
        If the renderer needs a style and there is none, or the name is unknown.
    MediaError
        If a style is missing or unusable.
    ModelError
        If the renderer's weights are missing.
    """
    _check_tables(settings)
    if name == "files":
        raise UsageError("renderer files uses your own keys; name their folder with --keys DIR")
    prompted = bool(settings.diffusion.prompt) and name in ("auto", "sd")
    prompted = prompted or (bool(settings.edit.prompt) and name == "edit")
    if not styles and not prompted:
        raise UsageError("no style; name an image with --style REF, or your own keys with --keys DIR")
    chosen = name
    if name == "auto":
        missing = _missing_for_diffusion(settings, styled=bool(styles))
        chosen = "patch" if missing else "sd"
        level = logging.INFO if missing and not _diffusion_expected(settings) else logging.WARNING
        log.log(level, "using renderer %s: %s", chosen, missing or "its models and a device are available")
        if missing and not styles:
            raise UsageError(f"a prompt without a style needs renderer sd: {missing}; name an image with --style")
    images = []
    for path in styles:
        try:
            images.append(read_image(path))
        except MediaError as error:
            raise MediaError(f"--style {error}") from error
    return make_renderer(chosen, images, _options(chosen, settings))


def warn_unused_options(renderer: str, settings: Settings) -> None:
    """Log the options that were set but are not read by the renderer of this name; ``files`` reads none."""
    read = asdict(getattr(settings, _SECTIONS[renderer])) if renderer in _SECTIONS else {}
    unused = []
    for section in _SECTIONS.values():
        defaults = asdict(section_class(section)())
        for option, value in asdict(getattr(settings, section)).items():
            if value != defaults[option] and read.get(option) != value:
                unused.append(f"{section}.{option}")
    if unused:
        log.warning("renderer %s ignores these options: %s", renderer, ", ".join(unused))


def _options(name: str, settings: Settings) -> dict[str, Any]:
    """Return the options of a renderer: the section of a built-in one, the table of a plug-in."""
    if name == "sd":
        return {**asdict(settings.diffusion), "models": settings.models}
    if name == "edit":
        return {**asdict(settings.edit), "models": settings.models}
    return asdict(settings.patch) if name == "patch" else dict(settings.plugins.tables.get(name, {}))


def _check_tables(settings: Settings) -> None:
    """Raise UsageError for options of a plug-in that is not installed."""
    known = renderer_names()
    for name in settings.plugins.tables:
        if name in known and name not in SECTIONS and name != "sd":
            continue
        close = difflib.get_close_matches(name, [one for one in known if one != "sd"], n=1)
        section = {"sd": "diffusion"}.get(name, name)
        hint = f"its options belong in [{section}]" if section in SECTIONS else "it is not installed"
        if section not in SECTIONS and close:
            hint = f"did you mean {close[0]!r}?"
        raise UsageError(f"[plugins.{name}]: unknown renderer {name!r}; {hint}")


def _diffusion_expected(settings: Settings) -> bool:
    """Return whether the user may expect diffusion: its packages are installed, or one of its options is set."""
    from stylize.render.diffusion.components import PACKAGES

    default = section_class("diffusion")()
    return settings.diffusion != default or all(find_spec(name) is not None for name in PACKAGES)


def _missing_for_diffusion(settings: Settings, *, styled: bool) -> str:
    """Return why diffusion cannot run here, empty if it can. Torch is imported only if all else is available."""
    from stylize.render.diffusion.components import check_packages, gather_parts

    try:
        check_packages()
        gather_parts(settings.diffusion, settings.models, styled=styled)
    except UsageError:
        raise
    except StylizeError as error:
        return str(error).partition(", or paint without")[0]
    if settings.diffusion.device == "auto":
        from stylize.models.device import choose_device
        from stylize.render.diffusion.loading import prepare_imports

        prepare_imports()
        if choose_device("auto") == "cpu":
            return "no GPU was found, and on a CPU each key takes minutes (--device cpu uses it anyway)"
    return ""
