"""Request handlers of the review server: JSON checked field by field, errors in one line with a status."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import JSONResponse, Response

from stylize.errors import MediaError, ProjectBusyError, StylizeError, UsageError
from stylize.review.plan_editor import ConflictError

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request

    from stylize.review.session import Session
    from stylize.review.workspace import Workspace

FIELDS: dict[str, type] = {
    **dict.fromkeys(("frame", "to", "take"), int),
    **dict.fromkeys(("settings", "stroke"), dict),
    **dict.fromkeys(("name", "data"), str),
    "wanted": bool,
}
"""Fields of POST bodies with types; fields that are not listed are strings."""


class RequestError(Exception):
    """An invalid request, with the HTTP status and message of its answer."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def session_of(workspace: Workspace, request: Request) -> Session:
    """Return the session of the layer that a request names, or of the topmost layer."""
    name = request.query_params.get("layer")
    if name is None:
        return workspace.first
    if name not in workspace.sessions:
        raise RequestError(404, "unknown layer; reload the page")
    return workspace.sessions[name]


def read_handler(workspace: Workspace, make: Callable[[Session], Any]) -> Callable[[Request], Any]:
    """Return a GET handler that answers with the JSON of `make`."""

    async def answer(request: Request) -> Response:
        return await answer_safely(
            lambda: JSONResponse(make(session_of(workspace, request)), headers={"cache-control": "no-store"})
        )

    return answer


def write_handler(
    workspace: Workspace, action: Callable[[Session, Any], Any], allowed: str, respond: Callable[[Session], Any]
) -> Callable[[Request], Any]:
    """Return a POST handler that applies `action` to a body with the fields `allowed` and answers with `respond`."""

    async def answer(request: Request) -> Response:
        try:
            body = await request.json()
        except (ValueError, UnicodeDecodeError, RecursionError):
            return JSONResponse({"error": "invalid JSON; send an object"}, 400)

        def run() -> Response:
            session = session_of(workspace, request)
            done = action(session, _checked_body(body, allowed.split()))
            fields = {**respond(session), **(done if isinstance(done, dict) else {})}
            return JSONResponse(fields, headers={"cache-control": "no-store"})

        response = await answer_safely(run)
        if response.status_code == 200:
            session = session_of(workspace, request)
            state = {"revision": session.plan_editor.revision, "busy": "", "generation": session.generation}
            session.publish("plan", state)
        return response

    return answer


def check_frame(session: Session, frame: int) -> None:
    """Raise RequestError for a frame outside of the range."""
    first, stop = session.context.span
    if not first <= frame < stop:
        raise RequestError(422, f"invalid frame {frame}; choose {first} to {stop - 1}")


def require(body: dict[str, Any], *names: str) -> None:
    """Raise RequestError if a field is missing."""
    for name in names:
        if name not in body:
            raise RequestError(422, f"missing field {name!r}; send it")


def _checked_body(body: Any, allowed: list[str]) -> dict[str, Any]:
    """Return the body of a POST request if it has only allowed fields of the right types."""
    if not isinstance(body, dict):
        raise RequestError(422, "invalid body; send a JSON object")
    for name, value in body.items():
        kind = FIELDS.get(name, str)
        if name not in allowed or not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise RequestError(
                422, f"unknown field or wrong type: {str(name)[:40]!r}; send {', '.join(allowed) or 'no field'}"
            )
    require(body, *{"action", "revision", "what"} & set(allowed))
    return body


STATUS: tuple[tuple[type[Exception], int], ...] = (
    (ConflictError, 409),
    (ProjectBusyError, 423),
    (UsageError, 422),
    (MediaError, 422),
    (StylizeError, 500),
)
"""HTTP status by error class; the first that matches counts."""


async def answer_safely(make: Callable[[], Response]) -> Response:
    """Call `make` on a thread; answer errors with their status and one line."""
    try:
        return await run_in_threadpool(make)
    except RequestError as error:
        return _error(error.status, error)
    except FileNotFoundError:
        return _error(404, "image not found; it is not made yet")
    except StylizeError as error:
        return _error(next(status for kind, status in STATUS if isinstance(error, kind)), error)


def _error(status: int, message: Any) -> Response:
    return JSONResponse({"error": str(message)}, status, headers={"cache-control": "no-store"})
