"""Walking along a clip: errors do not add up, and what is kept is what was found."""

from __future__ import annotations

import io
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propagate import flow_buffer
from propagate import flow_smoothing as steady
from propagate import tracking as module
from propagate.flow_buffer import FlowBuffer
from propagate.threads import ThreadTeam
from propagate.tracking import walk, walk_both
from tests import synthetic

SIZE = (64, 96)


@pytest.fixture
def crew():
    with ThreadTeam(1) as crew:
        yield crew


@pytest.mark.parametrize("quality", ["medium", "fine"])
def test_a_pan_is_followed_forwards(crew, quality):
    frames = synthetic.pan(6, (2.4, 1.0), size=SIZE)
    for t, flow, step in walk(frames, 0, range(1, 6), crew, quality=quality):
        seen = flow[4 : -4 - t, 4 : -4 - round(2.4 * t)]
        assert np.median(np.linalg.norm(seen - (2.4 * t, t), axis=-1)) < 0.1
        assert np.median(np.linalg.norm(step - (2.4, 1.0), axis=-1)) < 0.2


def test_a_pan_is_followed_backwards(crew):
    frames = synthetic.pan(6, (2.4, 1.0), size=SIZE)
    order = []
    for t, flow, _ in walk(frames, 5, range(5)[::-1], crew, quality="fine"):
        order.append(t)
        seen = flow[4 + 5 - t : -4, 4 + round(2.4 * (5 - t)) : -4]
        assert np.median(np.linalg.norm(seen - (2.4 * (t - 5), t - 5), axis=-1)) < 0.1
    assert order == [4, 3, 2, 1, 0]


def test_stillness_stays_exactly_still(crew):
    for _, flow, _ in walk(synthetic.still(4, size=SIZE), 0, range(1, 4), crew, quality="fine"):
        assert np.abs(flow).max() < 1e-3


def test_grain_moves_less_than_without_settling(crew, monkeypatch):
    grain = np.random.default_rng(4)
    frames = [
        np.clip(frame + grain.normal(0, 5, frame.shape), 0, 255).astype(np.uint8)
        for frame in synthetic.pan(8, (1.3, 0.6), size=SIZE)
    ]

    def astray():
        walked = walk(frames, 0, range(1, 8), crew, quality="fine")
        return np.mean([np.linalg.norm(f - (1.3 * t, 0.6 * t), axis=-1)[4:-12, 4:-16].mean() for t, f, _ in walked])

    settling = astray()
    monkeypatch.setattr(module, "damp_towards", lambda found, *_, **__: found)
    assert settling < 0.9 * astray()


def test_a_surface_that_was_hidden_is_found_again(crew):
    frames = synthetic.occluder(9, 2, 6, size=SIZE, width=30)
    *_, (_, flow, _) = walk(frames, 0, range(1, 9), crew, quality="fine")
    assert (np.linalg.norm(flow, axis=-1) < 0.5).mean() > 0.8


def test_frames_are_read_only_as_they_are_needed(crew):
    asked = []

    class Watched(list):
        def __getitem__(self, t):
            asked.append(t)
            return super().__getitem__(t)

    frames = Watched(synthetic.still(5, size=(32, 32)))
    steps = walk(frames, 2, range(3, 5), crew, quality="medium")
    next(steps)
    assert asked == [2, 3]
    next(steps)
    assert asked == [2, 3, 4]


@pytest.fixture(params=["memory", "file"])
def place(request, monkeypatch):
    if request.param == "file":
        monkeypatch.setattr(flow_buffer, "_IN_MEMORY", 0)
    return request.param


def test_fields_are_kept_to_a_64th_of_a_pixel(place, rng):
    fields = FlowBuffer(3, 4, SIZE)
    assert isinstance(fields._file, io.BytesIO) == (place == "memory")
    flows = {t: rng.uniform(-1000, 1000, (*SIZE, 2)).astype(np.float32) for t in range(3, 7)}
    fields.fill(iter(flows.items()))
    for t, flow in flows.items():
        assert fields[t].dtype == np.float32
        assert np.abs(fields[t] - flow).max() <= 1 / 64 + 1e-4


