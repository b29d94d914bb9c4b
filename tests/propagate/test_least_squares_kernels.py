"""Registration's kernels against their slow twins, in parts as in one go."""

from __future__ import annotations

import numpy as np
import pytest

from propagate import _least_squares_kernels as kernels
from propagate import registration as register
from propagate._flow_kernels import (
    BORDER,
    FRAME_ENDS,
    KEY_ENDS,
    find_torn,
    lay_out,
    take_over,
    try_neighbors,
    whole_steps,
)
from propagate._warp_kernels import show
from propagate.registration import _FINE, _LIKE, _WIDE
from propagate.threads import ThreadTeam
from propagate.warp import warp
from tests import reference

H, W = 17, 23
HALF = (9, 12)


@pytest.fixture
def frame(rng):
    return rng.integers(0, 256, (H, W, 3), np.uint8)


@pytest.fixture
def key(rng):
    return np.random.default_rng(3).integers(0, 256, (H, W, 3), np.uint8)


@pytest.fixture
def flow(rng):
    return rng.normal(0, 2, (H, W, 2)).astype(np.float32)


def in_parts(kernel, items, *arguments):
    for first in range(0, items, 5):
        kernel(first, min(first + 5, items), *arguments)


def rows(picture):
    return picture.reshape(len(picture), -1)


def blocks_of(planes):
    """Mean of blocks of 2 x 2, what lies outside counts as zero."""
    even = np.pad(planes, ((0, H % 2), (0, W % 2), (0, 0)))
    return even.reshape(HALF[0], 2, HALF[1], 2, -1).mean((1, 3))


def slow_light(rng):
    """A shift of light in three rows, and the same for every pixel."""
    shift = rng.normal(0, 3, (3, 3, W)).astype(np.float32)
    place = np.clip((np.arange(H) + 0.5) * 3 / H - 0.5, 0, 2)
    full = [[np.interp(place, range(3), shift[i, :, x]) for x in range(W)] for i in range(3)]
    return shift, np.array(full).transpose(2, 1, 0)


def lined(key):
    return register._lined(key)


def test_mean_difference(frame, key):
    out = np.full((H, W), np.nan, np.float32)
    in_parts(kernels.mean_difference, H, rows(frame), rows(key), out)
    np.testing.assert_allclose(out, np.abs(frame.astype(float) - key).mean(-1), rtol=1e-5)


@pytest.mark.parametrize("far", [1, 40])
def test_show_fetches_what_opencv_does(frame, key, flow, far):
    flow = np.round(flow * far * 32) / 32  # OpenCV knows steps of 1/32
    out, apart = np.zeros_like(frame), np.full((H, W), np.nan, np.float32)
    in_parts(show, H, lined(key), rows(flow), rows(frame), rows(out), apart)
    expected = warp(key, flow).astype(int)
    assert np.abs(out - expected).max() <= 1
    assert (out != expected).mean() < 0.05
    np.testing.assert_allclose(apart, np.abs(frame.astype(float) - out).mean(-1), rtol=1e-5)


def test_show_far_outside_is_the_border(frame, key):
    flow = np.full((H, W, 2), 1e9, np.float32)
    out, apart = np.zeros_like(frame), np.zeros((H, W), np.float32)
    show(0, H, lined(key), rows(flow), rows(frame), rows(out), apart)
    assert (out == key[-1, -1]).all()
    show(0, H, lined(key), rows(-flow), rows(frame), rows(out), apart)
    assert (out == key[0, 0]).all()


def test_normal_equations(rng, frame, key):
    shift, full = slow_light(rng)
    sums = np.full((HALF[0], HALF[1], kernels.LANES), np.nan, np.float32)
    in_parts(kernels.normal_equations, HALF[0], rows(frame), rows(key), shift, 12.0, rows(sums))
    expected = blocks_of(reference.normal_equations(frame, key, full, 12.0))
    np.testing.assert_allclose(sums[..., :6], expected, rtol=1e-3, atol=1e-2)


def test_flow_is_weighed_and_divided_again(rng, frame, key, flow):
    shift, full = slow_light(rng)
    data = np.zeros((HALF[0], HALF[1], kernels.LANES), np.float32)
    in_parts(kernels.weigh_flow, HALF[0], rows(frame), rows(key), shift, 12.0, rows(flow), rows(data))
    d = key.astype(float) + full - frame
    weight = (1 / (1 + (np.abs(d).max(-1) / 12) ** 2) + 1e-3)[..., None]
    expected = blocks_of(np.dstack([flow * weight, weight]))
    np.testing.assert_allclose(data[..., :3], expected, rtol=1e-4, atol=1e-6)
    back = np.full((2, *HALF), np.nan, np.float32)
    in_parts(kernels.divide, HALF[0], rows(data), back)
    np.testing.assert_allclose(back, (data[..., :2] / data[..., 2:3]).transpose(2, 0, 1), rtol=1e-4)


