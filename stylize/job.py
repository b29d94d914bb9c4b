"""What is asked for, and everything that it names, opened and checked."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import MediaError, UsageError
from stylize.mattes import open_matte
from stylize.media import open_clip
from stylize.output import default_place
from stylize.project import SETTINGS_FILE, Project, project_place
from stylize.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stylize.mattes import MatteClip
    from stylize.media import Clip, ClipInfo

__all__ = ["Job", "Work", "check_size", "memory_of", "open_project", "open_work"]


SMALLEST = 16
"""Least side of a clip in pixels: below it there are no patches and no flow to speak of."""


@dataclass(frozen=True)
class Job:
    """A run as it was asked for; what is None is taken from the project's last run, or left to the defaults.

    Attributes
    ----------
    clip
        A video, a folder of numbered images, or a project.
    styles
        Pictures to paint like.
    output
        A video's name, or a folder's for images.
    project
        Where the work is kept.
    renderer
        Who paints the keys.
    keys
        A folder of keys painted by hand, named by frame; then nothing is rendered.
    matte
        Where the paint goes.
    start, end
        The range to work on.
    """

    clip: Path
    styles: tuple[Path, ...] = ()
    output: Path | None = None
    project: Path | None = None
    renderer: str | None = None
    keys: Path | None = None
    matte: Path | None = None
    start: str | int | None = None
    end: str | int | None = None


@dataclass(frozen=True)
class Work:
    """An opened job: clip, range to work on, project, matte, the output's place, and the settings."""

    job: Job
    whole: Clip
    clip: Clip
    project: Project
    mattes: MatteClip | None
    place: Path
    settings: Settings

    @property
    def span(self) -> tuple[int, int]:
        """Frames [start, stop) of the whole clip that are worked on."""
        return self.clip.info.start, self.clip.info.start + self.clip.info.count


def open_project(path: Path, place: Path | None = None) -> tuple[Path, Path]:
    """Return (clip, project folder) for what a person named: a clip, or a project's folder itself."""
    if (path / "project.json").is_file():
        if place is not None and place.absolute() != path.absolute():
            raise UsageError(f"{path}: is a project itself; leave out --project {place}")
        clip = Project.open(path).clip
        if not clip.exists():
            raise MediaError(f"{path}: its clip {clip} is gone; name it: stylize run CLIP --project {path}")
        return clip, path
    return path, place or project_place(path)


@contextmanager
def open_work(job: Job, settings: Settings | Mapping[str, Any] | None = None) -> Iterator[Work]:
    """Open what `job` names; writes nothing.

    Parameters
    ----------
    settings
        All of them, or some by full name over those of the project and the user.

    Raises
    ------
    MediaError
        If the clip or the matte is missing, bad or truncated.
    UsageError
        If the project is another clip's, a newer version's, or no project.
    """
    path, root = open_project(job.clip, job.project)
    options = settings if isinstance(settings, Settings) else load_settings(root / SETTINGS_FILE, settings)
    reading = asdict(options.clip)
    with open_clip(path, **reading) as whole:
        check_size(whole.info)
        project = Project.open(root, whole.info)
        asked = _with_memory(job, project.about().get("inputs", {}))
        ranged = job.start is not None or job.end is not None
        clip = open_clip(path, start=job.start, end=job.end, **reading) if ranged else whole
        mattes = open_matte(asked.matte, clip.info) if asked.matte else None
        try:
            place = job.output or default_place(project, clip.info)
            yield Work(asked, whole, clip, project, mattes, place, options)
        finally:
            if mattes is not None:
                mattes.close()
            clip.close()


def check_size(info: ClipInfo) -> None:
    """Raise MediaError for a clip too small to hold patches."""
    if min(info.width, info.height) < SMALLEST:
        raise MediaError(
            f"{info.path}: {info.width}x{info.height} is too small; "
            f"use a clip of at least {SMALLEST}x{SMALLEST} pixels"
        )


def _with_memory(job: Job, before: dict[str, Any]) -> Job:
    """Without a style or keys of its own, a job is the project's last one again."""
    if job.styles or job.keys is not None:
        return replace(job, renderer=job.renderer or "auto")
    return replace(
        job,
        styles=tuple(Path(path) for path in before.get("styles", ())),
        keys=Path(before["keys"]) if before.get("keys") else None,
        matte=job.matte or (Path(before["matte"]) if before.get("matte") else None),
        renderer=job.renderer or before.get("renderer") or "auto",
    )


def memory_of(job: Job) -> dict[str, Any]:
    """Return what the next run takes from this one, JSON-ready."""

    def place(path: Path | None) -> str | None:
        return str(path.absolute()) if path else None

    styles = [str(path.absolute()) for path in job.styles]
    return {"styles": styles, "keys": place(job.keys), "matte": place(job.matte), "renderer": job.renderer}
