from __future__ import annotations

import numpy as np
import pytest
from render_pictures import portrait, strokes

from stylize.render.options import AgreementOptions
from stylize.render.overlap import Overlap, next_key

SHARES = {(0, 1): 0.9, (1, 2): 0.8, (2, 3): 0.3, (0, 2): 0.5, (1, 3): 0.6, (0, 3): 0.1}


class Known(Overlap):
    """Overlaps that are given."""

    def __init__(self):
        super().__init__([], [0, 1, 2, 3])
        self._known.update(SHARES)


def grow(done=(), **choices):
    overlap, done, order = Known(), list(done), []
    while wanted := [k for k in (0, 1, 2, 3) if k not in done]:
        order.append(next_key(overlap, wanted, done, **choices))
        done.append(order[-1])
    return order


def test_the_tree_of_greatest_overlap():
    assert grow() == [1, 0, 2, 3]  # 1 shares most with all; then 0 (.9), 2 (.8), 3 (.6)
    assert grow(done=[3]) == [1, 0, 2]
    assert grow(done=[1, 0]) == [2, 3]  # as if it had not been stopped
    assert grow(locked=(3,)) == [3, 1, 0, 2]


def test_who_has_parents_waits_for_them():
    assert grow(done=[3], recorded={1: [0]}) == [2, 0, 1]
    assert sorted(grow(recorded={1: [0], 0: [1]})) == [0, 1, 2, 3]  # a circle does not hold anybody up


def test_parents_are_those_that_share_most():
    overlap = Known()
    assert overlap.best(0, [1, 2, 3], 2, 0.2) == (1, 2)
    assert overlap.best(3, [0], 2, 0.2) == ()
    assert overlap.best(0, [], 2, 0.0) == ()


def test_overlap_of_pictures_is_what_they_share():
    rng = np.random.default_rng(3)
    wide = np.kron(rng.integers(0, 255, (12, 40, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    frames = [wide[:, 0:160], wide[:, 8:168], wide[:, 64:224], strokes(size=(96, 160))]
    overlap = Overlap(frames, [0, 1, 2, 3])
    assert overlap(0, 0) == 1
    assert overlap(0, 1) == overlap(1, 0)
    assert overlap(0, 1) > 0.75
    assert overlap(0, 1) > overlap(0, 2) > overlap(0, 3)
    assert overlap(0, 3) < 0.15
    assert Overlap([portrait(), portrait()], [0, 1])(0, 1) > 0.99


@pytest.mark.parametrize("bad", [{"level": "much"}, {"anchors": 0}, {"anchors": 9}, {"min_overlap": -0.1}])
def test_bounds(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        AgreementOptions(**bad)
