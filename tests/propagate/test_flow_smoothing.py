"""Settling: trembling goes, motion stays, and the frames on both sides have their say."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from propagate import _smoothing_kernels as kernels
from propagate.flow_buffer import FlowBuffer
from propagate.flow_smoothing import damp_towards, grain, halved, noise_radius, smooth_flows, whole
from propagate.threads import ThreadTeam
from tests import synthetic

H, W = 12, 20


@pytest.fixture
def crew():
    with ThreadTeam(1) as crew:
        yield crew


def constant(u, v):
    return np.full((H, W, 2), (u, v), np.float32)


def test_draw_is_tukeys_biweight_in_parts_as_in_one_go(rng):
    found, expected = rng.normal(0, 0.4, (2, H, W, 2)).astype(np.float32)
    out = found.copy()
    for first in range(0, H, 5):
        kernels.draw(first, min(first + 5, H), found, expected, np.float32(0.4), np.float32(0.8), out)
    apart = (expected - found).astype(float)
    square = (apart**2).sum(-1, keepdims=True) / 0.8**2
    weight = np.where(square < 1, 0.4 * (1 - square) ** 2, 0)
    assert (weight == 0).any()
    assert (weight > 0).any()
    np.testing.assert_allclose(out, found + weight * apart, rtol=1e-4, atol=1e-5)


def test_motion_is_not_settled(crew):
    found, expected = np.zeros((2, 4, 5, 2), np.float32)
    expected[:2], expected[2:] = 2.0, 0.1
    flow = damp_towards(found, expected, crew=crew)
    assert (flow[:2] == 0).all()
    assert ((flow[2:] > 0.02) & (flow[2:] < 0.05)).all()
    assert (found == 0).all()


def spans(order, trembling):
    """Flows of a pan of (1, 0.5) a frame from key 0 to key 9, which tremble, and the true flows beside."""
    known, steps = {}, {}
    for key in (0, 9):
        known[key], steps[key] = FlowBuffer(0, 10, (H, W)), FlowBuffer(0, 10, (H // 2, W // 2))
        side = 1 if key == 0 else -1
        line = [key, *(order if key == 0 else order[::-1])]
        for before, t in pairwise(line):
            known[key][t] = constant(t - key, 0.5 * (t - key)) + trembling[t]
            steps[key][t] = halved(constant(t - before, 0.5 * (t - before)))
            assert np.sign(t - before) == side
    return known, steps


@pytest.mark.parametrize("order", [range(1, 9), [2, 3, 7], [5]])
def test_what_trembles_is_settled_from_both_sides(crew, order, rng):
    trembling = rng.normal(0, 0.1, (10, H, W, 2)).astype(np.float32)
    astray, rough = [], []
    for t, flows, back in smooth_flows(order, *spans(order, trembling), crew, 1.4):
        before = max((u for u in (0, *order) if u < t), default=0)
        np.testing.assert_allclose(back, constant(t - before, 0.5 * (t - before)), atol=1 / 32)
        for key, flow in flows.items():
            inner = np.s_[2:-2, 9:-9]  # beyond a border nothing is known
            astray.append((flow - constant(t - key, 0.5 * (t - key)))[inner])
            rough.append(trembling[t][inner])
    assert np.std(astray) < (0.75 if len(order) > 3 else 1.0) * np.std(rough)


def test_true_flows_stay(crew):
    order = range(1, 9)
    for t, flows, _ in smooth_flows(order, *spans(order, np.zeros((10, H, W, 2), np.float32)), crew, 1.4):
        for key, flow in flows.items():
            np.testing.assert_allclose(flow, constant(t - key, 0.5 * (t - key)), atol=1 / 32)


@pytest.mark.parametrize("size", [(12, 20), (11, 7), (1, 1), (2, 3)])
def test_halving_loses_nothing_of_what_is_even(size):
    flow = np.full((*size, 2), (3.5, -1.25), np.float32)
    half = halved(flow)
    assert half.shape == (-(-size[0] // 2), -(-size[1] // 2), 2)
    np.testing.assert_allclose(whole(half, size), flow)


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_grain_is_measured(sigma, rng):
    """In three channels of their own, grain of the luma is two thirds of theirs."""
    clean = synthetic.texture(3, (120, 160)) // 2 + 64
    rough = np.rint(clean + rng.normal(0, sigma, clean.shape)).astype(np.uint8)
    luma = sigma * np.linalg.norm((0.299, 0.587, 0.114))
    assert grain(rough) == pytest.approx(np.hypot(luma, grain(clean)), rel=0.35, abs=0.25)
    flat = np.full((120, 160, 3), 128, np.uint8)
    assert grain(flat) == 0
    assert grain(np.clip(np.rint(flat + rng.normal(0, sigma, flat.shape)), 0, 255).astype(np.uint8)) == (
        pytest.approx(luma, rel=0.2, abs=0.1)
    )


def test_reach_grows_with_grain_within_bounds(rng):
    flat = np.full((64, 64, 3), 128, np.uint8)
    frames = [np.rint(flat + rng.normal(0, s, flat.shape)).clip(0, 255).astype(np.uint8) for s in (0, 1, 20)]
    least, some, most = (noise_radius(frame) for frame in frames)
    assert 0 < least < some < most < 2
    assert noise_radius(np.zeros((1, 1, 3), np.uint8)) == least
