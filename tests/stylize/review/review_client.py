"""HTTP client of the review server, signed in by the link."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from starlette.testclient import TestClient

from stylize.pipeline.context import open_run
from stylize.review.server.auth import AuthMiddleware
from stylize.review.server.routes import make_app
from stylize.review.server.serve import start_project
from stylize.review.workspace import Workspace

HOME = "http://127.0.0.1:8123"


@dataclass
class ReviewClient:
    """A review session with a signed-in client."""

    workspace: Workspace
    session: Any
    auth: AuthMiddleware
    client: TestClient
    world: Any

    def state(self):
        return self.client.get("/api/state").json()

    def details(self):
        return self.client.get("/api/details").json()

    def write(self, path, **body):
        body.setdefault("revision", self.state()["revision"])
        return self.client.post(f"/api/{path}", json=body)

    def edit(self, action, frame, **more):
        return self.write("edit", action=action, frame=frame, **more)

    @property
    def plan_path(self):
        return self.session.context.project.plan_path


class OpenReview:
    """Opens the review of a request as the command does, without a socket."""

    def __init__(self, world, request):
        self._world, self._request = world, request

    def __enter__(self):
        self._context = open_run(self._request)
        context = self._context.__enter__()
        for layer in (context, *context.parts):
            start_project(layer)
        workspace = Workspace(context)
        auth = AuthMiddleware(make_app(workspace), port=8123)
        self._client = TestClient(auth, base_url=HOME, headers={"sec-fetch-site": "same-origin"})
        client = self._client.__enter__()
        assert client.get(f"/?token={auth.token}", follow_redirects=False).status_code == 303
        return ReviewClient(workspace, workspace.first, auth, client, self._world)

    def __exit__(self, *failure):
        self._client.__exit__(*failure)
        self._context.__exit__(*failure)
