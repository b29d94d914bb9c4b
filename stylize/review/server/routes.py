"""Routes of the review page.

Input from the browser is a number, a name from a list, or JSON checked field by field; no part of it becomes a
path.
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
from stylize.review.server.handlers import RequestError, check_frame, read_handler, require, session_of, write_handler
from stylize.review.server.image_routes import frame_image, matte_image, take_image
from stylize.review.server.uploads import decoded_upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from starlette.requests import Request

    from stylize.review.session import Session
    from stylize.review.workspace import Workspace

MEDIA_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
"""Media types of the page's files by suffix."""
RUNS = ("keys", "paint", "run", "matte", "all")
"""Jobs that the page can start."""
_KEEPALIVE_INTERVAL = 15.0
"""Seconds between comments in an idle event stream, so that no proxy closes it."""


def make_app(workspace: Workspace) -> Starlette:
    """Return the application; serve it only behind `stylize.review.server.auth.AuthMiddleware`."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        workspace.start()
        watchers = [asyncio.create_task(session.watch_files()) for session in workspace.sessions.values()]
        yield
        for watcher in watchers:
            watcher.cancel()
        await run_in_threadpool(workspace.close)

    def page_state(session: Session) -> dict[str, Any]:
        return {**state(session), **workspace.layer_fields(session)}

    def matte_state(session: Session) -> dict[str, Any]:
        return session.matte_editor.fields()

    def post(path: str, action: Callable[[Session, Any], Any], allowed: str, respond: Any = page_state) -> Route:
        return Route(path, write_handler(workspace, action, allowed, respond), methods=["POST"])

    routes = [
        Route("/", _page("index.html")),
        *(Route(f"/{name}", _page(name)) for name in page_files() if name != "index.html"),
        Route("/favicon.ico", _page("icon.svg")),
        Route("/api/state", read_handler(workspace, page_state)),
        Route("/api/details", read_handler(workspace, details)),
        Route("/api/matte", read_handler(workspace, matte_state)),
        Route("/api/frame/{view}/{frame:int}", frame_image(workspace)),
        Route("/api/take/{frame:int}/{take:int}", take_image(workspace)),
        Route("/api/matte/{frame:int}", matte_image(workspace)),
        Route("/api/events", _events(workspace)),
        post("/api/edit", edit_plan, "action revision frame to take settings"),
        post("/api/undo", lambda s, b: s.plan_editor.undo(b["revision"]), "revision"),
        post("/api/redo", lambda s, b: s.plan_editor.redo(b["revision"]), "revision"),
        post("/api/upload", upload_key, "revision frame name data"),
        post("/api/matte/stroke", add_stroke, "frame stroke", matte_state),
        post("/api/matte/undo", lambda s, _: {"frame": s.matte_editor.undo()}, "", matte_state),
        post("/api/matte/redo", lambda s, _: {"frame": s.matte_editor.redo()}, "", matte_state),
        post("/api/matte/use", use_matte, "wanted", matte_state),
        post("/api/run", lambda s, b: start_run(workspace, s, b), "what frame"),
        post("/api/cancel", lambda s, _: s.runner.cancel(), ""),
    ]

    def invalid_request(_: Request, error: Exception) -> Response:
        status = error.status if isinstance(error, RequestError) else 500
        return JSONResponse({"error": str(error)}, status, headers={"cache-control": "no-store"})

    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={RequestError: invalid_request})


def page_files() -> list[str]:
    """Return the names of the page's files; no other file is served."""
    found = files("stylize.review") / "static"
    return sorted(item.name for item in found.iterdir() if "." + item.name.rpartition(".")[2] in MEDIA_TYPES)


def edit_plan(session: Session, body: dict[str, Any]) -> None:
    """Apply an edit of the plan."""
    action = body["action"]
    require(body, "frame", *{"move": ["to"], "take": ["take"], "settings": ["settings"]}.get(action, []))
    if action not in ACTIONS:
        raise RequestError(422, f"unknown action; choose {', '.join(ACTIONS)}")
    check_frame(session, body["frame"])
    if session.context.request.keys is not None:
        raise UsageError(f"{session.context.request.keys}: the keys are given as files; change the files there")
    session.plan_editor.edit(body["revision"], action, body)


def upload_key(session: Session, body: dict[str, Any]) -> None:
    """Make an uploaded image the key of a frame."""
    require(body, "frame", "data")
    check_frame(session, body["frame"])
    filename = "".join(c for c in body.get("name", "painting") if c.isprintable())[:80] or "painting"
    with decoded_upload(session.context, body["frame"], body["data"], filename) as image:
        session.plan_editor.paint_over(body["revision"], body["frame"], image, filename)
    session.failed.pop(body["frame"], None)


def add_stroke(session: Session, body: dict[str, Any]) -> None:
    """Add a stroke to the matte of a frame."""
    require(body, "frame", "stroke")
    check_frame(session, body["frame"])
    session.matte_editor.add(body["frame"], body["stroke"])


def use_matte(session: Session, body: dict[str, Any]) -> None:
    """Activate the painted matte, or the former one."""
    require(body, "wanted")
    session.matte_editor.activate(body["wanted"])
    session.adopt_matte()


def start_run(workspace: Workspace, session: Session, body: dict[str, Any]) -> None:
    """Start a run."""
    if body.get("what") not in RUNS:
        raise RequestError(422, f"unknown run; choose {', '.join(RUNS)}")
    if "frame" in body:
        check_frame(session, body["frame"])
    owner = session.busy()
    if owner:
        raise ProjectBusyError(owner)
    workspace.run(session, body["what"], body.get("frame"))


def _page(name: str) -> Callable[[Request], Any]:
    async def answer(_: Request) -> Response:
        data = (files("stylize.review") / "static" / name).read_bytes()
        media_type = MEDIA_TYPES["." + name.rpartition(".")[2]]
        return Response(data, media_type=media_type, headers={"cache-control": "no-cache"})

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
    queue = session.subscribe()
    try:
        first = {"revision": session.plan_editor.revision, "busy": session.busy(), "generation": session.generation}
        yield f"event: plan\ndata: {json.dumps(first)}\n\n"
        while True:
            try:
                yield await asyncio.wait_for(queue.get(), _KEEPALIVE_INTERVAL)
            except TimeoutError:
                yield ": keep-alive\n\n"
    finally:
        session.unsubscribe(queue)
