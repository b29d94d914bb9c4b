"""The routes of the review page.

What comes from the browser is a number, a name out of a list, or JSON that is checked field by field; no part
of it ever becomes a path.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from stylize.errors import ProjectBusyError, UsageError
from stylize.review.plan_editor import ACTIONS
from stylize.review.serializers import details, state
from stylize.review.server.handlers import RequestError, inside, needs, read, session_of, write
from stylize.review.server.image_routes import frame_picture, painted_matte, take_picture
from stylize.review.server.uploads import decoded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from stylize.review.session import Session
    from stylize.review.workspace import Workspace

KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
RUNS = ("keys", "paint", "run", "matte", "all")
_BEAT = 15.0
"""Seconds after which an idle stream of events says that it lives."""


def make_app(workspace: Workspace) -> Starlette:
    """Return the application; `stylize.review.server.auth.AuthMiddleware` has to stand before it."""

    @asynccontextmanager
    async def live(_: Starlette) -> AsyncIterator[None]:
        workspace.start()
        watchers = [asyncio.create_task(session.watch()) for session in workspace.sessions.values()]
        yield
        for watcher in watchers:
            watcher.cancel()
        await run_in_threadpool(workspace.close)

    def told(session: Session) -> dict[str, Any]:
        return {**state(session), **workspace.facts(session)}

    def painted(session: Session) -> dict[str, Any]:
        return session.matte_editor.facts()

    def post(path: str, do: Callable[[Session, Any], Any], takes: str, tell: Any = told) -> Route:
        return Route(path, write(workspace, do, takes, tell), methods=["POST"])

    routes = [
        Route("/", _page("index.html")),
        *(Route(f"/{name}", _page(name)) for name in page_files() if name != "index.html"),
        Route("/favicon.ico", _page("icon.svg")),
        Route("/api/state", read(workspace, told)),
        Route("/api/details", read(workspace, details)),
        Route("/api/matte", read(workspace, painted)),
        Route("/api/frame/{view}/{frame:int}", frame_picture(workspace)),
        Route("/api/take/{frame:int}/{take:int}", take_picture(workspace)),
        Route("/api/matte/{frame:int}", painted_matte(workspace)),
        Route("/api/events", _events(workspace)),
        post("/api/edit", edit, "action revision frame to take settings"),
        post("/api/undo", lambda s, b: s.plan_editor.undo(b["revision"]), "revision"),
        post("/api/redo", lambda s, b: s.plan_editor.redo(b["revision"]), "revision"),
        post("/api/upload", upload, "revision frame name data"),
        post("/api/matte/mark", mark, "frame mark", painted),
        post("/api/matte/undo", lambda s, _: {"frame": s.matte_editor.undo()}, "", painted),
        post("/api/matte/redo", lambda s, _: {"frame": s.matte_editor.redo()}, "", painted),
        post("/api/matte/use", use_matte, "wanted", painted),
        post("/api/run", lambda s, b: run(workspace, s, b), "what frame"),
        post("/api/cancel", lambda s, _: s.runner.cancel(), ""),
    ]

    def cannot(_: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, RequestError) else 500
        return JSONResponse({"error": str(error)}, status, headers={"cache-control": "no-store"})

    return Starlette(routes=routes, lifespan=live, exception_handlers={RequestError: cannot})


def page_files() -> list[str]:
    """Return the names of the page's files: the only ones that are served."""
    found = files("stylize.review") / "static"
    return sorted(item.name for item in found.iterdir() if "." + item.name.rpartition(".")[2] in KINDS)


def edit(session: Session, body: dict[str, Any]) -> None:
    """Change the plan."""
    action = body["action"]
    needs(body, "frame", *{"move": ["to"], "take": ["take"], "settings": ["settings"]}.get(action, []))
    if action not in ACTIONS:
        raise RequestError(422, "this action is unknown")
    inside(session, body["frame"])
    if session.context.request.keys is not None:
        raise UsageError(f"keys come from {session.context.request.keys}; change the files there")
    session.plan_editor.edit(body["revision"], action, body)


def upload(session: Session, body: dict[str, Any]) -> None:
    """Take a painted frame."""
    needs(body, "frame", "data")
    inside(session, body["frame"])
    called = "".join(c for c in body.get("name", "painting") if c.isprintable())[:80] or "painting"
    with decoded(session.context, body["frame"], body["data"], called) as picture:
        session.plan_editor.paint_over(body["revision"], body["frame"], picture, called)
    session.failed.pop(body["frame"], None)


def mark(session: Session, body: dict[str, Any]) -> None:
    """Take what is painted on a frame to say what the subject is."""
    needs(body, "frame", "mark")
    inside(session, body["frame"])
    session.matte_editor.add(body["frame"], body["mark"])


def use_matte(session: Session, body: dict[str, Any]) -> None:
    """Put the painted matte to use, or the one before."""
    needs(body, "wanted")
    session.matte_editor.use(body["wanted"])
    session.adopt_matte()


def run(workspace: Workspace, session: Session, body: dict[str, Any]) -> None:
    """Start a run."""
    if body.get("what") not in RUNS:
        raise RequestError(422, f"what is one of {', '.join(RUNS)}")
    if "frame" in body:
        inside(session, body["frame"])
    busy = session.busy()
    if busy:
        raise ProjectBusyError(busy)
    workspace.run(session, body["what"], body.get("frame"))


def _page(name: str) -> Callable[[Request], Any]:
    async def answer(_: Request) -> Response:
        data = (files("stylize.review") / "static" / name).read_bytes()
        kind = KINDS["." + name.rpartition(".")[2]]
        return Response(data, media_type=kind, headers={"cache-control": "no-cache"})

    return answer


def _events(workspace: Workspace) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        return StreamingResponse(
            _stream(session_of(workspace, request)),
            media_type="text/event-stream",
            headers={"cache-control": "no-store"},
        )

    return answer


async def _stream(session: Session) -> AsyncIterator[str]:
    queue = session.listen()
    try:
        first = {"revision": session.plan_editor.revision, "busy": session.busy(), "generation": session.generation}
        yield f"event: plan\ndata: {json.dumps(first)}\n\n"
        while True:
            try:
                yield await asyncio.wait_for(queue.get(), _BEAT)
            except TimeoutError:
                yield ": still here\n\n"
    finally:
        session.leave(queue)
