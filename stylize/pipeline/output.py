"""Output of a run: its path, the checks before any work, its writer, and the record of name was written."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.errors import UsageError
from stylize.media import check_output, open_writer
from stylize.media.deliverables import check_writable
from stylize.progress import allowed
from stylize.storage.fingerprint import file_hash, fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stylize.media import Clip, ClipInfo, Writer
    from stylize.media.options import OutputOptions
    from stylize.progress import Overwrite
    from stylize.project.project import Project

log = logging.getLogger(__name__)


def default_output(project: Project, info: ClipInfo) -> Path:
    """Return the output for a run that names none: in the project, a video or a folder like the clip."""
    path = Path(info.path)
    return project.root / "out" / (path.name if info.is_sequence else f"{path.stem}.mp4")


def check_output_path(place: Path, clip: Clip, overwrite: Overwrite, project: Project | None = None) -> None:
    """Check, before any work, that the output can and may be written; log its differences from the clip.

    An output in the folder of `project` that the project wrote, unchanged since, may be replaced without a question.

    Raises
    ------
    UsageError
        If it exists and may not be replaced, or cannot be written.
    """
    exists = place.is_file() or (place.is_dir() and any(place.iterdir()))
    if exists and not place.samefile(clip.info.path):
        exists = (project is not None and written_by_project(project, place)) or allowed(overwrite, place)
    for notice in (*clip.info.notices, *check_output(place, clip, overwrite=exists)):
        log.warning("%s", notice)


def check_distinct_paths(
    outputs: Mapping[str, str | Path | None], inputs: Mapping[str, str | Path | None] | None = None
) -> None:
    """Check that no output is another output or an input; both are given by their descriptions.

    Raises
    ------
    UsageError
        If two paths are the same.
    """
    used = {Path(place).resolve(): name for name, place in (inputs or {}).items() if place is not None}
    for name, place in outputs.items():
        if place is None:
            continue
        if (other := used.get(Path(place).resolve())) is not None:
            if other in (inputs or {}):
                raise UsageError(f"{place} is the input itself ({other}); choose another {name}")
            raise UsageError(f"{place} is named as {name} and as {other}; choose another {name}")
        used[Path(place).resolve()] = name


def check_map_folder(place: Path) -> None:
    """Check, before any work, that images can be written to a folder.

    Raises
    ------
    UsageError
        If it is a file, or is not writable.
    """
    if place.exists() and not place.is_dir():
        raise UsageError(f"{place} is a file; name a folder")
    check_writable(place)


def make_writer(
    place: Path, info: ClipInfo, options: OutputOptions, recipe: str | None = None, channels: int = 3
) -> Writer:
    """Return the writer for a path that passed `check_output_path`; 4 channels are for folders only."""
    return open_writer(
        place,
        info,
        overwrite=True,
        recipe=recipe if options.metadata else None,
        quality=options.quality,
        image_format=f".{options.image_format}",
        channels=channels,
    )


def written_by_project(project: Project, place: Path, inputs: str | None = None) -> bool:
    """Return whether the project wrote the unchanged output at `place`, from `inputs` (a fingerprint) if given."""
    entry = project.about().get("outputs", {}).get(str(place.absolute()))
    if not entry or not place.exists() or (inputs is None and project.root not in place.absolute().parents):
        return False
    return bool((inputs is None or entry["mark"] == inputs) and entry["content"] == _content(place))


def remember_output(project: Project, place: Path, inputs: str) -> None:
    """Record the content of the output at `place` and the fingerprint of its inputs."""
    outputs = project.about().get("outputs", {})
    entry = {"mark": inputs, "content": _content(place)}
    project.remember(outputs={**outputs, str(place.absolute()): entry})


def _content(place: Path) -> str:
    if place.is_dir():
        return fingerprint({path.name: path for path in place.iterdir() if path.is_file()})
    return file_hash(place)