def test_fields_are_the_same_in_memory_and_in_a_file(monkeypatch, rng):
    flow = rng.normal(0, 20, (*SIZE, 2)).astype(np.float32)
    one = FlowBuffer(0, 1, SIZE)
    monkeypatch.setattr(flow_buffer, "_IN_MEMORY", 0)
    other = FlowBuffer(0, 1, SIZE)
    one[0] = other[0] = flow
    np.testing.assert_array_equal(one[0], other[0])
    assert type(one[0]) is type(other[0])


def test_what_is_read_may_be_changed_without_harm(place):
    fields = FlowBuffer(0, 1, (2, 2))
    fields[0] = np.ones((2, 2, 2), np.float32)
    fields[0][...] = 7
    assert (fields[0] == 1).all()


def test_fields_are_kept_in_any_order(place, rng):
    flows = rng.integers(-500, 500, (5, *SIZE, 2)).astype(np.float32)
    fields = FlowBuffer(7, 5, SIZE)
    for i in (4, 3, 0, 2, 1):
        fields[7 + i] = flows[i]
    assert fields.filled == 5
    for i in (2, 0, 4, 1, 3):
        np.testing.assert_array_equal(fields[7 + i], flows[i])


def test_filling_stops_when_told(place):
    halt = threading.Event()
    fields = FlowBuffer(0, 3, (2, 2))

    def steps():
        for t in range(3):
            if t == 1:
                halt.set()
            yield t, np.zeros((2, 2, 2), np.float32)

    fields.fill(steps(), halt)
    assert fields.filled == 2


def test_two_walks_meet(crew, monkeypatch):
    frames = synthetic.pan(6, (2.4, 1.0), size=SIZE)
    told = []
    for t, flows, back in walk_both(frames, (0, 5), range(1, 5), crew, "fine", told.append):
        assert np.median(np.linalg.norm(back[8:-8, 16:-16] - (2.4, 1.0), axis=-1)) < 0.2
        for key, flow in flows.items():
            inner = flow[8:-8, 16:-16]
            assert np.median(np.linalg.norm(inner - (2.4 * (t - key), t - key), axis=-1)) < 0.1
    assert t == 4
    assert told == sorted(told)
    monkeypatch.setattr(steady, "damp_towards", lambda found, *_, **__: found)
    found = {t: flows for t, flows, _ in walk_both(frames, (0, 5), range(1, 5), crew, "fine", told.append)}
    assert list(found) == [1, 2, 3, 4]
    for t, alone, _ in walk(frames, 5, range(1, 5)[::-1], crew, quality="fine"):
        assert np.abs(found[t][5] - alone).max() <= 1 / 64


def test_a_key_behind_all_frames_is_walked_to_alone(crew):
    frames = synthetic.pan(4, (2.4, 1.0), size=SIZE)
    found = {}
    for t, flows, back in walk_both(frames, (None, 3), range(3), crew, "fine", [].append):
        assert back is None
        found[t] = flows
    for t, alone, _ in walk(frames, 3, range(3)[::-1], crew, quality="fine"):
        assert np.abs(found[t][3] - alone).max() <= 1 / 64


@pytest.mark.parametrize("keys", [(0, 5), (None, 5)])
def test_an_error_on_the_way_is_told(crew, keys):
    class Broken(list):
        def __getitem__(self, t):
            if t == 3:
                raise OSError("the disk is gone")
            return super().__getitem__(t)

    frames = Broken(synthetic.still(6, size=(32, 32)))
    with pytest.raises(OSError, match="the disk is gone"):
        list(walk_both(frames, keys, range(1, 5), crew, "medium", [].append))


@settings(deadline=None, max_examples=50)
@given(st.floats(-1e30, 1e30))
def test_any_displacement_is_held_within_bounds(far):
    fields = FlowBuffer(0, 1, (1, 1))
    fields[0] = np.full((1, 1, 2), far, np.float32)
    assert np.abs(fields[0] - np.clip(far, -1023.97, 1023.97)).max() <= 1 / 60


def test_a_crew_that_is_taken_shares_nothing_out():
    """Two walks keep two threads busy: each does its work itself, until one of them is done."""
    here, parts = threading.get_ident(), []

    def work(first, last):
        parts.append((first, last, threading.get_ident()))

    with ThreadTeam(2) as crew:
        with crew.taken(), crew.taken():
            crew.run(work, 64)
        assert parts == [(0, 64, here)]
        parts.clear()
        with crew.taken():
            crew.run(work, 64)
    assert len(parts) > 1
    assert sum(last - first for first, last, _ in parts) == 64
