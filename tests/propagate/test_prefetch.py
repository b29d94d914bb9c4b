"""Working ahead: the same items in the same order, one in advance and no more, and a clean end."""

from __future__ import annotations

import threading
import time

import pytest

from propagate.prefetch import ahead


def counted(count, made, closed):
    try:
        for i in range(count):
            made.append((i, threading.get_ident()))
            yield i
    finally:
        closed.append(True)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("count", [0, 1, 5])
def test_every_item_comes_in_order(threads, count):
    made, closed = [], []
    assert list(ahead(counted(count, made, closed), threads=threads)) == list(range(count))
    assert closed
    others = {ident for _, ident in made} - {threading.get_ident()}
    assert len(others) == (1 if threads > 1 and count else 0)


def test_it_is_one_item_ahead_and_no_more():
    made, closed = [], []
    steps = ahead(counted(9, made, closed), threads=2)
    assert not made
    next(steps)
    deadline = time.monotonic() + 20
    while len(made) < 2 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.02)
    assert len(made) == 2
    steps.close()
    assert closed
    assert len(made) == 2


def test_nothing_may_be_yielded_too():
    assert list(ahead((item for item in (None, 0, None)), threads=2)) == [None, 0, None]


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_comes_when_its_item_is_due(threads):
    def broken():
        yield 1
        raise OSError("the disk is gone")

    steps = ahead(broken(), threads=threads)
    assert next(steps) == 1
    with pytest.raises(OSError, match="the disk is gone"):
        next(steps)
