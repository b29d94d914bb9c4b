from __future__ import annotations

import threading

import numpy as np
import pytest

from stylize.mattes.background import produce_in_background
from stylize.mattes.buffer import MatteBuffer


@pytest.fixture
def buffer():
    with MatteBuffer() as buffer:
        yield buffer


def matte(value):
    return np.full((2, 3), value / 8, np.float32)


def test_first_matte_is_usable_while_the_second_is_produced(buffer):
    used = threading.Event()

    def make(cancellable):
        buffer.write(0, matte(1))
        assert used.wait(20)
        buffer.write(1, matte(2))
        cancellable(print)(1.0)

    with produce_in_background(make, buffer, 2) as coming:
        assert len(coming) == 2
        np.testing.assert_allclose(coming[0], matte(1), atol=1e-5)
        used.set()
        np.testing.assert_allclose(coming[1], matte(2), atol=1e-5)


@pytest.mark.parametrize("asked", [True, False])
def test_error_of_the_producer_is_raised_where_a_matte_is_read_or_at_the_end(buffer, asked):
    def make(cancellable):
        raise OSError("the disk is full")

    def use():
        with produce_in_background(make, buffer, 1) as coming:
            if asked:
                _ = coming[0]

    with pytest.raises(OSError, match="disk is full"):
        use()


def test_producer_is_cancelled_when_the_block_fails(buffer):
    shares, go_on = [], threading.Event()

    def make(cancellable):
        share = cancellable(shares.append)
        for part in range(1000):
            share(part / 1000)
            assert go_on.wait(20)

    def use():
        with produce_in_background(make, buffer, 1):
            go_on.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        use()
    assert len(shares) < 1000
