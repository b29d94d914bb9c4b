"""The ffmpeg program: which one, and running it with frames on its standard input.

The command is compiled by ffmpeg-python and run here, because its own runner can stall on a full stderr pipe.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import threading
from collections import deque
from typing import IO, TYPE_CHECKING

from stylize.errors import DeviceError, StylizeError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_ADDRESS = re.compile(r" @ 0x[0-9a-f]+")
_TAIL = 12  # lines of stderr that are kept for the message
_FULL = ("No space left on device", "Disk quota exceeded", "not enough space on the disk")


def find_ffmpeg() -> str:
    """Return the ffmpeg program: STYLIZE_FFMPEG, else the one of imageio-ffmpeg, else one on PATH.

    Raises
    ------
    UsageError
        If STYLIZE_FFMPEG names no file.
    StylizeError
        If there is none.
    """
    if chosen := os.environ.get("STYLIZE_FFMPEG"):
        found = shutil.which(chosen)
        if found is None:
            raise UsageError(f"STYLIZE_FFMPEG is {chosen!r}, which is no program; correct it or unset it")
        return found
    try:
        import imageio_ffmpeg

        return str(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        found = shutil.which("ffmpeg")
    if found is None:
        raise StylizeError("there is no ffmpeg; pip install imageio-ffmpeg, or set STYLIZE_FFMPEG to one")
    return found


def ffmpeg_version(program: str | None = None) -> str:
    """Return the version that an ffmpeg program says it is.

    Raises
    ------
    StylizeError
        If it does not run.
    """
    exe = program or find_ffmpeg()
    try:
        done = subprocess.run([exe, "-version"], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError) as error:
        raise StylizeError(f"{exe} does not run ({error}); pip install --force-reinstall imageio-ffmpeg") from error
    words = done.stdout.split()
    return words[2] if len(words) > 2 else "unknown"


class FFmpeg:
    """A running ffmpeg, fed through `stdin`; its stderr is drained all the while and its end is kept."""

    def __init__(self, command: Sequence[str], what: Path) -> None:
        self.what = what
        # In a group of its own, so that Ctrl-C reaches us alone and we decide what becomes of the file. The
        # flag is Windows', the session everyone else's; each ignores the other's.
        try:
            self._process = subprocess.Popen(
                list(command),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
                start_new_session=True,
            )
        except OSError as error:
            raise StylizeError(f"{command[0]} does not run: {error}; run `stylize doctor`") from error
        self._tail: deque[str] = deque(maxlen=_TAIL)
        self._drain = threading.Thread(target=self._read_stderr, daemon=True)
        self._drain.start()

    @property
    def stdin(self) -> IO[bytes]:
        """Where frames go."""
        assert self._process.stdin is not None  # noqa: S101 - Popen was given PIPE
        return self._process.stdin

    def finish(self) -> None:
        """Close the input and wait for a good end.

        Raises
        ------
        DeviceError
            If ffmpeg failed; the message quotes what it said.
        """
        try:
            self.stdin.close()
        except OSError:
            raise self.failure() from None
        if self._wait() != 0:
            raise self.failure()

    def failure(self) -> StylizeError:
        """Stop ffmpeg, and return the error that quotes its last words."""
        self.kill(patience=5)
        said = " | ".join(self._tail) or "it said nothing"
        if any(words in said for words in _FULL):
            last = self._tail[-1]
            return DeviceError(f"{self.what} cannot be written: the disk is full; free some space (ffmpeg: {last})")
        return DeviceError(f"{self.what} cannot be written, ffmpeg failed: {said}")

    def kill(self, patience: float = 0) -> None:
        """End ffmpeg, at once or after `patience` seconds to end by itself."""
        if patience:
            try:
                self._process.wait(patience)
            except subprocess.TimeoutExpired:
                self._process.kill()
        else:
            self._process.kill()
        with contextlib.suppress(OSError):  # what was not yet written has nowhere to go
            self.stdin.close()
        self._wait()

    def _wait(self) -> int:
        code = self._process.wait()
        self._drain.join()
        assert self._process.stderr is not None  # noqa: S101 - Popen was given PIPE
        self._process.stderr.close()
        return code

    def _read_stderr(self) -> None:
        assert self._process.stderr is not None  # noqa: S101 - Popen was given PIPE
        for line in self._process.stderr:
            # Without the addresses that ffmpeg puts behind each part's name.
            if text := _ADDRESS.sub("", line.decode(errors="replace")).strip():
                self._tail.append(text)
