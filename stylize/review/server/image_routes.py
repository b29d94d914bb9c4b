"""Image routes: views of a frame, takes of a key, the painted matte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from stylize.errors import UsageError
from stylize.review.serializers import last_run
from stylize.review.server.handlers import RequestError, answer_safely, check_frame, session_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from starlette.requests import Request

    from stylize.review.session import Session
    from stylize.review.workspace import Workspace

VIEWS = ("source", "painted", "result", "matte", "confidence", "comp")
"""Images of a frame by name in the address."""


def frame_image(workspace: Workspace) -> Callable[[Request], Any]:
    """Return the handler of the views of a frame."""

    async def answer(request: Request) -> Response:
        view, frame = request.path_params["view"], request.path_params["frame"]
        full = request.query_params.get("full") == "1"

        def make() -> Response:
            if view not in VIEWS:
                raise RequestError(404, f"unknown view; choose {', '.join(VIEWS)}")
            session = session_of(workspace, request)
            check_frame(session, frame)
            if view == "comp":
                return _image_response(request, workspace.comp(frame, full=full))
            if view == "matte" and request.query_params.get("stabilized") == "0":
                return _image_response(request, session.pictures.matte(frame, stabilized=False))
            return _image_response(request, _encode_view(session, view, frame, full))

        return await answer_safely(make)

    return answer


def take_image(workspace: Workspace) -> Callable[[Request], Any]:
    """Return the handler of the takes of a key."""

    async def answer(request: Request) -> Response:
        frame, number = request.path_params["frame"], request.path_params["take"]
        full = request.query_params.get("full") == "1"

        def make() -> Response:
            session = session_of(workspace, request)
            check_frame(session, frame)
            name = session.context.whole.info.names[frame]
            try:
                take = session.context.project.keys.takes.get(name, number)
            except UsageError as error:
                raise FileNotFoundError from error
            return _image_response(request, session.pictures.file(take.path, full=full))

        return await answer_safely(make)

    return answer


def matte_image(workspace: Workspace) -> Callable[[Request], Any]:
    """Return the handler of the painted or propagated matte of a frame."""

    async def answer(request: Request) -> Response:
        frame = request.path_params["frame"]
        full = request.query_params.get("full") == "1"

        def make() -> Response:
            session = session_of(workspace, request)
            check_frame(session, frame)
            return _image_response(request, session.pictures.matte_file(session.matte_editor.file(frame), full=full))

        return await answer_safely(make)

    return answer


def _encode_view(session: Session, view: str, frame: int, full: bool) -> bytes:
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
    files = status.places.get(frame) or last_run(session).get(frame)
    if files is None:
        raise FileNotFoundError
    return (
        pictures.file(files[0], full=full) if view == "result" else pictures.confidence(files[1], files[0], full=full)
    )


def _image_response(request: Request, data: bytes) -> Response:
    """Return an image; the browser may cache it for good if its address names a version."""
    cache_control = "private, max-age=31536000, immutable" if request.query_params.get("v") else "no-store"
    media_type = "image/png" if data[:4] == b"\x89PNG" else "image/jpeg"
    return Response(data, media_type=media_type, headers={"cache-control": cache_control})
