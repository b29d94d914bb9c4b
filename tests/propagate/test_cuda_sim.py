"""The CUDA kernels in Numba's simulator, in a process of its own, against the slow twins."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMON = """
import numpy as np
from propagate import _search_cuda as _cuda
from propagate._match_field import Field
from propagate.threads import ThreadTeam
from propagate.guides import Guide
from propagate.pyramid import build
from propagate.options import SynthesisOptions
from propagate.synthesis import synthesize
from tests import reference
rng = np.random.default_rng(4)
style = rng.integers(0, 256, (9, 11, 3)).astype(np.uint8)
source = rng.integers(0, 256, (9, 11, 1)).astype(np.uint8)
target = rng.integers(0, 256, (8, 10, 1)).astype(np.uint8)
active = np.ones((8, 10), np.bool_)
active[2, 3:6] = False
usable = np.ones((9, 11), np.bool_)
usable[:, 10] = False
"""

FIELD = """
trust = rng.random((8, 10)).astype(np.float32) if {modulated} else None
options = SynthesisOptions(patch_size=3, uniformity={uniformity}, vote="{vote}")
with ThreadTeam(1) as crew:
    levels, scale = build(
        style, [Guide(source, target, 2.0, trust)], np.zeros((8, 10, 3), np.uint8), crew, style_weight=1.0,
        patch_size=3, count=1, usable=usable, active=active, canvas_known=True,
    )
    level = levels[0]
    matches = np.stack((rng.integers(1, 9, (8, 10)), rng.integers(1, 8, (8, 10))), axis=-1).astype(np.int32)
    matches[~active] = -1
    first = matches.copy()
    field = _cuda.CudaField(level, matches, scale, options, crew, pad=1)
    field.vote(active, blind=True)
    field.finish()
    ones = np.ones((8, 10), np.float32)
    expected = reference.vote(first, ones, level.style, usable, 3)
    np.testing.assert_allclose(level.canvas[active], expected[active], atol=0.6)
    border = np.pad(level.target[1:-1, 1:-1], ((1, 1), (1, 1), (0, 0)), mode="edge")
    np.testing.assert_array_equal(level.target[..., :3], border[..., :3])
    factors = level.factors if {modulated} else None
    old = reference.field_costs(level.target, level.source, factors, first, active, 3, 1)
    offer = np.full((8, 10, 2), 4, np.int32)
    offer[6:] = -1
    for turn in range(1 if {uniformity} else 2):
        field.sweep(active, turn, fresh=turn == 0, tries=3, offer=offer)
    field.finish()
    new = reference.field_costs(level.target, level.source, factors, matches, active, 3, 1)
    np.testing.assert_array_equal(field.cost, new)
    crowd = reference.crowd(matches, (9, 11), 3)
    if {uniformity}:
        np.testing.assert_array_equal(field._crowd.copy_to_host()[level.centers], crowd[level.centers])
    else:
        assert (new <= old).all()
        assert (new < old).mean() > 0.4
        offered = reference.field_costs(level.target, level.source, factors, np.abs(offer), active, 3, 1)
        assert (new[1:6, 1:9] <= offered[1:6, 1:9]).all()
        assert (matches[:6] == 4).all(axis=2).any()
    assert level.centers[matches[..., 1][active], matches[..., 0][active]].all()
    assert (matches[~active] == -1).all()
    field.vote(active, blind=False)
    field.finish()
    unit = float(field.vote_unit(blind=False))
    weight = 1 / (1 + new / unit) if unit else ones
    expected = reference.vote(matches, weight, level.style, usable, 3)
    np.testing.assert_allclose(level.canvas[active], expected[active], atol=0.6)
"""

WHOLE = """
style = rng.integers(0, 256, (13, 14, 3)).astype(np.uint8)
target = rng.integers(0, 256, (12, 12, 3)).astype(np.uint8)
shots = []
for name in ("cpu", "cuda", "auto"):
    options = SynthesisOptions(
        patch_size=3, uniformity=0, backend=name, search_vote_iters=3, patchmatch_iters=2, pyramid_levels=1
    )
    shots.append(synthesize(style, [Guide(style, target)], options))
assert abs(shots[0].error.mean() / shots[1].error.mean() - 1) < 0.1
np.testing.assert_array_equal(shots[1].image, shots[2].image)
np.testing.assert_array_equal(shots[1].matches, shots[2].matches)
"""


def simulate(script: str) -> None:
    flags = {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env={**os.environ, **flags}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("modulated", "uniformity", "vote"), [(True, 0.0, "plain"), (False, 3500.0, "weighted")])
def test_sweep_and_vote(modulated, uniformity, vote):
    simulate(COMMON + FIELD.format(modulated=modulated, uniformity=uniformity, vote=vote))


@pytest.mark.slow
def test_whole_synthesis():
    simulate(COMMON + WHOLE)
