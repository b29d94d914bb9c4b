"""Keys go where new information appears."""

from __future__ import annotations

import importlib.util
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from keyframes._dynamic_programming import along, best_paths, interval_costs
from keyframes._node_chain import _in_order
from keyframes.coverage import ShotAnalysis, analyze
from keyframes.importance import region
from keyframes.options import AnalysisOptions, SelectOptions
from keyframes.select import select_keyframes
from keyframes.suggestions import suggest
from tests import synthetic
from tests.keyframes import slow

QUICK = AnalysisOptions(points=1024)


def chosen(frames, options=None, **given):
    selection = select_keyframes(analyze(frames, QUICK), options, **given)
    return [key.frame for key in selection.keys], selection


def first(count):
    return SelectOptions(coverage=1.0, max_keys=count, min_gain=0.0)


CLIPS = {
    "pan": synthetic.pan(18, (5.0, 0.0), size=(72, 128)),
    "burst": synthetic.burst(8, 6, 4, (8.0, 0.0)),
    "zoom": synthetic.zoom(16, 0.97, size=(72, 128)),
    "grain": synthetic.noise(synthetic.burst(6, 5, 6, (7.0, 2.0), seed=12), 3.0),
}


@pytest.fixture(scope="module", params=CLIPS)
def clip(request):
    frames = CLIPS[request.param]
    return frames, analyze(frames), slow.explained(frames)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_choice_is_within_five_per_cent_of_the_best_there_is(clip, count):
    frames, analysis, seen = clip
    keys = [key.frame for key in select_keyframes(analysis, first(count)).keys]
    ours, best = slow.left_over(seen, keys), slow.best(seen, count)
    assert ours <= 1.05 * best + 0.001
    assert ours <= slow.left_over(seen, slow.evenly(len(frames), count)) + 0.001


def test_the_analysis_agrees_with_its_slow_twin(clip):
    _, analysis, seen = clip
    ones = np.bitwise_count(analysis.reach)
    shares = (ones * analysis.heft[:, None]).sum(axis=2)
    assert np.abs(shares - seen.mean(axis=(2, 3))).mean() < 0.02


def test_paths_are_the_best_of_all_sets(rng):
    reach = rng.integers(0, 2**63, (9, 9, 1), np.uint64)
    planes, heft = np.full((9, 1, 1), ~np.uint64(0)), np.full((9, 1), 1 / 64, np.float32)
    seen = np.unpackbits(reach.view(np.uint8), axis=2, bitorder="little").astype(bool).reshape(9, 9, 8, 8)
    cost, worst = interval_costs(reach, planes, heft, np.ones(9))
    paths = best_paths(cost, 4)
    for count, (cost, keys) in enumerate(paths, start=1):
        assert len(keys) == count
        assert along(worst, keys).max() <= 1
        assert cost / (9 - count) == pytest.approx(slow.best(seen, count), abs=1e-6)
        assert slow.left_over(seen, keys) == pytest.approx(slow.best(seen, count), abs=1e-6)


def test_stillness_needs_one_key():
    keys, selection = chosen(synthetic.noise(synthetic.still(30), 2.0))
    assert len(keys) == 1
    assert selection.total > 0.97
    assert selection.keys[0].reason.startswith("the only key")


def test_a_burst_after_stillness_gets_the_keys():
    keys, _ = chosen(synthetic.burst(40, 24, 0, (8.0, 0.0)), first(4))
    assert sum(key < 38 for key in keys) <= 1
    assert sum(key >= 38 for key in keys) >= 3


def test_a_reveal_gets_a_key_that_says_so():
    keys, selection = chosen(synthetic.reveal(40, 16))
    assert len(keys) == 2
    assert keys[0] < 17
    assert keys[1] >= 21
    assert "new since" in selection.keys[1].reason
    assert "right" in selection.keys[1].reason


@pytest.mark.parametrize("counts", [[30, 8, 30], [20, 20, 20, 20]])
def test_a_return_reuses_its_key(counts):
    keys, selection = chosen(synthetic.noise(synthetic.there_and_back(counts), 2.0))
    assert len(keys) == 2
    assert selection.total > 0.95
    assert any("a return" in key.reason for key in selection.keys)


def test_what_an_occluder_hid_is_explained_by_the_keys_before():
    _, selection = chosen(synthetic.occluder(48, 14, 30))
    assert len(selection.keys) <= 3
    assert selection.coverage[40:].min() > 0.95


def test_coverage_stops_and_more_keys_never_explain_less():
    analysis = analyze(synthetic.pan(40, (5.0, 0.0)), QUICK)
    strict = select_keyframes(analysis, SelectOptions(coverage=0.97, min_gain=0.0))
    assert strict.total >= 0.96
    assert list(strict.curve) == sorted(strict.curve)
    less = select_keyframes(analysis, SelectOptions(coverage=0.8, min_gain=0.0))
    assert len(less.keys) < len(strict.keys)
    assert len(select_keyframes(analysis, SelectOptions(coverage=1.0, max_keys=2)).keys) == 2


