"""Who may speak to the page's server: one browser with the link, on this machine, from the page itself.

A page on the internet can make a browser send requests to this machine, and can point a name of its own at it
(DNS rebinding). So a request must name this host (421), carry the cookie that the one-time link was exchanged
for (401), come from this page (403), be JSON if it changes anything (415) and be no larger than it may (413).
"""

from __future__ import annotations

import hmac
import secrets
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
MOST = 96 << 20
"""Bytes of a request: an upload of 64 MiB, spelled as text."""


USED = "this link was used already, or is not whole; take the latest one from the terminal in which stylize review runs"


class AuthMiddleware:
    """Lets requests through to `app` that come from the page, and puts the protective headers on answers.

    Attributes
    ----------
    token
        Stands in the link; good for one browser, then another takes its place.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int,
        host: str = "127.0.0.1",
        max_bytes: int = MOST,
        on_sign_in: Callable[[], None] | None = None,
    ) -> None:
        """Guard `app`, which listens on `host` and `port`.

        Parameters
        ----------
        max_bytes
            Bytes that a request may have.
        on_sign_in
            Called when the link was used and there is a new `token`.
        """
        self._app, self._port, self._host, self._max_bytes = app, port, host, max_bytes
        self._on_entry = on_sign_in
        self._cookie, self._session = f"stylize-review-{port}", secrets.token_urlsafe(32)
        self.token = secrets.token_urlsafe(24)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer or pass on one request."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        answer = self._refused(scope, headers) or self._entered(scope, headers)
        if answer is not None:
            await answer(scope, receive, _with_headers(send))
            return
        if scope["method"] == "POST":
            body = await self._whole(receive)
            if body is None:
                await _refuse(413, f"more than {self._max_bytes >> 20} MiB")(scope, receive, _with_headers(send))
                return
            receive = _again(body, receive)
        await self._app(scope, receive, _with_headers(send))

    def _refused(self, scope: Scope, headers: dict[str, str]) -> Any:
        """Return the refusal of a request that cannot be from the page, whoever sent it."""
        if not self._is_ours(headers.get("host", "")):
            return _refuse(421, f"this server is not {headers.get('host', 'what was asked for')[:80]}")
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
        foreign = origin is not None and origin != f"http://{headers['host']}"
        entering = scope["method"] == "GET" and scope["path"] == "/"
        if foreign or (site not in ("same-origin", "none") and not entering):
            return _refuse(403, "only the review page itself may ask")
        return None if scope["method"] in ("GET", "HEAD") else self._unfit(scope, headers)

    def _unfit(self, scope: Scope, headers: dict[str, str]) -> Any:
        """Return the refusal of a write that is too large or no JSON."""
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._max_bytes:
            return _refuse(413, f"more than {self._max_bytes >> 20} MiB")
        if scope["method"] != "POST":
            return _refuse(405, "only GET and POST")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _refuse(415, "write JSON")
        return None

    def _entered(self, scope: Scope, headers: dict[str, str]) -> Any:
        """Return the answer to somebody without the cookie; None for one who has it."""
        known = self._knows(headers.get("cookie", ""))
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and given:
            if not known and not hmac.compare_digest(given.encode(), self.token.encode()):
                return _refuse(401, USED)
            answer = RedirectResponse("/", 303)
            if not known:
                self.token = secrets.token_urlsafe(24)
                answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict", path="/")
                if self._on_entry is not None:
                    self._on_entry()
            return answer
        if known:
            return None
        return _refuse(401, "open the link that stylize review printed in the terminal")

    def _knows(self, header: str) -> bool:
        try:
            cookie = SimpleCookie(header).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), self._session.encode())

    def _is_ours(self, host: str) -> bool:
        """Whether a Host header names this server; a name that somebody made point here does not."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if port != self._port or parts.username is not None or parts.path:
            return False
        if name in ("127.0.0.1", "localhost", "::1", self._host):
            return True
        if self._host in ("0.0.0.0", "::"):  # noqa: S104  a number cannot be made to point here
            try:
                ip_address(name)
            except ValueError:
                return False
            return True
        return False

    async def _whole(self, receive: Receive) -> bytes | None:
        """Return the body of a write; None as soon as it is too large, whatever its header said.

        One that breaks off is returned as far as it came: it is no JSON then.
        """
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._max_bytes:
                return None
            more = message.get("more_body", False)
        return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read already, then whatever else comes."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _refuse(status: int, words: str) -> Any:
    answer = JSONResponse({"error": words}, status) if status != 401 else PlainTextResponse(words + "\n", 401)
    answer.headers["cache-control"] = "no-store"
    return answer


def _with_headers(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            more = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in there]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sent
