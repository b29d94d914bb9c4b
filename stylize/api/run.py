"""The complete run of a clip, and its dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stylize.api._arguments import AnySettings, PathLike, make_request
from stylize.pipeline.run import RunResult, run_request
from stylize.pipeline.status import Step, dry_run
from stylize.progress import OnProgress, Overwrite, ignore

if TYPE_CHECKING:
    from collections.abc import Sequence


def stylize_clip(
    clip: PathLike,
    style: PathLike | Sequence[PathLike] = (),
    output: PathLike | None = None,
    *,
    project: PathLike | None = None,
    renderer: str | None = None,
    keys: PathLike | None = None,
    matte: PathLike | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    scenes: PathLike | None = None,
    settings: AnySettings = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> RunResult:
    """Stylize a clip: choose keys, paint them, propagate the paint to all frames, write them with the clip's sound.

    Results of earlier runs that are still valid are read from the project. Arguments that are None are taken
    from the project's last run, or else have the defaults named here.

    Parameters
    ----------
    clip
        A video, a folder of numbered images, or a project folder.
    style
        One style image or several. May be omitted with `keys`, or when the project has one.
    output
        A video (.mp4, .mov, .webm, .mkv), or a folder for images; in the project by default.
    project
        Folder of the project; ``NAME.stylize`` beside the clip by default.
    renderer
        Renderer of the keys: ``auto``, ``patch``, ``sd``, ``edit``, ``files`` or that of a plug-in.
    keys
        A folder of painted keys, named by frame: nothing is rendered, these are propagated.
    matte
        Area to stylize, white; elsewhere the clip shows. See `stylize.mattes.open_matte`.
    start, end
        Half-open range to work on: frames counted from 0 (``10``), seconds (``"2.5s"``) or timecode.
    scenes
        A scene list (.csv) of PySceneDetect, in place of cut detection.
    settings
        All settings, or some by full name (``{"select.max_keys": 4}``) over the project's and the user's.
    overwrite
        True replaces an existing output; a function is asked for each path.
    on_progress
        Called with a stage's name and its finished share, 0 to 1.

    Returns
    -------
    RunResult
        Output, number of frames, frames of the keys, renderer, seconds by stage.

    Raises
    ------
    StylizeError
        See `stylize.errors`: every message is one line and names the way out. Finished work is kept.
    """
    request = make_request(
        clip, style, output=output, project=project, renderer=renderer, keys=keys, matte=matte, start=start, end=end,
        scenes=scenes,
    )  # fmt: skip
    return run_request(request, settings, overwrite, on_progress)


def run_status(
    clip: PathLike,
    style: PathLike | Sequence[PathLike] = (),
    output: PathLike | None = None,
    *,
    project: PathLike | None = None,
    renderer: str | None = None,
    keys: PathLike | None = None,
    matte: PathLike | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    scenes: PathLike | None = None,
    settings: AnySettings = None,
) -> list[Step]:
    """Return the steps of a run without running it; nothing is written.

    Parameters
    ----------
    clip, style, output, project, renderer, keys, matte, start, end, scenes, settings
        As for `stylize_clip`. An existing output counts as one that may be replaced.

    Returns
    -------
    list of Step
        Each with its name, its state (``given``, ``cached`` or ``to do``) and a description.

    Raises
    ------
    StylizeError
        The errors that the run would raise before its work starts.
    """
    request = make_request(
        clip, style, output=output, project=project, renderer=renderer, keys=keys, matte=matte, start=start, end=end,
        scenes=scenes,
    )  # fmt: skip
    return dry_run(request, settings)
