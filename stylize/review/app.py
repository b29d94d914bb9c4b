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

from stylize.errors import MediaError, StylizeError, UsageError
from stylize.lock import HeldError
from stylize.review.desk import ACTIONS, ConflictError
from stylize.review.facts import details, last_run, state
from stylize.review.upload import decoded
from stylize.takes import chosen_take

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from starlette.requests import Request

    from stylize.review.session import Session

__all__ = ["make_app"]

KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
VIEWS = ("source", "painted", "result", "matte", "confidence")
FIELDS: dict[str, type] = {"frame": int, "to": int, "take": int, "settings": dict, "name": str, "data": str}
_BEAT = 15.0
"""Seconds after which an idle stream of events says that it lives."""


class RequestError(Exception):
    """A request that makes no sense; `status` and words for the answer."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def make_app(session: Session) -> Starlette:
    """Return the application; `stylize.review.gate.Gate` has to stand before it."""

    @asynccontextmanager
    async def live(_: Starlette) -> AsyncIterator[None]:
        session.pictures.start()
        watcher = asyncio.create_task(session.watch())
        yield
        watcher.cancel()
        await run_in_threadpool(session.close)

    routes = [
        Route("/", _page("index.html")),
        *(Route(f"/{name}", _page(name)) for name in page_files() if name != "index.html"),
        Route("/favicon.ico", _page("icon.svg")),
        Route("/api/state", _read(session, lambda s, _: state(s))),
        Route("/api/details", _read(session, lambda s, _: details(s))),
        Route("/api/frame/{view}/{frame:int}", _picture(session)),
        Route("/api/take/{frame:int}/{take:int}", _take_picture(session)),
        Route("/api/events", _events(session)),
        Route("/api/edit", _write(session, edit, "action revision frame to take settings"), methods=["POST"]),
        Route(
            "/api/undo",
            _write(session, lambda s, b: s.desk.undo(b["revision"]), "revision"),
            methods=["POST"],
        ),
        Route(
            "/api/redo",
            _write(session, lambda s, b: s.desk.redo(b["revision"]), "revision"),
            methods=["POST"],
        ),
        Route("/api/upload", _write(session, upload, "revision frame name data"), methods=["POST"]),
        Route("/api/run", _write(session, run, "what frame"), methods=["POST"]),
        Route("/api/cancel", _write(session, lambda s, _: s.runner.cancel(), ""), methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=live)


def page_files() -> list[str]:
    """Return the names of the page's files: the only ones that are served."""
    found = files("stylize.review") / "page"
    return sorted(item.name for item in found.iterdir() if "." + item.name.rpartition(".")[2] in KINDS)


def edit(session: Session, body: dict[str, Any]) -> None:
    """Change the plan."""
    action = body["action"]
    _needs(body, "frame", *{"move": ["to"], "take": ["take"], "settings": ["settings"]}.get(action, []))
    if action not in ACTIONS:
        raise RequestError(422, "this action is unknown")
    _inside(session, body["frame"])
    if session.work.job.keys is not None:
        raise UsageError(f"keys come from {session.work.job.keys}; change the files there")
    session.desk.edit(body["revision"], action, body)


def upload(session: Session, body: dict[str, Any]) -> None:
    """Take a painted frame."""
    _needs(body, "frame", "data")
    _inside(session, body["frame"])
    called = "".join(c for c in body.get("name", "painting") if c.isprintable())[:80] or "painting"
    with decoded(session.work, body["frame"], body["data"], called) as picture:
        session.desk.paint_over(body["revision"], body["frame"], picture, called)
    session.failed.pop(body["frame"], None)


def run(session: Session, body: dict[str, Any]) -> None:
    """Start a run."""
    if body.get("what") not in ("keys", "paint", "run"):
        raise RequestError(422, "what is one of keys, paint and run")
    if "frame" in body:
        _inside(session, body["frame"])
    busy = session.busy()
    if busy:
        raise HeldError(busy)
    session.runner.start(session.order(body["what"], body.get("frame")))


def _inside(session: Session, frame: int) -> None:
    first, stop = session.work.span
    if not first <= frame < stop:
        raise RequestError(422, f"frame {frame} is outside of {first} to {stop - 1}")


def _page(name: str) -> Callable[[Request], Any]:
    async def answer(_: Request) -> Response:
        data = (files("stylize.review") / "page" / name).read_bytes()
        kind = KINDS["." + name.rpartition(".")[2]]
        return Response(data, media_type=kind, headers={"cache-control": "no-cache"})

    return answer


def _read(session: Session, make: Callable[[Session, Request], Any]) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        return await _safely(
            lambda: JSONResponse(make(session, request), headers={"cache-control": "no-store"})
        )

    return answer


