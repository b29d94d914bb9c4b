"""Authentication and request checks of the local review server.

Any website can make a browser send requests to this machine, and can point a host name of its own at it (DNS
rebinding). So a request must have the Host header of this server (421), the cookie that the one-time link gives
(401) and the page as origin (403); a write must also be JSON (415) of limited size (413).
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

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
MAX_REQUEST_BYTES = 96 << 20
"""Bytes of a request: an upload of 64 MiB in base64."""
LINK_USED = "this link is used already or incomplete; use the latest link in the terminal of stylize review"


class AuthMiddleware:
    """Passes requests of the page on to `app`, rejects all others, and adds security headers to responses.

    Attributes
    ----------
    token
        Secret of the current link; valid for one browser, then replaced.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        port: int,
        host: str = "127.0.0.1",
        max_bytes: int = MAX_REQUEST_BYTES,
        on_sign_in: Callable[[], None] | None = None,
    ) -> None:
        """Guard `app`, which listens on `host` and `port`.

        Parameters
        ----------
        max_bytes
            Limit of a request body.
        on_sign_in
            Called after a link was used and `token` is new.
        """
        self._app, self._port, self._host, self._max_bytes = app, port, host, max_bytes
        self._on_entry = on_sign_in
        self._cookie, self._session = f"stylize-review-{port}", secrets.token_urlsafe(32)
        self.token = secrets.token_urlsafe(24)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request or pass it on."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        response = self._reject_request(scope, headers) or self._sign_in(scope, headers)
        if response is not None:
            await response(scope, receive, _with_headers(send))
            return
        if scope["method"] == "POST":
            body = await self._read_body(receive)
            if body is None:
                await self._too_large()(scope, receive, _with_headers(send))
                return
            receive = _replay(body, receive)
        await self._app(scope, receive, _with_headers(send))

    def _reject_request(self, scope: Scope, headers: dict[str, str]) -> Any:
        """Return the rejection of a request that does not come from the page, or None."""
        if not self._is_ours(headers.get("host", "")):
            host = headers.get("host", "")[:80]
            return _error_response(421, f"unknown host {host!r}; open the link in the terminal of stylize review")
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
        cross_origin = origin is not None and origin != f"http://{headers['host']}"
        signing_in = scope["method"] == "GET" and scope["path"] == "/"
        if cross_origin or (site not in ("same-origin", "none") and not signing_in):
            return _error_response(403, "request from another website; use the review page")
        return None if scope["method"] in ("GET", "HEAD") else self._reject_write(scope, headers)

    def _reject_write(self, scope: Scope, headers: dict[str, str]) -> Any:
        """Return the rejection of a write that is too large or not JSON, or None."""
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._max_bytes:
            return self._too_large()
        if scope["method"] != "POST":
            return _error_response(405, "unsupported method; use GET or POST")
        if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return _error_response(415, "unsupported content type; send application/json")
        return None

    def _too_large(self) -> Any:
        return _error_response(413, f"request larger than {self._max_bytes >> 20} MiB; send a smaller file")

    def _sign_in(self, scope: Scope, headers: dict[str, str]) -> Any:
        """Return the sign-in response or the rejection of a request without the cookie; None with the cookie."""
        signed_in = self._has_cookie(headers.get("cookie", ""))
        given = parse_qs(scope["query_string"].decode("latin-1")).get("token", [""])[0]
        if scope["path"] == "/" and given:
            if not signed_in and not hmac.compare_digest(given.encode(), self.token.encode()):
                return _error_response(401, LINK_USED)
            response = RedirectResponse("/", 303)
            if not signed_in:
                self.token = secrets.token_urlsafe(24)
                response.set_cookie(self._cookie, self._session, httponly=True, samesite="strict", path="/")
                if self._on_entry is not None:
                    self._on_entry()
            return response
        if signed_in:
            return None
        return _error_response(401, "not signed in; open the link in the terminal of stylize review")

    def _has_cookie(self, header: str) -> bool:
        try:
            cookie = SimpleCookie(header).get(self._cookie)
        except CookieError:
            return False
        return cookie is not None and hmac.compare_digest(cookie.value.encode(), self._session.encode())

    def _is_ours(self, host: str) -> bool:
        """Return whether the Host header is ours (guards against DNS rebinding)."""
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname or "", parts.port or 80
        except ValueError:
            return False
        if port != self._port or parts.username is not None or parts.path:
            return False
        if name in ("127.0.0.1", "localhost", "::1", self._host):
            return True
        if self._host in ("0.0.0.0", "::"):  # noqa: S104  an IP address cannot be rebound
            try:
                ip_address(name)
            except ValueError:
                return False
            return True
        return False

    async def _read_body(self, receive: Receive) -> bytes | None:
        """Return the body of a write; None if it is too large, whatever its Content-Length.

        A body that breaks off is returned incomplete; it is then invalid JSON.
        """
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            event = await receive()
            parts.append(event.get("body", b""))
            size += len(parts[-1])
            if size > self._max_bytes:
                return None
            more = event.get("more_body", False)
        return b"".join(parts)


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives `body` first, then the other events."""
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _error_response(status: int, message: str) -> Any:
    response = JSONResponse({"error": message}, status) if status != 401 else PlainTextResponse(message + "\n", 401)
    response.headers["cache-control"] = "no-store"
    return response


def _with_headers(send: Send) -> Send:
    async def send_with_headers(event: Message) -> None:
        if event["type"] == "http.response.start":
            present = {name.lower() for name, _ in event["headers"]}
            more = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in present]
            event = {**event, "headers": [*event["headers"], *more]}
        await send(event)

    return send_with_headers
