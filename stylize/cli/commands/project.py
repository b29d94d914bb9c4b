"""What is known of a project and of the machine."""

from __future__ import annotations

from dataclasses import asdict

from stylize.cli.commands import Answer, Ask, command


@command("report", "clip", "project", "json")
def report(ask: Ask) -> Answer:
    """Write the report page of a project again."""
    from stylize.project.project import Project, locate_project
    from stylize.report.run_report import write_report

    page = write_report(Project.open(locate_project(ask.clip, ask.project)[1]))
    return Answer({"report": page}, [str(page)])


@command("doctor", "json")
def doctor(_ask: Ask) -> Answer:
    """Check that everything is here that a run needs, and say how to mend what is not."""
    from stylize.api.doctor import examine, spell

    checks = examine()
    bad = any(check.state == "bad" for check in checks)
    return Answer({"checks": [asdict(check) for check in checks]}, [spell(c) for c in checks], int(bad))
