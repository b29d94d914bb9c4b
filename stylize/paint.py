"""Paint the keys of a shot, or take the artist's."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from stylize.errors import MediaError, ModelError, UsageError
from stylize.fingerprint import fingerprint
from stylize.media import read_image
from stylize.progress import portion
from stylize.render import make_renderer, renderer_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from stylize.media import Clip
    from stylize.project import Project
    from stylize.render import PaintedKey, Renderer
    from stylize.settings import Settings

__all__ = ["choose_renderer", "key_mark", "key_states", "paint_keys"]

DIFFUSION = ("sd",)
"""Renderers that need downloaded weights."""
log = logging.getLogger(__name__)


def choose_renderer(name: str, styles: Sequence[Path], settings: Settings) -> Renderer:
    """Make the renderer called `name`; ``auto`` takes the best one that needs nothing more than is here.

    Raises
    ------
    UsageError
        If there is no style, or the name is unknown.
    MediaError
        If a style is missing or cannot be painted from.
    ModelError
        If the renderer needs weights that are not here.
    """
    if not styles:
        raise UsageError(
            "no style to paint in; name a picture with --style REF, or your own keys with --keys DIR"
        )
    if name in DIFFUSION and name not in renderer_names():
        raise ModelError(
            f"renderer {name} needs a diffusion model, and none is installed; use --renderer patch"
        )
    if name == "files":
        raise UsageError("renderer files carries keys that you painted; name their folder with --keys DIR")
    chosen = "patch" if name == "auto" else name
    options = asdict(settings.patch) if chosen == "patch" else {}
    images = []
    for path in styles:
        try:
            images.append(read_image(path))
        except MediaError as error:
            raise MediaError(f"--style {error}") from error
    return make_renderer(chosen, images, options)


def key_states(
    project: Project, clip: Clip, keys: Sequence[int], renderer: Renderer, seed: int
) -> dict[int, tuple[str, Path]]:
    """Return for each key of a shot whether it is ``given`` by hand, ``cached`` or ``to do``, and its file.

    A key is painted to agree with those painted before it, so after one to do, all others are to do.
    """
    states: dict[int, tuple[str, Path]] = {}
    fresh = True
    for key in keys:
        name = clip.info.names[key]
        hand = project.hand_painted(name)
        before = {clip.info.start + other: path for other, (_, path) in states.items()}
        fresh = fresh and (
            hand is not None or _is_cached(project, name, clip.info.start + key, renderer, seed, before)
        )
        state = "given" if hand is not None else "cached" if fresh else "to do"
        states[key] = (state, hand or project.key_path(name))
    return states


def paint_keys(
    project: Project,
    clip: Clip,
    keys: Sequence[int],
    renderer: Renderer,
    seed: int,
    on_progress: Callable[[float], None],
    last: int | None = None,
) -> dict[int, Path]:
    """Paint the keys of one shot, earlier ones guiding later ones, and return their files.

    Frames count from the start of the shot `clip`. What the artist painted is taken as it is; what the
    machine painted before from the same inputs is taken again.
    With `last`, painting stops after that key.
    """
    files: dict[int, Path] = {}
    first = clip.info.start
    for done, key in enumerate(keys):
        name = clip.info.names[key]
        hand = project.hand_painted(name)
        if hand is None:
            # Anchors are made from the keys painted before this one, so those say all that anchors depend on.
            before = {first + other: path for other, path in files.items()}
            if not _is_cached(project, name, first + key, renderer, seed, before):
                mark = key_mark(project, first + key, renderer, seed, before)
                made = _paint(clip, key, files, renderer, seed, portion(on_progress, done, 1, len(keys)))
                project.keep_key(name, made.image, {**made.recipe, "frame": name, "fingerprint": mark})
        files[key] = hand or project.key_path(name)
        on_progress((done + 1) / len(keys))
        if key == last:
            break
    return dict(sorted(files.items()))


def key_mark(project: Project, frame: int, renderer: Renderer, seed: int, before: Mapping[int, Path]) -> str:
    """Return a painting's fingerprint: frame, renderer with style and options, seed, keys painted before."""
    clip = project.info.fingerprint if project.info is not None else ""
    return fingerprint("paint", 1, clip, frame, renderer.fingerprint(), seed, before)


def _is_cached(
    project: Project, name: str, frame: int, renderer: Renderer, seed: int, before: Mapping[int, Path]
) -> bool:
    recipe = project.key_recipe(name)
    return recipe is not None and recipe.get("fingerprint") == key_mark(
        project, frame, renderer, seed, before
    )


def _paint(
    clip: Clip,
    key: int,
    files: Mapping[int, Path],
    renderer: Renderer,
    seed: int,
    on_progress: Callable[[float], None],
) -> PaintedKey:
    frame = clip[key]
    made = renderer.paint(frame, (), seed=seed, on_progress=on_progress)
    for notice in made.recipe.get("notices", ()):
        log.warning("%s", notice)
    return made
