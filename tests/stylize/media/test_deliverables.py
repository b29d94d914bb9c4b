"""An output that cannot be is refused before work starts."""

from __future__ import annotations

import os
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from stylize.errors import DeviceError, UsageError
from stylize.media import check_output, open_clip, open_writer, probe
from tests.stylize.media.make_clips import write_sequence

if TYPE_CHECKING:
    from pathlib import Path

    from tests.stylize.media.conftest import Clips


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("out.avi", r"\.mp4, \.mov, \.webm, \.mkv"),
        ("out.mp5", r"did you mean \.mp4"),
        ("out.gif", "not written"),
        ("out.png", "folder name for images"),
        ("out.MPG", "not written"),
    ],
)
def test_unknown_kinds(clips: Clips, tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        check_output(tmp_path / name, probe(clips("sd.mp4")))


@pytest.mark.parametrize(
    "name", ["out.mp4", "OUT.MP4", "new/deep/out.mov", "frames", "take.v2", "-dash.mkv", "ü ß.webm"]
)
def test_known_kinds(clips: Clips, tmp_path: Path, name: str) -> None:
    with open_clip(clips("sd.mp4")) as clip:
        assert check_output(tmp_path / name, clip) == ()


def test_the_input_is_never_the_output(clips: Clips, tmp_path: Path) -> None:
    path = tmp_path / "in.mp4"
    path.write_bytes(clips("sd.mp4").read_bytes())
    info = probe(path)
    for same in (path, tmp_path / "." / "in.mp4", tmp_path / ".." / tmp_path.name / "in.mp4"):
        with pytest.raises(UsageError, match="input itself"):
            check_output(same, info, overwrite=True)
    if hasattr(os, "symlink") and sys.platform != "win32":
        (tmp_path / "link.mp4").symlink_to(path)
        with pytest.raises(UsageError, match="input itself"):
            check_output(tmp_path / "link.mp4", info, overwrite=True)
    folder = write_sequence(tmp_path / "frames")
    with pytest.raises(UsageError, match="input itself"):
        check_output(folder, probe(folder), overwrite=True)


def test_existing_outputs_need_leave(clips: Clips, tmp_path: Path) -> None:
    info = probe(clips("sd.mp4"))
    (tmp_path / "out.mp4").touch()
    with pytest.raises(UsageError, match="exists; pass -y"):
        check_output(tmp_path / "out.mp4", info)
    check_output(tmp_path / "out.mp4", info, overwrite=True)
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(UsageError, match="is a folder"):
        check_output(tmp_path / "folder.mp4", info, overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="is a file"):
        check_output(tmp_path / "file", info, overwrite=True)


def test_places_that_cannot_be_written(clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = probe(clips("sd.mp4"))
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="no folder"):
        check_output(tmp_path / "file" / "out.mp4", info)
    if sys.platform == "linux":
        with pytest.raises(UsageError, match="cannot be written"):
            check_output("/proc/out.mp4", info)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1 << 20))
    with pytest.raises(DeviceError, match="1 MiB are free"):
        check_output(tmp_path / "out.mp4", info)


def test_options_are_checked(clips: Clips, tmp_path: Path) -> None:
    info = probe(clips("sd.mp4"))
    with pytest.raises(UsageError, match="draft, high, best"):
        open_writer(tmp_path / "out.mp4", info, quality="ultra")
    with pytest.raises(UsageError, match=r"\.png, \.tif"):
        open_writer(tmp_path / "out", info, image_format=".gif")


def test_importing_media_is_cheap() -> None:
    import subprocess

    heavy = "{'av', 'cv2', 'numpy', 'ffmpeg', 'PIL', 'OpenEXR'}"
    code = f"import sys, stylize.media; sys.exit(bool({heavy} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
