"""Paint the keys of a shot, or take the artist's."""

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

_USUAL = AgreementOptions()
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
    """Return for each key of a shot whether it is ``given`` by hand, ``cached`` or ``to do``, and its file.

    A painting depends on its frame, the renderer with style and options, the seed, the matte there, and the
    finished keys that it followed, its parents. So a key that is changed by hand has exactly those painted
    again that followed it, and those that followed these; all others stay. Three things stop it: a key that
    is locked or painted by hand is never painted again for another's sake, a key that was added or removed
    changes only itself, and with agreement off nobody follows anybody. A key for which `takes` names one of
    its earlier paintings is given; an earlier painting from the very same inputs is taken again.
    """
    names = view.info.names
    marks = {key: _mark(project, view, key, renderer, seed, agreement) for key in keys}
    states = {key: project.keys.status(names[key], marks[key], (takes or {}).get(key, 0)) for key in keys}
    pending = [key for key in keys if states[key][0] == "cached" and key not in locked]
    while stale := [key for key in pending if _parent_changed(project, view, key, marks[key], states)]:
        for key in stale:
            states[key] = ("to do", project.keys.path(names[key]))
            pending.remove(key)
    return states


def paint_keys(  # noqa: PLR0913  everything that a painting depends on, and who listens
    project: Project,
    view: ShotView,
    keys: Sequence[int],
    renderer: Renderer,
    seed: int,
    on_progress: Callable[[float], None],
    last: int | None = None,
    agreement: AgreementOptions = _USUAL,
    locked: Collection[int] = (),
    takes: Mapping[int, int] | None = None,
) -> dict[int, Path]:
    """Paint the keys of one shot, earlier ones guiding later ones, and return their files.

    Frames count from the start of the shot. What the artist painted is taken as it is; what the
    machine painted before from the same inputs is taken again. With `last`, painting stops after that key.
    """
    states = key_states(project, view, keys, renderer, seed, agreement, locked, takes)
    there = {key: path for key, (state, path) in states.items() if state != "to do"}
    for key, path in there.items():
        if path.parent.parent == project.keys.takes.folder:
            name = view.info.names[key]
            there[key] = project.keys.restore(name, project.keys.takes.get(name, int(path.stem)))
    if len(there) < len(keys) and last not in there:
        names = view.info.names
        finished = {key: view.key(path, key)[..., :3] for key, path in there.items()}
        marks = {key: _mark(project, view, key, renderer, seed, agreement) for key in keys}
        began = time.perf_counter()
        for key, made in paint_shot(
            view,
            keys,
            lambda key: renderer_at(project, renderer, view, key),
            seed=seed,
            finished=finished,
            agreement=agreement,
            locked=locked,
            recorded=_recorded(project, view, marks),
            last=last,
            on_progress=on_progress,
        ):
            for notice in made.recipe.get("notices", ()):
                log.warning("key %s: %s", names[key], notice)
            parents = {names[parent]: file_hash(there[parent]) for parent in made.recipe["parents"]}
            seconds = round(time.perf_counter() - began, 3)
            facts = {"frame": names[key], "fingerprint": marks[key], "parents": parents, "seconds": seconds}
            image = view.place(made.image, key, onto=view.clip[key])
            there[key] = project.keys.save(names[key], image, {**made.recipe, **facts})
            if key == last:
                break
            began = time.perf_counter()
    on_progress(1.0)
    return dict(sorted(there.items()))


def renderer_at(project: Project, renderer: Renderer, view: ShotView, key: int) -> Renderer:
    """Return `renderer` as it is at frame `key` of the shot: with what its schedules say there."""
    at = getattr(renderer, "at", None)
    if at is None:
        return renderer
    info, whole = view.info, project.info or view.info
    seconds = float((info.pts[key] - whole.pts[0]) * info.time_base)
    last, size = whole.start + whole.count - 1, (info.height, info.width)
    painter: Renderer = at(FrameContext(info.start + key, seconds, last, size, view.window(key)))
    return painter


def _parent_changed(
    project: Project, view: ShotView, key: int, mark: str, states: Mapping[int, tuple[str, Path]]
) -> bool:
    """Whether a key that `key` followed is another now, or will be; one that is no key any more is not."""
    parents = project.keys.find_painting(view.info.names[key], mark)[0].get("parents", {})
    for other, (state, path) in states.items():
        before = parents.get(view.info.names[other])
        if before is not None and (state == "to do" or file_hash(path) != before):
            return True
    return False


def _recorded(project: Project, view: ShotView, marks: Mapping[int, str]) -> dict[int, list[int]]:
    """Whom each key followed, if it was painted from what it would be painted from now."""
    by_name = {view.info.names[key]: key for key in marks}
    found = {}
    for key, mark in marks.items():
        recipe, path = project.keys.find_painting(view.info.names[key], mark)
        if path is not None:
            found[key] = [by_name[name] for name in recipe.get("parents", ()) if name in by_name]
    return found


def _mark(
    project: Project, view: ShotView, key: int, renderer: Renderer, seed: int, agreement: AgreementOptions
) -> str:
    whole = project.info.fingerprint if project.info is not None else ""
    painter = renderer_at(project, renderer, view, key).fingerprint()
    inputs = (whole, view.info.start + key, painter, seed, agreement)
    matte = view.mark([key])
    return fingerprint("paint", 2, *inputs) if matte is None else fingerprint("paint", 2, *inputs, matte)
