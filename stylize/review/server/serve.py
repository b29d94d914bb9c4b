"""Opening the review: the project, a port, a browser; closing it again."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import webbrowser
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import uvicorn

from stylize.errors import UsageError
from stylize.pipeline.context import open_run
from stylize.pipeline.request import inputs_to_remember
from stylize.review.server.auth import AuthMiddleware
from stylize.review.server.routes import make_app
from stylize.review.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from stylize.pipeline.context import RunContext
    from stylize.pipeline.request import RunRequest


def serve(
    job: RunRequest,
    settings: Mapping[str, Any] | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    allow_remote: bool = False,
    browser: bool = True,
    say: Callable[[str], None],
) -> None:
    """Serve the review page of a project until it is interrupted.

    Parameters
    ----------
    job
        The clip or project, and what runs from the page are to use.
    settings
        Some by full name, over those of the project and the user; runs from the page take them too.
    host, port
        Where to listen; port 0 takes a free one.
    allow_remote
        Whether a `host` may be an address that others can reach.
    browser
        Open the page in the person's browser.
    say
        Told the link, a line each time.

    Raises
    ------
    UsageError
        If the address may not or cannot be listened on.
    """
    if not _loopback(host) and not allow_remote:
        raise UsageError(
            f"--host {host}: others on the network could see and change this project, without encryption; "
            "pass --allow-remote if that is meant"
        )
    with _listening(host, port) as listener, open_run(_as_before(job), settings) as context:
        for layer in (context, *context.parts):
            begin(layer)
        house = Workspace(context, settings)
        chosen = listener.getsockname()[1]

        def link() -> str:
            shown = host if host not in ("0.0.0.0", "::") else socket.gethostname()  # noqa: S104  names, not binds
            return f"http://{f'[{shown}]' if ':' in shown else shown}:{chosen}/?token={gate.token}"

        gate = AuthMiddleware(
            make_app(house), port=chosen, host=host, on_entry=lambda: say(f"for another browser: {link()}")
        )
        if not _loopback(host):
            say(f"warning: {host} can be reached from other machines, without encryption")
        say(f"review of {context.project.root}: {link()}")
        say("Ctrl-C ends it")
        if browser:
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(link())
        config = uvicorn.Config(
            gate,
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            lifespan="on",
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])


def _as_before(job: RunRequest) -> RunRequest:
    """Return the job with the range of the project's last run, if none is asked for."""
    if job.start is not None or job.end is not None:
        return job
    from stylize.project.project import locate_project

    _, root = locate_project(job.clip, job.project)
    try:
        facts = json.loads((root / "report" / "run.json").read_text(encoding="utf-8"))
        first, count = int(facts["first"]), int(facts["count"])
    except (OSError, ValueError, KeyError, TypeError):
        return job
    return replace(job, start=str(first), end=str(first + count))


def begin(context: RunContext) -> None:
    """Make the project's folder, and remember what is named; one that is worked on is let be."""
    from stylize.errors import ProjectBusyError

    with contextlib.suppress(ProjectBusyError), context.project.lock():
        if context.request.styles or context.request.keys is not None or context.request.matte is not None:
            context.project.remember(inputs=inputs_to_remember(context.request))


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextlib.contextmanager
def _listening(host: str, port: int) -> Any:
    """Open the port before anything else, so that one that is taken is told at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if sys.platform != "win32":  # there the option means something else: two may listen
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(64)  # whoever follows the link at once is let wait, not refused
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"--port {port} on {host}: cannot be listened on ({error}); choose another with --port, or "
                "leave it out for a free one"
            ) from error
        yield listener
