"""Freed memory goes back to the system."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = """
import threading, numpy as np, psutil
from propagate.malloc import trim_heap, use_single_arena
use_single_arena()
kept = []
def work():
    parts = [np.ones(12_000, np.uint8) for _ in range(8_000)]
    kept.append(parts[-1])
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
before = psutil.Process().memory_info().rss
trim_heap()
print((before - psutil.Process().memory_info().rss) >> 20)
"""


def run(program: str) -> str:
    made = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    return made.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems' libraries are left alone")
def test_what_threads_freed_goes_back():
    assert int(run(PROGRAM)) > 50


def test_other_libraries_are_left_alone(monkeypatch):
    from propagate import malloc as memory

    monkeypatch.setattr(sys, "platform", "win32")
    assert memory._glibc("malloc_trim") is None
    memory.use_single_arena()
    memory.trim_heap()
