"""A changed key makes stale what needs it, nothing else; frames are those of a run from nothing."""

import numpy as np
import pytest

from propagate import PropagateOptions
from propagate.distant_keys import DistantKeys
from stylize.compositing.shot_view import FullFrameView
from stylize.media import open_clip, read_image, write_image
from stylize.pipeline.propagation import frame_stores, propagate_cached
from stylize.project.project import Project
from tests import synthetic
from tests.stylize import fakes

OPTIONS = PropagateOptions(threads=1)
SIZE = (60, 80)


@pytest.fixture
def shot(tmp_path):
    """A shot whose picture is another one for a while: its first look comes back after a key of that."""
    calm = synthetic.noise(synthetic.pan(12, (0.5, 0.0), seed=1, size=SIZE), 1.0)
    else_ = synthetic.pan(6, (1.0, 0.0), seed=30, size=SIZE)
    frames = [*calm[:10], *else_, *calm[10:], *calm[4:10], *else_[2:4]]
    for t, frame in enumerate(frames):
        write_image(tmp_path / "frames" / f"{t:04d}.png", frame, durable=False)
    with open_clip(tmp_path / "frames") as clip:
        yield tmp_path, FullFrameView(clip)


def painted(root, frames):
    for t in frames:
        write_image(root / "keys" / f"{t:04d}.png", paint_of(root, t), durable=False)
    return {t: root / "keys" / f"{t:04d}.png" for t in frames}


def paint_of(root, t):
    return 255 - read_image(root / "frames" / f"{t:04d}.png")


def made(project, view, keys):
    layers = propagate_cached(project, view, keys, OPTIONS, lambda _: None)
    return layers, [read_image(layer.path(name)) for layer, name in zip(layers, view.info.names, strict=True)]


def stale(project, view, keys):
    """Frames that would be made again."""
    layers = frame_stores(project, view, keys, OPTIONS)
    names = view.info.names
    return {t for t, layer in enumerate(layers) if names[t] not in layer.records()}


@pytest.mark.slow
def test_frames_after_a_change_are_those_of_a_run_from_nothing(shot):
    root, view = shot
    keys = painted(root, (0, 5, 9, 13, 23))
    project = Project(root / "p")
    made(project, view, keys)
    assert stale(project, view, keys) == set()
    everything = set(range(len(view.info.names)))
    found = {}
    for changed in keys:
        before = read_image(keys[changed])
        write_image(keys[changed], before[:, ::-1] // 2, durable=False)
        found[changed] = stale(project, view, keys)
        _, ours = made(project, view, keys)
        _, fresh = made(Project(root / f"fresh{changed}"), view, keys)
        for t, (a, b) in enumerate(zip(ours, fresh, strict=True)):
            np.testing.assert_array_equal(a, b, err_msg=f"key {changed}, frame {t}")
    assert all(set() < found[key] for key in keys)
    assert found[23] < everything  # the calm spans before it need nothing else
    assert not found[23] & set(range(9))
    assert (found[5] | found[9]) & set(range(14, 23))  # followed where the look of their frames returns


def test_added_key_keeps_spans_without_dependencies(shot):
    root, view = shot
    keys = painted(root, (0, 9, 13))
    project = Project(root / "p")
    made(project, view, keys)
    more = keys | painted(root, (20,))
    assert not stale(project, view, more) & set(range(9))
    assert set(range(14, 24)) <= stale(project, view, more)
    _, ours = made(project, view, more)
    _, fresh = made(Project(root / "fresh"), view, more)
    assert all(np.array_equal(a, b) for a, b in zip(ours, fresh, strict=True))
    assert stale(project, view, keys) == set()  # and back again: what was made is still there


def test_alpha_in_one_key_concerns_all(shot):
    root, view = shot
    keys = painted(root, (0, 5, 9))
    project = Project(root / "p")
    made(project, view, keys)
    paint = paint_of(root, 9)
    write_image(keys[9], np.dstack([paint, np.full(SIZE, 128, np.uint8)]), durable=False)
    assert stale(project, view, keys) == set(range(len(view.info.names)))
    assert {image.shape[2] for image in made(project, view, keys)[1]} == {4}


def test_without_records_a_span_depends_on_every_key(world):
    folder = world.keys("0001.png", "0003.png", "0005.png")
    keys = {index: folder / f"{index:04d}.png" for index in (1, 3, 5)}
    project = Project(world.root / "p")
    with open_clip(world.frames) as clip:
        view = FullFrameView(clip[:6])
        layers = propagate_cached(project, view, keys, OPTIONS, lambda _: None)
        assert list(range(6)) == fakes.CARRIED
        write_image(keys[5], np.zeros((48, 64, 3), np.uint8))
        assert stale(project, view, keys) == {3, 4, 5}
        for note in (project.root / "cache" / "needs").iterdir():
            note.unlink()
        assert stale(project, view, keys) == set(range(6))
        for layer in set(layers):
            book = layer.folder / "frames.jsonl"
            book.write_text(book.read_text().replace('"others": null', '"older": null'))
        write_image(keys[5], np.full((48, 64, 3), 9, np.uint8))
        propagate_cached(project, view, keys, OPTIONS, lambda _: None)
        assert stale(project, view, keys) == set()


def test_whether_others_are_asked_does_not_depend_on_there_being_any(rng):
    frame = rng.integers(0, 255, (*SIZE, 3), np.uint8)
    for left, asked in ((0.0, False), (50.0, True)):
        lone = DistantKeys([frame], (), 1, None, "medium")
        assert lone.find(frame, np.full(SIZE, left, np.float32), None) == {}
        assert lone.asked == asked
    off = DistantKeys([frame], (0,), 0, None, "medium")
    assert off.find(frame, np.full(SIZE, 50.0, np.float32), None) == {}
    assert not off.asked
