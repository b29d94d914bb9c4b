"""Eight numbers at once say what they would say one by one."""

from __future__ import annotations

import numpy as np
import pytest
from numba import njit

from propagate._simd import (
    WIDTH,
    apart8,
    dot8,
    fold8,
    full8,
    halves8,
    lane8,
    least8,
    load8,
    madd8,
    real8,
    store8,
)


@njit
def whole(a, b, place, most, out):
    one, other = load8(a, place), load8(b, place)
    d = apart8(one, other)
    for k in range(WIDTH):
        out[0, k] = lane8(one + other, k)
        out[1, k] = lane8(one - other, k)
        out[2, k] = lane8(d, k)
        out[3, k] = lane8(least8(d, most), k)
    return dot8(one, other)


@njit
def real(a, b, place, out):
    one, other = load8(a, place), load8(b, place)
    for k in range(WIDTH):
        out[0, k] = lane8(one + other, k)
        out[1, k] = lane8(one - other, k)
        out[2, k] = lane8(one * other, k)
        out[3, k] = lane8(full8(a[0]), k)
        out[4, k] = lane8(halves8(a[0], a[1]), k)
        out[5, k] = lane8(fold8(one), k)
    store8(out.reshape(-1), 6 * WIDTH, madd8(one, other, one))


@njit
def bytes_as_real(a, place, out):
    store8(out, 1, real8(load8(a, place)))


@pytest.mark.parametrize("place", [0, 3])
def test_whole_numbers(rng, place):
    a, b = rng.integers(-4000, 4000, (2, 11)).astype(np.int16)
    out = np.zeros((4, WIDTH), np.int16)
    total = whole(a, b, place, np.int16(900), out)
    one, other = (v[place : place + WIDTH].astype(np.int32) for v in (a, b))
    apart = np.abs(one - other)
    np.testing.assert_array_equal(out, [one + other, one - other, apart, np.minimum(apart, 900)])
    assert total == (one * other).sum()


def test_real_numbers(rng):
    a, b = rng.normal(0, 9, (2, 11)).astype(np.float32)
    out = np.zeros((7, WIDTH), np.float32)
    real(a, b, 2, out)
    one, other = a[2:10], b[2:10]
    expected = [one + other, one - other, one * other, np.full(8, a[0]), np.repeat(a[:2], 4)]
    np.testing.assert_array_equal(out[:5], expected)
    np.testing.assert_array_equal(out[5], np.tile(one[:4] + one[4:], 2))
    np.testing.assert_allclose(out[6], one * other + one, atol=1e-4)


def test_bytes():
    a, out = np.arange(250, 266).astype(np.uint8), np.full(11, -1, np.float32)
    bytes_as_real(a, 2, out)
    np.testing.assert_array_equal(out, [-1, *a[2:10], -1, -1])
