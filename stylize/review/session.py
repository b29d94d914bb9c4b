"""Everything that a page looks at, opened once: the clip, the desk, pictures, runs, and who listens."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.errors import StylizeError, UsageError
from stylize.mattes import open_matte
from stylize.media.frame_images import find_keys
from stylize.pipeline.context import look
from stylize.pipeline.output import is_ours
from stylize.pipeline.stages import make_painter
from stylize.progress import Watch
from stylize.review.curves import Curves
from stylize.review.image_cache import LayerPictures
from stylize.review.matte_editor import Matting
from stylize.review.plan_editor import Desk
from stylize.review.plan_status import KeyState, Outlook, look_ahead
from stylize.review.roto.active_matte import matte_in_use
from stylize.storage.lock import holder

if TYPE_CHECKING:
    from keyframes import Plan
    from stylize.pipeline.context import Work
    from stylize.render import Renderer
    from stylize.review.image_cache import Pictures
    from stylize.review.jobs import Run, Runner

__all__ = ["Session"]

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

    def __init__(self, work: Work, runner: Runner, clip: Pictures) -> None:
        """Open the review of a layer; the one `runner` and the pictures of the `clip` are shared by all."""
        self.work, self.runner = work, runner
        self.desk = Desk(work)
        self.matting = Matting(work, self.desk.held)
        self.pictures = LayerPictures(work, clip)
        self.curves = Curves(work)
        self.generation = 1
        self.proxies = (0, work.span[1] - work.span[0])
        self.failed: dict[int, str] = {}
        self._turn = threading.Lock()
        self._looking = threading.Lock()
        self._open = ExitStack()
        self._outlook: tuple[Any, Outlook] | None = None
        self._renderer: Renderer | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[asyncio.Queue[str]] = set()
        self._refreshed = 0.0

    @property
    def seen(self) -> Work:
        """The work with its matte looked at."""
        if self.work.mattes is not None and self.work.seen is None:
            with self._looking:
                if self.work.seen is None:
                    self._take(look(self.work, Watch(), keep=True))
        return self.work

    @property
    def matte(self) -> str:
        """A short name of the matte in use; empty without one."""
        return "" if self.work.mattes is None else self.work.mattes.fingerprint[:12]

    def adopt_matte(self) -> None:
        """Open the matte that the project has by now."""
        spec = matte_in_use(self.work)
        mattes = None
        if spec is not None:
            work = self.work
            mattes = open_matte(spec, work.clip.info, work.settings.matte, work.clip)
            self._open.callback(mattes.close)
        job = replace(self.work.job, matte=spec)
        self._take(replace(self.work, job=job, mattes=mattes, seen=None))
        self.generation += 1

    def _take(self, work: Work) -> None:
        """Let everybody know the work as it is now."""
        self.work = self.desk.work = self.pictures.work = self.curves.work = work
        self.matting.adopt(work)

    def plan(self) -> tuple[Plan | None, str]:
        """Return the plan, or what is wrong with its file."""
        try:
            return self.desk.plan(), ""
        except StylizeError as error:
            return None, str(error)

    def busy(self) -> str:
        """Say who else works on the project; empty if nobody does."""
        found = holder(self.work.project.root / ".lock")
        run = self.runner.run
        if not found or found.get("pid") == _own_pid() or (run is not None and run.live):
            return ""
        return f"process {found['pid']} on {found.get('host')} is working on this project"

    def outlook(self) -> Outlook:
        """Return what the plan means as it stands; worked out once for each change."""
        plan, problem = self.plan()
        mark = (self.desk.revision, self.generation)
        with self._turn:
            if self._outlook is None or self._outlook[0] != mark:
                self._outlook = (mark, self._look(plan, problem))
            return self._outlook[1]

    def listen(self) -> asyncio.Queue[str]:
        """Return a queue of events, each ready to be sent."""
        self._loop = asyncio.get_running_loop()
        queue: asyncio.Queue[str] = asyncio.Queue()
        self._listeners.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[str]) -> None:
        """Stop listening."""
        self._listeners.discard(queue)

    def tell(self, kind: str, facts: Any) -> None:
        """Send an event to every page, from any thread."""
        line = f"event: {kind}\ndata: {json.dumps(facts, default=str)}\n\n"
        loop = self._loop
        if loop is not None and not loop.is_closed():
            with contextlib.suppress(RuntimeError):  # the server is closing
                loop.call_soon_threadsafe(self._deliver, line)

    async def watch(self) -> None:
        """Look at the plan's file and the lock from time to time, and tell what somebody else changed."""
        before = (self.desk.revision, self.busy())
        while True:
            await asyncio.sleep(_LOOK)
            with contextlib.suppress(StylizeError):
                now = (
                    await asyncio.to_thread(lambda: self.desk.revision),
                    await asyncio.to_thread(self.busy),
                )
                if now != before:
                    if before[1] and not now[1]:  # somebody finished: there may be new pictures
                        self.generation += 1
                    before = now
                    self.tell("plan", {"revision": now[0], "busy": now[1], "generation": self.generation})

    def order(self, what: str, key: int | None, work: Work | None = None) -> dict[str, Any]:
        """Return what a worker is told to do, with this layer's project or another `work`."""
        work = work or self.work
        whole = work.span == (0, len(work.whole))
        written = work.project.about().get("outputs", {})
        there = [place for place, made in written.items() if is_ours(work.project, Path(place), made["mark"])]
        return {
            "what": what,
            "key": key,
            "layer": self.work.layer.name,
            "clip": str(work.whole.info.path),
            "project": str(work.project.root),
            "span": [None, None] if whole else [str(work.span[0]), str(work.span[1])],
            "styles": [str(style) for style in work.job.styles],
            "renderer": work.job.renderer,
            "output": there[-1] if there else None,
        }

    def close(self) -> None:
        """Close what was opened."""
        self.matting.close()
        self.pictures.close()
        self._open.close()

    def _look(self, plan: Plan | None, problem: str) -> Outlook:
        try:
            work = self.seen
            if work.job.keys is not None:
                return _given(work)
            if plan is None:
                return Outlook(problem=problem)
            if self._renderer is None:
                self._renderer = make_painter(work)
            if self._renderer is None:
                return Outlook(problem="nobody paints here")
            return look_ahead(work, plan, self._renderer)
        except StylizeError as error:
            return Outlook(problem=str(error))

    def proxies_made(self, done: int, total: int) -> None:
        """Tell how many small pictures of the clip there are."""
        self.proxies = (done, total)
        self.tell("proxies", {"done": done, "total": total})

    def run_changed(self, run: Run) -> None:
        """Take note of a run, and tell of it."""
        import time

        now = time.monotonic()
        mine = run.layer == self.work.layer.name or run.what == "all"
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
        self.tell("run", {**asdict(run), "generation": self.generation})

    def _deliver(self, line: str) -> None:
        for queue in self._listeners:
            queue.put_nowait(line)


def _given(work: Work) -> Outlook:
    """Return the keys of a project that carries a folder of files; its plan is not asked."""
    if work.job.keys is None:
        raise UsageError("no folder of keys")
    found = find_keys(work.job.keys, work.clip.info, work.project.root / "cache" / "layers")
    keys = tuple(KeyState(work.span[0] + index, "hand", path) for index, path in found.items())
    return Outlook(keys, problem=f"keys come from {work.job.keys}; the plan is not asked")


def _own_pid() -> int:
    import os

    return os.getpid()
