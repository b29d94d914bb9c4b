"""The page on which the plan is looked at and changed."""

from __future__ import annotations

import sys

from stylize.cli.commands import Answer, Ask, command
from stylize.cli.flags import Flag

PORT = Flag("", "--port", int, "Where to listen; a free one by default.", metavar="N", least=0)
HOST = Flag("", "--host", str, "Address to listen on; 127.0.0.1 by default.", metavar="H")
REMOTE = Flag("", "--allow-remote", bool, "Allow an address that others can reach; nothing is encrypted.")
QUIET = Flag("", "--no-browser", bool, "Do not open a browser.")


@command("review", "clip", "style", "project", "renderer", "matte", "range", PORT, HOST, REMOTE, QUIET)
def review(ask: Ask) -> Answer:
    """Open a page that shows the keys, why they were chosen and what they cost, and lets you change them."""
    from stylize.pipeline.request import RunRequest
    from stylize.review.server.serve import serve

    request = RunRequest(
        ask.clip,
        tuple(ask.style or ()),
        project=ask.project,
        renderer=ask.renderer,
        matte=ask.matte,
        start=ask.start,
        end=ask.end,
    )
    serve(
        request,
        ask.settings,
        host=ask.host or "127.0.0.1",
        port=ask.port or 0,
        allow_remote=ask.allow_remote,
        browser=not ask.no_browser,
        say=lambda line: print(line, file=sys.stderr, flush=True),
    )
    return Answer({}, ["review ended; the plan is as you left it"])
