"""Propagation of the keys of one shot: finished frames are read from the project, the others are made."""

from __future__ import annotations

import time
from dataclasses import asdict, is_dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import UsageError
from stylize.media import write_image
from stylize.pipeline.dependencies import SpanDependencies, alpha_signature
from stylize.project.frame_store import FrameStore, numbers_as_colors
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    from propagate import CarriedFrame, PropagateOptions
    from propagate.arrays import F32, Image
    from stylize.compositing.shot_view import ShotView
    from stylize.project.project import Project


PROPAGATE_VERSION = 15
"""Raise when the same keys and options give other frames."""


def result_affecting(options: Any) -> Any:
    """Return options as plain values, without those that change only the speed."""
    tree = asdict(options) if is_dataclass(options) and not isinstance(options, type) else options
    if isinstance(tree, dict):
        return {name: result_affecting(value) for name, value in tree.items() if name != "threads"}
    return tree


def frame_stores(
    project: Project, view: ShotView, keys: Mapping[int, Path], options: PropagateOptions
) -> list[FrameStore]:
    """Return the frame store of each frame of a shot.

    The frames of a span share one. Its name depends on the shot, the keys at both ends, the options and the matte
    in the span. With ``options.distant_keys`` it depends on all other keys of the shot; once the span is finished,
    on those that it used (`stylize.pipeline.dependencies`).
    """
    names, found = view.info.names, list[FrameStore]()
    others = {names[index]: path for index, path in keys.items()} if options.distant_keys else None
    fixed = fingerprint(PROPAGATE_VERSION, view.info.fingerprint, result_affecting(options), others)
    bounds = [None, *sorted(keys), None]
    dependencies = _dependencies(project, view, keys, options)
    for a, b in pairwise(bounds):
        ends = [None if end is None else (end, keys[end]) for end in (a, b)]
        first, stop = a or 0, len(names) if b is None else b
        near = sorted(keys) if options.distant_keys else [key for key in (a, b) if key is not None]
        matte = view.mark([*range(first, stop), *near])
        name = fingerprint("carry", fixed, ends, matte)[:20]
        if dependencies is not None:
            name = dependencies(first, stop).folder() or name
        found += [FrameStore(project.root / "layers" / name)] * (stop - first)
    return found


def _dependencies(
    project: Project, view: ShotView, keys: Mapping[int, Path], options: PropagateOptions
) -> Callable[[int, int], SpanDependencies] | None:
    """Return a function that gives the dependencies of the span [start, stop) of a shot; None without other keys."""
    if not options.distant_keys:
        return None
    alpha = alpha_signature(keys.values())
    basis = fingerprint(PROPAGATE_VERSION, view.info.fingerprint, result_affecting(options), alpha)

    def of(first: int, stop: int) -> SpanDependencies:
        ends = tuple(i for i in (first, stop) if i in keys)
        return SpanDependencies(project.root / "cache" / "needs", view, (first, stop), ends, keys, basis)

    return of


def propagate_shot(
    frames: Sequence[Image],
    painted: Mapping[int, Image],
    options: PropagateOptions,
    mattes: Sequence[F32] | None,
    done: Collection[int] = (),
    on_stage: Callable[[str, float], None] | None = None,
) -> Iterator[CarriedFrame]:
    """Yield the frames of one shot, propagated from its keys by `propagate.propagate_keyframes`.

    Raises
    ------
    UsageError
        If a key or an option is invalid.
    """
    from propagate import propagate_keyframes

    try:
        yield from propagate_keyframes(frames, painted, options, mattes=mattes, done=done, on_stage=on_stage)
    except ValueError as error:
        raise UsageError(f"the keys cannot be propagated: {error}") from error


def propagate_cached(
    project: Project,
    view: ShotView,
    keys: Mapping[int, Path],
    options: PropagateOptions,
    on_progress: Callable[[float], None],
) -> list[FrameStore]:
    """Propagate the keys of one shot and return the frame store of each frame; finished frames are not made again."""
    stores = frame_stores(project, view, keys, options)
    names = view.info.names
    known = {store: store.records() for store in dict.fromkeys(stores)}
    done = {index for index, store in enumerate(stores) if names[index] in known[store]}
    if len(done) < len(names):
        started = time.perf_counter()
        for made in propagate_shot(view.carried, view.keys(keys), options, view.mattes, done):
            name, store = names[made.index], stores[made.index]
            confidence = np.rint(np.clip(made.confidence, 0, 1) * 255).astype(np.uint8)[..., None]
            write_image(store.confidence_path(name), view.place(confidence, made.index), compression=1, durable=False)
            colors = numbers_as_colors(np.where(made.source < 0, made.source, made.source + view.info.start))
            write_image(store.source_path(name), view.place(colors, made.index), compression=1, durable=False)
            write_image(store.path(name), view.place(made.image, made.index), compression=1, durable=False)
            store.append(
                name,
                quality=round(float(made.quality), 4),
                confidence=round(float(made.confidence.mean()), 4),
                error=round(float(made.error.mean()), 3),
                others=None if made.others is None else [names[key] for key in made.others],
                seconds=round(time.perf_counter() - started, 3),
            )
            started = time.perf_counter()
            on_progress((made.index + 1) / len(names))
        if (dependencies := _dependencies(project, view, keys, options)) is not None:
            for first, stop in pairwise(sorted({0, *keys, len(names)})):
                records = stores[first].records().values()
                dependencies(first, stop).record(stores[first].folder.name, records)
    on_progress(1.0)
    return stores
