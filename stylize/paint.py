"""Paint the keys of a shot, or take the artist's."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import TYPE_CHECKING

from stylize.errors import MediaError, ModelError, UsageError
from stylize.fingerprint import fingerprint
from stylize.keyfiles import read_key
from stylize.media import read_image
from stylize.render import make_renderer, renderer_names
from stylize.render.consistency import paint_shot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from stylize.media import Clip
    from stylize.project import Project
    from stylize.render import Renderer
    from stylize.settings import Settings

__all__ = ["choose_renderer", "key_states", "paint_keys"]

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

    A painting depends on its frame, the renderer with style and options, and the seed. It also follows the
    keys that were painted before it, but does not become stale with them: who changes one by hand, or adds
    one, does not want the others changed.
    """
    states: dict[int, tuple[str, Path]] = {}
    for key in keys:
        name = clip.info.names[key]
        hand = project.hand_painted(name)
        recipe = project.key_recipe(name) if hand is None else None
        mark = _mark(project, clip.info.start + key, renderer, seed)
        fresh = recipe is not None and recipe.get("fingerprint") == mark
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
    machine painted before from the same inputs is taken again. With `last`, painting stops after that key.
    """
    states = key_states(project, clip, keys, renderer, seed)
    there = {key: path for key, (state, path) in states.items() if state != "to do"}
    if len(there) < len(keys) and last not in there:
        frame = clip[keys[0]]
        finished = {key: read_key(path, frame)[..., :3] for key, path in there.items()}
        for key, made in paint_shot(
            clip, keys, renderer, seed=seed, finished=finished, on_progress=on_progress
        ):
            for notice in made.recipe.get("notices", ()):
                log.warning("%s", notice)
            name = clip.info.names[key]
            mark = _mark(project, clip.info.start + key, renderer, seed)
            there[key] = project.keep_key(
                name, made.image, {**made.recipe, "frame": name, "fingerprint": mark}
            )
            if key == last:
                break
    on_progress(1.0)
    return dict(sorted(there.items()))


def _mark(project: Project, frame: int, renderer: Renderer, seed: int) -> str:
    clip = project.info.fingerprint if project.info is not None else ""
    return fingerprint("paint", 1, clip, frame, renderer.fingerprint(), seed)
