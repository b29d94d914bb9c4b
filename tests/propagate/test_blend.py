"""Joining: agreement is kept, disagreement is decided, and nobody speaks who may not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from propagate.blend import Candidate, join, premultiplied, straight
from propagate.resample import detail_energy, split
from propagate.threads import ThreadTeam
from tests import synthetic

SIZE = (48, 64)


def witness(key, picture, left=1.0, nearness=0.5):
    picture = np.asarray(picture, np.float32)
    left = np.broadcast_to(np.float32(left), picture.shape[:2]).copy()
    energy = detail_energy(split(picture)[1])
    return Candidate(key, picture, energy, left, nearness)


def joined(*witnesses, choice=12.0, color_match=False, before=None, steadiness=0.0):
    more = {"color_match": color_match, "before": before, "steadiness": steadiness}
    with ThreadTeam(1) as crew:
        return join(witnesses, choice=choice, crew=crew, **more)


def detail(picture):
    picture = np.asarray(picture, np.float32)
    return picture - cv2.GaussianBlur(picture, (0, 0), 2.0).reshape(picture.shape)


@pytest.fixture
def one():
    return synthetic.texture(1, SIZE).astype(np.float32)


@pytest.fixture
def other():
    return synthetic.texture(2, SIZE).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_single_witness_is_believed(rng, channels):
    picture = rng.uniform(0, 255, (*SIZE, channels)).astype(np.float32)
    made = joined(witness(7, picture))
    np.testing.assert_allclose(made.picture, picture, atol=0.01)
    assert list(made.shares) == [7]
    np.testing.assert_array_equal(made.shares[7], 1)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("color_match", [False, True])
def test_equal_witnesses_change_nothing(rng, channels, color_match):
    picture = rng.uniform(0, 255, (*SIZE, channels)).astype(np.float32)
    made = joined(*(witness(k, picture, nearness=n) for k, n in ((0, 0.7), (1, 0.3))), color_match=color_match)
    assert made.picture.dtype == np.float32
    np.testing.assert_allclose(made.picture, picture, atol=0.05)
    np.testing.assert_allclose(made.shares[0], 0.7, atol=1e-3)


@pytest.mark.parametrize("color_match", [False, True])
def test_on_a_keys_own_frame_the_other_has_no_say(one, other, color_match):
    made = joined(witness(0, one, nearness=1.0), witness(1, other, nearness=0.0), color_match=color_match)
    assert np.abs(made.picture - one).mean() < 0.5
    assert made.shares[1].max() < 1e-3


def test_who_explains_the_frame_is_believed(one, other):
    left = np.where(np.arange(SIZE[1]) < 32, 1, 40)
    made = joined(witness(0, one, left), witness(1, other, left[::-1]))
    assert made.shares[0][:, :32].min() > 0.99
    assert made.shares[1][:, 32:].min() > 0.99
    assert np.abs(detail(made.picture) - detail(one))[:, :20].mean() < 1
    assert np.abs(detail(made.picture) - detail(other))[:, 44:].mean() < 1


def test_shares_add_up_to_one(one, other, rng):
    left = rng.uniform(0, 30, SIZE)
    made = joined(witness(0, one, left, 0.8), witness(1, other, 5, 0.2), witness(2, other, left[::-1], 0.1))
    total = sum(made.shares.values())
    np.testing.assert_allclose(total, 1, atol=1e-5)


def test_two_paintings_are_not_washed_into_one(rng):
    """Same slow colors, other strokes, nearly even shares: strokes of one, at full strength."""
    strokes = [detail(rng.normal(0, 60, (*SIZE, 3))) for _ in range(2)]
    one, other = (128 + s for s in strokes)
    made = joined(witness(0, one, nearness=0.6), witness(1, other, nearness=0.4))
    assert detail(made.picture).std() > 0.85 * strokes[0].std()
    assert np.corrcoef(detail(made.picture).ravel(), detail(one).ravel())[0, 1] > 0.9
    soft = joined(witness(0, one, nearness=0.6), witness(1, other, nearness=0.4), choice=1e6)
    assert np.corrcoef(detail(soft.picture).ravel(), detail(other).ravel())[0, 1] > 0.4


def test_agreeing_witnesses_are_averaged(rng, one):
    """Each lost a little in another way; together they are nearer to the truth than either."""
    noisy = [one + rng.normal(0, 2, one.shape) for _ in range(2)]
    made = joined(*(witness(k, n) for k, n in enumerate(noisy)))
    error = np.square(made.picture - one).mean()
    assert error < 0.8 * min(np.square(n - one).mean() for n in noisy)


def test_slow_colors_go_over_softly():
    """Two flat keys that differ by 40 steps: no edge where the choice changes."""
    left = np.where(np.arange(96) < 48, np.float32(1), np.float32(6))[None].repeat(64, 0)
    left = cv2.GaussianBlur(left, (0, 0), 3.0)
    flat = np.full((64, 96, 3), 100, np.float32)
    made = joined(witness(0, flat, left), witness(1, flat + 40, left[:, ::-1]))
    row = made.picture[32, :, 0]
    assert row[0] < 110
    assert row[-1] > 130
    assert np.abs(np.diff(row)).max() < 5
    assert row.min() > row[0] - 0.5
    assert row.max() < row[-1] + 0.5


def test_matched_colors_drift_with_nearness():
    flat = np.full((*SIZE, 3), 100, np.float32)
    for nearness in (1.0, 0.75, 0.5, 0.25):
        made = joined(
            witness(0, flat, nearness=nearness),
            witness(1, flat + 20, nearness=1 - nearness),
            color_match=True,
        )
        np.testing.assert_allclose(made.picture, 100 + 20 * (1 - nearness), atol=0.5)


def test_the_choice_of_the_frame_before_is_kept_in_part(one, other):
    before = {0: np.full(SIZE, 0.9, np.float32), 1: np.full(SIZE, 0.1, np.float32)}
    pair = witness(0, one), witness(1, other)
    for steadiness in (0.0, 0.5, 0.9):
        share = joined(*pair, before=before, steadiness=steadiness).shares[0]
        np.testing.assert_allclose(share, 0.5 + 0.4 * steadiness, atol=1e-5)


def test_a_key_fades_out_before_the_next_keys_own_frame(one, other):
    """Whatever was chosen before, at nearness 0 there is no say left."""
    before = {0: np.ones(SIZE, np.float32), 1: np.zeros(SIZE, np.float32)}
    made = joined(witness(0, one, nearness=0.0), witness(1, other, nearness=1.0), before=before, steadiness=0.9)
    assert made.shares[0].max() < 1e-2


def test_a_key_unknown_to_the_frame_before_is_no_error(one, other):
    made = joined(witness(0, one), witness(3, other), before={0: np.ones(SIZE, np.float32)}, steadiness=0.5)
    assert np.isfinite(made.picture).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_alpha_there_and_back(rng, channels):
    picture = rng.integers(0, 256, (20, 20, channels)).astype(np.float32)
    back = straight(premultiplied(picture))
    seen = np.ones((20, 20), bool) if channels in (1, 3) else picture[..., -1] >= 1
    np.testing.assert_allclose(back[seen], picture[seen], atol=1e-3)
    assert np.isfinite(back).all()


def test_what_is_transparent_lends_no_color():
    """Red behind zero alpha next to opaque blue: a mean of both is blue, half transparent."""
    red = np.broadcast_to(np.float32([255, 0, 0, 0]), (8, 8, 4))
    blue = np.broadcast_to(np.float32([0, 0, 255, 255]), (8, 8, 4))
    mean = straight((premultiplied(red) + premultiplied(blue)) / 2)
    np.testing.assert_allclose(mean, np.broadcast_to(np.float32([0, 0, 255, 127.5]), (8, 8, 4)), atol=0.1)


@settings(deadline=None, max_examples=40)
@given(
    st.integers(1, 24), st.integers(1, 24), st.integers(1, 4), st.integers(1, 3), st.booleans(),
    st.floats(1e-3, 1e6), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 99),
)  # fmt: skip
def test_any_witnesses_give_a_sensible_picture(h, w, channels, count, match, choice, steadiness, seed):
    rng = np.random.default_rng(seed)
    witnesses = [
        witness(
            k,
            rng.choice([0, 128, 255], (h, w, channels)),
            rng.choice([0, 3, 255], (h, w)),
            rng.choice([0, 0.5, 1]),
        )
        for k in range(count)
    ]
    before = {0: rng.choice([0, 1], (h, w)).astype(np.float32)}
    made = joined(*witnesses, choice=choice, color_match=match, before=before, steadiness=steadiness)
    assert made.picture.shape == (h, w, channels)
    assert np.isfinite(made.picture).all()
    assert made.picture.min() > -600
    assert made.picture.max() < 900
    np.testing.assert_allclose(sum(made.shares.values()), 1, atol=1e-4)
