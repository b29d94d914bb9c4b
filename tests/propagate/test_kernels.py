"""Every kernel against its slow twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from propagate import _guide_index as _index
from propagate import _search_cpu as _cpu
from propagate import _vote_kernels as _paint
from propagate._atomics import count
from propagate._match_field import NOTHING
from propagate._patch_distance import between, hash3, patch_cost, patch_cost_modulated, random_place, reaches
from propagate.guides import replicate_border
from propagate.threads import ThreadTeam
from tests import reference

U32 = st.integers(0, 2**32 - 1)
FAR = 2**31 - 1


@settings(deadline=None)
@given(st.integers(0, 40000), st.integers(0, 40000), U32, U32)
def test_hash_equals_python(x, y, turn, seed):
    assert hash3(x, y, turn, seed) == reference.hash3(x, y, turn, seed)


def test_hash_spreads_evenly():
    bits = np.array([hash3(x, y, 3, 7) for y in range(64) for x in range(64)])
    for shift in range(0, 32, 4):
        counts = np.bincount((bits >> shift) & 15, minlength=16)
        assert abs(counts / 256 - 1).max() < 0.25


@settings(deadline=None)
@given(st.integers(-50, 50), st.integers(0, 100), st.integers(0, 65535))
def test_between_stays_within(low, span, bits):
    assert low <= between(low, low + span, bits) <= low + span


@settings(deadline=None)
@given(st.integers(0, 30), st.integers(0, 20), st.integers(0, 10), st.integers(0, 99), U32)
def test_random_place_stays_in_the_picture_and_in_reach(x, y, octaves, turn, seed):
    to_x, to_y = random_place(5, 6, x, y, 31, 21, octaves, 2, turn, seed)
    assert 0 <= to_x < 31
    assert 0 <= to_y < 21
    assert max(abs(to_x - x), abs(to_y - y)) <= 2**octaves


def features(rng, height, width, channels, pad, top=2000):
    picture = np.zeros((height + 2 * pad, width + 2 * pad, channels), np.int16)
    picture[pad : pad + height, pad : pad + width] = rng.integers(0, top, (height, width, channels))
    replicate_border(picture, pad)
    return picture


def strides(picture):
    return picture.shape[1] * picture.shape[2]


@pytest.mark.parametrize(("size", "pad", "channels"), [(3, 1, 4), (5, 2, 12), (3, 2, 8), (7, 3, 28)])
def test_patch_cost(rng, size, pad, channels):
    target, source = features(rng, 12, 9, channels, pad), features(rng, 10, 15, channels, pad)
    factors = features(rng, 12, 9, channels, pad, 32768)
    for here, there in [((0, 0), (14, 9)), ((8, 11), (0, 0)), ((4, 5), (7, 3))]:
        skip = pad - size // 2
        at = (here[1] + skip) * strides(target) + (here[0] + skip) * channels
        place = (there[1] + skip) * strides(source) + (there[0] + skip) * channels
        steps = (strides(target), strides(source), size * channels, size)
        expected = reference.patch_cost(target, source, None, here, there, size, pad)
        assert patch_cost(target.ravel(), source.ravel(), at, place, *steps, FAR) == expected
        got = patch_cost_modulated(target.ravel(), source.ravel(), factors.ravel(), at, place, *steps, FAR)
        assert got == reference.patch_cost(target, source, factors, here, there, size, pad)
        assert patch_cost(target.ravel(), source.ravel(), at, place, *steps, expected // 2) >= expected // 2


def test_full_factors_halve_differences(rng):
    a, b = features(rng, 5, 5, 4, 2, 30000), features(rng, 5, 5, 4, 2, 30000)
    full = np.full_like(a, 32767)
    steps = (strides(a), strides(b), 20, 5)
    whole = float(np.sum((a[:5, :5].astype(float) - b[:5, :5]) ** 2))
    got = patch_cost_modulated((a // 8).ravel(), (b // 8).ravel(), full.ravel(), 0, 0, *steps, FAR)
    assert got == pytest.approx(whole / 256, rel=0.02)


@pytest.mark.parametrize("pad", [0, 2])
@pytest.mark.parametrize("shape", [(8, 6, 3), (7, 5, 4), (1, 9, 1)])
@pytest.mark.parametrize("dtype", [np.int16, np.uint16])
def test_halve(rng, shape, dtype, pad):
    fine = rng.integers(0, np.iinfo(dtype).max, (shape[0] + 2 * pad, shape[1] + 2 * pad, shape[2])).astype(dtype)
    height, width = (shape[0] + 1) // 2, (shape[1] + 1) // 2
    coarse = np.zeros((height + 2 * pad, width + 2 * pad, shape[2]), dtype)
    _paint.halve(0, height, fine, coarse, pad)
    inner = slice(pad, pad + height), slice(pad, pad + width)
    whole = fine[pad : pad + shape[0], pad : pad + shape[1]]
    np.testing.assert_array_equal(coarse[inner], reference.halve(whole))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_encode_channels(rng, dtype):
    image = rng.integers(0, np.iinfo(dtype).max + 1, (4, 5, 3)).astype(dtype)
    gain = (np.array([0.7, 1.3, 0.0]) / (np.iinfo(dtype).max / 255)).astype(np.float32)
    got = np.zeros((6, 7, 8), np.int16)
    _paint.encode_channels(0, 4, image, gain, 2, got, 1)
    np.testing.assert_allclose(got[1:-1, 1:-1, 2:5], image * gain, atol=0.51)
    assert not got[..., :2].any()
    assert not got[..., 5:].any()


def test_double():
    coarse = np.array([[[3, 1], [-1, -1]], [[4, 2], [0, 0]]], np.int32)
    fine = np.zeros((3, 4, 2), np.int32)
    _paint.double(0, 3, coarse, 5, 8, fine)
    assert fine[0].tolist() == [[6, 2], [7, 2], [-1, -1], [-1, -1]]
    assert fine[1].tolist() == [[6, 3], [7, 3], [-1, -1], [-1, -1]]
    assert fine[2].tolist() == [[7, 4], [7, 4], [0, 0], [1, 0]]


def random_field(rng, height, width, s_height, s_width, holes=True):
    matches = np.stack(
        (rng.integers(0, s_width, (height, width)), rng.integers(0, s_height, (height, width))), axis=-1
    ).astype(np.int32)
    if holes:
        matches[rng.random((height, width)) < 0.1] = -1
    return matches


@pytest.mark.parametrize(("size", "bands"), [(3, 1), (5, 3)])
def test_account_keeps_the_crowd_exact(rng, size, bands):
    tiles = np.array([[0, 0, 6, 9], [6, 0, 11, 9]], np.int32)
    before = np.full((11, 9, 2), -1, np.int32)
    counted = np.zeros((8, 12), np.int32)
    moves, moved = np.empty((2, 54, 4), np.int32), np.empty(2, np.int64)
    for _ in range(3):
        matches = random_field(rng, 11, 9, 8, 12)
        matches[:, 4:7] = before[:, 4:7]
        _cpu.list_moves(0, 2, tiles, before, matches, moves, moved)
        assert moved.sum() == (matches != before).any(axis=2).sum()
        _cpu.account(0, bands, bands, moves, moved, size, counted)
        np.testing.assert_array_equal(counted, reference.crowd(matches, (8, 12), size))
        before = matches


def test_publish_and_weigh(rng):
    matches, before = random_field(rng, 6, 6, 9, 9), random_field(rng, 6, 6, 9, 9)
    old = before.copy()
    _cpu.publish(0, 1, np.array([[1, 2, 4, 6]], np.int32), before, matches)
    np.testing.assert_array_equal(before[1:4, 2:], matches[1:4, 2:])
    np.testing.assert_array_equal(before[4:], old[4:])
    cost = rng.random((6, 6)).astype(np.float32) * 50
    weight = np.empty_like(cost)
    _paint.weigh(0, 6, cost, np.float32(10), weight)
    np.testing.assert_allclose(weight, 1 / (1 + cost / 10), rtol=1e-6)
    _paint.weigh(0, 6, cost, np.float32(0), weight)
    assert (weight == 1).all()


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_vote(rng, channels):
    style = rng.integers(0, 65536, (9, 10, channels)).astype(np.uint16)
    usable = rng.random((9, 10)) < 0.9
    matches = random_field(rng, 8, 7, 9, 10)
    matches[~usable[matches[..., 1], matches[..., 0]]] = -1
    weight = rng.random((8, 7)).astype(np.float32) + np.float32(0.1)
    expected = reference.vote(matches, weight, style, usable, 3)
    wanted = np.isfinite(expected[..., 0])
    canvas = np.zeros((8, 7, channels), np.uint16)
    target = np.zeros((12, 11, 8), np.int16)
    changed = np.ones((8, 7), np.bool_)
    gain = np.full(channels, 0.1, np.float32)
    _paint.vote(0, 8, matches, weight, style, usable, wanted, 3, canvas, target, gain, 2, np.float32(30000), changed)
    np.testing.assert_allclose(canvas[wanted], expected[wanted], atol=0.6)
    np.testing.assert_allclose(target[2:-2, 2:-2, :channels][wanted], expected[wanted] / 10, atol=0.6)
    assert not canvas[~wanted].any()
    np.testing.assert_array_equal(changed, wanted & (np.nan_to_num(expected).max(axis=2) >= 30000))


def run_search(rng, *, modulated=False, price=0.0, sweeps=1, tries=6, fresh=True, seed=1, offer=None):
    size, pad, channels = 3, 1, 4
    target, source = features(rng, 12, 10, channels, pad), features(rng, 11, 13, channels, pad)
    factors = features(rng, 12, 10, channels, pad, 32768) if modulated else np.zeros((1, 1, 1), np.int16)
    matches = random_field(rng, 12, 10, 11, 13, holes=False)
    busy = np.ones((12, 10), np.bool_)
    busy[3:5, 2:6] = False
    crowd = reference.crowd(matches, (11, 13), size)
    crowd[:, 6] = -(2**30)
    matches[..., 0][matches[..., 0] == 6] = 7
    matches[~busy] = -1
    tiles = np.array([[0, 0, 8, 10], [8, 0, 12, 10]], np.int32)
    first = matches.copy()
    cost = np.zeros((12, 10), np.float32)
    for turn in range(sweeps):
        _cpu.search(
            0, 2, tiles, target.ravel(), source.ravel(), factors.ravel(), modulated, channels, pad, size,
            busy, crowd, np.float32(price), matches.copy(), matches, cost, fresh and turn == 0, turn % 2 == 0,
            2, offer is not None, NOTHING if offer is None else offer, tries, 3, turn, seed,
        )  # fmt: skip
    slow = (target, source, factors if modulated else None)
    return first, matches, cost, busy, crowd, slow


@pytest.mark.parametrize("modulated", [False, True])
@pytest.mark.parametrize("price", [0.0, 1e5])
def test_search_tells_the_true_cost_and_only_improves(rng, modulated, price):
    first, matches, cost, busy, crowd, slow = run_search(rng, modulated=modulated, price=price, sweeps=2)
    np.testing.assert_array_equal(cost, reference.field_costs(*slow, matches, busy, 3, 1))
    before = reference.field_costs(*slow, first, busy, 3, 1) + price * crowd[first[..., 1], first[..., 0]]
    after = cost + price * crowd[matches[..., 1], matches[..., 0]]
    assert (after[busy] <= before[busy]).all()
    assert (after[busy] < before[busy]).mean() > 0.5
    assert (matches[~busy] == -1).all()
    assert (matches[..., 0][busy] != 6).all()


def test_a_sweep_waits_for_pieces_that_another_thread_has_taken(rng):
    tiles = np.array([[0, 0, 4, 10], [4, 0, 8, 10], [8, 0, 12, 10]], np.int32)
    bounds = np.array([0, 2, 3], np.int32)
    target, source = features(rng, 12, 10, 4, 1), features(rng, 11, 13, 4, 1)
    first = random_field(rng, 12, 10, 11, 13, holes=False)

    def run(taken, done, state, threads, price=9):
        before, matches, crowd, cost = state
        moves, moved = np.empty((2, 40, 4), np.int32), np.empty(2, np.int64)
        return _cpu.sweep(
            0, threads, bounds, taken.reshape(-1), done.reshape(-1), 50, moves, moved, tiles, target.ravel(),
            source.ravel(), np.zeros(1, np.int16), False, 4, 1, 3, np.ones((12, 10), np.bool_), crowd,
            np.float32(price), before, matches, cost, True, True, 2, False, NOTHING, 4, 3, 0, 1,
        )  # fmt: skip

    def start():
        return first.copy(), first.copy(), reference.crowd(first, (11, 13), 3), np.zeros((12, 10), np.float32)

    alone, shared = start(), start()
    assert run(*np.zeros((2, 2, 3, 1, 8), np.int64), alone, 1)
    np.testing.assert_array_equal(alone[0], alone[1])
    np.testing.assert_array_equal(alone[2], reference.crowd(alone[1], (11, 13), 3))
    taken, done = np.zeros((2, 2, 3, 2, 8), np.int64)
    taken[0, 0, 1, 0] = 1  # the other thread is at its tile
    assert not run(taken, done, shared, 2)
    assert done.sum() == done[0, 0, 0, 0] == 1
    assert (shared[1][:4] != first[:4]).any()
    np.testing.assert_array_equal(shared[1][4:], first[4:])
    np.testing.assert_array_equal(shared[0], first)
    # nobody else comes: one thread does the shares of all
    shared = start()
    assert run(*np.zeros((2, 2, 3, 2, 8), np.int64), shared, 2)
    for one, other in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(one, other)
    # without a price nobody has to account
    assert run(*np.zeros((2, 2, 3, 2, 8), np.int64), shared, 2, price=0)
    np.testing.assert_array_equal(shared[0], shared[1])
    np.testing.assert_array_equal(shared[2], alone[2])


def test_counting_together_loses_nothing():
    counters = np.zeros(3, np.int64)

    @njit(nogil=True)
    def add(first, last, counters):
        for _ in range(first, last):
            count(counters, 1)

    with ThreadTeam(3) as crew:
        crew.run(add, 60000, counters)
    assert counters[1] == 60000
    assert not counters[[0, 2]].any()


def test_search_tries_what_is_offered(rng):
    offer = np.full((12, 10, 2), -1, np.int32)
    offer[1:-1, 1:-1] = 3, 4
    state = rng.bit_generator.state
    _, without, old, busy, _, _ = run_search(rng, tries=0)
    rng.bit_generator.state = state
    _, matches, cost, _, _, (target, source, _) = run_search(rng, tries=0, offer=offer)
    taken = (matches == (3, 4)).all(axis=2)
    assert taken.sum() > (without == (3, 4)).all(axis=2).sum()
    for y, x in np.argwhere(busy[1:-1, 1:-1]) + 1:
        assert cost[y, x] <= reference.patch_cost(target, source, None, (x, y), (3, 4), 3, 1)
    assert (cost <= old).mean() > 0.5


def test_patches_reach_beyond_an_edge_only_from_the_same_edge():
    inside = [to for to in range(10) if reaches(5, 20, to, 10, 2)]
    assert inside == [2, 3, 4, 5, 6, 7]
    assert [to for to in range(10) if reaches(0, 20, to, 10, 2)] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert [to for to in range(10) if reaches(18, 20, to, 10, 2)] == [2, 3, 4, 5, 6, 7, 8]


def test_search_finds_the_best_place_in_the_end(rng):
    _, _, cost, busy, _, slow = run_search(rng, sweeps=400, tries=10)
    target, source, _ = slow
    free = np.ones(source.shape[1] - 2, np.bool_)
    free[6] = False
    best = np.full(cost.shape, np.inf)
    for y, x in np.argwhere(busy):
        best[y, x] = min(
            reference.patch_cost(target, source, None, (x, y), (u, v), 3, 1)
            for v in range(11)
            for u in np.flatnonzero(free)
            if reaches(x, 10, u, 13, 1) and reaches(y, 12, v, 11, 1)
        )
    assert (cost[busy] == best[busy]).mean() > 0.9


@pytest.mark.parametrize(("tolerance", "enough", "deepest"), [(1, 3, 16), (900, 1, 16), (1, 1, 2)])
def test_places_by_guides_come_from_the_leaf_of_the_wanted_value(rng, tolerance, enough, deepest):
    source, target = features(rng, 9, 12, 8, 1), features(rng, 7, 8, 8, 1)
    source[1:5, 1:6, 3:] = source[1, 1, 3:]
    centers, active = rng.random((9, 12)) < 0.8, rng.random((7, 8)) < 0.9
    kept = np.argwhere(centers).astype(np.int32)
    places, nodes = kept.copy(), np.empty((200, 6), np.int32)
    nodes = nodes[: _index.grow(source[1:-1, 1:-1], 3, places, tolerance, enough, deepest, nodes)]
    assert sorted(map(tuple, places)) == sorted(map(tuple, kept))
    leaf, field = np.empty((7, 8), np.int32), np.empty((7, 8, 2), np.int32)
    _index.find_leaves(0, 7, target, 1, active, nodes, leaf)
    _index.draw_places(0, 7, leaf, nodes, places, 5, 9, field)
    values = source[1:-1, 1:-1, 3:][centers]
    for y, x in np.ndindex(7, 8):
        if not active[y, x]:
            assert leaf[y, x] == -1
            assert (field[y, x] == -1).all()
            continue
        rows = reference.guide_leaf(values, target[y + 1, x + 1, 3:], tolerance, enough, deepest)
        chosen = kept[rows[reference.hash3(x, y, 5 * 64 + 63, 9) % len(rows)]]
        assert field[y, x].tolist() == chosen[::-1].tolist()
