"""PyMatting's own solution is the slow twin of ours."""

from __future__ import annotations

import numpy as np
import pytest

from stylize.mattes.refine.solvers import _EPSILON, solve_alpha, solve_foreground
from stylize.media.window import Window, window_around


def picture(rng, size):
    rows, columns = np.mgrid[: size[0], : size[1]].astype(np.float32)
    apart = rows + 3 * np.sin(columns / 4) - size[0] / 2
    alpha = np.clip(apart / 5 + 0.5, 0, 1)[..., None]
    image = alpha * (0.8, 0.4, 0.2) + (1 - alpha) * (0.2, 0.4, 0.6) + rng.normal(0, 0.02, (*size, 3))
    trimap = np.where(apart > 6, 1, np.where(apart < -6, 0, 0.5)).astype(np.float32)
    return np.clip(image, 0, 1).astype(np.float32), trimap, alpha[..., 0]


@pytest.mark.parametrize("kind", ["noisy", "flat", "no subject beside"])
def test_alpha_equals_the_solution_of_the_complete_system(rng, kind):
    from pymatting.alpha.estimate_alpha_cf import estimate_alpha_cf

    image, trimap, truth = picture(rng, (40, 50))
    if kind == "flat":
        image[:] = 0.5
    if kind == "no subject beside":  # a piece of the unknown that touches the background only
        trimap[3:7, 20:30] = 0.5
    slow = estimate_alpha_cf(
        image.astype(np.float64), trimap.astype(np.float64), laplacian_kwargs={"epsilon": _EPSILON}
    )
    found = solve_alpha(image, trimap)
    np.testing.assert_allclose(found, slow, atol=2e-4)
    np.testing.assert_array_equal(found[trimap != 0.5], trimap[trimap != 0.5])
    if kind == "noisy":
        assert np.abs(found - truth).mean() < 0.02


@pytest.mark.parametrize(("fine", "rounds"), [(False, 4), (True, 16)])
def test_foreground_near_the_edge_equals_solving_everywhere(rng, fine, rounds):
    from pymatting.foreground.estimate_foreground_ml import estimate_foreground_ml

    image, _, alpha = picture(rng, (60, 70))
    alpha = alpha.astype(np.float32)
    slow = estimate_foreground_ml(image, alpha, n_big_iterations=rounds)
    found = solve_foreground(image, alpha, fine=fine)
    shows = alpha[..., None]  # of an error as much is seen as the matte lets through
    np.testing.assert_allclose(found * shows, slow * shows, atol=1e-3)
    assert np.abs(found - slow)[alpha == 0].mean() < 0.02
    for flat in (np.zeros_like(alpha), np.ones_like(alpha)):
        assert np.isfinite(solve_foreground(image, flat)).all()


def test_window_around_holds_all_nonzero_pixels_and_crops_like_a_slice(rng):
    where = np.zeros((20, 30), bool)
    assert window_around(where, 3).shape == (0, 0)
    where[4, 5] = where[9, 28] = True
    window = window_around(where, 3)
    assert window == Window(1, 2, 13, 30)
    whole = rng.normal(size=(20, 30, 2)).astype(np.float32)
    other = Window(0, 10, 8, 20)
    there = other.taken_from(window.of(whole), window)
    np.testing.assert_array_equal(there[1:], whole[1:8, 10:20])
    assert not there[0].any()
    assert window.joined(other) == Window(0, 2, 13, 30)
    assert not Window(15, 0, 20, 2).taken_from(window.of(whole), window).any()
