"""Registration finds known warps to a fraction of a pixel, and knows where it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propagate.flow import estimate_flow
from propagate.registration import Tracker, confidence_of, key_search, register, residual
from propagate.threads import ThreadTeam
from propagate.warp import warp
from tests import synthetic
from tests.propagate import moves


@pytest.mark.parametrize("move", [moves.pan, moves.zoom, moves.rotation, moves.wave])
def test_a_known_motion_comes_back(move):
    frame, key, flow = move()
    found = register(frame, key)
    assert np.median(moves.miss(found.flow, flow)) < 0.06
    assert np.median(found.confidence) > 0.99


def test_a_guess_finds_what_lies_far_apart():
    frame, key, flow = moves.pan(31.0, 17.0)
    found = register(frame, key, initial=flow + np.float32(0.8))
    inner = (slice(8, 70), slice(8, 88))
    assert np.median(np.linalg.norm(found.flow - flow, axis=-1)[inner]) < 0.05
    assert found.confidence[inner].mean() > 0.9
    assert found.confidence[:, -30:].mean() < 0.1


def test_refinement_never_makes_it_worse():
    frame, key, _ = moves.wave(4.0)
    guess = estimate_flow(frame, key, quality="fast")
    with ThreadTeam(1) as crew:
        _, left = Tracker(key, crew, key_search("fine")).find(frame, guess)
    assert (left <= residual(frame, warp(key, guess))).all()
    assert left.mean() < residual(frame, warp(key, guess)).mean()


def test_an_object_keeps_its_border():
    """A disc moves over a still ground: flow inside and outside, and the step between them within 2 px."""
    back, front = synthetic.texture(11, moves.SIZE), synthetic.texture(12, moves.SIZE)
    x, y = moves.grid()

    def scene(cx):
        disc = (x - cx) ** 2 + (y - 48) ** 2 < 24**2
        shifted = np.roll(front, round(cx - 60), 1)
        return np.where(disc[..., None], shifted, back), disc

    (frame, disc), (key, there) = scene(60), scene(66)
    found = register(frame, key)
    truth = np.where(disc[..., None], np.float32([6, 0]), 0)
    wrong = np.linalg.norm(found.flow - truth, axis=-1) > 1
    hidden = there & ~disc
    assert wrong[disc].mean() < 0.06
    assert wrong[~disc & ~hidden].mean() < 0.03
    assert found.confidence[hidden].mean() < 0.5 * found.confidence[~hidden].mean()


def test_another_light_is_not_another_place():
    frame, key, flow = moves.pan()
    lit = np.clip(frame.astype(np.int16) + 5, 0, 255).astype(np.uint8)
    assert np.median(moves.miss(register(lit, key).flow, flow)) < 0.1


@pytest.mark.parametrize("gain", [0.7, 1.6])
def test_light_that_changes_everywhere_moves_nothing(gain):
    frame, key, flow = moves.pan()
    frame = frame // 2 + 20
    lit = np.clip(frame * gain, 0, 255).astype(np.uint8)
    found = register(lit, key // 2 + 20)
    assert np.median(moves.miss(found.flow, flow)) < 0.1
    assert np.percentile(moves.miss(found.flow, flow), 90) < 0.4


def test_another_picture_is_not_found():
    found = register(synthetic.texture(1, moves.SIZE), synthetic.texture(2, moves.SIZE))
    assert found.confidence.mean() < 0.3


def test_sixteen_bits_register_alike():
    frame, key, _ = moves.pan()
    a = register(frame, key)
    b = register(frame.astype(np.uint16) * 257, key.astype(np.uint16) * 257)
    np.testing.assert_array_equal(a.flow, b.flow)
    np.testing.assert_array_equal(a.confidence, b.confidence)


def test_threads_change_nothing():
    frame, key, _ = moves.wave(3.0)
    guess = estimate_flow(frame, key)
    made = []
    for threads in (1, 2, 3):
        with ThreadTeam(threads) as crew:
            made.append(Tracker(key, crew, key_search("fine")).find(frame, guess))
    for flow, left in made[1:]:
        np.testing.assert_array_equal(flow, made[0][0])
        np.testing.assert_array_equal(left, made[0][1])


def test_a_tracker_keeps_nothing_of_the_frame_before():
    frame, key, _ = moves.wave(3.0)
    other = moves.pan()[0]
    guess = estimate_flow(frame, key)
    with ThreadTeam(1) as crew:
        fresh, used = Tracker(key, crew, key_search("fine")), Tracker(key, crew, key_search("fine"))
        used.find(other, estimate_flow(other, key))
        (flow, left), (again, rest) = fresh.find(frame, guess), used.find(frame, guess)
    np.testing.assert_array_equal(flow, again)
    np.testing.assert_array_equal(left, rest)


def test_input_is_left_alone():
    frame, key, flow = moves.pan()
    kept = [a.copy() for a in (frame, key, flow)]
    register(frame, key, initial=flow)
    for now, then in zip((frame, key, flow), kept, strict=True):
        np.testing.assert_array_equal(now, then)


def test_confidence_is_one_without_difference_and_zero_outside():
    flow = np.zeros((5, 6, 2), np.float32)
    flow[0, 0, 0] = -1
    sure = confidence_of(np.zeros((5, 6), np.float32), flow)
    assert sure[0, 0] == 0
    assert sure.sum() == 29
    assert (confidence_of(np.full((5, 6), 200, np.float32), flow) < 1e-6).all()


def test_what_does_not_fit_is_refused():
    frame = synthetic.texture(1, (40, 50))
    with pytest.raises(ValueError, match="one size"):
        register(frame, frame[1:])
    with pytest.raises(ValueError, match="key_frame has shape"):
        register(frame, frame[..., :1])
    for wrong in (np.zeros((39, 50, 2), np.float32), np.zeros((40, 50, 2))):
        with pytest.raises(ValueError, match="initial"):
            register(frame, frame, initial=wrong)
    with pytest.raises(ValueError, match="one size"):
        register(frame, frame[1:], initial=np.zeros((40, 50, 2), np.float32))


@settings(deadline=None, max_examples=25)
@given(
    st.integers(1, 24), st.integers(1, 24), st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from([None, 0.0, 5.0, 1e5]), st.integers(0, 99),
)  # fmt: skip
def test_any_frames_give_a_finite_registration(h, w, dtype, guess, seed):
    rng = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    a = rng.integers(0, top, (w, h, 3), dtype, endpoint=True).transpose(1, 0, 2)
    b = np.where(rng.random((h, w, 3)) < 0.5, 0, top).astype(dtype)
    initial = None if guess is None else (rng.normal(0, 1, (h, w, 2)) * guess).astype(np.float32)
    found = register(a, b, initial=initial)
    assert found.flow.shape == (h, w, 2)
    assert np.isfinite(found.flow).all()
    assert found.confidence.dtype == np.float32
    assert found.confidence.min() >= 0
    assert found.confidence.max() <= 1
