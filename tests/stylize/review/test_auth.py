"""Authentication and request checks of the review server."""

from __future__ import annotations

import json

import pytest
from starlette.testclient import TestClient

from stylize.review.server.routes import page_files
from tests.stylize.review.review_client import HOME

WRITES = ("edit", "undo", "redo", "upload", "run", "cancel")


@pytest.fixture
def signed_out(shared):
    """A client without the cookie."""
    return TestClient(shared.auth, base_url=HOME)


def test_a_sign_in_link_works_once_and_leaves_no_token_in_the_address(shared, signed_out):
    token = shared.auth.token
    answer = signed_out.get(f"/?token={token}", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    cookie = answer.headers["set-cookie"].lower()
    assert all(word in cookie for word in ("httponly", "samesite=strict", "path=/"))
    assert token not in cookie
    assert signed_out.get("/").status_code == 200
    third = TestClient(shared.auth, base_url=HOME)
    assert third.get(f"/?token={token}").status_code == 401
    assert "is used already" in third.get(f"/?token={token}").text
    assert third.get(f"/?token={shared.auth.token}", follow_redirects=False).status_code == 303


@pytest.mark.parametrize("path", ["/", "/main.js", "/api/state", "/api/frame/source/0", "/api/events", "/none"])
def test_a_request_without_the_session_cookie_is_unauthorized(signed_out, path):
    for query in ("", "?token=", "?token=wrong", "?token=%00%ff"):
        answer = signed_out.get(path + query)
        assert answer.status_code == 401
        assert "terminal" in answer.text


def test_an_invalid_session_cookie_is_unauthorized(shared):
    for value in ("x", '"', "\\", "stylize-review-8123"):
        client = TestClient(shared.auth, base_url=HOME, headers={"cookie": f"stylize-review-8123={value}"})
        assert client.get("/api/state").status_code == 401


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8123",
        "127.0.0.1",
        "127.0.0.1:80",
        "localhost:8124",
        "127.0.0.1.evil:8123",
        "",
        "user@127.0.0.1:8123",
        "127.0.0.1:x",
        "[::1",
        "10.0.0.1:8123",
    ],
)
def test_a_foreign_host_header_is_rejected(shared, host):
    assert shared.client.get("/api/state", headers={"host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8123", "localhost:8123", "[::1]:8123"])
def test_host_headers_of_this_machine_are_accepted(shared, host):
    assert shared.client.get("/", headers={"host": host}).status_code != 421


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "https://127.0.0.1:8123"},
        {"origin": "http://127.0.0.1:8124"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_cross_origin_writes_are_forbidden(shared, write, headers):
    before = shared.plan_path.read_bytes()
    answer = shared.client.post(f"/api/{write}", json={"revision": shared.state()["revision"]}, headers=headers)
    assert answer.status_code == 403
    assert shared.plan_path.read_bytes() == before


def test_cross_origin_reads_are_forbidden(shared):
    for headers in ({"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert shared.client.get("/api/state", headers=headers).status_code == 403


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
        "application/jsonp",
    ],
)
def test_a_write_that_is_not_json_is_rejected(shared, write, kind):
    answer = shared.client.post(f"/api/{write}", content=b"{}", headers={"content-type": kind})
    assert answer.status_code == 415


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"])
def test_methods_other_than_get_and_post_are_rejected(shared, method):
    assert shared.client.request(method, "/api/edit", headers={"content-type": "application/json"}).status_code == 405


def test_a_request_body_over_the_limit_is_rejected(shared, monkeypatch):
    headers = {"content-type": "application/json", "content-length": str(1 << 40)}
    assert shared.client.post("/api/upload", content=b"{}", headers=headers).status_code == 413

    monkeypatch.setattr(shared.auth, "_max_bytes", 1000)
    assert shared.client.post("/api/edit", json={"action": "x" * 2000}).status_code == 413

    def endless():
        for _ in range(50):
            yield b" " * 100

    answer = shared.client.post("/api/edit", content=endless(), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_every_response_has_the_security_headers(shared, signed_out):
    for answer in (
        shared.client.get("/"),
        shared.client.get("/api/state"),
        signed_out.get("/"),
        shared.client.get("/no"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert "access-control-allow-origin" not in answer.headers


TRAVERSALS = r"""
/../pyproject.toml /..%2fpyproject.toml /%2e%2e/%2e%2e/etc/passwd /..%5c..%5cwin.ini /....//etc/passwd
//etc/passwd
/page/../auth.py /%00main.js /main.js%00.html /auth.py /..;/auth.py /api/frame/source/..%2f..%2f0
/api/frame/../state/0 /api/frame/%2e%2e/0 /api/frame/source/-1 /api/frame/source/1e3 /api/frame/keys/0
/api/frame/source/99999999999999999999 /api/take/0/..%2f1 /api/take/0/99 /api/take/99/1
/api/frame/source/0/../../../x
"""


@pytest.mark.parametrize("path", TRAVERSALS.split())
def test_path_traversal_finds_no_file(shared, path):
    answer = shared.client.get(path)
    assert answer.status_code in (401, 404, 422), answer.text
    assert b"root:" not in answer.content
    assert b"import " not in answer.content


def test_the_page_loads_nothing_from_other_hosts_and_has_no_inline_code(shared):
    names = page_files()
    assert {"index.html", "main.js", "style.css", "icon.svg"} <= set(names)
    for name in names:
        answer = shared.client.get("/" if name == "index.html" else f"/{name}")
        assert answer.status_code == 200
        for line in answer.text.splitlines():
            for far in ("http://", "https://", "//cdn", "eval(", "innerHTML", " style=", "onclick="):
                assert far not in line or "www.w3.org" in line, (name, line)


def test_rejections_are_json_of_one_line(shared):
    answer = shared.client.get("/api/state", headers={"host": "evil.example"})
    assert "\n" not in json.loads(answer.text)["error"]
