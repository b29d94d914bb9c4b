"""The pipeline in a process of its own: told what to do on stdin, it says in lines of JSON how far it is.

It ends when it is interrupted or when whoever started it is gone; finished work is kept either way.
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

_EVERY = 0.1
"""Least seconds between two lines about the same stage."""


class Teller(logging.Handler):
    """Writes progress and notes to stdout, a line each."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._last = ("", 0.0)

    def say(self, **facts: Any) -> None:
        """Write one line."""
        sys.stdout.write(json.dumps(facts, default=str) + "\n")
        sys.stdout.flush()

    def on_progress(self, stage: str, share: float) -> None:
        """Tell how far a stage is, not too often."""
        now = time.monotonic()
        if self._last[0] == stage and 0 < share < 1 and now - self._last[1] < _EVERY:
            return
        self._last = (stage, now)
        self.say(stage=stage, share=round(min(share, 1.0), 4))

    def emit(self, record: logging.LogRecord) -> None:
        """Pass on a note of the library."""
        self.say(note=record.getMessage())


def run_order(order: dict[str, Any], teller: Teller) -> None:
    """Do what `order` says: choose keys, paint some, carry the painted matte, or run the whole job."""
    from stylize.api.keys import choose_keys
    from stylize.pipeline.request import RunRequest
    from stylize.pipeline.run import paint_request, run_request

    clip, project, settings = Path(order["clip"]), Path(order["project"]), order["settings"]
    start, end = order["span"]
    job = RunRequest(
        clip,
        tuple(Path(style) for style in order["styles"]),
        Path(order["output"]) if order["output"] else None,
        project=project,
        renderer=order["renderer"],
        start=start,
        end=end,
    )
    if order["what"] == "keys":
        choose_keys(clip, project=project, start=start, end=end, settings=settings, on_progress=teller.on_progress)
    elif order["what"] == "paint":
        paint_request(job, settings, order["key"], teller.on_progress)
    elif order["what"] == "matte":
        from stylize.pipeline.context import open_run
        from stylize.progress import StageTimer
        from stylize.review.roto.propagation import carry_matte

        with open_run(job, settings) as opened, opened.project.lock():
            carry_matte(opened, order["key"] or 0, StageTimer(teller.on_progress))
    else:
        result = run_request(job, settings, lambda _: bool(order["output"]), teller.on_progress)
        teller.say(output=str(result.output), frames=result.frames)


def main() -> int:
    """Read the order, do it, and say how it ended."""
    teller = Teller()
    logging.basicConfig(handlers=[teller], level=logging.WARNING, force=True)
    order = json.loads(sys.stdin.readline())
    threading.Thread(target=_stop_with_parent, daemon=True).start()
    try:
        run_order(order, teller)
    except KeyboardInterrupt:
        teller.say(end="cancelled")
        return 130
    except StylizeError as error:
        teller.say(end="failed", error=str(error))
        return error.exit_code
    except MemoryError:
        teller.say(end="failed", error="out of memory; close other programs, or use a smaller clip")
        return 6
    teller.say(end="done")
    return 0


def _stop_with_parent() -> None:
    """Wait for the end of stdin: then whoever started this is gone, or wants it to end."""
    while os.read(0, 4096):  # not sys.stdin: a thread that waits in its buffer breaks the end of the program
        pass
    if hasattr(signal, "raise_signal") and os.name != "nt":
        os.kill(os.getpid(), signal.SIGINT)
    else:
        import _thread

        _thread.interrupt_main()


if __name__ == "__main__":
    raise SystemExit(main())
