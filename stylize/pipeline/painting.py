"""Painting of the keys of one shot: valid paintings are reused, the others are rendered."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from stylize.render.consistency import paint_shot
from stylize.render.options import AgreementOptions
from stylize.render.protocol import FrameContext
from stylize.storage.fingerprint import file_hash, fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from stylize.compositing.shot_view import ShotView
    from stylize.project.project import Project
    from stylize.render import Renderer

_DEFAULT_AGREEMENT = AgreementOptions()
log = logging.getLogger(__name__)


def key_states(
    project: Project,
    view: ShotView,
    keys: Sequence[int],
    renderer: Renderer,
    seed: int,
    agreement: AgreementOptions,
    locked: Collection[int] = (),
    takes: Mapping[int, int] | None = None,
) -> dict[int, tuple[str, Path]]:
    """Return the state of each key of a shot, ``given``, ``cached`` or ``to do``, and the file in use for it.

    A painting depends on its frame, the renderer with style and options, the seed, the matte, and the finished
    keys that it was matched to, its parents. So a key that is changed by hand causes a repaint of exactly the
    keys that follow it, directly or through others. Three things limit this: a locked or manual key is never
    repainted because of another key, a key that was added or removed changes only itself, and without agreement
    no key follows another.

    Parameters
    ----------
    keys
        Frames of the shot.
    locked
        Those of them that are not repainted because of others.
    takes
        The take that the plan names for a key; 0 for none.
    """
    names = view.info.names
    fingerprints = {key: _fingerprint(project, view, key, renderer, seed, agreement) for key in keys}
    states = {key: project.keys.status(names[key], fingerprints[key], (takes or {}).get(key, 0)) for key in keys}
    pending = [key for key in keys if states[key][0] == "cached" and key not in locked]
    while stale := [key for key in pending if _parent_changed(project, view, key, fingerprints[key], states)]:
        for key in stale:
            states[key] = ("to do", project.keys.path(names[key]))
            pending.remove(key)
    return states


def paint_keys(  # noqa: PLR0913  everything that a painting depends on
    project: Project,
    view: ShotView,
    keys: Sequence[int],
    renderer: Renderer,
    seed: int,
    on_progress: Callable[[float], None],
    last: int | None = None,
    agreement: AgreementOptions = _DEFAULT_AGREEMENT,
    locked: Collection[int] = (),
    takes: Mapping[int, int] | None = None,
) -> dict[int, Path]:
    """Paint the keys of one shot that need it, earlier ones guiding later ones, and return the files of all.

    Frames count from the start of the shot. With `last`, painting stops after that key; the other parameters are
    those of `key_states`.
    """
    states = key_states(project, view, keys, renderer, seed, agreement, locked, takes)
    files = {key: path for key, (state, path) in states.items() if state != "to do"}
    for key, path in files.items():
        if path.parent.parent == project.keys.takes.folder:
            name = view.info.names[key]
            files[key] = project.keys.restore(name, project.keys.takes.get(name, int(path.stem)))
    if len(files) < len(keys) and last not in files:
        names = view.info.names
        finished = {key: view.key(path, key)[..., :3] for key, path in files.items()}
        fingerprints = {key: _fingerprint(project, view, key, renderer, seed, agreement) for key in keys}
        began = time.perf_counter()
        for key, made in paint_shot(
            view,
            keys,
            lambda key: renderer_at(project, renderer, view, key),
            seed=seed,
            finished=finished,
            agreement=agreement,
            locked=locked,
            recorded=_recorded_parents(project, view, fingerprints),
            last=last,
            on_progress=on_progress,
        ):
            for notice in made.recipe.get("notices", ()):
                log.warning("key %s: %s", names[key], notice)
            parents = {names[parent]: file_hash(files[parent]) for parent in made.recipe["parents"]}
            seconds = round(time.perf_counter() - began, 3)
            record = {"frame": names[key], "fingerprint": fingerprints[key], "parents": parents, "seconds": seconds}
            image = view.place(made.image, key, onto=view.clip[key])
            files[key] = project.keys.save(names[key], image, {**made.recipe, **record})
            if key == last:
                break
            began = time.perf_counter()
    on_progress(1.0)
    return dict(sorted(files.items()))


def renderer_at(project: Project, renderer: Renderer, view: ShotView, key: int) -> Renderer:
    """Return `renderer` with the values that its schedules have at frame `key` of the shot."""
    at = getattr(renderer, "at", None)
    if at is None:
        return renderer
    info, whole = view.info, project.info or view.info
    seconds = float((info.pts[key] - whole.pts[0]) * info.time_base)
    last, size = whole.start + whole.count - 1, (info.height, info.width)
    found: Renderer = at(FrameContext(info.start + key, seconds, last, size, view.window(key)))
    return found


def _parent_changed(
    project: Project, view: ShotView, key: int, own: str, states: Mapping[int, tuple[str, Path]]
) -> bool:
    """Return whether a parent of `key` has changed or will be repainted; a parent that is no longer a key has not."""
    parents = project.keys.find_painting(view.info.names[key], own)[0].get("parents", {})
    for other, (state, path) in states.items():
        before = parents.get(view.info.names[other])
        if before is not None and (state == "to do" or file_hash(path) != before):
            return True
    return False


def _recorded_parents(project: Project, view: ShotView, fingerprints: Mapping[int, str]) -> dict[int, list[int]]:
    """Return the recorded parents of each key whose existing painting has the current fingerprint."""
    by_name = {view.info.names[key]: key for key in fingerprints}
    found = {}
    for key, own in fingerprints.items():
        recipe, path = project.keys.find_painting(view.info.names[key], own)
        if path is not None:
            found[key] = [by_name[name] for name in recipe.get("parents", ()) if name in by_name]
    return found


def _fingerprint(
    project: Project, view: ShotView, key: int, renderer: Renderer, seed: int, agreement: AgreementOptions
) -> str:
    whole = project.info.fingerprint if project.info is not None else ""
    at_key = renderer_at(project, renderer, view, key).fingerprint()
    inputs = (whole, view.info.start + key, at_key, seed, agreement)
    matte = view.mark([key])
    return fingerprint("paint", 2, *inputs) if matte is None else fingerprint("paint", 2, *inputs, matte)
