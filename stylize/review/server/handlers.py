"""Answers of the page's server: JSON that is checked field by field; faults in one line with their status."""

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
    **dict.fromkeys(("settings", "mark"), dict),
    **dict.fromkeys(("name", "data"), str),
    "wanted": bool,
}


class RequestError(Exception):
    """A request that makes no sense; `status` and words for the answer."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


def session_of(workspace: Workspace, request: Request) -> Session:
    """Return the session of the layer that a request names; of the first without a name."""
    name = request.query_params.get("layer")
    if name is None:
        return workspace.first
    if name not in workspace.sessions:
        raise RequestError(404, "this project has no such layer")
    return workspace.sessions[name]


def read(workspace: Workspace, make: Callable[[Session], Any]) -> Callable[[Request], Any]:
    """Return the handler of a question: `make` gives what is told."""

    async def answer(request: Request) -> Response:
        return await safely(
            lambda: JSONResponse(make(session_of(workspace, request)), headers={"cache-control": "no-store"})
        )

    return answer


def write(
    workspace: Workspace, do: Callable[[Session, Any], Any], takes: str, tell: Callable[[Session], Any]
) -> Callable[[Request], Any]:
    """Return the handler of a change: `do` does what a body with the fields `takes` asks, `tell` answers."""

    async def answer(request: Request) -> Response:
        try:
            body = await request.json()
        except (ValueError, UnicodeDecodeError, RecursionError):
            return JSONResponse({"error": "this is no JSON"}, 400)

        def context() -> Response:
            session = session_of(workspace, request)
            done = do(session, _checked(body, takes.split()))
            told = {**tell(session), **(done if isinstance(done, dict) else {})}
            return JSONResponse(told, headers={"cache-control": "no-store"})

        made = await safely(context)
        if made.status_code == 200:
            session = session_of(workspace, request)
            facts = {"revision": session.plan_editor.revision, "busy": "", "generation": session.generation}
            session.publish("plan", facts)
        return made

    return answer


def inside(session: Session, frame: int) -> None:
    """Refuse a frame that is not worked on."""
    first, stop = session.context.span
    if not first <= frame < stop:
        raise RequestError(422, f"frame {frame} is outside of {first} to {stop - 1}")


def needs(body: dict[str, Any], *names: str) -> None:
    """Refuse a body that lacks a field."""
    for name in names:
        if name not in body:
            raise RequestError(422, f"{name} is missing")


def _checked(body: Any, takes: list[str]) -> dict[str, Any]:
    """Return the body of a write if it has nothing but fields that are taken, each of its type."""
    if not isinstance(body, dict):
        raise RequestError(422, "an object is expected")
    for name, value in body.items():
        kind = FIELDS.get(name, str)
        if name not in takes or not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise RequestError(422, f"{str(name)[:40]!r} is unknown or of the wrong type")
    needs(body, *{"action", "revision", "what"} & set(takes))
    return body


STATUS: tuple[tuple[type[Exception], int], ...] = (
    (ConflictError, 409),
    (ProjectBusyError, 423),
    (UsageError, 422),
    (MediaError, 422),
    (StylizeError, 500),
)


async def safely(make: Callable[[], Response]) -> Response:
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
