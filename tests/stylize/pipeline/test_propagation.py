from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from stylize.compositing.shot_view import FullFrameView
from stylize.errors import DeviceError
from stylize.media import open_clip, read_image, write_image
from stylize.pipeline.propagation import frame_stores, propagate_cached, result_affecting
from stylize.project.frame_store import FrameStore, key_numbers, numbers_as_colors
from stylize.project.project import Project
from tests.stylize import fakes


def test_frame_store_ignores_torn_records(tmp_path, rng):
    layer = FrameStore(tmp_path / "abc")
    for name in ("0000", "0001"):
        write_image(layer.path(name), rng.integers(0, 255, (8, 8, 3), np.uint8))
        layer.append(name, quality=0.5)
    write_image(layer.path("0002"), rng.integers(0, 255, (8, 8, 3), np.uint8))
    book = layer.folder / "frames.jsonl"
    book.write_bytes(book.read_bytes() + b'{"name": "00')
    assert set(layer.records()) == {"0000", "0001"}
    layer.append("0002", quality=0.25)
    assert layer.records()["0002"]["quality"] == 0.25
    layer.path("0001").unlink()
    assert set(layer.records()) == {"0000", "0002"}


@dataclass(frozen=True)
class Inner:
    threads: int | None = None
    size: int = 5


@dataclass(frozen=True)
class Outer:
    inner: Inner = Inner()
    threads: int | None = None
    reach: float = 1.0
    distant_keys: int = 1


def test_only_threads_do_not_change_the_frame_store(world):
    folder = world.keys("0001.png", "0004.png")
    keys = {1: folder / "0001.png", 4: folder / "0004.png"}
    project = Project(world.root / "p")
    assert result_affecting(Outer(Inner(3), 2)) == result_affecting(Outer())
    with open_clip(world.frames) as clip:
        here = frame_stores(project, FullFrameView(clip[:6]), keys, Outer())
        assert frame_stores(project, FullFrameView(clip[:6]), keys, Outer(Inner(4), 2)) == here
        assert frame_stores(project, FullFrameView(clip[:6]), keys, Outer(Inner(size=7))) != here
        assert frame_stores(project, FullFrameView(clip[:5]), keys, Outer()) != here
        assert frame_stores(project, FullFrameView(clip[:6]), {1: keys[1]}, Outer()) != here
        assert frame_stores(project, FullFrameView(clip[:6]), {1: keys[4], 4: keys[1]}, Outer()) != here
        write_image(keys[4], np.zeros((48, 64, 3), np.uint8))
        assert frame_stores(project, FullFrameView(clip[:6]), keys, Outer()) != here


def test_finished_frames_are_not_propagated_again(world):
    folder, seen = world.keys("0001.png"), []
    with open_clip(world.frames) as clip:
        project, keys = Project(world.root / "p"), {1: folder / "0001.png"}
        layers = frame_stores(project, FullFrameView(clip[:6]), keys, Outer())
        for _ in range(2):
            assert propagate_cached(project, FullFrameView(clip[:6]), keys, Outer(), seen.append) == layers
    assert list(range(6)) == fakes.CARRIED
    assert seen[-1] == 1.0
    assert len(layers[0].records()) == 1
    assert len(layers[1].records()) == 5
    np.testing.assert_array_equal(read_image(layers[1].path("0001")), read_image(folder / "0001.png"))


def test_a_full_disk_in_the_middle_keeps_what_is_finished(world, monkeypatch):
    import errno

    from stylize.media import image_writer as save

    real, left = save.encode_image, [9]  # a picture, its confidence and its keys for each of three frames

    def full(*arguments, **choices):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(*arguments, **choices)

    folder = world.keys("0001.png")
    keys = {1: folder / "0001.png"}
    with open_clip(world.frames) as clip:
        project = Project(world.root / "p")
        layers = frame_stores(project, FullFrameView(clip[:6]), keys, Outer())
        monkeypatch.setattr(save, "encode_image", full)
        with pytest.raises(DeviceError, match="full"):
            propagate_cached(project, FullFrameView(clip[:6]), keys, Outer(), lambda _: None)
        monkeypatch.undo()
        assert set(layers[0].records()) | set(layers[1].records()) == {"0000", "0001", "0002"}
        there = sorted(path.name for layer in layers[:2] for path in layer.folder.rglob("*.*"))
        assert there == sorted([*("0000.png", "0001.png", "0002.png") * 3, "frames.jsonl", "frames.jsonl"])
        sure = read_image(layers[0].confidence_path("0000"))
        assert sure.shape == (48, 64, 1)
        assert sure[0, 0, 0] == 128  # one frame from its key, see fakes.py
        assert (key_numbers(read_image(layers[0].source_path("0000"))) == 1).all()


def test_key_numbers_survive_storage_as_colors():
    numbers = np.array([[-1, 0, 255], [256, 70000, 2**24 - 2]], np.int32)
    np.testing.assert_array_equal(key_numbers(numbers_as_colors(numbers)), numbers)


def test_without_other_keys_a_changed_key_concerns_its_two_spans_only(world):
    folder = world.keys("0001.png", "0003.png", "0005.png")
    keys = {index: folder / f"{index:04d}.png" for index in (1, 3, 5)}
    project, own = Project(world.root / "p"), Outer(distant_keys=0)
    with open_clip(world.frames) as clip:
        both = [frame_stores(project, FullFrameView(clip[:6]), keys, options) for options in (own, Outer())]
        write_image(keys[5], np.zeros((48, 64, 3), np.uint8))
        again = [frame_stores(project, FullFrameView(clip[:6]), keys, options) for options in (own, Outer())]
    assert [a == b for a, b in zip(both[0], again[0], strict=True)] == [True] * 3 + [False] * 3
    assert [a == b for a, b in zip(both[1], again[1], strict=True)] == [False] * 6