def test_calm_and_lively():
    analysis = analyze(synthetic.pan(60, (4.0, 0.0)), QUICK)
    calm = select_keyframes(analysis, SelectOptions(liveliness=0.0))
    lively = select_keyframes(analysis, SelectOptions(liveliness=1.0))
    assert len(calm.keys) < len(lively.keys)
    frames = [0, *(key.frame for key in lively.keys), 59]
    assert max(np.diff(frames)) <= 12


def test_gaps_are_kept():
    analysis = analyze(synthetic.pan(40, (5.0, 0.0)), QUICK)
    apart = [k.frame for k in select_keyframes(analysis, SelectOptions(coverage=1.0, min_gain=0, min_gap=9)).keys]
    assert min(np.diff(apart)) >= 9
    near = [k.frame for k in select_keyframes(analysis, SelectOptions(coverage=0.5, max_gap=7)).keys]
    assert max(np.diff([0, *near, 39])) <= 7


def test_forced_keys_stay_and_banned_frames_stay_free():
    analysis = analyze(synthetic.pan(40, (4.0, 0.0)), QUICK)
    free = select_keyframes(analysis, first(3), offset=100)
    banned = [key.frame for key in free.keys]
    asked = select_keyframes(analysis, first(5), offset=100, forced={103: "locked", 121: "user"}, banned=banned)
    frames = {key.frame: key.kind for key in asked.keys}
    assert frames[103] == "locked"
    assert frames[121] == "user"
    assert not set(frames) & set(banned)
    assert len(frames) == 5
    assert asked.coverage[3] == 1.0
    assert all("by hand" in key.reason for key in asked.keys if key.kind != "auto")


def test_forced_keys_count_and_are_kept_when_they_alone_are_too_many():
    analysis = analyze(synthetic.pan(40, (4.0, 0.0)), QUICK)
    kept = select_keyframes(analysis, first(2), forced=[3, 20, 30])
    assert [key.frame for key in kept.keys] == [3, 20, 30]
    assert len(select_keyframes(analysis, first(4), forced=[3, 20, 30]).keys) == 4


def test_forced_keys_that_share_a_node_are_all_kept():
    analysis = analyze(synthetic.still(60), AnalysisOptions(points=512, nodes=8))
    kept = select_keyframes(analysis, forced=[30, 31])
    assert {30, 31} <= {key.frame for key in kept.keys}


def test_a_region_of_interest_is_all_that_counts():
    frames = synthetic.reveal(40, 16)
    assert len(chosen(frames, weights=[region("0%,0%,30%,100%", (160, 90))] * 40)[0]) == 1
    assert len(chosen(frames, weights=[region("80,0,80,90", (160, 90))] * 40)[0]) == 2


@pytest.mark.parametrize(
    ("roi", "what"),
    [("1,2,3", "use X,Y,W,H"), ("a,b,c,d", "use X,Y,W,H"), ("0,0,0,5", "above 0"),
     ("-1,0,5,5", "0 or more"), ("200,0,10,10", "outside the frame of 160x90"), ("0,100%,10,10", "outside")],
)  # fmt: skip
def test_a_bad_region_is_named(roi, what):
    with pytest.raises(ValueError, match=what):
        region(roi, (160, 90))


def test_a_region_has_its_size_and_place():
    found = region("40,0,80,45", (160, 90))
    assert found.shape == (90, 160)
    assert found.sum() == 80 * 45
    assert found[0, 40] == found[44, 119] == 1
    assert region("0,0,1,1", (4000, 2000)).sum() == 1
    assert region("50%,50%,50%,100%", (200, 100))[75, 150] == 1


def test_only_forced_keys_when_all_others_are_banned():
    selection = select_keyframes(analyze(synthetic.pan(12), QUICK), forced=[5], banned=[f for f in range(12) if f != 5])
    assert [key.frame for key in selection.keys] == [5]


