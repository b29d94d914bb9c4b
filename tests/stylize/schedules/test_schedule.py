"""Schedules: what Deforum's syntax says at each frame, and that nothing in it is ever run."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stylize.errors import UsageError
from stylize.schedules.expressions import parse_expression
from stylize.schedules.schedule import parse_schedule


def number(text: str, frame: int, seconds: float | None = None, last: int | None = None) -> float:
    return parse_schedule(text, "number").at(frame, seconds, last)


def prompt(text: str, frame: int, seconds: float | None = None) -> str:
    return str(parse_schedule(text, "prompt").at(frame, seconds))


@pytest.mark.parametrize(
    ("frame", "value"), [(0, 0.6), (15, 0.5), (30, 0.4), (40, 0.6), (50, 0.8), (51, 0.8), (9999, 0.8)]
)
def test_numbers_run_straight_from_key_to_key(frame, value):
    assert number("0:(0.6), 30:(0.4), 50:(0.8)", frame) == pytest.approx(value)
    assert number("0: 0.6, 30: 0.4,50:0.8,", frame) == pytest.approx(value)
    assert number("50:(0.8), 0:(0.6), 30:(0.4)", frame) == pytest.approx(value), "order does not matter"
    assert number('{"0": 0.6, "30": "0.4", "50": "(0.8)"}', frame) == pytest.approx(value)


def test_before_the_first_key_the_first_holds():
    assert number("10:(3), 20:(5)", 0) == 3
    assert prompt("10: a fox, 20: a wolf", 3) == "a fox"


@pytest.mark.parametrize("frame", [0, 7, 15, 29])
def test_expressions_are_worked_out_at_every_frame(frame):
    swing = "0.4+0.2*sin(2*3.14*t/30)"
    expected = 0.4 + 0.2 * math.sin(2 * 3.14 * frame / 30)
    assert number(swing, frame) == pytest.approx(expected)
    assert number(f"0:({swing}), 30:(1)", frame) == pytest.approx(expected)
    assert number(f"0:(1), 30:({swing})", 30 + frame) == pytest.approx(
        0.4 + 0.2 * math.sin(2 * 3.14 * (30 + frame) / 30)
    )


def test_a_number_runs_to_the_value_that_an_expression_begins_with():
    assert number("0:(1), 10:(t)", 5) == pytest.approx(1 + 0.5 * (10 - 1))


def test_seconds_and_the_last_frame():
    assert number("0:(0), 2s:(10)", 24, seconds=1.0) == pytest.approx(5)
    assert number("0:(0), 2s:(10)", 0, seconds=0.0) == 0
    assert number("0:(0), 2s:(10)", 96, seconds=4.0) == 10
    assert prompt("0s: a fox, 1.5s: a wolf", 36, seconds=1.5) == "a wolf"
    assert prompt("0s: a fox, 1.5s: a wolf", 35, seconds=35 / 24) == "a fox"
    assert number("s*2", 10, seconds=3.0) == 6
    assert number("t/max_f", 30, last=60) == 0.5


def test_prompts_hold_until_the_next():
    text = "0: a fox, 60: a wolf"
    assert [prompt(text, frame) for frame in (0, 59, 60, 1000)] == ["a fox", "a fox", "a wolf", "a wolf"]
    assert prompt("a fox in the snow", 123) == "a fox in the snow"


def test_prompts_blend_when_asked():
    schedule = parse_schedule("0: a fox, 60: a wolf", "prompt", blend=True)
    assert schedule.at(0).parts == (("a fox", 1.0),)
    assert schedule.at(15).parts == (("a fox", 0.75), ("a wolf", 0.25))
    assert str(schedule.at(15)) == "a fox, (a wolf:0.333)"
    assert str(schedule.at(45)) == "(a fox:0.333), a wolf"
    assert str(schedule.at(60)) == str(schedule.at(99)) == "a wolf"


def test_what_shall_not_be_seen():
    schedule = parse_schedule("0: a fox --neg blur, text, 60: a wolf", "prompt", blend=True)
    assert str(schedule.at(0)) == "a fox"
    assert schedule.at(0).negative_text == "blur, text"
    assert schedule.at(30).negative == (("blur, text", 0.5),)
    assert schedule.at(60).negative_text == ""


@pytest.mark.parametrize(
    "text",
    [
        "a fox, red, (bushy tail:1.2), at 12:30, 16:9",
        "portrait: a fox, mood: calm",
        "a smile :)",
        "a [bird:cat:0.5], {x}",
        "狐狸, 雪: 冬天",
        "лиса, снег: зима (очень:1.3)",
        "ثعلب في الثلج، شتاء",
        "café, naïve: ½ 🦊",
        r"escaped \(brackets, 3 of them",
        "it's a cat's life, isn't it",
    ],
)
def test_prompts_may_hold_almost_anything(text):
    assert prompt(text, 5) == text
    assert prompt(f"0: {text}, 60: a wolf", 5) == text
    assert prompt(f"0: a wolf, 60: {text}", 99) == text


def test_quotes_hold_what_looks_like_a_key():
    text = r'0: "a list, 60: a wolf, \"said\"", 90: "b"'
    assert prompt(text, 61) == 'a list, 60: a wolf, "said"'
    assert prompt(text, 90) == "b"
    assert prompt("0: (one, 2: three), 9: x", 5) == "(one, 2: three)", "brackets too"


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        ("0:(0.6), 3O:(0.4)", "number", r"'3O' at character 10: it is no frame"),
        ("0: a fox, 6O: a wolf", "prompt", r"'6O' at character 11: it is no frame"),
        ("0: a fox, 2.5: a wolf", "prompt", r"'2\.5' at character 11"),
        ("-5: a fox", "prompt", "'-5' at character 1"),
        ("a fox, 60: a wolf", "prompt", "begins with a frame"),
        ("0: a fox, 0: a wolf", "prompt", "0 stands twice"),
        ('{"0": 1, "0": 2}', "number", "stands twice"),
        ("0: a (fox, 60: a wolf", "prompt", r"character 6: the bracket is never closed"),
        ("0:(0.6, 30:(0.4)", "number", "never closed"),
        ("0: , 60: a wolf", "prompt", "nothing stands behind it"),
        ("0:", "prompt", "nothing stands behind it"),
        ('0: "a fox", b', "prompt", "a frame is missing"),
        ("", "number", "an expression is missing"),
        ("0:()", "number", "an expression is missing"),
        ("0:(0.5+)", "number", "is no arithmetic, at character"),
        ("0:(0.5 0.6)", "number", "is no arithmetic"),
        ("0:(sine(t))", "number", r"'sine' in 'sine\(t\)', at character 1, may not be called"),
        ("0:(x)", "number", "'x' in 'x', at character 1, is unknown; there are t, s, max_f, pi, e"),
        ("0:(sin)", "number", "give it a bracket"),
        ("0:(sin(t, t))", "number", "takes 1 number"),
        ("0:(min(t))", "number", "takes 2 to 8 numbers"),
        ("{0: 1}", "number", "no JSON"),
        ("{}", "number", "empty"),
        ('{"a": 1}', "number", "'a' is no frame"),
        ('{"0": [1]}', "number", "neither text nor number"),
        ("0:(" + "+".join(["t"] * 300) + ")", "number", "characters long"),
        ("0:(" + "-" * 300 + "1)", "number", ""),
    ],
)
def test_misspelt_schedules_are_refused_with_the_place(text, kind, words):
    if words == "":
        assert number(text, 0) == 1
        return
    with pytest.raises(UsageError, match=words):
        parse_schedule(text, kind)


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "t.__class__", "(lambda: 1)()", "[x for x in (1,)]", "open('x')",
        "eval('1')", "t if t else 1", "t and 1", "'a'", "f'{t}'", "t := 3", "print(t)", "max.__call__(1, 2)",
        "sin(**{})", "sin(*[1])", "True", "1j", "b'x'", "t[0]", "{1: 2}", "not t", "~t", "t << 3", "t @ t",
        "...", "min(t, key=t)",
    ],
)  # fmt: skip
def test_nothing_but_arithmetic_comes_through(text):
    with pytest.raises(UsageError):
        parse_expression(text)


@pytest.mark.parametrize("text", ["1/t", "sqrt(-1-t)", "log(t)", "10**10**10", "(-1)**0.5", "exp(9999)", "1e308*10"])
def test_what_has_no_value_says_so(text):
    with pytest.raises(UsageError, match="value"):
        number(text, 0)


def test_what_is_not_known_is_not_guessed():
    with pytest.raises(UsageError, match="max_f is not known here"):
        number("t/max_f", 3)
    with pytest.raises(UsageError, match="rate is not known here"):
        prompt("0: a, 2s: b", 3)


@settings(deadline=None, max_examples=60)
@given(st.floats(-50, 50), st.floats(-50, 50), st.integers(0, 200))
def test_expressions_say_what_python_says(a, b, t):
    text = f"where({a!r} < t, max({a!r}, {b!r}) - t % 7, -abs({b!r}) * cos(t) ** 2 + t // 3)"
    expected = max(a, b) - t % 7 if a < t else -abs(b) * math.cos(t) ** 2 + t // 3
    assert parse_expression(text).at(t=t) == pytest.approx(expected)


KEYS = st.dictionaries(st.integers(0, 500), st.floats(-100, 100), min_size=1, max_size=6)


@settings(deadline=None, max_examples=60)
@given(KEYS, st.integers(0, 600))
def test_numbers_stay_between_their_neighbors(keys, frame):
    text = ", ".join(f"{key}:({value!r})" for key, value in keys.items())
    value = number(text, frame)
    before = [key for key in keys if key <= frame]
    after = [key for key in keys if key >= frame]
    ends = [keys[max(before)] if before else keys[min(keys)], keys[min(after)] if after else keys[max(keys)]]
    assert min(ends) - 1e-9 <= value <= max(ends) + 1e-9
    if frame in keys:
        assert value == pytest.approx(keys[frame])


WORDS = st.text(
    st.characters(exclude_characters="\\()[]{}\"'", exclude_categories=("C", "Z", "Nd")),
    min_size=1,
    max_size=8,
)


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.integers(0, 500), st.lists(WORDS, min_size=1, max_size=4).map(" ".join)),
    st.integers(0, 600),
)
def test_any_prompt_comes_back_as_it_was_written(prompts, frame):
    prompts = {key: text.strip(" ,-") for key, text in prompts.items()}
    prompts = {key: text for key, text in prompts.items() if text and "--neg" not in text and text.split() != []}
    if not prompts:
        return
    text = ", ".join(f"{key}: {words}" for key, words in prompts.items())
    passed = [key for key in prompts if key <= frame]
    assert prompt(text, frame) == prompts[max(passed) if passed else min(prompts)]


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60), st.sampled_from(["prompt", "number"]))
def test_whatever_is_typed_is_read_or_refused(text, kind):
    with contextlib.suppress(UsageError):
        parse_schedule(text, kind).at(3, 0.5)
