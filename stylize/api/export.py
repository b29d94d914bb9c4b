"""Export of a project for editors and compositors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from stylize.api._arguments import AnySettings, PathLike, make_request
from stylize.export.exporter import check_export, write_export
from stylize.export.options import ExportOptions
from stylize.pipeline.composite import open_stack
from stylize.pipeline.finished_run import open_finished
from stylize.progress import OnProgress, Overwrite, StageTimer, ignore


@dataclass(frozen=True)
class ExportResult:
    """The folder, its number of frames, the files by part, the layers' names bottom first, seconds in total."""

    output: Path
    frames: int
    files: dict[str, str]
    layers: tuple[str, ...]
    seconds: float


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
    watch, options = StageTimer(on_progress), options or ExportOptions()
    request = make_request(clip, output=output, project=project, start=start, end=end)
    with open_finished(request, settings) as (context, layers):
        folder = Path(output or context.project.root / "export")
        keys = {one.name: tuple(frame - one.context.span[0] for frame in one.keys.frames) for one in layers}
        with open_stack(context, layers) as stack:
            check_export(stack, options, folder, overwrite)
            with watch.stage("export") as share:
                files = write_export(stack, keys, options, folder, share)
    return ExportResult(folder, len(context.clip), files, tuple(keys), watch.finished()["total"])
