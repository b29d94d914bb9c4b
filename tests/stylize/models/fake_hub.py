"""A hub on this machine: the addresses that a fetch asks for, and the ways in which a connection fails."""

from __future__ import annotations

import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

if TYPE_CHECKING:
    from collections.abc import Iterator

LARGE = 4096
"""Files from this size on are known by their SHA-256, as on the real hub."""


class FakeHub:
    """Repositories by name: files by path. `asked` records what was fetched and from which byte on."""

    def __init__(self, repos: dict[str, dict[str, bytes]]) -> None:
        self.repos = repos
        self.asked: list[tuple[str, int]] = []
        self.cut: dict[str, int] = {}
        """File → the connection breaks for good after so many bytes."""
        self.lie: set[str] = set()
        """Files that arrive other than announced."""
        self.address = ""

    def commit(self, repo: str) -> str:
        text = json.dumps({name: hashlib.sha256(data).hexdigest() for name, data in self.repos[repo].items()})
        return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()

    def listing(self, repo: str) -> dict[str, object]:
        files = []
        for name, data in self.repos[repo].items():
            git = hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest()
            one: dict[str, object] = {"rfilename": name, "size": len(data), "blobId": git}
            if len(data) >= LARGE:
                one["lfs"] = {
                    "sha256": hashlib.sha256(data).hexdigest(),
                    "size": len(data),
                    "pointerSize": 130,
                }
            files.append(one)
        return {"id": repo, "modelId": repo, "sha": self.commit(repo), "siblings": files, "tags": []}

    @contextmanager
    def running(self) -> Iterator[FakeHub]:
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                hub.answer(self)

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def answer(self, ask: BaseHTTPRequestHandler) -> None:
        parts = unquote(urlparse(ask.path).path).strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            repo = "/".join(parts[2:4])
            if repo not in self.repos:
                _send(ask, 404, b"{}", {"X-Error-Code": "RepoNotFound"})
            elif parts[5:] not in ([], ["main"], [self.commit(repo)]):
                _send(ask, 404, b"{}", {"X-Error-Code": "RevisionNotFound"})
            else:
                _send(ask, 200, json.dumps(self.listing(repo)).encode(), {"Content-Type": "application/json"})
            return
        repo, name = "/".join(parts[:2]), "/".join(parts[4:])
        data = self.repos[repo][name]
        if parts[2] == "resolve" and len(data) >= LARGE:  # the real hub sends on to where large files are kept
            _send(ask, 302, b"", {"Location": ask.path.replace("/resolve/", "/store/")})
            return
        start = int((ask.headers.get("Range") or "bytes=0-")[6:].split("-")[0])
        self.asked.append((name, start))
        if name in self.lie:
            data = bytes(len(data))
        headers = {"Content-Length": str(len(data) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body = data[start:]
        if name in self.cut:
            body = body[: max(self.cut[name] - start, 0)]
        _send(ask, 206 if start else 200, body, headers)


def _send(ask: BaseHTTPRequestHandler, code: int, body: bytes, headers: dict[str, str]) -> None:
    ask.send_response(code)
    for name, value in {"Content-Length": str(len(body)), **headers}.items():
        ask.send_header(name, value)
    ask.end_headers()
    ask.wfile.write(body)
    ask.close_connection = True
