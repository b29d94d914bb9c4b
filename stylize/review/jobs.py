"""Runs of the pipeline started from the page: one at a time, in a worker process that can be cancelled."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import stylize
from stylize.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_KILL_AFTER = 15.0
"""Seconds until a cancelled run is killed; it needs some to store finished work."""


@dataclass
class Run:
    """State of a run.

    Attributes
    ----------
    what
        ``keys``, ``paint``, ``run``, ``matte``, or ``all`` layers.
    key
        The frame to paint, for ``paint``; the frame where propagation begins, for ``matte``.
    layer
        The layer that started it.
    state
        ``running``, ``cancelling``, ``done``, ``cancelled`` or ``failed``.
    stage, share
        The current stage and its progress, 0 to 1.
    notes
        Log messages of the library, the last 20.
    error
        Why it failed; empty otherwise.
    """

    what: str
    key: int | None = None
    layer: str = ""
    state: str = "running"
    stage: str = "starting"
    share: float = 0.0
    notes: list[str] = field(default_factory=list)
    error: str = ""
    output: str = ""
    began: float = field(default_factory=time.time)
    seconds: float = 0.0

    @property
    def live(self) -> bool:
        """True until the run has ended."""
        return self.state in ("running", "cancelling")


class Runner:
    """Starts, follows and cancels runs; `on_change` is called with each new state, from any thread."""

    def __init__(self, on_change: Callable[[Run], None]) -> None:
        self._on_change = on_change
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.run: Run | None = None

    def start(self, spec: Mapping[str, Any]) -> Run:
        """Start the job `spec` (see `stylize.review.worker`); UsageError if a run has not ended."""
        with self._lock:
            if self.run is not None and self.run.live:
                raise UsageError("a run is in progress; cancel it first")
            run = Run(spec["what"], spec.get("key"), spec.get("layer", ""))
            root = str(Path(stylize.__file__).parents[1])
            path = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH", ""))))
            process = subprocess.Popen(
                [sys.executable, "-m", "stylize.review.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                encoding="utf-8",
                env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
                start_new_session=os.name != "nt",  # Ctrl-C in the terminal reaches the server, which cancels
            )
            self.run, self._process = run, process
        try:
            _pipe(process.stdin).write(json.dumps(dict(spec)) + "\n")
            _pipe(process.stdin).flush()
        except OSError:  # the worker ended at once: `_follow` reports why
            pass
        threading.Thread(target=self._follow, args=(run, process), daemon=True).start()
        self._on_change(run)
        return run

    def cancel(self) -> bool:
        """Cancel the run, which keeps finished work; return whether there was one."""
        with self._lock:
            run, process = self.run, self._process
            if run is None or process is None or not run.live:
                return False
            run.state = "cancelling"
        with contextlib.suppress(OSError):
            _pipe(process.stdin).close()  # the end of its input interrupts the worker
        threading.Thread(target=_wait_or_kill, args=(process,), daemon=True).start()
        self._on_change(run)
        return True

    def close(self) -> None:
        """Cancel the run and wait for its end."""
        if self.cancel() and self._process is not None:
            _wait_or_kill(self._process)

    def _follow(self, run: Run, process: subprocess.Popen[str]) -> None:
        errors: list[str] = []
        listener = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
        listener.start()
        ended = ""
        for line in _pipe(process.stdout):
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if "note" in event:
                run.notes = [*run.notes, event["note"]][-20:]
            run.stage, run.share = event.get("stage", run.stage), event.get("share", run.share)
            run.error, run.output = event.get("error", run.error), event.get("output", run.output)
            ended = event.get("end", ended)
            if not ended:
                self._on_change(run)
        process.wait()
        listener.join(1)
        _pipe(process.stdout).close()
        _pipe(process.stderr).close()
        with contextlib.suppress(OSError):
            _pipe(process.stdin).close()
        if not ended and run.state == "cancelling":
            ended = "cancelled"
        elif not ended:
            last = next((line.strip() for line in reversed(errors) if line.strip()), "no error message")
            run.error = f"the run ended with code {process.returncode}: {last}"
        run.seconds = time.time() - run.began
        run.state = ended or "failed"
        self._on_change(run)


def _pipe(stream: IO[str] | None) -> IO[str]:
    """Return a pipe of a process that was started with pipes; narrows its type."""
    if stream is None:
        raise TypeError("missing pipe; start the process with stdin, stdout and stderr as pipes")
    return stream


def _wait_or_kill(process: subprocess.Popen[str]) -> None:
    """Wait for the end of the process and kill it after `_KILL_AFTER` s; its finished work is kept too."""
    try:
        process.wait(_KILL_AFTER)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
