"""The result in its place: checked before any work, written whole, left alone when it is up to date."""

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
    """Return where the result goes when nobody says: in the project, a video or a folder like the clip."""
    path = Path(info.path)
    return project.root / "out" / (path.name if info.is_sequence else f"{path.stem}.mp4")


def check_output_path(place: Path, clip: Clip, overwrite: Overwrite, project: Project | None = None) -> None:
    """Refuse, before any work, an output that cannot or must not be written; tell what it will not hold.

    What `project` wrote itself in its own folder, and nobody changed since, may be replaced without asking.
    """
    there = place.is_file() or (place.is_dir() and any(place.iterdir()))
    if there and not place.samefile(clip.info.path):
        there = (project is not None and written_by_project(project, place)) or allowed(overwrite, place)
    for notice in (*clip.info.notices, *check_output(place, clip, overwrite=there)):
        log.warning("%s", notice)


def check_distinct_paths(
    outputs: Mapping[str, str | Path | None], inputs: Mapping[str, str | Path | None] | None = None
) -> None:
    """Refuse outputs that would be written over each other or over an input; both by what they are.

    Raises
    ------
    UsageError
        If two are one place.
    """
    seen = {Path(place).resolve(): what for what, place in (inputs or {}).items() if place is not None}
    for what, place in outputs.items():
        if place is None:
            continue
        if (other := seen.get(Path(place).resolve())) is not None:
            if other in (inputs or {}):
                raise UsageError(f"{place} is the input itself ({other}); choose another {what}")
            raise UsageError(f"{place} is named as {what} and as {other}; choose another {what}")
        seen[Path(place).resolve()] = what


def check_map_folder(place: Path) -> None:
    """Refuse, before any work, a folder that pictures cannot be written to.

    Raises
    ------
    UsageError
        If it is a file, or lies where nothing can be written.
    """
    if place.exists() and not place.is_dir():
        raise UsageError(f"{place} is a file; name a folder")
    check_writable(place)


def make_writer(
    place: Path, info: ClipInfo, options: OutputOptions, recipe: str | None = None, channels: int = 3
) -> Writer:
    """Open the writer for a place that `check_output_path` has passed; 4 channels are for folders only."""
    return open_writer(
        place,
        info,
        overwrite=True,
        recipe=recipe if options.metadata else None,
        quality=options.quality,
        image_format=f".{options.image_format}",
        channels=channels,
    )


def written_by_project(project: Project, place: Path, mark: str | None = None) -> bool:
    """Whether this project wrote what stands at `place`, and from inputs of fingerprint `mark` if given."""
    entry = project.about().get("outputs", {}).get(str(place.absolute()))
    if not entry or not place.exists() or (mark is None and project.root not in place.absolute().parents):
        return False
    return bool((mark is None or entry["mark"] == mark) and entry["content"] == _content(place))


def remember_output(project: Project, place: Path, mark: str) -> None:
    """Keep what was written at `place` and from what."""
    outputs = project.about().get("outputs", {})
    entry = {"mark": mark, "content": _content(place)}
    project.remember(outputs={**outputs, str(place.absolute()): entry})


def _content(place: Path) -> str:
    if place.is_dir():
        return fingerprint({path.name: path for path in place.iterdir() if path.is_file()})
    return file_hash(place)
