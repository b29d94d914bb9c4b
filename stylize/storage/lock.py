"""One run at a time on one project: a lock file that says who holds it."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from stylize.errors import ProjectBusyError
from stylize.storage.atomic import disk_errors

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HELD: set[str] = set()  # locks of this very process: its own pid in a file proves nothing after a restart


def holder(path: Path) -> dict[str, Any]:
    """Return who holds the lock file `path`: ``pid``, ``host``, ``since``; empty for nobody."""
    try:
        found = _parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    pid = found.get("pid")
    here = found.get("host") == socket.gethostname()
    return {} if not isinstance(pid, int) or (here and not alive(pid)) else found


def alive(pid: int) -> bool:
    """Whether a process with this number runs on this machine."""
    if sys.platform == "win32":
        import ctypes

        still_active, query = 259, 0x1000  # PROCESS_QUERY_LIMITED_INFORMATION
        handle = ctypes.windll.kernel32.OpenProcess(query, False, pid)
        if not handle:
            return False
        code = ctypes.c_ulong()
        ctypes.windll.kernel32.GetExitCodeProcess(handle, ctypes.byref(code))
        ctypes.windll.kernel32.CloseHandle(handle)
        return code.value == still_active
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process
        return True
    return True


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path` for the block; a lock whose process is dead is taken over.

    Raises
    ------
    ProjectBusyError
        If a living process (or one on another machine, which cannot be asked) holds it.
    """
    name = str(path.resolve())
    mark = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": int(time.time())})
    with disk_errors(path):
        while not _create(path, mark):
            _clear_stale(path, name)
    _HELD.add(name)
    try:
        yield
    finally:
        _HELD.discard(name)
        path.unlink(missing_ok=True)


def _create(path: Path, mark: str) -> bool:
    """Make the file with its whole content at once: a link fails where the name is taken."""
    partial = path.with_name(f"{path.name}.{os.getpid()}")
    partial.write_text(mark, encoding="utf-8")
    try:
        os.link(partial, path)
    except FileExistsError:
        return False
    except OSError:  # a file system without links (FAT, some network drives)
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(mark)
        except FileExistsError:
            return False
    finally:
        partial.unlink(missing_ok=True)
    return True


def _clear_stale(path: Path, name: str) -> None:
    """Remove the lock of a dead process, or raise; two that clear at once cannot both win."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    found = _parse(text)
    pid, host = found.get("pid"), found.get("host")
    ours = pid == os.getpid() and name not in _HELD
    if not isinstance(pid, int) or host != socket.gethostname() or (alive(pid) and not ours):
        where = f"process {pid} on {host}" if found else "a process that left no name"
        raise ProjectBusyError(
            f"{path.parent}: {where} is working on this project; wait for it, or delete {path} if it is gone"
        )
    moved = path.with_name(f"{path.name}.stale.{os.getpid()}")
    try:
        path.replace(moved)
    except FileNotFoundError:
        return
    if moved.read_text(encoding="utf-8") != text:  # somebody else took over in between: give it back
        moved.replace(path)
        return
    moved.unlink()


def _parse(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
