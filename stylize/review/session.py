"""Everything that a page looks at, opened once: the clip, the editor, pictures, runs, and who listens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import StylizeError
from stylize.mattes import open_matte
from stylize.pipeline.context import measure_matte
from stylize.pipeline.output import written_by_project
from stylize.pipeline.stages import make_renderer_for
from stylize.pipeline.status import RunStatus, given_key_states, run_status
from stylize.progress import StageTimer
from stylize.review.curves import Curves
from stylize.review.image_cache import LayerPictures
from stylize.review.matte_editor import MatteEditor
from stylize.review.plan_editor import PlanEditor
from stylize.review.roto.active_matte import matte_in_use
from stylize.storage.lock import holder

if TYPE_CHECKING:
    from keyframes import Plan
    from stylize.pipeline.context import RunContext
    from stylize.render import Renderer
    from stylize.review.image_cache import Pictures
    from stylize.review.jobs import Run, Runner

_LOOK = 0.4
"""Seconds between two looks at the plan's file and the lock."""
_REFRESH = 0.8
"""Least seconds between two looks at what a run has finished."""


class Session:
    """The state of one review: what the routes of `stylize.review.server.routes` read and change.

    Attributes
    ----------
    generation
        Counts what may have changed pictures or states; the page asks again when it rises.
    """

    def __init__(self, context: RunContext, runner: Runner, clip: Pictures) -> None:
        """Open the review of a layer; the one `runner` and the pictures of the `clip` are shared by all."""
        self.context, self.runner = context, runner
        self.plan_editor = PlanEditor(context)
        self.matte_editor = MatteEditor(context, self.plan_editor.held)
        self.pictures = LayerPictures(context, clip)
        self.curves = Curves(context)
        self.generation = 1
        self.proxies = (0, context.span[1] - context.span[0])
        self.failed: dict[int, str] = {}
        self._turn = threading.Lock()
        self._looking = threading.Lock()
        self._open = ExitStack()
        self._status: tuple[Any, RunStatus] | None = None
        self._renderer: Renderer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[asyncio.Queue[str]] = set()
        self._refreshed = 0.0

    @property
    def seen(self) -> RunContext:
        """The work with its matte looked at."""
        if self.context.mattes is not None and self.context.visibility is None:
            with self._looking:
                if self.context.visibility is None:
                    self._take(measure_matte(self.context, StageTimer(), keep=True))
        return self.context

    @property
    def matte(self) -> str:
        """A short name of the matte in use; empty without one."""
        return "" if self.context.mattes is None else self.context.mattes.fingerprint[:12]

    def adopt_matte(self) -> None:
        """Open the matte that the project has by now."""
        spec = matte_in_use(self.context)
        mattes = None
        if spec is not None:
            context = self.context
            mattes = open_matte(spec, context.clip.info, context.settings.matte, context.clip)
            self._open.callback(mattes.close)
        request = replace(self.context.request, matte=spec)
        self._take(replace(self.context, request=request, mattes=mattes, visibility=None))
        self.generation += 1

    def _take(self, context: RunContext) -> None:
        """Let everybody know the work as it is now."""
        self.context = self.plan_editor.context = self.pictures.context = self.curves.context = context
        self.matte_editor.adopt(context)

    def plan(self) -> tuple[Plan | None, str]:
        """Return the plan, or what is wrong with its file."""
        try:
            return self.plan_editor.plan(), ""
        except StylizeError as error:
            return None, str(error)

    def busy(self) -> str:
        """Say who else works on the project; empty if nobody does."""
        found = holder(self.context.project.root / ".lock")
        run = self.runner.run
        if not found or found.get("pid") == _own_pid() or (run is not None and run.live):
            return ""
        return f"process {found['pid']} on {found.get('host')} is working on this project"

    def status(self) -> RunStatus:
        """Return what the plan means as it stands; worked out once for each change."""
        plan, problem = self.plan()
        mark = (self.plan_editor.revision, self.generation)
        with self._turn:
            if self._status is None or self._status[0] != mark:
                self._status = (mark, self._look(plan, problem))
            return self._status[1]

    def listen(self) -> asyncio.Queue[str]:
        """Return a queue of events, each ready to be sent."""
        self._loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[str]) -> None:
        """Stop listening."""
        self._listeners.discard(queue)

    def publish(self, kind: str, facts: Any) -> None:
        """Send an event to every page, from any thread."""
        line = f"event: {kind}\ndata: {json.dumps(facts, default=str)}\n\n"
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # the server is closing
                loop.call_soon_threadsafe(self._deliver, line)

    async def watch(self) -> None:
        """Look at the plan's file and the lock from time to time, and publish what somebody else changed."""
        before = (self.plan_editor.revision, self.busy())
        while True:
            await asyncio.sleep(_LOOK)
            with contextlib.suppress(StylizeError):
                now = (
                    await asyncio.to_thread(lambda: self.plan_editor.revision),
                    await asyncio.to_thread(self.busy),
                )
                if now != before:
                    if before[1] and not now[1]:  # somebody finished: there may be new pictures
                        self.generation += 1
                    before = now
                    self.publish("plan", {"revision": now[0], "busy": now[1], "generation": self.generation})

    def order(self, what: str, key: int | None, context: RunContext | None = None) -> dict[str, Any]:
        """Return what a worker is told to do, with this layer's project or another `context`."""
        context = context or self.context
        whole = context.span == (0, len(context.whole))
        written = context.project.about().get("outputs", {})
        there = [
            place for place, made in written.items() if written_by_project(context.project, Path(place), made["mark"])
        ]
        return {
            "what": what,
            "key": key,
            "layer": self.context.layer.name,
            "clip": str(context.whole.info.path),
            "project": str(context.project.root),
            "span": [None, None] if whole else [str(context.span[0]), str(context.span[1])],
            "styles": [str(style) for style in context.request.styles],
            "renderer": context.request.renderer,
            "output": there[-1] if there else None,
        }

    def close(self) -> None:
        """Close what was opened."""
        self.matte_editor.close()
        self.pictures.close()
        self._open.close()

    def _look(self, plan: Plan | None, problem: str) -> RunStatus:
        try:
            context = self.seen
            if context.request.keys is not None:
                problem = f"keys come from {context.request.keys}; the plan is not used"
                return RunStatus(keys=given_key_states(context, context.project.keys.layer_cache), problem=problem)
            if plan is None:
                return RunStatus(problem=problem)
            if self._renderer is None:
                self._renderer = make_renderer_for(context)
            if self._renderer is None:
                return RunStatus(problem="no renderer is configured for this project")
            return run_status(context, plan, self._renderer)
        except StylizeError as error:
            return RunStatus(problem=str(error))

    def proxies_made(self, done: int, total: int) -> None:
        """Tell how many small pictures of the clip there are."""
        self.proxies = (done, total)
        self.publish("proxies", {"done": done, "total": total})

    def run_changed(self, run: Run) -> None:
        """Take note of a run, and publish of it."""
        import time

        now = time.monotonic()
        mine = run.layer == self.context.layer.name or run.what == "all"
        if not run.live:
            if mine and run.key is not None and run.what == "paint":
                self.failed.pop(run.key, None)
                if run.state == "failed":
                    self.failed[run.key] = run.error
            if mine and run.what == "matte" and run.state == "done":
                try:
                    self.adopt_matte()
                except StylizeError as error:
                    run.error, run.state = str(error), "failed"
            self.generation += 1
        elif now - self._refreshed > _REFRESH:
            self._refreshed = now
            self.generation += 1
        self.publish("run", {**asdict(run), "generation": self.generation})

    def _deliver(self, line: str) -> None:
        for queue in self._listeners:
            queue.put_nowait(line)


def _own_pid() -> int:
    import os

    return os.getpid()