def test_spread_goes_over_evenly_and_keeps_edges(flow):
    y, x = np.mgrid[0 : HALF[0], 0 : HALF[1]] * 2 + 0.5
    plane = np.array([0.1 * x + 0.2 * y, -0.3 * y]).astype(np.float32)
    out = np.full_like(flow, np.nan)
    in_parts(kernels.spread, H, plane, 1.0, rows(flow), rows(out))
    y, x = np.mgrid[0:H, 0:W]
    expected = flow + np.dstack([0.1 * x + 0.2 * y, -0.3 * y])
    np.testing.assert_allclose(out[1:-1, 1:-1], expected[1:-1, 1:-1], atol=1e-5)
    plane[:, :, 6:] += 50
    kernels.spread(0, H, plane, 0.0, rows(flow), rows(out))
    np.testing.assert_array_less(out[:, :12], 12)
    np.testing.assert_array_less(40, out[:, 12:])


def test_keep_better(rng, frame, key, flow):
    found, remains, left = np.zeros_like(flow), *rng.uniform(0, 9, (2, H, W)).astype(np.float32)
    mine = (flow.copy(), key.copy(), left.copy())
    arguments = (rows(found), rows(frame), remains, rows(mine[0]), rows(mine[1]), mine[2])
    in_parts(kernels.keep_better, H, *arguments)
    better = remains < left
    for now, old, new in zip(mine, (flow, key, left), (found, frame, remains), strict=True):
        np.testing.assert_array_equal(now[better], new[better])
        np.testing.assert_array_equal(now[~better], old[~better])


def test_motion_edges(flow):
    table = np.exp(-np.arange(4000) / 100).astype(np.float32)
    across, down = np.full((H, W), np.nan, np.float32), np.full((H, W), np.nan, np.float32)
    planar = np.ascontiguousarray(flow.transpose(2, 0, 1))
    in_parts(kernels.motion_edges, H, planar, table, 100.0, across, down)
    # exp(-difference in pixels), read from steps of a hundredth
    expected = reference.motion_edges(flow, 1e9, 2**0.5)
    np.testing.assert_allclose([across, down], expected, rtol=6e-3)


def test_torn_places_are_found_and_mended(rng, flow):
    even = rng.normal(0, 2, (2, H, W)).astype(np.float32)
    torn, mended = np.full((H, W), 9, np.uint8), flow.copy()
    in_parts(find_torn, H, flow, even, 1.0, torn)
    planes = even.transpose(1, 2, 0)
    np.testing.assert_array_equal(torn, (np.abs(flow - planes) > 1).any(-1))
    in_parts(take_over, H, torn, even, mended)
    np.testing.assert_array_equal(mended, np.where(torn[..., None] > 0, planes, flow))


