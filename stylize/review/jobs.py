"""Running the pipeline from the page: one run at a time, in a process that can be cancelled."""

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

_GRACE = 15.0
"""Seconds that a cancelled run has to put finished work away before it is killed."""


@dataclass
class Run:
    """A run as the page shows it.

    Attributes
    ----------
    what
        ``keys``, ``paint``, ``run``, ``matte``, or ``all`` layers.
    key
        The one frame that is painted, if it is one; of a matte, where carrying begins.
    layer
        The layer that it was started from.
    state
        ``running``, ``cancelling``, ``done``, ``cancelled`` or ``failed``.
    stage, share
        Where it is, and how much of that is finished, 0 to 1.
    notes
        What the library had to say.
    error
        Why it failed.
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
        """Whether it goes on."""
        return self.state in ("running", "cancelling")


class Runner:
    """Starts runs, follows and cancels them; `on_change` is called with each new state, from any thread."""

    def __init__(self, on_change: Callable[[Run], None]) -> None:
        self._on_change = on_change
        self._turn = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self.run: Run | None = None

    def start(self, order: Mapping[str, Any]) -> Run:
        """Start what `order` says, see `stylize.review.worker`; UsageError if something runs already."""
        with self._turn:
            if self.run is not None and self.run.live:
                raise UsageError("a run is going on; cancel it first")
            run = Run(order["what"], order.get("key"), order.get("layer", ""))
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
                start_new_session=os.name != "nt",  # Ctrl-C in the terminal is for the server, which cancels
            )
            self.run, self._process = run, process
        try:
            _pipe(process.stdin).write(json.dumps(dict(order)) + "\n")
            _pipe(process.stdin).flush()
        except OSError:  # it died at once: `_follow` finds out why
            pass
        threading.Thread(target=self._follow, args=(run, process), daemon=True).start()
        self._on_change(run)
        return run

    def cancel(self) -> bool:
        """Ask the run to end; it keeps what is finished. Returns whether there was one."""
        with self._turn:
            run, process = self.run, self._process
            if run is None or process is None or not run.live:
                return False
            run.state = "cancelling"
        with contextlib.suppress(OSError):
            _pipe(process.stdin).close()  # the worker takes the end of its input for an interrupt
        threading.Thread(target=_make_sure, args=(process,), daemon=True).start()
        self._on_change(run)
        return True

    def close(self) -> None:
        """Cancel what runs and wait until it has ended."""
        if self.cancel() and self._process is not None:
            _make_sure(self._process)

    def _follow(self, run: Run, process: subprocess.Popen[str]) -> None:
        errors: list[str] = []
        listener = threading.Thread(target=lambda: errors.extend(process.stderr or ()), daemon=True)
        listener.start()
        ended = ""
        for line in _pipe(process.stdout):
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if "note" in said:
                run.notes = [*run.notes, said["note"]][-20:]
            run.stage, run.share = said.get("stage", run.stage), said.get("share", run.share)
            run.error, run.output = said.get("error", run.error), said.get("output", run.output)
            ended = said.get("end", ended)
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
            last = next((line.strip() for line in reversed(errors) if line.strip()), "no word was left")
            run.error = f"the run ended with code {process.returncode}: {last}"
        run.seconds = time.time() - run.began
        run.state = ended or "failed"
        self._on_change(run)


def _pipe(stream: IO[str] | None) -> IO[str]:
    """Return a pipe of a process that was started with all three."""
    if stream is None:
        raise TypeError("the process has no such pipe")
    return stream


def _make_sure(process: subprocess.Popen[str]) -> None:
    """Wait until the process has ended; kill it if it does not. A killed run's work is kept too."""
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
