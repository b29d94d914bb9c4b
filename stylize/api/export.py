"""Export of a project for editors and compositors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stylize.api._arguments import AnySettings, PathLike, make_request
from stylize.export import exporter
from stylize.export.exporter import ExportOptions
from stylize.progress import OnProgress, Overwrite, ignore

if TYPE_CHECKING:
    from stylize.export.exporter import ExportResult


def export_project(
    clip: PathLike,
    output: PathLike | None = None,
    options: ExportOptions | None = None,
    *,
    project: PathLike | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    settings: AnySettings = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> ExportResult:
    """Write the finished frames of a project's last run: flat clip, layers, mattes, EXR frames, scripts.

    Parameters
    ----------
    clip
        The clip or the project folder.
    output
        Folder of the export; ``export`` in the project by default.
    options
        Parts, formats, numbering and color space of the export.
    project
        Folder of the project; ``NAME.stylize`` beside the clip by default.
    start, end
        Half-open range; the last run's by default.
    settings
        The section ``compose`` is read.
    overwrite
        True replaces an earlier export in `output`; a function is asked.
    on_progress
        Called with a stage's name and its finished share, 0 to 1.

    Raises
    ------
    UsageError
        If a frame of a layer is not finished, or the folder holds anything but an export.
    StylizeError
        If a part needs a package that is not installed; raised before any work.
    DeviceError
        If the export cannot be written; then `output` is as it was before.
    """
    request = make_request(clip, output=output, project=project, start=start, end=end)
    return exporter.export_project(request, options or ExportOptions(), settings, overwrite, on_progress)
