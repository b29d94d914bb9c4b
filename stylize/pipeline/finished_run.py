"""Finished run: the frames that the last run of a project finished, opened again without any work."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import UsageError
from stylize.mattes import open_matte
from stylize.pipeline.context import open_run
from stylize.pipeline.results import KeyframeResult, LayerResult
from stylize.project.frame_store import FrameStore
from stylize.project.project import Project, locate_project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stylize.pipeline.context import RunContext
    from stylize.pipeline.request import RunRequest
    from stylize.settings.schema import Settings


@contextmanager
def open_finished(
    request: RunRequest, settings: Settings | Mapping[str, Any] | None = None
) -> Iterator[tuple[RunContext, tuple[LayerResult, ...]]]:
    """Open a project with the frames that its last run finished.

    Parameters
    ----------
    request
        Clip or project, the output, and a range; that of the last run by default.

    Raises
    ------
    UsageError
        If there is no run yet, a layer was added since, or the range contains unfinished frames.
    """
    root = locate_project(request.clip, request.project)[1]
    about = Project.open(root).about()
    if request.start is None and request.end is None and "span" in about.get("finished", {}):
        first, stop = about["finished"]["span"]
        request = replace(request, start=first, end=stop)
    with open_run(request, settings) as context, ExitStack() as stack:
        yield context, tuple(_finished_layer(layer, context.named, stack) for layer in context.layers)


def _finished_layer(context: RunContext, named: str, stack: ExitStack) -> LayerResult:
    again = f"run it first: stylize run {named}"
    found = context.project.about().get("finished")
    if not found:
        raise UsageError(f"{context.project.root}: layer {context.layer.name!r} is not finished; {again}")
    first, stop = found["span"]
    begin, end = context.span
    if begin < first or end > stop:
        raise UsageError(
            f"{context.project.root}: frames {first} to {stop - 1} are finished, not {begin} to {end - 1}; {again}"
        )
    folders = [name for name, count in found["folders"] for _ in range(count)][begin - first : end - first]
    places = {name: FrameStore(context.project.root / "layers" / name) for name in set(folders) - {None}}
    frames = tuple(None if name is None else places[name] for name in folders)
    for name, layer in zip(context.clip.info.names, frames, strict=True):
        if layer is not None and not layer.path(name).exists():
            raise UsageError(f"{layer.path(name)}: is missing; {again}")
    notes = tuple(note for note in found["keys"] if begin <= note["frame"] < end)
    files = {note["frame"] - begin: Path(note["file"]) for note in notes}
    context = _with_mattes_of(context, (first, stop), stack)
    return LayerResult(context, KeyframeResult((), (files,), notes, (None,) * (end - begin), found["renderer"]), frames)


def _with_mattes_of(context: RunContext, span: tuple[int, int], stack: ExitStack) -> RunContext:
    """Return the context with the mattes of the run, `span`: stabilization used frames beyond the range."""
    if context.mattes is None or not context.request.matte or span == context.span:
        return context
    (first, stop), (begin, end) = span, context.span
    run = context.whole[first:stop]
    mattes = stack.enter_context(open_matte(context.request.matte, run.info, context.settings.matte, run))
    return replace(context, mattes=mattes[begin - first : end - first])
