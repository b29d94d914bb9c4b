"""What the last run of a project finished, opened again: nothing is painted and nothing is carried."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.compositing.stack import Painted
from stylize.errors import UsageError
from stylize.mattes import open_matte
from stylize.pipeline.context import Job, open_project, open_work
from stylize.pipeline.propagation import Layer
from stylize.pipeline.stages import Keyed
from stylize.project.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stylize.pipeline.context import Work
    from stylize.settings.schema import Settings

__all__ = ["open_finished"]


@contextmanager
def open_finished(
    job: Job, settings: Settings | Mapping[str, Any] | None = None
) -> Iterator[tuple[Work, tuple[Painted, ...]]]:
    """Open a project with the frames that its last run finished.

    Parameters
    ----------
    job
        Clip or project, the output, and a range; the last run's by default.

    Raises
    ------
    UsageError
        If there is no run yet, a layer was added since, or the range reaches outside what is finished.
    """
    root = open_project(job.clip, job.project)[1]
    about = Project.open(root).about()
    if job.start is None and job.end is None and "span" in about.get("finished", {}):
        first, stop = about["finished"]["span"]
        job = replace(job, start=first, end=stop)
    with open_work(job, settings) as work, ExitStack() as stack:
        yield work, tuple(_painted(layer, work.named, stack) for layer in work.layers)


def _painted(work: Work, named: str, stack: ExitStack) -> Painted:
    again = f"run it first: stylize run {named}"
    found = work.project.about().get("finished")
    if not found:
        raise UsageError(f"{work.project.root}: layer {work.layer.name!r} is not finished; {again}")
    first, stop = found["span"]
    begin, end = work.span
    if begin < first or end > stop:
        raise UsageError(
            f"{work.project.root}: frames {first} to {stop - 1} are finished, not "
            f"{begin} to {end - 1}; {again}"
        )
    folders = [name for name, count in found["folders"] for _ in range(count)][begin - first : end - first]
    places = {name: Layer(work.project.root / "layers" / name) for name in set(folders) - {None}}
    frames = tuple(None if name is None else places[name] for name in folders)
    for name, layer in zip(work.clip.info.names, frames, strict=True):
        if layer is not None and not layer.place(name).exists():
            raise UsageError(f"{layer.place(name)}: is gone; {again}")
    notes = tuple(note for note in found["keys"] if begin <= note["frame"] < end)
    files = {note["frame"] - begin: Path(note["file"]) for note in notes}
    work = _with_mattes_of(work, (first, stop), stack)
    return Painted(work, Keyed((), (files,), notes, (None,) * (end - begin), found["renderer"]), frames)


def _with_mattes_of(work: Work, span: tuple[int, int], stack: ExitStack) -> Work:
    """Give a range the mattes of the run, `span`: edges at its ends were steadied by frames beyond them."""
    if work.mattes is None or not work.job.matte or span == work.span:
        return work
    (first, stop), (begin, end) = span, work.span
    run = work.whole[first:stop]
    mattes = stack.enter_context(open_matte(work.job.matte, run.info, work.settings.matte, run))
    return replace(work, mattes=mattes[begin - first : end - first])
