"""Pictures by address: a view of a frame, a take, the matte that is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from stylize.errors import UsageError
from stylize.review.serializers import last_run
from stylize.review.server.handlers import RequestError, inside, safely, session_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request

    from stylize.review.session import Session
    from stylize.review.workspace import Workspace

VIEWS = ("source", "painted", "result", "matte", "confidence", "comp")


def frame_picture(workspace: Workspace) -> Callable[[Request], Any]:
    """Return the handler of a view of a frame."""

    async def answer(request: Request) -> Response:
        view, frame = request.path_params["view"], request.path_params["frame"]
        full = request.query_params.get("full") == "1"

        def make() -> Response:
            if view not in VIEWS:
                raise RequestError(404, "no such view")
            session = session_of(workspace, request)
            inside(session, frame)
            if view == "comp":
                return _picture(request, workspace.comp(frame, full=full))
            if view == "matte" and request.query_params.get("calm") == "0":
                return _picture(request, session.pictures.matte(frame, calm=False))
            return _picture(request, _view(session, view, frame, full))

        return await safely(make)

    return answer


def take_picture(workspace: Workspace) -> Callable[[Request], Any]:
    """Return the handler of an earlier painting."""

    async def answer(request: Request) -> Response:
        frame, number = request.path_params["frame"], request.path_params["take"]
        full = request.query_params.get("full") == "1"

        def make() -> Response:
            session = session_of(workspace, request)
            inside(session, frame)
            name = session.context.whole.info.names[frame]
            try:
                take = session.context.project.keys.takes.get(name, number)
            except UsageError as error:
                raise FileNotFoundError from error
            return _picture(request, session.pictures.file(take.path, full=full))

        return await safely(make)

    return answer


def painted_matte(workspace: Workspace) -> Callable[[Request], Any]:
    """Return the handler of a frame's matte as it is painted or carried."""

    async def answer(request: Request) -> Response:
        frame = request.path_params["frame"]
        full = request.query_params.get("full") == "1"

        def make() -> Response:
            session = session_of(workspace, request)
            inside(session, frame)
            return _picture(request, session.pictures.matte_file(session.matte_editor.file(frame), full=full))

        return await safely(make)

    return answer


def _view(session: Session, view: str, frame: int, full: bool) -> bytes:
    pictures = session.pictures
    if view == "source":
        return pictures.clip(frame, full=full)
    if view == "matte":
        return pictures.matte(frame, full=full)
    status = session.status()
    if view == "painted":
        path: Path | None = next((key.file for key in status.keys if key.frame == frame), None)
        if path is None:
            raise FileNotFoundError
        return pictures.file(path, full=full)
    place = status.places.get(frame) or last_run(session).get(frame)
    if place is None:
        raise FileNotFoundError
    return (
        pictures.file(place[0], full=full) if view == "result" else pictures.confidence(place[1], place[0], full=full)
    )


def _picture(request: Request, data: bytes) -> Response:
    """Return a picture; its address names its version, so it may be kept for good."""
    kept = "private, max-age=31536000, immutable" if request.query_params.get("v") else "no-store"
    kind = "image/png" if data[:4] == b"\x89PNG" else "image/jpeg"
    return Response(data, media_type=kind, headers={"cache-control": kept})
