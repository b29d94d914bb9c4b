"""What is no clip is refused before work starts, in one line that names it and the way out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from stylize.errors import MediaError
from stylize.media import open_clip, probe, write_image
from tests.stylize.media.make_clips import number_of, numbers

if TYPE_CHECKING:
    from tests.stylize.media.conftest import Clips


def refused(path: Path, *words: str) -> None:
    with pytest.raises(MediaError) as caught:
        open_clip(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    for word in words:
        assert word in message


@pytest.mark.parametrize("name", ["cut-silent.mp4", "cut-fragments.mp4", "cut-offset.mkv", "cut-stream.ts"])
def test_truncated_is_found_before_work(clips: Clips, name: str) -> None:
    refused(clips(name), "is truncated", "--allow-truncated")
    with open_clip(clips(name), allow_truncated=True) as clip:
        assert 30 < len(clip) < 60
        shown = numbers(clip)
        # What is there is right; a transport stream may lack the pictures between the last ones.
        assert shown[:30] == list(range(30))
        assert shown == sorted(set(shown))
        assert any("truncated" in notice for notice in clip.info.notices)


@pytest.mark.parametrize(
    "name", ["cfr.mp4", "offset.mkv", "edit.mp4", "stream.ts", "fragments.mp4", "vfr.mp4", "rgb.mkv"]
)
def test_whole_is_not_called_truncated(clips: Clips, name: str) -> None:
    assert not any("truncated" in notice for notice in probe(clips(name)).notices)


def test_missing_index(clips: Clips) -> None:
    refused(clips("no-index.mp4"), "moov", "whole copy")


def test_damage_in_the_middle_is_named_when_it_is_met(clips: Clips, tmp_path: Path) -> None:
    data = bytearray(clips("longgop.mp4").read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = bytes(3000)
    path = tmp_path / "damaged.mp4"
    path.write_bytes(data)
    with (
        open_clip(path) as clip,
        pytest.raises(MediaError, match=r"damaged at frame \d+ \(frame \d+ is the last good"),
    ):
        numbers(clip)
    with open_clip(path, allow_truncated=True) as clip:
        shown = numbers(clip)
        assert len(shown) == 200
        assert shown[:50] == list(range(50))
        assert number_of(clip[60]) == shown[60]


def test_what_is_no_video_is_named(clips: Clips, tmp_path: Path) -> None:
    refused(tmp_path / "none.mp4", "does not exist")
    (tmp_path / "empty.mp4").touch()
    refused(tmp_path / "empty.mp4", "0 bytes")
    (tmp_path / "notes.mp4").write_text("hello\n" * 50)
    refused(tmp_path / "notes.mp4", "text file")
    (tmp_path / "notes.txt").write_text("hello\n" * 50)
    refused(tmp_path / "notes.txt", "text file")
    (tmp_path / "zeros.mp4").write_bytes(bytes(5000))
    refused(tmp_path / "zeros.mp4", "zeros")
    (tmp_path / "noise.mp4").write_bytes(np.random.default_rng(1).bytes(20000))
    refused(tmp_path / "noise.mp4", "no video")
    write_image(tmp_path / "still.png", np.zeros((8, 8, 3), np.uint8))
    refused(tmp_path / "still.png", "PNG image", "folder of numbered images")
    refused(clips("song.m4a"), "only sound (aac)")
    refused(clips("none.mp4"), "no picture")


@pytest.mark.parametrize(
    "name",
    [
        "two words.mp4",
        'it\'s "quoted".mp4',
        "-dash.mp4",
        "colon: take 2.mp4",
        "grün 日本 ß.mp4",
        "100%d #1.mp4",
    ],
)
def test_any_name_works(clips: Clips, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    path.write_bytes(clips("cfr.mp4").read_bytes())
    monkeypatch.chdir(tmp_path)
    for way in (path, Path(name)):
        with open_clip(way) as clip:
            assert number_of(clip[1]) == 1
