from __future__ import annotations

import numpy as np
import pytest
from render_pictures import portrait, strokes

from stylize.render import Anchor, PaintedKey
from stylize.render.consistency import anchors_for, measure_agreement, paint_shot
from stylize.render.options import AgreementOptions


class Tinter:
    """Paints by inverting; notes what it was given."""

    name = "tinter"
    version = "1"

    def __init__(self):
        self.anchors = []

    def fingerprint(self):
        return {}

    def paint(self, frame, anchors=(), *, seed=0, on_progress=None):
        self.anchors.append(len(anchors))
        if on_progress is not None:
            on_progress(1.0)
        return PaintedKey(255 - frame, {"seed": seed})


def test_a_key_is_warped_to_where_its_surface_is():
    frames = [portrait(), portrait(shift=6)]
    painted = 255 - frames[0]
    (anchor,) = anchors_for(1, frames, {0: painted}, [0])
    assert anchor.image.shape == painted.shape
    assert anchor.confidence.shape == painted.shape[:2]
    sure = anchor.confidence > 0.8
    assert sure.mean() > 0.4
    off = np.abs(anchor.image[sure].astype(int) - (255 - frames[1])[sure])
    assert np.median(off) < 6


def test_a_key_of_another_size_is_refused():
    with pytest.raises(ValueError, match="painted key 1"):
        anchors_for(0, [portrait(), portrait()], {1: portrait()[:50]}, [1])


def test_agreement_is_measured_where_surface_is_shared():
    image = strokes(size=(96, 128))
    confidence = np.zeros((96, 128), np.float32)
    confidence[:48] = 1
    same = image.copy()
    same[48:] = 255 - same[48:]
    found = measure_agreement(image, [Anchor(same, confidence)])
    assert found.difference == pytest.approx(0, abs=1e-3)
    assert found.shared == pytest.approx(0.5)
    assert measure_agreement(255 - image, [Anchor(same, confidence)]).difference > 5
    assert np.isnan(measure_agreement(image, []).difference)
    assert np.isnan(measure_agreement(image, [Anchor(same, np.zeros_like(confidence))]).difference)


def test_a_shot_is_painted_key_by_key_around_what_is_there():
    frames = [portrait(shift=i) for i in range(7)]
    renderer = Tinter()
    shares = []
    made = dict(paint_shot(frames, [0, 3, 6], renderer, seed=4, finished={3: frames[3]}, on_progress=shares.append))
    assert sorted(made) == [0, 6]
    assert renderer.anchors == [1, 2]
    assert made[0].recipe["seed"] == 4
    assert made[0].recipe["agreement"]["shared"] > 0
    assert shares[-1] == 1.0


class Pair(Tinter):
    """Paints up to three keys at once, and notes which."""

    together = 3

    def __init__(self):
        super().__init__()
        self.groups = []

    def batchable_with(self, other):
        return other is self

    def paint_batch(self, tasks, *, seed=0, on_progress=None):
        self.groups.append(len(tasks))
        return [self.paint(t.frame, t.anchors, seed=seed, on_progress=on_progress) for t in tasks]


@pytest.mark.parametrize("level", ["off", "strong"])
def test_keys_that_follow_none_of_each_other_are_painted_together(level):
    """In the same order, after the same parents, with the same result as one by one."""
    frames = [portrait(shift=4 * i) for i in range(5)]
    options = AgreementOptions(level=level, anchors=1)
    one, several = Tinter(), Pair()
    alone = list(paint_shot(frames, [0, 1, 2, 3, 4], one, agreement=options))
    shares = []
    made = list(paint_shot(frames, [0, 1, 2, 3, 4], several, agreement=options, on_progress=shares.append))
    assert [key for key, _ in made] == [key for key, _ in alone]
    for (_, first), (_, other) in zip(alone, made, strict=True):
        assert first.recipe == other.recipe
        assert np.array_equal(first.image, other.image)
    assert several.groups == ([3, 2] if level == "off" else several.groups)
    if level == "strong":
        parents = {key: painted.recipe["parents"] for key, painted in made}
        assert sum(several.groups) < 5, "a chain cannot be painted all at once"
        assert all(parent in parents for of in parents.values() for parent in of)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_nothing_is_painted_behind_the_key_that_is_wanted():
    several, frames = Pair(), [portrait(shift=4 * i) for i in range(5)]
    options = AgreementOptions(level="off")
    for key, _ in paint_shot(frames, [0, 1, 2, 3, 4], several, agreement=options, last=1):
        if key == 1:
            break
    assert several.groups == [2]
