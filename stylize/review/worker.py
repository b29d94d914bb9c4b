"""Worker process of the review page: reads a job specification from stdin, writes progress as lines of JSON.

It ends when it is interrupted or when the process that started it is gone; finished work is kept either way.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from stylize.errors import StylizeError

_INTERVAL = 0.1
"""Seconds between two lines about one stage: the page shows no more."""


class EventWriter(logging.Handler):
    """Writer of progress and log messages to stdout, one JSON object per line."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last = ("", 0.0)

    def write(self, **fields: Any) -> None:
        """Write one line."""
        sys.stdout.write(json.dumps(fields, default=str) + "\n")
        sys.stdout.flush()

    def on_progress(self, stage: str, share: float) -> None:
        """Write the progress of a stage, at most once in `_INTERVAL`."""
        now = time.monotonic()
        if self._last[0] == stage and 0 < share < 1 and now - self._last[1] < _INTERVAL:
            return
        self._last = (stage, now)
        self.write(stage=stage, share=round(min(share, 1.0), 4))

    def emit(self, record: logging.LogRecord) -> None:
        """Write a log message of the library."""
        self.write(note=record.getMessage())


def run_job(spec: dict[str, Any], events: EventWriter) -> None:
    """Run a job specification: choose keys, paint some, propagate the painted matte, or do the complete run."""
    from stylize.api.keys import choose_keys
    from stylize.api.paint import paint_keys
    from stylize.api.run import stylize_clip

    clip, styles = spec["clip"], spec["styles"]
    start, end = spec["span"]
    shared: dict[str, Any] = {
        "project": spec["project"],
        "start": start,
        "end": end,
        "settings": spec["settings"],
        "on_progress": events.on_progress,
    }
    if spec["what"] == "keys":
        choose_keys(clip, **shared)
    elif spec["what"] == "paint":
        paint_keys(clip, styles, key=spec["key"], renderer=spec["renderer"], **shared)
    elif spec["what"] == "matte":
        from stylize.pipeline.context import open_run
        from stylize.pipeline.request import RunRequest
        from stylize.progress import StageTimer
        from stylize.review.roto.propagation import propagate_painted_matte

        request = RunRequest(
            Path(clip),
            tuple(Path(style) for style in styles),
            project=Path(spec["project"]),
            renderer=spec["renderer"],
            start=start,
            end=end,
        )
        with open_run(request, spec["settings"]) as context, context.project.lock():
            propagate_painted_matte(context, spec["key"] or 0, StageTimer(events.on_progress))
    else:
        output = spec["output"]  # only a file that this project wrote is replaced, see `Session.job_spec`
        result = stylize_clip(clip, styles, output, renderer=spec["renderer"], overwrite=bool(output), **shared)
        events.write(output=str(result.output), frames=result.frames)


def main() -> int:
    """Read a job specification from stdin, run it, and write how it ended."""
    events = EventWriter()
    logging.basicConfig(handlers=[events], level=logging.WARNING, force=True)
    spec = json.loads(sys.stdin.readline())
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    try:
        run_job(spec, events)
    except KeyboardInterrupt:
        events.write(end="cancelled")
        return 130
    except StylizeError as error:
        events.write(end="failed", error=str(error))
        return error.exit_code
    except MemoryError:
        events.write(end="failed", error="out of memory; close other programs or use a smaller clip")
        return 6
    events.write(end="done")
    return 0


def _stop_with_parent() -> None:
    """Interrupt the job at the end of stdin: the parent process is gone, or cancels the job."""
    while os.read(0, 4096):  # not sys.stdin: a thread that waits in its buffer blocks the exit
        pass
    if hasattr(signal, "raise_signal") and os.name != "nt":
        os.kill(os.getpid(), signal.SIGINT)
    else:
        import _thread

        _thread.interrupt_main()


if __name__ == "__main__":
    raise SystemExit(main())
