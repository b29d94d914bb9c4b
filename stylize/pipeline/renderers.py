"""Who paints: the renderer that was asked for, or the best that is here."""

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
"""Our renderers, and the section of settings that each reads."""

log = logging.getLogger(__name__)


def select_renderer(name: str, styles: Sequence[Path], settings: Settings) -> Renderer:
    """Make the renderer called `name`; ``auto`` takes diffusion when its models and a device are here.

    What ``auto`` takes, and why, is said before any work; not where nobody has the packages of diffusion or
    has set anything of it.

    Raises
    ------
    UsageError
        If there is no style and the renderer needs one, or the name is unknown.
    MediaError
        If a style is missing or cannot be painted from.
    ModelError
        If the renderer needs weights that are not here.
    """
    _check_tables(settings)
    if name == "files":
        raise UsageError("renderer files carries keys that you painted; name their folder with --keys DIR")
    worded = bool(settings.diffusion.prompt) and name in ("auto", "sd")
    worded = worded or (bool(settings.edit.prompt) and name == "edit")
    if not styles and not worded:
        raise UsageError("no style to paint in; name a picture with --style REF, or your own keys with --keys DIR")
    chosen = name
    if name == "auto":
        lacking = _lacking(settings, styled=bool(styles))
        chosen = "patch" if lacking else "sd"
        level = logging.INFO if lacking and not _wanted(settings) else logging.WARNING
        log.log(level, "painting with renderer %s: %s", chosen, lacking or "its models and a device are here")
        if lacking and not styles:
            raise UsageError(f"a prompt alone needs renderer sd, and {lacking}; or name a picture with --style REF")
    images = []
    for path in styles:
        try:
            images.append(read_image(path))
        except MediaError as error:
            raise MediaError(f"--style {error}") from error
    return make_renderer(chosen, images, _options(chosen, settings))


def warn_unused_options(renderer: str, settings: Settings) -> None:
    """Say which options were set that the renderer of this name does not read; ``files`` reads none."""
    read = asdict(getattr(settings, _SECTIONS[renderer])) if renderer in _SECTIONS else {}
    unread = []
    for section in _SECTIONS.values():
        usual = asdict(section_class(section)())
        for option, value in asdict(getattr(settings, section)).items():
            if value != usual[option] and read.get(option) != value:
                unread.append(f"{section}.{option}")
    if unread:
        log.warning("renderer %s does not read what is set of %s", renderer, ", ".join(unread))


def _options(name: str, settings: Settings) -> dict[str, Any]:
    """Return what a renderer is told: one of ours its section, one that others bring its own table."""
    if name == "sd":
        return {**asdict(settings.diffusion), "models": settings.models}
    if name == "edit":
        return {**asdict(settings.edit), "models": settings.models}
    return asdict(settings.patch) if name == "patch" else dict(settings.brought.tables.get(name, {}))


def _check_tables(settings: Settings) -> None:
    """Refuse options of a renderer that is not here: nobody would read them."""
    known = renderer_names()
    for name in settings.brought.tables:
        if name in known and name not in SECTIONS and name != "sd":
            continue
        close = difflib.get_close_matches(name, [one for one in known if one != "sd"], n=1)
        section = {"sd": "diffusion"}.get(name, name)
        hint = f"its options stand under [{section}]" if section in SECTIONS else "it is not installed"
        if section not in SECTIONS and close:
            hint = f"did you mean {close[0]!r}?"
        raise UsageError(f"[brought.{name}]: no package brings a renderer {name!r}; {hint}")


def _wanted(settings: Settings) -> bool:
    """Whether anybody may expect diffusion: its packages are here, or something of it was set."""
    from stylize.render.diffusion.components import PACKAGES

    usual = section_class("diffusion")()
    return settings.diffusion != usual or all(find_spec(name) is not None for name in PACKAGES)


def _lacking(settings: Settings, *, styled: bool) -> str:
    """Say what diffusion lacks here; empty when nothing does. Torch is imported only if all else is here."""
    from stylize.render.diffusion.components import check_packages, gather_parts

    try:
        check_packages()
        gather_parts(settings.diffusion, settings.models, styled=styled)
    except UsageError:
        raise
    except StylizeError as error:
        return str(error).partition(", or paint without")[0]
    if settings.diffusion.device == "auto":
        from stylize.render.diffusion.loading import prepare_imports
        from stylize.render.diffusion.memory import choose_device

        prepare_imports()
        if choose_device("auto") == "cpu":
            return "no GPU is here, and on a processor a key takes minutes (--device cpu takes it all the same)"
    return ""
