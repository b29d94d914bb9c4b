"""Flow: known motions come back, chains add up, there and back again is told from not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propagate.flow import FINEST_SCALE, chain, consistency, eight_bit, estimate_flow, inside, luminance
from tests import synthetic
from tests.propagate import moves


def constant(dx, dy, size=(40, 50)):
    return np.broadcast_to(np.float32([dx, dy]), (*size, 2)).copy()


@pytest.mark.parametrize("move", [moves.pan, moves.zoom, moves.rotation])
def test_a_known_motion_comes_back(move):
    frame, key, flow = move()
    found = estimate_flow(frame, key, quality="fine")
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    assert np.median(moves.miss(found, flow)) < 0.1


def test_more_quality_finds_more():
    frame, key, flow = moves.wave()
    misses = [np.median(moves.miss(estimate_flow(frame, key, quality=q), flow)) for q in FINEST_SCALE]
    assert misses == sorted(misses, reverse=True)
    assert misses[-1] < 0.25


def test_a_guess_finds_what_lies_far_apart():
    frame, key, flow = moves.pan(31.0, 17.0)
    helped = estimate_flow(frame, key, initial=flow + np.float32(1.5))
    assert np.median(moves.miss(helped, flow)) < 0.2


def test_the_guess_stays_as_it_was():
    frame, key, flow = moves.pan()
    guess = flow.copy()
    estimate_flow(frame, key, initial=guess)
    np.testing.assert_array_equal(guess, flow)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 3), (8, 200), (31, 33)])
@pytest.mark.parametrize("quality", FINEST_SCALE)
def test_small_frames_have_flow_too(size, quality):
    frame = synthetic.texture(3, (200, 200))[: size[0], : size[1]]
    start = np.zeros((*size, 2), np.float32)
    for initial in (None, start):
        found = estimate_flow(frame, frame, quality=quality, initial=initial)
        assert found.shape == (*size, 2)
        assert np.abs(found).max() < 0.01


def test_depth_and_gray_do_not_matter_to_what_is_found():
    frame, key, _ = moves.pan()
    deep = [i.astype(np.uint16) * 257 for i in (frame, key)]
    np.testing.assert_array_equal(estimate_flow(*deep), estimate_flow(frame, key))
    gray = [luminance(i)[..., None] for i in (frame, key)]
    np.testing.assert_array_equal(estimate_flow(*gray), estimate_flow(frame, key))
    assert eight_bit(deep[0]).dtype == np.uint8
    np.testing.assert_array_equal(eight_bit(deep[0]), frame)


def test_what_does_not_fit_is_refused():
    frame = synthetic.texture(1, (40, 50))
    with pytest.raises(ValueError, match="quality is 'best'; expected one of fast, medium, fine"):
        estimate_flow(frame, frame, quality="best")
    with pytest.raises(ValueError, match="flow needs frames of one size"):
        estimate_flow(frame, frame[1:])
    with pytest.raises(ValueError, match="initial"):
        estimate_flow(frame, frame, initial=constant(0, 0)[1:])
    with pytest.raises(ValueError, match="uint8 or uint16"):
        estimate_flow(frame.astype(np.float32), frame.astype(np.float32))
    with pytest.raises(ValueError, match="expected"):
        estimate_flow(frame[..., 0], frame[..., 0])


def test_chained_pans_add():
    np.testing.assert_allclose(chain(constant(3, -2), constant(-1.25, 4)), constant(1.75, 2))


def test_a_chain_asks_the_second_flow_where_the_first_arrives():
    _, _, first = moves.pan(5.0, 3.0)
    x, y = moves.grid()
    second = np.dstack([x * 0.5, y * 0.25])
    expected = np.dstack([5 + (x + 5) * 0.5, 3 + (y + 3) * 0.25])
    np.testing.assert_allclose(chain(first, second)[:-3, :-5], expected[:-3, :-5], rtol=1e-5)


def test_nothing_moves_through_a_chain_with_stillness():
    _, _, flow = moves.wave()
    still = np.zeros_like(flow)
    np.testing.assert_array_equal(chain(flow, still), flow)
    np.testing.assert_array_equal(chain(still, flow), flow)


def test_there_and_back_is_sure_and_leaving_is_not():
    sure = consistency(constant(7, -3), constant(-7, 3))
    assert sure.dtype == np.float32
    np.testing.assert_array_equal(sure[3:, :-7], 1)
    assert not sure[:3].any()
    assert not sure[:, -7:].any()


def test_a_round_trip_that_misses_by_one_pixel_is_half_sure():
    np.testing.assert_allclose(consistency(constant(0, 0), constant(0, 1)), 0.5)


def test_what_is_hidden_is_not_consistent():
    frames = synthetic.occluder(3, 1, 1, size=(96, 128), width=40)
    there, back = estimate_flow(frames[0], frames[1]), estimate_flow(frames[1], frames[0])
    hidden = (frames[0] != frames[1]).any(-1)
    sure = consistency(there, back)
    assert sure[~hidden].mean() > 0.9
    assert sure[hidden].mean() < 0.5


def test_inside():
    flow = constant(0, 0)
    assert inside(flow).all()
    flow[0, 0] = (-0.01, 0)
    flow[39, 49] = (0, 0.01)
    assert np.argwhere(~inside(flow)).tolist() == [[0, 0], [39, 49]]


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 24), st.integers(1, 24), st.sampled_from([1, 3]), st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from(sorted(FINEST_SCALE)), st.sampled_from([None, 0.0, 1.0, 50.0, 1e6]), st.integers(0, 99),
)  # fmt: skip
def test_any_frames_give_a_finite_flow(h, w, channels, dtype, quality, guess, seed):
    rng = np.random.default_rng(seed)
    top = np.iinfo(dtype).max
    a = rng.integers(0, top, (w, h, channels), dtype, endpoint=True).transpose(1, 0, 2)
    b = np.where(rng.random((h, w, channels)) < 0.5, 0, top).astype(dtype)
    initial = None if guess is None else (rng.normal(0, 1, (h, w, 2)) * guess).astype(np.float32)
    found = estimate_flow(a, b, quality=quality, initial=initial)
    assert found.shape == (h, w, 2)
    assert np.isfinite(found).all()
    assert np.isfinite(chain(found, found)).all()
    sure = consistency(found, found)
    assert sure.min() >= 0
    assert sure.max() <= 1


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 20), st.integers(1, 20), st.sampled_from([0.0, 1.0, 1e3, 1e30]), st.booleans(),
    st.integers(0, 99),
)  # fmt: skip
def test_any_flows_chain_and_agree_or_not(h, w, far, turned, seed):
    rng = np.random.default_rng(seed)
    shape = (2, w, h, 2) if turned else (2, h, w, 2)
    one, other = rng.uniform(-far, far, shape).astype(np.float32)
    if turned:
        one, other = one.transpose(1, 0, 2), other.transpose(1, 0, 2)
    chained, sure = chain(one, other), consistency(one, other)
    assert chained.shape == (h, w, 2)
    assert np.isfinite(chained).all()
    assert sure.shape == (h, w)
    assert sure.min() >= 0
    assert sure.max() <= 1