def test_filter(rng, flow):
    data = rng.normal(0, 50, (H, W, kernels.LANES)).astype(np.float32)
    across, down = (a.astype(np.float32) for a in reference.motion_edges(flow / 9, 10.0, 3.0))
    along, columns = data.copy(), data.copy()
    in_parts(kernels.filter_rows, H, rows(along), across)
    in_parts(kernels.filter_columns, W, rows(columns), down)
    turned = reference.filter_rows(data.transpose(1, 0, 2), down.T).transpose(1, 0, 2)
    np.testing.assert_allclose(along, reference.filter_rows(data, across), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(columns, turned, rtol=1e-4, atol=1e-3)


def test_filter_spreads_evenly_and_stops_at_motion_edges():
    flow = np.zeros((2, H, W), np.float32)
    flow[:, :, 11:] = 60
    across, down = np.empty((H, W), np.float32), np.empty((H, W), np.float32)
    kernels.motion_edges(0, H, flow, _WIDE, _FINE, across, down)
    data = np.ones((H, W, kernels.LANES), np.float32)
    data[:, 11:] = 100
    kernels.filter_rows(0, H, rows(data), across)
    np.testing.assert_allclose(data[:, :11], 1, atol=1e-4)
    np.testing.assert_allclose(data[:, 11:], 100, atol=1e-3)


def test_solve(rng):
    root = rng.normal(0, 20, (H, W, 2, 2))
    tensor = root @ root.transpose(0, 1, 3, 2)
    right = rng.normal(0, 500, (H, W, 2))
    nothing = np.zeros((H, W, kernels.LANES - 5))
    sums = np.dstack([tensor[..., 0, 0], tensor[..., 0, 1], tensor[..., 1, 1], right, nothing])
    sums, step = sums.astype(np.float32), np.full((2, H, W), np.nan, np.float32)
    in_parts(kernels.solve, H, rows(sums), 2.0, 1.0, step)
    np.testing.assert_allclose(step.transpose(1, 2, 0), reference.solve(sums, 2.0, 1.0), atol=2e-2)
    assert np.abs(step).max() <= 1


def test_nothing_to_see_moves_nothing():
    step = np.full((2, H, W), 3, np.float32)
    kernels.solve(0, H, np.zeros((H, W * kernels.LANES), np.float32), 2.0, 1.0, step)
    np.testing.assert_array_equal(step, 0)


def planes(picture, beyond):
    above, below, left, right = BORDER
    made = np.full((3, H + above + below, W + left + right), beyond, np.int16)
    in_parts(lay_out, H, rows(picture), made)
    inner = made[:, above:-below, left:-right]
    np.testing.assert_array_equal(inner, picture.transpose(2, 0, 1))
    return made.reshape(-1)


def whole(flow):
    steps = np.empty(flow.shape[:2], np.int32)
    in_parts(whole_steps, len(flow), flow, steps)
    return steps


def test_whole_steps():
    flow = np.array([[(0, 0), (-1.4, 2.6), (2.5, -0.6), (1e9, -1e9)]], np.float32)
    steps = [0, 3 * 65536 - 1, 2 - 65536, 16384 - 16384 * 65536]
    np.testing.assert_array_equal(whole(flow), [steps])


@pytest.mark.parametrize("far", [1, 30])
def test_try_neighbors(rng, frame, flow, far):
    key = np.roll(frame, (2, 1), (0, 1))
    flow[1::3, 1::2] *= far  # the farther ones leave the key
    flow[5, 5] = flow[12, 9] = (1, 2)
    where = rng.random((H, W)) < 0.7
    steps = np.array([3, 7], np.int32)
    found = np.full_like(flow, np.nan)
    pair = planes(frame, FRAME_ENDS), planes(key, KEY_ENDS)
    in_parts(try_neighbors, H, *pair, flow, whole(flow), where, steps, 1, _LIKE, found)
    np.testing.assert_array_equal(found, reference.try_neighbors(frame, key, flow, where, steps, 1))
    assert (found != flow).any()
    np.testing.assert_array_equal(found[~where], flow[~where])


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(rng, frame, key, flow, threads):
    shift, even = slow_light(rng)[0], np.ascontiguousarray(flow.transpose(2, 0, 1)[:, : HALF[0], : HALF[1]])
    steps, table = np.array([3], np.int32), np.linspace(1, 0, 99, dtype=np.float32)
    made = []
    for count in (1, threads):
        across, down = np.empty(HALF, np.float32), np.empty(HALF, np.float32)
        sums, found = np.zeros((HALF[0], HALF[1] * kernels.LANES), np.float32), np.empty_like(flow)
        step, shown, apart = (
            np.empty((2, *HALF), np.float32),
            np.empty_like(frame),
            np.empty((H, W), np.float32),
        )
        last = np.empty_like(flow)
        with ThreadTeam(count) as crew:
            crew.run(show, H, lined(key), rows(flow), rows(frame), rows(shown), apart)
            crew.run(kernels.normal_equations, HALF[0], rows(frame), rows(shown), shift, 12.0, sums)
            crew.run(kernels.motion_edges, HALF[0], even, table, 9.0, across, down)
            crew.run(kernels.filter_rows, HALF[0], sums, across)
            crew.run(kernels.filter_columns, HALF[1], sums, down)
            crew.run(kernels.solve, HALF[0], sums, 2.0, 1.0, step)
            crew.run(kernels.spread, H, step, 1.0, rows(flow), rows(found))
            pair = planes(frame, FRAME_ENDS), planes(key, KEY_ENDS)
            crew.run(try_neighbors, H, *pair, found, whole(found), apart > 9, steps, 1, _LIKE, last)
        made.append((sums, found, shown, apart, last))
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)
