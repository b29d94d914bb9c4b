"""A painted project of the small world, and a browser that has come in by the link."""

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
class Visit:
    """A session, and a client that went through the auth."""

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


class OpenVisit:
    """Opens the page of a job as the command does, without a socket."""

    def __init__(self, world, job):
        self._world, self._job = world, job

    def __enter__(self):
        self._work = open_run(self._job)
        work = self._work.__enter__()
        for layer in (work, *work.parts):
            start_project(layer)
        workspace = Workspace(work)
        auth = AuthMiddleware(make_app(workspace), port=8123)
        self._client = TestClient(auth, base_url=HOME, headers={"sec-fetch-site": "same-origin"})
        client = self._client.__enter__()
        assert client.get(f"/?token={auth.token}", follow_redirects=False).status_code == 303
        return Visit(workspace, workspace.first, auth, client, self._world)

    def __exit__(self, *failure):
        self._client.__exit__(*failure)
        self._work.__exit__(*failure)
