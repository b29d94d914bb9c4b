"""Registration's kernels against their slow twins, in parts as in one go."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from propagate import _register as kernels
from propagate._neighbours import find_torn, take_over, try_neighbours
from propagate.backend import Crew
from propagate.register import _FINE, _LIKE, _WIDE
from tests import reference

H, W = 17, 23


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


def gradients(frame, key):
    both = frame.astype(np.int16) + key
    return [
        np.array(
            [cv2.Sobel(both[..., i], cv2.CV_16S, *way, borderType=cv2.BORDER_REPLICATE) for i in range(3)]
        )
        for way in ((1, 0), (0, 1))
    ]


def test_mean_difference(frame, key):
    out = np.full((H, W), np.nan, np.float32)
    in_parts(kernels.mean_difference, H, frame, key, out)
    np.testing.assert_allclose(out, np.abs(frame.astype(float) - key).mean(-1), rtol=1e-5)


def test_compare(rng, frame, key):
    shift = rng.normal(0, 3, (H, W, 3)).astype(np.float32)
    both, d = np.zeros((3, H, W), np.int16), np.full((3, H, W), np.nan, np.float32)
    in_parts(kernels.compare, H, frame, key, shift, both, d)
    np.testing.assert_array_equal(both.transpose(1, 2, 0), frame.astype(int) + key)
    np.testing.assert_allclose(d.transpose(1, 2, 0), key.astype(float) - frame + shift, rtol=1e-5, atol=1e-4)


def test_normal_equations(rng, frame, key):
    shift = rng.normal(0, 3, (H, W, 3)).astype(np.float32)
    d = np.ascontiguousarray((key.astype(np.float32) + shift - frame).transpose(2, 0, 1))
    sums = np.full((H, W, kernels.LANES), np.nan, np.float32)
    in_parts(kernels.normal_equations, H, *gradients(frame, key), d, 12.0, sums)
    expected = reference.normal_equations(frame, key, shift, 12.0)
    np.testing.assert_allclose(sums[..., :6], expected, rtol=1e-3, atol=1e-2)


def test_flow_is_weighed_and_divided_again(rng, flow):
    d = rng.normal(0, 20, (3, H, W)).astype(np.float32)
    data = np.zeros((H, W, kernels.LANES), np.float32)
    in_parts(kernels.weigh_flow, H, d, 12.0, flow, data)
    weight = 1 / (1 + (np.abs(d).max(0) / 12) ** 2) + 1e-3
    np.testing.assert_allclose(data[..., :3], np.dstack([flow * weight[..., None], weight]), rtol=1e-4)
    back = np.full_like(flow, np.nan)
    in_parts(kernels.divide, H, data, back)
    np.testing.assert_allclose(back, flow, rtol=1e-4, atol=1e-6)


def test_keep_better(rng, frame, key, flow):
    found, remains, left = np.zeros_like(flow), *rng.uniform(0, 9, (2, H, W)).astype(np.float32)
    mine = (flow.copy(), key.copy(), left.copy())
    in_parts(kernels.keep_better, H, found, frame, remains, *mine)
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
    rows, columns = data.copy(), data.copy()
    in_parts(kernels.filter_rows, H, rows, across)
    in_parts(kernels.filter_columns, W, columns, down)
    turned = reference.filter_rows(data.transpose(1, 0, 2), down.T).transpose(1, 0, 2)
    np.testing.assert_allclose(rows, reference.filter_rows(data, across), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(columns, turned, rtol=1e-4, atol=1e-3)


def test_filter_spreads_evenly_and_stops_at_motion_edges():
    flow = np.zeros((2, H, W), np.float32)
    flow[:, :, 11:] = 60
    across, down = np.empty((H, W), np.float32), np.empty((H, W), np.float32)
    kernels.motion_edges(0, H, flow, _WIDE, _FINE, across, down)
    data = np.ones((H, W, kernels.LANES), np.float32)
    data[:, 11:] = 100
    kernels.filter_rows(0, H, data, across)
    np.testing.assert_allclose(data[:, :11], 1, atol=1e-4)
    np.testing.assert_allclose(data[:, 11:], 100, atol=1e-3)


def test_solve(rng):
    root = rng.normal(0, 20, (H, W, 2, 2))
    tensor = root @ root.transpose(0, 1, 3, 2)
    right = rng.normal(0, 500, (H, W, 2))
    sums = np.dstack([tensor[..., 0, 0], tensor[..., 0, 1], tensor[..., 1, 1], right, np.ones((H, W))])
    sums = sums.astype(np.float32)
    flow = np.ones((H, W, 2), np.float32)
    in_parts(kernels.solve, H, sums, 2.0, 1.0, flow)
    np.testing.assert_allclose(flow - 1, reference.solve(sums, 2.0, 1.0), atol=2e-2)
    assert np.abs(flow - 1).max() <= 1


def test_nothing_to_see_moves_nothing():
    flow = np.full((H, W, 2), 3, np.float32)
    kernels.solve(0, H, np.zeros((H, W, kernels.LANES), np.float32), 2.0, 1.0, flow)
    np.testing.assert_array_equal(flow, 3)


def test_try_neighbours(rng, frame, flow):
    key = np.roll(frame, (2, 1), (0, 1))
    flow[5, 5] = flow[12, 9] = (1, 2)
    where = rng.random((H, W)) < 0.7
    steps = np.array([3, 7], np.int32)
    found = np.full_like(flow, np.nan)
    in_parts(try_neighbours, H, frame, key, flow, where, steps, 1.0, _LIKE, found)
    np.testing.assert_array_equal(found, reference.try_neighbours(frame, key, flow, where, steps, 1.0))
    assert (found != flow).any()
    np.testing.assert_array_equal(found[~where], flow[~where])


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(rng, frame, key, flow, threads):
    d = rng.normal(0, 9, (3, H, W)).astype(np.float32)
    slopes, even = gradients(frame, key), np.ascontiguousarray(flow.transpose(2, 0, 1))
    steps, table = np.array([3], np.int32), np.linspace(1, 0, 99, dtype=np.float32)
    made = []
    for count in (1, threads):
        across, down = np.empty((H, W), np.float32), np.empty((H, W), np.float32)
        sums, found = np.zeros((H, W, kernels.LANES), np.float32), np.empty_like(flow)
        with Crew(count) as crew:
            crew.run(kernels.normal_equations, H, *slopes, d, 12.0, sums)
            crew.run(kernels.motion_edges, H, even, table, 9.0, across, down)
            crew.run(kernels.filter_rows, H, sums, across)
            crew.run(kernels.filter_columns, W, sums, down)
            crew.run(try_neighbours, H, frame, key, flow, across > 0, steps, 1.0, _LIKE, found)
            crew.run(kernels.solve, H, sums, 2.0, 1.0, found)
        made.append((sums, found))
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)
