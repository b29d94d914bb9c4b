from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from stylize.errors import ProjectBusyError
from stylize.storage.lock import alive, locked


def dead_pid() -> int:
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    return child.pid


def test_the_lock_is_gone_after_the_block(tmp_path):
    with locked(tmp_path / ".lock"):
        assert [p.name for p in tmp_path.iterdir()] == [".lock"]
    assert list(tmp_path.iterdir()) == []


def test_a_second_holder_is_told_who_has_it(tmp_path):
    path = tmp_path / ".lock"
    with locked(path):
        with (
            pytest.raises(ProjectBusyError, match=f"process {os.getpid()} on {socket.gethostname()}"),
            locked(path),
        ):
            pass
        assert path.exists()


def test_a_dead_holder_is_succeeded(tmp_path):
    path = tmp_path / ".lock"
    path.write_text(json.dumps({"pid": dead_pid(), "host": socket.gethostname()}))
    with locked(path):
        assert json.loads(path.read_text())["pid"] == os.getpid()
    assert list(tmp_path.iterdir()) == []


def test_our_own_number_in_an_old_lock_is_a_dead_namesake(tmp_path):
    path = tmp_path / ".lock"
    path.write_text(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
    with locked(path):
        pass


@pytest.mark.parametrize("text", ['{"pid": 1, "host": "elsewhere"}', "torn {", "[]", '{"host": "x"}'])
def test_who_cannot_be_asked_is_respected(tmp_path, text):
    path = tmp_path / ".lock"
    path.write_text(text)
    with pytest.raises(ProjectBusyError, match="delete"), locked(path):
        pass
    assert path.read_text() == text


def test_of_many_processes_one_holds_it_at_a_time(tmp_path):
    """Eight processes append to a file under the lock of a dead one; no block is torn, none overlaps."""
    (tmp_path / ".lock").write_text(json.dumps({"pid": dead_pid(), "host": socket.gethostname()}))
    program = f"""
import sys, time
from pathlib import Path
from stylize.errors import ProjectBusyError
from stylize.storage.lock import locked
book = Path({str(tmp_path / "book")!r})
for _ in range(400):
    try:
        with locked(Path({str(tmp_path / ".lock")!r})):
            before = book.read_text() if book.exists() else ""
            time.sleep(0.002)
            book.write_text(before + "x")
            break
    except ProjectBusyError:
        time.sleep(0.005)
else:
    sys.exit("never got it")
"""
    children = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(8)]
    assert [child.wait() for child in children] == [0] * 8
    assert (tmp_path / "book").read_text() == "x" * 8


def test_alive():
    assert alive(os.getpid())
    assert not alive(dead_pid())
