"""Bad and extreme input of the synthesis: a clear error or a sensible picture, never a crash or a NaN."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from propagate.guides import Guide
from propagate.options import SynthesisOptions
from propagate.synthesis import synthesize
from propagate.threads import ThreadTeam

STYLE = np.arange(12 * 14 * 3, dtype=np.uint8).reshape(12, 14, 3)
ONE = Guide(STYLE, STYLE)
NAN_MAP = np.full((12, 14), np.nan, np.float32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"patch_size": 4}, "odd"),
        ({"patch_size": 1}, "3 pixels or more"),
        ({"uniformity": -1.0}, "uniformity"),
        ({"uniformity": float("nan")}, "uniformity"),
        ({"pyramid_levels": 0}, "pyramid_levels"),
        ({"search_vote_iters": 0}, "search_vote_iters"),
        ({"patchmatch_iters": 0}, "patchmatch_iters"),
        ({"stop_threshold": -1.0}, "stop_threshold"),
        ({"vote": "loud"}, "vote"),
        ({"seed": -1}, "seed"),
        ({"threads": 0}, "threads"),
        ({"backend": "tpu"}, "backend"),
    ],
)
def test_options_out_of_bounds(change, words):
    with pytest.raises(ValueError, match=words):
        SynthesisOptions(**change)


@pytest.mark.parametrize(
    ("guides", "more", "words"),
    [
        ([], {}, "no guide"),
        ([Guide(STYLE[:-1], STYLE)], {}, "resize"),
        ([ONE, Guide(STYLE, STYLE[:-1])], {}, "one size"),
        ([Guide(STYLE, STYLE[..., :1])], {}, "channels"),
        ([Guide(STYLE.astype(float), STYLE)], {}, "uint8 or uint16"),
        ([Guide(STYLE[..., 0], STYLE)], {}, "expected"),
        ([Guide(STYLE, STYLE, -1.0)], {}, "weight"),
        ([Guide(STYLE, STYLE, float("nan"))], {}, "weight"),
        ([Guide(STYLE, STYLE, float("inf"))], {}, "weight"),
        ([Guide(STYLE, STYLE, 0.0)], {"style_weight": 0.0}, "are 0"),
        ([ONE], {"style_weight": -1.0}, "style_weight"),
        ([Guide(STYLE, STYLE, 1.0, NAN_MAP)], {}, "NaN"),
        ([Guide(STYLE, STYLE, 1.0, NAN_MAP[:3])], {}, "shape"),
        ([Guide(STYLE, STYLE, 1.0, np.full((12, 14), 2, np.float32))], {}, "0 to 1"),
        ([ONE] * 9, {}, "24"),
        ([ONE], {"source_valid": np.zeros((12, 14), np.bool_)}, "source_valid"),
        ([ONE], {"source_valid": np.ones((12, 13), np.bool_)}, "source_valid"),
        ([ONE], {"target_valid": np.ones((12, 14), np.uint8)}, "target_valid"),
        ([ONE], {"initial": STYLE[:-1]}, "initial"),
        ([ONE], {"initial": STYLE.astype(np.uint16)}, "initial"),
        ([ONE], {"initial_matches": np.zeros((12, 14), np.int32)}, "initial_matches"),
        ([ONE], {"initial_matches": np.zeros((12, 14, 2))}, "initial_matches"),
        ([Guide(STYLE, STYLE[:4])], {}, "patch_size"),
    ],
)
def test_what_does_not_fit_is_named(guides, more, words):
    with pytest.raises(ValueError, match=words):
        synthesize(STYLE, guides, **more)


def test_one_pixel_is_smaller_than_any_patch():
    with pytest.raises(ValueError, match="larger than the smallest side"):
        synthesize(STYLE[:1, :1], [Guide(STYLE[:1, :1], STYLE[:1, :1])])


def test_cuda_without_a_device_says_so(monkeypatch):
    monkeypatch.setattr("propagate.backend._cuda_problem", lambda: "no CUDA device answers")
    with pytest.raises(ValueError, match="'cpu' or 'auto'"):
        synthesize(STYLE, [ONE], SynthesisOptions(backend="cuda"))
    assert synthesize(STYLE, [ONE], SynthesisOptions(backend="auto")).image.shape == STYLE.shape


def test_inputs_are_left_alone():
    style, initial = STYLE.copy(), STYLE.copy()
    mask = np.zeros((12, 14), np.bool_)
    mask[3:9, 4:9] = True
    field = np.full((12, 14, 2), -1, np.int32)
    synthesize(style, [Guide(style, style)], target_valid=mask, initial=initial, initial_matches=field)
    np.testing.assert_array_equal(style, STYLE)
    np.testing.assert_array_equal(initial, STYLE)
    assert (field == -1).all()


def test_matches_beyond_the_style_are_no_matches():
    field = np.full((12, 14, 2), 9999, np.int32)
    made = synthesize(STYLE, [ONE], SynthesisOptions(pyramid_levels=1), initial_matches=field)
    assert made.matches.max() < 14


def test_a_failing_kernel_fails_the_call():
    def broken(first: int, last: int) -> None:
        raise RuntimeError("broken")

    with ThreadTeam(2) as crew, pytest.raises(RuntimeError, match="broken"):
        crew.run(broken, 8)


@pytest.mark.parametrize(("items", "threads"), [(0, 2), (1, 3), (5, 2), (100, 4)])
def test_every_item_is_done_once(items, threads):
    done = np.zeros(items, int)

    def mark(first: int, last: int) -> None:
        done[first:last] += 1

    with ThreadTeam(threads) as crew:
        crew.run(mark, items)
    assert (done == 1).all()


images = st.sampled_from([np.uint8, np.uint16])
sides = st.integers(3, 20)


@st.composite
def jobs(draw):
    kind, guide_kind = draw(images), draw(images)
    s_size, t_size = (draw(sides), draw(sides)), (draw(sides), draw(sides))
    channels = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))

    def picture(dtype, size, count):
        top = np.iinfo(dtype).max
        image = draw(
            hnp.arrays(dtype, (*size, count), elements=st.sampled_from([0, 1, top // 3, top]), fill=st.just(top))
        )
        how = draw(st.sampled_from(["plain", "fortran", "strided"]))
        if how == "fortran":
            return np.asfortranarray(image)
        return np.repeat(image, 2, axis=1)[:, ::2] if how == "strided" else image

    weights = st.sampled_from([0.0, 1e-6, 0.5, 10.0, 1e6])
    trust = st.none() | hnp.arrays(np.float32, t_size, elements=st.sampled_from([0.0, 0.25, 1.0]))
    guides = [
        Guide(picture(guide_kind, s_size, c), picture(guide_kind, t_size, c), draw(weights), draw(trust))
        for c in channels
    ]
    style_count = draw(st.integers(1, 4))
    style = picture(kind, s_size, style_count)
    masks = {
        "source_valid": draw(st.none() | hnp.arrays(np.bool_, s_size)),
        "target_valid": draw(st.none() | hnp.arrays(np.bool_, t_size)),
        "initial": picture(kind, t_size, style_count) if draw(st.booleans()) else None,
        "initial_matches": draw(st.none() | hnp.arrays(np.int32, (*t_size, 2), elements=st.integers(-3, 25))),
        "style_weight": draw(weights),
    }
    options = SynthesisOptions(
        patch_size=draw(st.sampled_from([3, 5, 7])),
        uniformity=draw(st.sampled_from([0.0, 3500.0, 1e6])),
        search_vote_iters=draw(st.integers(1, 2)),
        patchmatch_iters=draw(st.integers(1, 2)),
        stop_threshold=draw(st.sampled_from([0.0, 5.0, 1000.0])),
        extra_pass_3x3=draw(st.booleans()),
        pyramid_levels=draw(st.none() | st.integers(1, 3)),
        vote=draw(st.sampled_from(["weighted", "plain"])),
        seed=draw(st.integers(0, 2**32 - 1)),
        threads=draw(st.sampled_from([1, 2])),
    )
    return style, guides, options, masks


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(jobs())
def test_any_input_gives_a_picture_or_a_clear_error(job):
    style, guides, options, masks = job
    try:
        made = synthesize(style, guides, options, **masks)
    except ValueError as error:
        if "patch_size" not in str(error) and "source_valid" not in str(error) and "are 0" not in str(error):
            raise
        return
    height, width = guides[0].target.shape[:2]
    assert made.image.shape == (height, width, style.shape[2])
    assert made.image.dtype == style.dtype
    assert np.isfinite(made.error).all()
    assert (made.error >= 0).all()
    active = np.ones((height, width), np.bool_) if masks["target_valid"] is None else masks["target_valid"]
    assert (made.matches[~active] == -1).all()
    if active.any():
        x, y = made.matches[active].T
        assert x.min() >= 0
        assert y.min() >= 0
        assert x.max() < style.shape[1]
        assert y.max() < style.shape[0]
        if masks["source_valid"] is not None:
            assert masks["source_valid"][y, x].all()
        for c in range(style.shape[2]):
            good = style[..., c] if masks["source_valid"] is None else style[masks["source_valid"]][:, c]
            assert made.image[active][:, c].min() >= good.min()
            assert made.image[active][:, c].max() <= good.max()
    if masks["initial"] is not None:
        np.testing.assert_array_equal(made.image[~active], masks["initial"][~active])
