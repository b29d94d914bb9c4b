"""Command that opens the review page."""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from stylize.cli.commands import Answer, command
from stylize.cli.flags import Clip, End, MatteSpec, ProjectFolder, RendererName, Start, Styles


@command("review", "matte", json=False)
def review(
    clip: Clip,
    style: Styles = None,
    project: ProjectFolder = None,
    renderer: RendererName = None,
    matte: MatteSpec = None,
    start: Start = None,
    end: End = None,
    port: Annotated[int, typer.Option("--port", metavar="N", min=0, help="Port of the page; 0: a free one.")] = 0,
    host: Annotated[str, typer.Option("--host", metavar="H", help="Address to listen on.")] = "127.0.0.1",
    allow_remote: Annotated[
        bool,
        typer.Option(
            "--allow-remote", metavar="", help="Allow an address that others can reach; nothing is encrypted."
        ),
    ] = False,
    no_browser: Annotated[bool, typer.Option("--no-browser", metavar="", help="Do not open a browser.")] = False,
    *,
    settings: dict[str, Any],
) -> Answer:
    """Open a page that shows the keys, their reasons and their cost, and lets you change them."""
    from stylize.review import open_review

    open_review(
        clip,
        style or (),
        project=project,
        renderer=renderer,
        matte=matte,
        start=start,
        end=end,
        settings=settings,
        host=host,
        port=port,
        allow_remote=allow_remote,
        browser=not no_browser,
        on_message=lambda line: print(line, file=sys.stderr, flush=True),
    )
    return Answer({}, ["review ended; the plan keeps your edits"])
