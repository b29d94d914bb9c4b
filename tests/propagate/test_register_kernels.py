"""Registration's kernels against their slow twins, in parts as in one go."""

from __future__ import annotations

import numpy as np
import pytest

from propagate import _register as kernels
from propagate.backend import Crew
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


def test_normal_equations(rng, frame, key):
    shift = rng.normal(0, 3, (H, W, 3)).astype(np.float32)
    sums = np.full((H, W, 6), np.nan, np.float32)
    in_parts(kernels.normal_equations, H, frame, key, shift, 12.0, sums)
    np.testing.assert_allclose(
        sums, reference.normal_equations(frame, key, shift, 12.0), rtol=1e-3, atol=1e-2
    )


def test_motion_edges(flow):
    across, down = np.full((H, W), np.nan, np.float32), np.full((H, W), np.nan, np.float32)
    in_parts(kernels.motion_edges, H, flow, 10.0, 3.0, across, down)
    np.testing.assert_allclose([across, down], reference.motion_edges(flow, 10.0, 3.0), rtol=1e-4)


def test_filter(rng, flow):
    data = rng.normal(0, 50, (H, W, 3)).astype(np.float32)
    across, down = (a.astype(np.float32) for a in reference.motion_edges(flow / 9, 10.0, 3.0))
    rows, columns = data.copy(), data.copy()
    in_parts(kernels.filter_rows, H, rows, across)
    in_parts(kernels.filter_columns, W, columns, down)
    turned = reference.filter_rows(data.transpose(1, 0, 2), down.T).transpose(1, 0, 2)
    np.testing.assert_allclose(rows, reference.filter_rows(data, across), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(columns, turned, rtol=1e-4, atol=1e-3)


def test_filter_spreads_evenly_and_stops_at_motion_edges():
    flow = np.zeros((H, W, 2), np.float32)
    flow[:, 11:] = 60
    across, down = np.empty((H, W), np.float32), np.empty((H, W), np.float32)
    kernels.motion_edges(0, H, flow, 10.0, 3.0, across, down)
    data = np.ones((H, W, 1), np.float32)
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
    kernels.solve(0, H, np.zeros((H, W, 6), np.float32), 2.0, 1.0, flow)
    np.testing.assert_array_equal(flow, 3)


def test_try_neighbours(rng, frame, flow):
    key = np.roll(frame, (2, 1), (0, 1))
    flow[5, 5] = flow[12, 9] = (1, 2)
    where = rng.random((H, W)) < 0.7
    steps = np.array([3, 7], np.float32)
    found = np.full_like(flow, np.nan)
    in_parts(kernels.try_neighbours, H, frame, key, flow, where, steps, 1.0, found)
    np.testing.assert_array_equal(found, reference.try_neighbours(frame, key, flow, where, steps, 1.0))
    assert (found != flow).any()
    np.testing.assert_array_equal(found[~where], flow[~where])


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_nothing(rng, frame, key, flow, threads):
    shift = np.zeros((H, W, 3), np.float32)
    made = []
    for count in (1, threads):
        across, down = np.empty((H, W), np.float32), np.empty((H, W), np.float32)
        sums, found = np.empty((H, W, 6), np.float32), np.empty_like(flow)
        with Crew(count) as crew:
            crew.run(kernels.normal_equations, H, frame, key, shift, 12.0, sums)
            crew.run(kernels.motion_edges, H, flow, 10.0, 3.0, across, down)
            crew.run(kernels.filter_rows, H, sums, across)
            crew.run(kernels.filter_columns, W, sums, down)
            crew.run(kernels.try_neighbours, H, frame, key, flow, across > 0, across[0, :3] + 3, 1.0, found)
            crew.run(kernels.solve, H, sums, 2.0, 1.0, found)
        made.append((sums, found))
    for one, other in zip(*made, strict=True):
        np.testing.assert_array_equal(one, other)
