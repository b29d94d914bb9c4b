"""Server process of the review page: port, browser, start and end."""

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

from stylize.errors import ProjectBusyError, UsageError
from stylize.pipeline.context import open_run
from stylize.pipeline.request import inputs_to_remember
from stylize.review.server.auth import AuthMiddleware
from stylize.review.server.routes import make_app
from stylize.review.workspace import Workspace

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from typing import Any

    from stylize.pipeline.context import RunContext
    from stylize.pipeline.request import RunRequest


def serve(
    request: RunRequest,
    settings: Mapping[str, Any] | None = None,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    allow_remote: bool = False,
    browser: bool = True,
    on_message: Callable[[str], None],
) -> Path:
    """Serve the review page of `request` and return the project folder; see `stylize.review.open_review`."""
    if not _loopback(host) and not allow_remote:
        raise UsageError(
            f"--host {host}: other machines could see and change this project, without encryption; "
            "pass --allow-remote to allow it"
        )
    with _listening(host, port) as listener, open_run(_with_last_range(request), settings) as context:
        for layer in (context, *context.parts):
            start_project(layer)
        workspace = Workspace(context, settings)
        chosen = listener.getsockname()[1]

        def link() -> str:
            shown = host if host not in ("0.0.0.0", "::") else socket.gethostname()  # noqa: S104  names, not binds
            return f"http://{f'[{shown}]' if ':' in shown else shown}:{chosen}/?token={app.token}"

        app = AuthMiddleware(
            make_app(workspace),
            port=chosen,
            host=host,
            on_sign_in=lambda: on_message(f"link for another browser: {link()}"),
        )
        if not _loopback(host):
            on_message(f"warning: {host} can be reached from other machines, without encryption")
        on_message(f"review of {context.project.root}: {link()}")
        on_message("stop it with Ctrl-C")
        if browser:
            with contextlib.suppress(webbrowser.Error):
                webbrowser.open(link())
        config = uvicorn.Config(
            app,
            log_level="error",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            lifespan="on",
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[listener])
        return context.project.root


def _with_last_range(request: RunRequest) -> RunRequest:
    """Return the request with the range of the project's last run unless it names a range."""
    if request.start is not None or request.end is not None:
        return request
    from stylize.project.project import locate_project

    _, root = locate_project(request.clip, request.project)
    try:
        record = json.loads((root / "report" / "run.json").read_text(encoding="utf-8"))
        first, count = int(record["first"]), int(record["count"])
    except (OSError, ValueError, KeyError, TypeError):
        return request
    return replace(request, start=str(first), end=str(first + count))


def start_project(context: RunContext) -> None:
    """Create the project folder and record the inputs of the request; skip a project that is locked."""
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
    """Open the port; done before anything else, so that a port in use is reported at once."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if sys.platform != "win32":  # on Windows the option lets two servers listen on one port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
            listener.listen(64)  # a browser that follows the link at once waits, and is not refused
        except (OSError, OverflowError) as error:
            raise UsageError(
                f"--port {port} on {host}: cannot listen ({error}); choose another with --port, or leave it out "
                "for a free one"
            ) from error
        yield listener
