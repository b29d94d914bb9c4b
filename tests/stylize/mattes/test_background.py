from __future__ import annotations

import threading

import numpy as np
import pytest

from stylize.mattes.background import produce_in_background
from stylize.mattes.buffer import MatteBuffer


@pytest.fixture
def shelf():
    with MatteBuffer() as shelf:
        yield shelf


def matte(value):
    return np.full((2, 3), value / 8, np.float32)


def test_a_matte_is_waited_for_and_used_before_the_next_is_made(shelf):
    used = threading.Event()

    def make(cancellable):
        shelf.put(0, matte(1))
        assert used.wait(20)
        shelf.put(1, matte(2))
        cancellable(print)(1.0)

    with produce_in_background(make, shelf, 2) as coming:
        assert len(coming) == 2
        np.testing.assert_allclose(coming[0], matte(1), atol=1e-5)
        used.set()
        np.testing.assert_allclose(coming[1], matte(2), atol=1e-5)


@pytest.mark.parametrize("asked", [True, False])
def test_what_goes_wrong_while_making_is_told(shelf, asked):
    def make(cancellable):
        raise OSError("the disk is full")

    def use():
        with produce_in_background(make, shelf, 1) as coming:
            if asked:
                _ = coming[0]

    with pytest.raises(OSError, match="disk is full"):
        use()


def test_making_ends_when_nobody_wants_it(shelf):
    shares, go_on = [], threading.Event()

    def make(cancellable):
        share = cancellable(shares.append)
        for part in range(1000):
            share(part / 1000)
            assert go_on.wait(20)

    def use():
        with produce_in_background(make, shelf, 1):
            go_on.set()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        use()
    assert len(shares) < 1000
