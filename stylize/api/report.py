"""The HTML report of a project."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.project.project import Project, locate_project
from stylize.report import run_report

if TYPE_CHECKING:
    from stylize.api._arguments import PathLike


@dataclass(frozen=True)
class ReportResult:
    """The page that was written."""

    report: Path


def write_report(clip: PathLike, *, project: PathLike | None = None) -> ReportResult:
    """Write the report page of a project from the records of its last run.

    Parameters
    ----------
    clip
        The clip or the project folder.
    project
        Folder of the project; ``NAME.stylize`` beside the clip by default.

    Returns
    -------
    ReportResult
        The page, ``report/index.html`` in the project; it needs no other file and no network.

    Raises
    ------
    UsageError
        If the project has not been run yet.
    """
    root = locate_project(Path(clip), None if project is None else Path(project))[1]
    return ReportResult(run_report.write_report(Project.open(root)))
