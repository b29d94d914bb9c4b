"""Commands that describe a project and the installation."""

from __future__ import annotations

from dataclasses import asdict

from stylize.cli.commands import Answer, command
from stylize.cli.flags import Clip, ProjectFolder


@command("report")
def report(clip: Clip, project: ProjectFolder = None) -> Answer:
    """Write the report page of a project again."""
    from stylize.api.report import write_report

    made = write_report(clip, project=project)
    return Answer(asdict(made), [str(made.report)])


@command("doctor")
def doctor() -> Answer:
    """Check the installation, and show how to repair it."""
    from stylize.api.doctor import format_check, run_doctor

    result = run_doctor()
    return Answer(asdict(result), [format_check(check) for check in result.checks], int(not result.ok))
