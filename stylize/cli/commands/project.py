"""What is known of a project and of the machine."""

from __future__ import annotations

from dataclasses import asdict

from stylize.cli.commands import Answer, Ask, command


@command("report", "clip", "project", "json")
def report(ask: Ask) -> Answer:
    """Write the report page of a project again."""
    from stylize.api.report import write_report

    made = write_report(ask.clip, project=ask.project)
    return Answer(asdict(made), [str(made.report)])


@command("doctor", "json")
def doctor(_ask: Ask) -> Answer:
    """Check that everything is here that a run needs, and say how to mend what is not."""
    from stylize.api.doctor import format_check, run_doctor

    result = run_doctor()
    return Answer(asdict(result), [format_check(check) for check in result.checks], int(not result.ok))