def test_weights_say_what_counts():
    frames = synthetic.reveal(40, 16)
    left = np.zeros(frames[0].shape[:2], np.float32)
    left[:, : left.shape[1] // 3] = 1
    assert len(chosen(frames)[0]) == 2
    assert len(chosen(frames, weights=[left] * 40)[0]) == 1
    assert len(chosen(frames, weights=lambda t: None if t < 20 else left)[0]) == 1
    empty, selection = chosen(frames, weights=[np.zeros_like(left)] * 40)
    assert len(empty) == 1
    assert selection.total == 1.0


def test_long_shots_are_thinned_where_they_are_still():
    frames = synthetic.burst(60, 20, 60, (5.0, 0.0))
    analysis = analyze(frames, AnalysisOptions(nodes=40, points=1024))
    assert len(analysis.nodes) == 40
    assert analysis.length == 140
    assert sum(58 <= node <= 82 for node in analysis.nodes) >= 18
    keys = [key.frame for key in select_keyframes(analysis, first(4)).keys]
    whole = [key.frame for key in select_keyframes(analyze(frames, QUICK), first(4)).keys]
    assert sum(key >= 58 for key in keys) >= 3
    assert np.abs(np.subtract(keys[1:], whole[1:])).max() <= 6
    assert len(select_keyframes(analysis, first(4)).coverage) == 140


def test_rows_are_brought_in_order_in_place(rng):
    rows = rng.integers(0, 99, (9, 4))
    order = [int(i) for i in rng.permutation(9)]
    assert np.array_equal(_in_order(rows.copy(), order), rows[order])


def test_the_analysis_survives_storing():
    analysis = analyze(synthetic.pan(10), QUICK)
    again = ShotAnalysis.from_arrays(analysis.to_arrays())
    for name, value in vars(analysis).items():
        assert np.array_equal(getattr(again, name), value), name
    with pytest.raises(ValueError, match="lacks rows"):
        ShotAnalysis.from_arrays({k: v for k, v in analysis.to_arrays().items() if k != "rows"})


def test_the_same_twice():
    frames = synthetic.noise(synthetic.pan(20), 4.0)
    a, b = select_keyframes(analyze(frames, QUICK)), select_keyframes(analyze(frames, QUICK))
    assert a.keys == b.keys
    assert np.array_equal(a.coverage, b.coverage)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (9, 7), (64, 3)])
@pytest.mark.parametrize("count", [1, 2, 11])
def test_odd_sizes_and_lengths(size, count):
    frames = [np.full((*size, 3), 10 * t, np.uint8) for t in range(count)]
    keys, selection = chosen(frames)
    assert keys
    assert len(selection.coverage) == count


def test_deep_and_large_frames_are_taken():
    frames = [np.repeat(np.repeat(f, 5, 0), 5, 1).astype(np.uint16) * 257 for f in synthetic.pan(4)]
    assert analyze(frames).size == (180, 320)


@pytest.mark.parametrize(
    ("call", "what"),
    [
        (lambda a: select_keyframes(a, forced=[12]), "forced frame 12 is outside the shot; choose 0 to 11"),
        (lambda a: select_keyframes(a, banned=[-1]), "banned frame -1"),
        (lambda a: select_keyframes(a, forced=[3], banned=[3]), "frame 3 is both"),
        (lambda a: select_keyframes(a, banned=range(12)), "every frame"),
        (lambda a: select_keyframes(a, weights=[None] * 3), "3 weight maps for 12 frames"),
        (lambda a: select_keyframes(a, weights=[np.full((4, 4), 2.0, np.float32)] * 12), "leaves 0 to 1"),
        (lambda _: analyze([]), "no frame"),
        (lambda _: analyze([np.zeros((8, 8, 3), np.uint8), np.zeros((8, 9, 3), np.uint8)]), "frame 1 is"),
        (lambda _: SelectOptions(coverage=0), "invalid coverage 0; use a value above 0, up to 1"),
        (lambda _: SelectOptions(max_gap=2, min_gap=3), "invalid max_gap 2; use 3 frames or more"),
        (lambda _: AnalysisOptions(nodes=1), "invalid nodes 1; use 8 to 4096 frames"),
    ],
)
def test_bad_input_is_named(call, what):
    analysis = analyze(synthetic.still(12), QUICK)
    with pytest.raises(ValueError, match=what):
        call(analysis)


def test_suggestions_name_where_a_key_would_help_most():
    coverage = np.ones(60)
    coverage[20:30] = 0.6
    coverage[48:56] = 0.8
    found = suggest(coverage, keys=[5, 40, 59])
    assert [s.frame for s in found][:1] == [pytest.approx(24, abs=5)]
    assert found[0].gain > found[-1].gain
    assert "20-29" in found[0].reason
    assert suggest(np.ones(10), keys=[0]) == []


def test_importing_the_package_is_light():
    source = Path(importlib.util.find_spec("keyframes").origin).read_text(encoding="utf-8")
    assert "import numpy" not in source
    assert "import cv2" not in source


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length():
    tracemalloc.start()
    peaks = []
    for count in (150, 600):
        base = synthetic.pan(30, (1.0, 0.0))
        analyze((base[min(t % 60, 59 - t % 60)] for t in range(count)), AnalysisOptions(nodes=100, points=512))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
    tracemalloc.stop()
    assert peaks[1] < 1.1 * peaks[0]
