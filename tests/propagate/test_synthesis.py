"""Synthesis: known answers, invariants and a floor under the quality."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import cv2
import numpy as np
import pytest

from propagate.guides import Guide
from propagate.options import SynthesisOptions
from propagate.synthesis import synthesize


def grain(rng, height, width, channels=3, sigma=1.5, dtype=np.uint8):
    """Smooth colorful noise over the whole range: every patch is one of a kind."""
    noise = cv2.GaussianBlur(rng.normal(size=(height, width, channels)), (0, 0), sigma)
    noise = noise.reshape(height, width, channels)
    low, high = noise.min(), noise.max()
    return np.rint((noise - low) / (high - low) * np.iinfo(dtype).max).astype(dtype)


def places(height, width):
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.int32)


def gap(a, b):
    """Mean absolute difference in 8-bit steps."""
    scale = 257 if a.dtype == np.uint16 else 1
    return float(np.abs(a.astype(float) - b).mean() / scale)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_picture_guided_by_itself_is_itself(rng, channels, dtype):
    style = grain(rng, 48, 40, channels, dtype=dtype)
    made = synthesize(style, [Guide(style, style)])
    assert made.image.dtype == dtype
    assert made.image.shape == style.shape
    assert made.matches.dtype == np.int32
    assert made.error.dtype == np.float32
    assert gap(made.image, style) < 0.5
    assert (np.abs(made.matches - places(48, 40)).max(axis=2) == 0).mean() > 0.99


def test_a_moved_guide_moves_the_picture(rng):
    style, guide = grain(rng, 60, 70), grain(rng, 60, 70, 1)
    made = synthesize(style, [Guide(guide, np.ascontiguousarray(guide[5:50, 9:64]), weight=3.0)])
    assert made.image.shape == (45, 55, 3)
    assert gap(made.image, style[5:50, 9:64]) < 1.5
    assert (made.matches == places(60, 70)[5:50, 9:64]).all(axis=2).mean() > 0.95


def test_sixteen_bits_stay_sixteen_bits(rng):
    style = grain(rng, 32, 32, dtype=np.uint16)
    made = synthesize(style, [Guide(style, style)], SynthesisOptions(uniformity=0))
    same = (made.matches == places(32, 32)).all(axis=(0, 2))
    assert len(np.unique(made.image)) > 1000
    assert np.array_equal(made.image[:, same][4:-4], style[:, same][4:-4]) or gap(made.image, style) < 0.05


@pytest.mark.parametrize("vote", ["weighted", "plain"])
def test_a_perfect_start_stays_to_the_bit(rng, vote):
    style = grain(rng, 30, 44, 4, dtype=np.uint16)
    options = SynthesisOptions(pyramid_levels=1, uniformity=0, vote=vote)
    made = synthesize(style, [Guide(style, style)], options, initial_matches=places(30, 44))
    np.testing.assert_array_equal(made.image, style)
    np.testing.assert_array_equal(made.matches, places(30, 44))
    assert not made.error.any()


def test_a_perfect_start_survives_the_pyramid(rng):
    style = grain(rng, 64, 64)
    options = SynthesisOptions(pyramid_levels=3, uniformity=0)
    made = synthesize(style, [Guide(style, style)], options, initial_matches=places(64, 64), initial=style)
    np.testing.assert_array_equal(made.image, style)


def test_error_is_what_the_docstring_says(rng):
    style, guide = grain(rng, 24, 24), grain(rng, 24, 24, 1)
    target = grain(rng, 20, 22, 1)
    options = SynthesisOptions(patch_size=3, vote="plain", search_vote_iters=2)
    made = synthesize(style, [Guide(guide, target, 2.0)], options)
    for y, x in [(1, 1), (10, 7), (18, 20)]:
        u, v = made.matches[y, x]
        if not (1 <= u < 23 and 1 <= v < 23):
            continue
        here, there = np.s_[y - 1 : y + 2, x - 1 : x + 2], np.s_[v - 1 : v + 2, u - 1 : u + 2]
        squares = ((made.image[here].astype(float) - style[there]) ** 2).sum() / 3
        squares += 2 * ((target[here].astype(float) - guide[there]) ** 2).sum()
        assert made.error[y, x] == pytest.approx(squares / 9, rel=0.03, abs=1.0)


@pytest.mark.parametrize("known", [True, False])
def test_only_valid_target_pixels_are_made(rng, known):
    style = grain(rng, 60, 64)
    hole = np.zeros((60, 64), np.bool_)
    hole[20:35, 30:50] = True
    initial = style.copy()
    initial[hole] = 0
    made = synthesize(
        style,
        [Guide(style, style)],
        SynthesisOptions(pyramid_levels=3),
        target_valid=hole,
        initial=initial if known else None,
    )
    np.testing.assert_array_equal(made.image[~hole], initial[~hole] if known else 0)
    assert gap(made.image[hole], style[hole]) < 1
    assert (made.matches[~hole] == -1).all()
    assert not made.error[~hole].any()
    assert (made.matches[hole] >= 0).all()


@pytest.mark.parametrize("thin", [False, True])
def test_invalid_style_pixels_never_show(rng, thin):
    style = grain(rng, 48, 48)
    style[..., 0] = 0
    good = np.zeros((48, 48), np.bool_)
    good[10 : 11 if thin else 30, 8:40] = True
    style[~good, 0] = 255
    made = synthesize(style, [Guide(style, style)], source_valid=good)
    assert not made.image[..., 0].any()
    assert good[made.matches[..., 1], made.matches[..., 0]].all()


def test_a_weight_of_zero_somewhere_frees_the_guide_there(rng):
    style = grain(rng, 40, 40)
    wrong = np.ascontiguousarray(style[::-1])
    trust = np.zeros((40, 40), np.float32)
    made = synthesize(style, [Guide(style, style), Guide(style, wrong, 5.0, trust)])
    assert gap(made.image, style) < 0.5
    made = synthesize(style, [Guide(style, style), Guide(style, wrong, 5.0, trust + 1)])
    assert gap(made.image, wrong) < gap(made.image, style)


def test_a_weight_of_one_everywhere_changes_little(rng):
    style, target = grain(rng, 40, 40), grain(rng, 40, 40)
    plain = synthesize(style, [Guide(style, target)])
    full = synthesize(style, [Guide(style, target, 1.0, np.ones((40, 40), np.float32))])
    assert full.error.mean() == pytest.approx(plain.error.mean(), rel=0.05)


def test_more_work_never_costs_more(rng):
    style, target = grain(rng, 64, 64), grain(rng, 64, 64)
    errors = [
        synthesize(
            style,
            [Guide(style, target)],
            SynthesisOptions(uniformity=0, search_vote_iters=n, patchmatch_iters=n),
        ).error.mean()
        for n in (1, 3, 8)
    ]
    assert errors[0] > errors[1] > errors[2] * 0.98


def test_uniformity_uses_more_of_the_style(rng):
    style = grain(rng, 64, 64)
    flat = np.full((64, 64, 1), 128, np.uint8)

    def used(uniformity):
        made = synthesize(style, [Guide(flat, flat)], SynthesisOptions(uniformity=uniformity))
        return len(np.unique(made.matches.reshape(-1, 2), axis=0))

    assert used(3500.0) > 1.1 * used(0.0)


def test_extra_pass_follows_the_guide_closer(rng):
    style, target = grain(rng, 56, 56, sigma=2), grain(rng, 56, 56, sigma=2)
    shots = [
        synthesize(style, [Guide(style, target, 4.0)], SynthesisOptions(extra_pass_3x3=extra)).image
        for extra in (False, True)
    ]
    assert gap(shots[1], target) < gap(shots[0], target)


def test_threads_do_not_change_a_bit(rng):
    style, target = grain(rng, 90, 150), grain(rng, 80, 170)
    trust = rng.random((80, 170)).astype(np.float32)
    mask = rng.random((80, 170)) < 0.8
    shots = [
        synthesize(style, [Guide(style, target, 2.0, trust)], SynthesisOptions(threads=threads), target_valid=mask)
        for threads in (1, 2, 5)
    ]
    for other in shots[1:]:
        np.testing.assert_array_equal(shots[0].image, other.image)
        np.testing.assert_array_equal(shots[0].matches, other.matches)
        np.testing.assert_array_equal(shots[0].error, other.error)


def test_seeds_differ_and_repeat(rng):
    style, target = grain(rng, 40, 40), grain(rng, 40, 40)
    a, b, c = (synthesize(style, [Guide(style, target)], SynthesisOptions(seed=seed)).matches for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert (a != c).any()


TINY = """
import json, sys, zlib
import numpy as np
from propagate.guides import Guide
from propagate.options import SynthesisOptions
from propagate.synthesis import synthesize
rng = np.random.default_rng(5)
style = rng.integers(0, 65536, (16, 18, 3)).astype(np.uint16)
target = rng.integers(0, 256, (15, 14, 2)).astype(np.uint8)
source = rng.integers(0, 256, (16, 18, 2)).astype(np.uint8)
mask = rng.random((15, 14)) < 0.9
trust = rng.random((15, 14)).astype(np.float32)
options = SynthesisOptions(patch_size=3, search_vote_iters=2, patchmatch_iters=1, threads=1, seed=3)
made = synthesize(style, [Guide(source, target, 1.5, trust)], options, target_valid=mask)
print(json.dumps([zlib.crc32(a.tobytes()) for a in (made.image, made.matches, made.error)]))
"""


def test_python_and_compiled_kernels_agree_to_the_bit():
    sums = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", TINY],
                env={**os.environ, "NUMBA_DISABLE_JIT": flag},
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for flag in ("0", "1")
    ]
    assert sums[0] == sums[1]


def test_progress_rises_to_one(rng):
    style = grain(rng, 50, 50)
    seen: list[float] = []
    synthesize(style, [Guide(style, style)], on_progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(1.0)


def test_nothing_to_make_returns_the_start(rng):
    style = grain(rng, 20, 20)
    nothing = np.zeros((20, 20), np.bool_)
    made = synthesize(style, [Guide(style, style)], target_valid=nothing, initial=style)
    np.testing.assert_array_equal(made.image, style)
    assert (made.matches == -1).all()
    assert not synthesize(style, [Guide(style, style)], target_valid=nothing).image.any()


def test_a_flat_color_stays_that_color():
    style = np.full((30, 30, 3), (200, 10, 77), np.uint8)
    made = synthesize(style, [Guide(style, style)])
    np.testing.assert_array_equal(made.image, style)
    assert not made.error.any()


def test_regions_follow_their_labels(rng):
    """Texture by numbers: two textures, told apart by a label only."""
    labels = np.zeros((80, 80, 1), np.uint8)
    labels[:, 40:] = 255
    style = grain(rng, 80, 80)
    style[..., 0] = np.where(labels[..., 0] > 0, 220, 30)
    wanted = np.zeros((70, 90, 1), np.uint8)
    cv2.circle(wanted, (45, 35), 22, 255, -1)
    made = synthesize(style, [Guide(labels, wanted)], SynthesisOptions(patch_size=3))
    inside = cv2.erode(wanted, np.ones((5, 5))) > 0
    outside = cv2.dilate(wanted, np.ones((5, 5))) == 0
    assert made.image[inside, 0].mean() > 215
    assert made.image[outside, 0].mean() < 35
    assert len(np.unique(made.matches.reshape(-1, 2), axis=0)) > 0.5 * 70 * 90


def test_a_small_corner_of_the_style_that_is_asked_for_is_found():
    """The guide's value of two fifths of the target is met in a 200th of the source alone."""
    rng = np.random.default_rng(0)
    source, target = (grain(rng, *size, 1, 6) // 3 for size in ((200, 220), (160, 200)))
    source[-14:, -14:] = 100 + source[-14:, -14:] // 2
    target[:, 120:] = 100 + target[:, 120:] // 2
    style = grain(rng, 200, 220) // 2
    style[-14:, -14:] += 70
    options = SynthesisOptions(uniformity=500.0)
    made = synthesize(style, [Guide(source, target, 2.0)], options)
    found = (made.matches >= (204, 184)).all(axis=2)
    assert found[:, 124:].mean() > 0.8
    assert found[:, :116].mean() < 0.01