def _write(session: Session, do: Callable[[Session, Any], Any], takes: str) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        try:
            body = await request.json()
        except (ValueError, UnicodeDecodeError, RecursionError):
            return JSONResponse({"error": "this is no JSON"}, 400)

        def work() -> Response:
            do(session, _checked(body, takes.split()))
            return JSONResponse(state(session), headers={"cache-control": "no-store"})

        made = await _safely(work)
        if made.status_code == 200:
            facts = {"revision": session.desk.revision, "busy": "", "generation": session.generation}
            session.tell("plan", facts)
        return made

    return answer


def _checked(body: Any, takes: list[str]) -> dict[str, Any]:
    """Return the body of a write if it has nothing but fields that are taken, each of its type."""
    if not isinstance(body, dict):
        raise RequestError(422, "an object is expected")
    for name, value in body.items():
        kind = FIELDS.get(name, str)
        if name not in takes or not isinstance(value, kind) or isinstance(value, bool):
            raise RequestError(422, f"{str(name)[:40]!r} is unknown or of the wrong type")
    _needs(body, *{"action", "revision", "what"} & set(takes))
    return body


def _needs(body: dict[str, Any], *names: str) -> None:
    for name in names:
        if name not in body:
            raise RequestError(422, f"{name} is missing")


def _picture(session: Session) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        view, frame = request.path_params["view"], request.path_params["frame"]
        full = request.query_params.get("full") == "1"

        def make() -> Response:
            if view not in VIEWS:
                raise RequestError(404, "no such view")
            _inside(session, frame)
            return _jpeg(request, _view(session, view, frame, full))

        return await _safely(make)

    return answer


def _view(session: Session, view: str, frame: int, full: bool) -> bytes:
    pictures = session.pictures
    if view == "source":
        return pictures.clip(frame, full=full)
    if view == "matte":
        return pictures.matte(frame, full=full)
    outlook = session.outlook()
    if view == "painted":
        path: Path | None = next((key.file for key in outlook.keys if key.frame == frame), None)
        if path is None:
            raise FileNotFoundError
        return pictures.file(path, full=full)
    place = outlook.places.get(frame) or last_run(session).get(frame)
    if place is None:
        raise FileNotFoundError
    return (
        pictures.file(place[0], full=full)
        if view == "result"
        else pictures.confidence(place[1], place[0], full=full)
    )


def _take_picture(session: Session) -> Callable[[Request], Any]:
    async def answer(request: Request) -> Response:
        frame, number = request.path_params["frame"], request.path_params["take"]
        full = request.query_params.get("full") == "1"

        def make() -> Response:
            _inside(session, frame)
            name = session.work.whole.info.names[frame]
            try:
                take = chosen_take(session.work.project, name, number)
            except UsageError as error:
                raise FileNotFoundError from error
            return _jpeg(request, session.pictures.file(take.path, full=full))

        return await _safely(make)

    return answer


def _jpeg(request: Request, data: bytes) -> Response:
    """Return a picture; its address names its version, so it may be kept for good."""
    kept = "private, max-age=31536000, immutable" if request.query_params.get("v") else "no-store"
    return Response(data, media_type="image/jpeg", headers={"cache-control": kept})


def _events(session: Session) -> Callable[[Request], Any]:
    async def answer(_: Request) -> Response:
        return StreamingResponse(
            _stream(session), media_type="text/event-stream", headers={"cache-control": "no-store"}
        )

    return answer


async def _stream(session: Session) -> AsyncIterator[str]:
    queue = session.listen()
    try:
        first = {"revision": session.desk.revision, "busy": session.busy(), "generation": session.generation}
        yield f"event: plan\ndata: {json.dumps(first)}\n\n"
        while True:
            try:
                yield await asyncio.wait_for(queue.get(), _BEAT)
            except TimeoutError:
                yield ": still here\n\n"
    finally:
        session.leave(queue)


STATUS: tuple[tuple[type[Exception], int], ...] = (
    (ConflictError, 409),
    (HeldError, 423),
    (UsageError, 422),
    (MediaError, 422),
    (StylizeError, 500),
)


async def _safely(make: Callable[[], Response]) -> Response:
    """Do the work on a thread; say in one line what went wrong, with the status that fits."""
    try:
        return await run_in_threadpool(make)
    except RequestError as error:
        return _fault(error.status, error)
    except FileNotFoundError:
        return _fault(404, "there is no such picture yet")
    except StylizeError as error:
        return _fault(next(status for kind, status in STATUS if isinstance(error, kind)), error)


def _fault(status: int, words: Any) -> Response:
    return JSONResponse({"error": str(words)}, status, headers={"cache-control": "no-store"})
