"""State of the review of one layer: editors, images, run status and event listeners."""

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
from stylize.review.roto.active_matte import active_matte
from stylize.storage.lock import holder

if TYPE_CHECKING:
    from keyframes import Plan
    from stylize.pipeline.context import RunContext
    from stylize.render import Renderer
    from stylize.review.image_cache import Pictures
    from stylize.review.jobs import Run, Runner

_POLL_INTERVAL = 0.4
"""Seconds between checks of the plan's file and the lock."""
_REFRESH_INTERVAL = 0.8
"""Seconds between updates of the page with finished frames of a run."""


class Session:
    """State that the routes of `stylize.review.server.routes` read and change.

    Attributes
    ----------
    generation
        Rises when images or states may have changed; the page then loads them again.
    """

    def __init__(self, context: RunContext, runner: Runner, images: Pictures) -> None:
        """Open the review of a layer; all layers share `runner` and the clip's `images`."""
        self.context, self.runner = context, runner
        self.plan_editor = PlanEditor(context)
        self.matte_editor = MatteEditor(context, self.plan_editor.locked)
        self.pictures = LayerPictures(context, images)
        self.curves = Curves(context)
        self.generation = 1
        self.proxies = (0, context.span[1] - context.span[0])
        self.failed: dict[int, str] = {}
        self._status_lock = threading.Lock()
        self._matte_lock = threading.Lock()
        self._resources = ExitStack()
        self._status: tuple[Any, RunStatus] | None = None
        self._renderer: Renderer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[asyncio.Queue[str]] = set()
        self._refreshed = 0.0

    @property
    def measured(self) -> RunContext:
        """The run context with its matte measured."""
        if self.context.mattes is not None and self.context.visibility is None:
            with self._matte_lock:
                if self.context.visibility is None:
                    self._set_context(measure_matte(self.context, StageTimer(), keep=True))
        return self.context

    @property
    def matte(self) -> str:
        """Short fingerprint of the active matte; empty without one."""
        return "" if self.context.mattes is None else self.context.mattes.fingerprint[:12]

    def adopt_matte(self) -> None:
        """Open the active matte of the project."""
        spec = active_matte(self.context)
        mattes = None
        if spec is not None:
            context = self.context
            mattes = open_matte(spec, context.clip.info, context.settings.matte, context.clip)
            self._resources.callback(mattes.close)
        request = replace(self.context.request, matte=spec)
        self._set_context(replace(self.context, request=request, mattes=mattes, visibility=None))
        self.generation += 1

    def _set_context(self, context: RunContext) -> None:
        """Propagate the updated run context to all components."""
        self.context = self.plan_editor.context = self.pictures.context = self.curves.context = context
        self.matte_editor.set_context(context)

    def plan(self) -> tuple[Plan | None, str]:
        """Return the plan, or None and the error of its file."""
        try:
            return self.plan_editor.plan(), ""
        except StylizeError as error:
            return None, str(error)

    def busy(self) -> str:
        """Return which other process holds the project; empty if none."""
        owner = holder(self.context.project.root / ".lock")
        run = self.runner.run
        if not owner or owner.get("pid") == _own_pid() or (run is not None and run.live):
            return ""
        return f"process {owner['pid']} on {owner.get('host')} is working on this project"

    def status(self) -> RunStatus:
        """Return the run status of the current plan; computed once for each change."""
        plan, problem = self.plan()
        cache_key = (self.plan_editor.revision, self.generation)
        with self._status_lock:
            if self._status is None or self._status[0] != cache_key:
                self._status = (cache_key, self._compute_status(plan, problem))
            return self._status[1]

    def subscribe(self) -> asyncio.Queue[str]:
        """Return a queue of server-sent events."""
        self._loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def unsubscribe(self, queue: asyncio.Queue[str]) -> None:
        """Stop adding events to `queue`."""
        self._listeners.discard(queue)

    def publish(self, kind: str, fields: Any) -> None:
        """Send an event to every page, from any thread."""
        line = f"event: {kind}\ndata: {json.dumps(fields, default=str)}\n\n"
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # the server is closing
                loop.call_soon_threadsafe(self._send, line)

    async def watch_files(self) -> None:
        """Check the plan's file and the lock every `_POLL_INTERVAL` s and publish changes by other processes."""
        before = (self.plan_editor.revision, self.busy())
        while True:
            await asyncio.sleep(_POLL_INTERVAL)
            with contextlib.suppress(StylizeError):
                now = (
                    await asyncio.to_thread(lambda: self.plan_editor.revision),
                    await asyncio.to_thread(self.busy),
                )
                if now != before:
                    if before[1] and not now[1]:  # another process finished: there may be new images
                        self.generation += 1
                    before = now
                    self.publish("plan", {"revision": now[0], "busy": now[1], "generation": self.generation})

    def job_spec(self, what: str, key: int | None, context: RunContext | None = None) -> dict[str, Any]:
        """Return the job specification of a worker, for this layer's project or another `context`."""
        context = context or self.context
        full_range = context.span == (0, len(context.whole))
        outputs = context.project.about().get("outputs", {})
        own = [
            path for path, output in outputs.items() if written_by_project(context.project, Path(path), output["mark"])
        ]
        return {
            "what": what,
            "key": key,
            "layer": self.context.layer.name,
            "clip": str(context.whole.info.path),
            "project": str(context.project.root),
            "span": [None, None] if full_range else [str(context.span[0]), str(context.span[1])],
            "styles": [str(style) for style in context.request.styles],
            "renderer": context.request.renderer,
            "output": own[-1] if own else None,
        }

    def close(self) -> None:
        """Close mattes and images."""
        self.matte_editor.close()
        self.pictures.close()
        self._resources.close()

    def _compute_status(self, plan: Plan | None, problem: str) -> RunStatus:
        try:
            context = self.measured
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
        """Publish how many small images of the clip are made."""
        self.proxies = (done, total)
        self.publish("proxies", {"done": done, "total": total})

    def run_changed(self, run: Run) -> None:
        """Update the state after a change of `run`, and publish it."""
        import time

        now = time.monotonic()
        concerned = run.layer == self.context.layer.name or run.what == "all"
        if not run.live:
            if concerned and run.key is not None and run.what == "paint":
                self.failed.pop(run.key, None)
                if run.state == "failed":
                    self.failed[run.key] = run.error
            if concerned and run.what == "matte" and run.state == "done":
                try:
                    self.adopt_matte()
                except StylizeError as error:
                    run.error, run.state = str(error), "failed"
            self.generation += 1
        elif now - self._refreshed > _REFRESH_INTERVAL:
            self._refreshed = now
            self.generation += 1
        self.publish("run", {**asdict(run), "generation": self.generation})

    def _send(self, line: str) -> None:
        for queue in self._listeners:
            queue.put_nowait(line)


def _own_pid() -> int:
    import os

    return os.getpid()
