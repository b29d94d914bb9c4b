"""The doors of the package: arrays however they lie in memory, and numbers that are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from propagate.flow import chain, consistency, estimate_flow
from propagate.guides import Guide
from propagate.options import SynthesisOptions
from propagate.registration import register
from propagate.span import propagate_keyframes
from propagate.synthesis import synthesize
from propagate.warp import warp


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


LAYOUTS = {
    "fortran": np.asfortranarray,
    "upside down": lambda a: np.ascontiguousarray(a[::-1, ::-1])[::-1, ::-1],
    "channels backwards": lambda a: np.ascontiguousarray(a[..., ::-1])[..., ::-1],
    "every second": lambda a: np.repeat(np.repeat(a, 2, axis=0), 3, axis=1)[::2, ::3],
    "read-only": read_only,
    "one number": lambda a: np.broadcast_to(a[:1, :1], a.shape),
}
QUICK = SynthesisOptions(patch_size=3, search_vote_iters=1, patchmatch_iters=1, threads=1)


def inputs(rng, size=(18, 21), depth=np.uint8, far=2.0):
    """Everything that the public functions take, by name."""
    top = np.iinfo(depth).max
    return {
        "a": rng.integers(0, top, (*size, 3), depth, endpoint=True),
        "b": rng.integers(0, top, (*size, 3), depth, endpoint=True),
        "gray": rng.integers(0, 255, (*size, 1), np.uint8, endpoint=True),
        "paint": rng.integers(0, 65535, (*size, 4), np.uint16, endpoint=True),
        "flow": (rng.normal(0, 1, (*size, 2)) * far).astype(np.float32),
        "back": (rng.normal(0, 1, (*size, 2)) * far).astype(np.float32),
        "map": rng.random(size).astype(np.float32),
        "mask": rng.random(size) < 0.8,
        "field": rng.integers(-1, min(size), (*size, 2)).astype(np.int32),
    }


def synthesized(v):
    made = synthesize(
        v["paint"],
        [Guide(v["a"], v["b"], 2.0, v["map"]), Guide(v["gray"], v["gray"], 0.5)],
        QUICK,
        source_valid=v["mask"],
        target_valid=v["mask"],
        initial=v["paint"],
        initial_matches=v["field"],
    )
    return made.image, made.matches, made.error


def carried(v):
    steps = propagate_keyframes([v["a"], v["b"], v["a"]], {1: v["paint"]}, mattes=[v["map"]] * 3)
    return [part for step in steps for part in (step.image, step.confidence, step.error, step.source)]


DOORS = {
    "estimate_flow": lambda v: [estimate_flow(v["a"], v["b"], initial=v["flow"])],
    "chain": lambda v: [chain(v["flow"], v["back"])],
    "consistency": lambda v: [consistency(v["flow"], v["back"])],
    "warp": lambda v: [warp(v[name], v["flow"]) for name in ("a", "gray", "paint", "map", "flow")],
    "register": lambda v: vars(register(v["a"], v["b"], initial=v["flow"])).values(),
    "synthesize": synthesized,
    "propagate_keyframes": carried,
}
FLOATS = {
    "estimate_flow": ["flow"],
    "chain": ["flow", "back"],
    "consistency": ["flow", "back"],
    "warp": ["flow"],
    "register": ["flow"],
    "synthesize": ["map"],
    "propagate_keyframes": ["map"],
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("door", DOORS)
def test_how_an_array_lies_in_memory_does_not_matter(rng, door, layout):
    laid = {name: LAYOUTS[layout](array) for name, array in inputs(rng).items()}
    plain = {name: np.array(array, order="C") for name, array in laid.items()}
    for got, expected in zip(DOORS[door](laid), DOORS[door](plain), strict=True):
        np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(("door", "name"), [(door, name) for door in FLOATS for name in FLOATS[door]])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_told(rng, door, name, bad):
    given_ = inputs(rng)
    given_[name][7, 3] = bad
    with pytest.raises(ValueError, match=r"NaN"):
        DOORS[door](given_)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("size", [(0, 0), (0, 9), (9, 0)])
def test_what_holds_no_pixel_is_told(rng, door, size):
    empty = {name: array[: size[0], : size[1]] for name, array in inputs(rng).items()}
    with pytest.raises(ValueError, match=r"pixel|empty|at least 1"):
        DOORS[door](empty)


@pytest.mark.parametrize("door", DOORS)
def test_another_byte_order_is_taken_or_told(rng, door):
    plain = inputs(rng)
    turned = {name: array.astype(array.dtype.newbyteorder(">")) for name, array in plain.items()}
    with pytest.raises(ValueError, match=">"):
        DOORS[door](turned)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", ["a", "flow", "paint", "map"])
def test_what_is_no_array_is_told(rng, door, name):
    given_ = inputs(rng)
    expected = DOORS[door](given_)
    given_[name] = given_[name].tolist()
    try:
        got = DOORS[door](given_)
    except ValueError:
        return
    for one, other in zip(got, expected, strict=True):  # the door does not look at it
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("frames", "keys", "mattes", "words"),
    [
        (0, [0], None, "no frame"),
        (2, [0.5], None, "numbered by int"),
        (2, ["0"], None, "numbered by int"),
        (2, [0], np.full((18, 21), 255, np.uint8), "range 0 to 1"),
        (2, [0], np.full((18, 21), -1, np.float32), "range 0 to 1"),
    ],
)
def test_shots_that_cannot_be_are_told(rng, frames, keys, mattes, words):
    v = inputs(rng)
    with pytest.raises(ValueError, match=words):
        list(
            propagate_keyframes(
                [v["a"]] * frames,
                dict.fromkeys(keys, v["paint"]),
                mattes=None if mattes is None else [mattes] * frames,
            )
        )


@pytest.mark.parametrize("door", [warp, estimate_flow])
def test_sides_beyond_sixteen_bits_are_warped_no_more(door):
    wide, flow = np.zeros((3, 33000, 1), np.uint8), np.zeros((3, 33000, 2), np.float32)
    if door is warp:
        with pytest.raises(ValueError, match="no side may exceed 32766"):
            warp(wide, flow)
    else:
        assert not estimate_flow(wide, wide).any()


def all_doors(size, depth, far, layout, seed):
    rng = np.random.default_rng(seed)
    v = {name: LAYOUTS[layout](array) for name, array in inputs(rng, size, depth, far).items()}
    before = {name: array.copy() for name, array in v.items()}
    for name, door in DOORS.items():
        if name == "synthesize" and (min(size) < 3 or not v["mask"].any()):
            with pytest.raises(ValueError, match=r"patch_size|source_valid"):
                door(v)
            continue
        for array in door(v):
            assert np.isfinite(array).all()
            assert array.shape[:2] == size
    for name, array in v.items():
        np.testing.assert_array_equal(array, before[name])


ANYTHING = given(
    st.tuples(st.integers(1, 40), st.integers(1, 40)) | st.sampled_from([(1, 300), (200, 1), (3, 150)]),
    st.sampled_from([np.uint8, np.uint16]),
    st.sampled_from([0.0, 1e-40, 1.0, 100.0, 1e9, 1e30]),
    st.sampled_from(sorted(LAYOUTS)),
    st.integers(0, 2**32 - 1),
)
LOOSE = {"deadline": None, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=6, **LOOSE)
@ANYTHING
def test_anything_gives_finite_results_and_stays_as_it_was(size, depth, far, layout, seed):
    all_doors(size, depth, far, layout, seed)


@pytest.mark.slow
@settings(max_examples=400, **LOOSE)
@ANYTHING
def test_much_more_of_it(size, depth, far, layout, seed):
    all_doors(size, depth, far, layout, seed)
