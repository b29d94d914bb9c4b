"""The real thing on a small clip: the patch renderer, real propagation, a video with sound at the end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from stylize import propagate_clip, stylize_clip
from stylize.media import open_clip, probe, read_image

ROOT = Path(__file__).parents[2]
SAMPLE, STYLE = ROOT / "samples" / "clip.mp4", ROOT / "samples" / "style.png"


@pytest.fixture(autouse=True)
def own_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def test_four_frames_of_the_sample(tmp_path):
    result = stylize_clip(
        SAMPLE, STYLE, tmp_path / "out", project=tmp_path / "p", end=4, settings={"select.max_keys": 1}
    )
    assert (result.frames, len(result.keys), result.renderer) == (4, 1, "patch")
    key = f"{result.keys[0]:06d}.png"
    np.testing.assert_array_equal(read_image(tmp_path / "out" / key), read_image(tmp_path / "p" / "keys" / key))
    with open_clip(SAMPLE) as clip:
        changed = [np.abs(read_image(tmp_path / "out" / f"{i:06d}.png").astype(int) - clip[i]).mean() for i in range(4)]
    assert min(changed) > 4


def test_keys_that_are_the_frames_give_the_clip_back(tmp_path):
    """A painting that changes nothing must be carried without a trace of it."""
    from stylize.media import write_image

    with open_clip(SAMPLE) as clip:
        for index in (0, 5):
            write_image(tmp_path / "keys" / f"{index}.png", clip[index])
        propagate_clip(SAMPLE, tmp_path / "keys", tmp_path / "out", end=6)
        for index in range(6):
            off = read_image(tmp_path / "out" / f"{index:06d}.png").astype(float) - clip[index]
            assert 10 * np.log10(255**2 / max((off**2).mean(), 1e-9)) > 32


@pytest.mark.slow
def test_the_sample_from_the_command_line(tmp_path):
    run = [
        sys.executable,
        ROOT / "stylize/cli/app.py",
        "run",
        SAMPLE,
        "--style",
        STYLE,
        "--project",
        tmp_path / "p",
        "--json",
    ]
    done = subprocess.run([*run, "-o", tmp_path / "out.mp4"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    before, after = probe(SAMPLE), probe(tmp_path / "out.mp4")
    assert result["frames"] == before.count == after.count
    assert (after.rate, after.width, after.height) == (before.rate, before.width, before.height)
    assert len(after.audio) == len(before.audio)
    assert (tmp_path / "p" / "report" / "index.html").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_killed_in_the_middle_the_frames_end_the_same(tmp_path):
    run = [sys.executable, ROOT / "stylize/cli/app.py", "run", SAMPLE, "--style", STYLE, "--end", "12"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": os.environ}
    subprocess.run([*run, "--project", tmp_path / "p1", "-o", tmp_path / "whole"], check=True, **quiet)
    for seconds in (8, 14):
        child = subprocess.Popen([*run, "--project", tmp_path / "p2", "-o", tmp_path / "out", "-y"], **quiet)
        time.sleep(seconds)
        child.send_signal(signal.SIGKILL)
        child.wait()
    subprocess.run([*run, "--project", tmp_path / "p2", "-o", tmp_path / "out", "-y"], check=True, **quiet)
    names = sorted(path.name for path in (tmp_path / "whole").iterdir())
    assert len(names) == 12
    for name in names:
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
