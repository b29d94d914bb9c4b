"""The links between neighboring frames against numpy's word."""

import itertools

import cv2
import numpy as np
import pytest

from keyframes import AnalysisOptions, analyze
from keyframes._flow_kernels import agree, count_found
from tests import synthetic

GAP, COLOR = 1.0, 30.0


def wild(seed, size=(40, 56)):
    """A flow that bends, tears and leaves the picture."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(0, 6, (5, 7, 2)).astype(np.float32)
    return cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_NEAREST) + rng.normal(0, 0.4, (*size, 2)).astype(
        np.float32
    )


def at(array, x, y):
    """Blend the four neighbors of a place, one after the other."""
    height, width = array.shape[:2]
    x, y = min(max(x, 0), width - 1), min(max(y, 0), height - 1)
    x0, y0 = int(x), int(y)
    x1, y1 = min(x0 + 1, width - 1), min(y0 + 1, height - 1)
    fx, fy = x - x0, y - y0
    upper = array[y0, x0] * (1 - fx) + array[y0, x1] * fx
    return upper * (1 - fy) + (array[y1, x0] * (1 - fx) + array[y1, x1] * fx) * fy


@pytest.mark.parametrize("seed", range(3))
def test_flows_agree_where_one_leads_back_along_the_other(seed):
    flow = wild(seed)
    other = -wild(seed) + np.random.default_rng(seed).normal(0, 0.6, flow.shape).astype(np.float32)
    sure = np.empty(flow.shape[:2], np.uint8)
    agree(flow, other, GAP, sure)
    height, width = sure.shape
    for row, column in itertools.product(range(height), range(width)):
        x, y = column + float(flow[row, column, 0]), row + float(flow[row, column, 1])
        miss = np.hypot(*(flow[row, column] + at(other.astype(float), x, y)))
        if abs(miss - GAP) > 1e-3:  # rounding decides nothing here
            assert sure[row, column] == (miss < GAP and 0 <= x <= width - 1 and 0 <= y <= height - 1)
    assert 0.1 < sure.mean() < 0.9


def test_found_are_the_sure_pixels_of_like_color():
    before, image = synthetic.pan(2, (3.0, 1.0), size=(40, 56))
    flow = wild(4)
    sure = (np.random.default_rng(5).random(flow.shape[:2]) < 0.7).astype(np.uint8)
    found = 0
    for row, column in np.argwhere(sure):
        x, y = column + float(flow[row, column, 0]), row + float(flow[row, column, 1])
        found += np.abs(at(before.astype(float), x, y) - image[row, column]).max() < COLOR
    assert abs(count_found(image, before, flow, sure, COLOR) - found) <= 2  # of those right at the limit
    assert 0 < found < sure.sum()


def test_held_frames_bring_nothing_and_can_be_followed():
    frames = [f for f in synthetic.pan(6, (4.0, 0.0)) for _ in range(3)]
    analysis = analyze(frames, AnalysisOptions(points=512))
    held = np.arange(18) % 3 > 0
    assert (analysis.novelty[held] == 0).all()
    assert (analysis.novelty[~held][1:] > 0).all()
    everything = ~np.uint64(0)
    assert all((analysis.reach[t, s] == everything).all() for t, s in ((0, 2), (2, 0), (15, 17)))


def test_an_error_in_the_frames_comes_out_and_nothing_is_left_running():
    def broken():
        yield from synthetic.pan(8)
        raise OSError("frame 8 cannot be read")

    with pytest.raises(OSError, match="frame 8"):
        analyze(broken(), AnalysisOptions(points=512))
