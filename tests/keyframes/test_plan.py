"""The plan: strict in, comments out, hand edits win."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from keyframes.edits import (
    add,
    ban,
    choose_take,
    lock,
    merge,
    move,
    new_plan,
    remove,
    set_options,
    unban,
    unlock,
)
from keyframes.model import Key, Shot
from keyframes.options import SelectOptions
from keyframes.plan import ClipFacts, parse_plan
from keyframes.plan_writer import format_plan

CLIP = ClipFacts("a 'b' ü.mp4", "sha256:abc", 1280, 720, 100)


@pytest.fixture
def plan():
    keys = [Key(12, "first", 0.7), Key(50, "31 % is new", 0.5), Key(80, "more", 0.2)]
    return new_plan(CLIP, [Shot(0, 40, "start"), Shot(40, 100, "cut")], keys, SelectOptions(max_keys=5))


@pytest.fixture
def text(plan):
    return format_plan(plan)


def frames(plan):
    return [key.frame for key in plan.keys]


def test_a_plan_survives_the_round_trip(plan, text):
    assert parse_plan(text) == plan
    assert format_plan(plan, text) == text


def test_comments_order_and_spacing_survive_changes(text):
    edited = text.replace("[[key]]\nframe = 50", "# the turn\n[[key]]  # here\nframe = 50  # keep me")
    edited = edited.replace("[clip]", "# about the clip\n\n[clip]") + "\n# the end\n"
    plan = parse_plan(edited)
    out = format_plan(merge(plan, [Key(50, "now", 0.55), Key(70, "new one", 0.1)]), edited)
    for comment in ("# the turn\n[[key]]  # here", "# keep me", "# about the clip\n", "# the end"):
        assert comment in out
    assert [int(n) for n in re.findall(r"^frame = (\d+)", out, re.MULTILINE)] == [50, 70]
    assert parse_plan(out).key_at(50).reason == "now"


def test_a_comment_above_a_key_stays_with_it_when_its_neighbor_goes(plan, text):
    edited = text.replace("[[key]]\nframe = 50", "# the turn\n[[key]]\nframe = 50")
    out = format_plan(remove(parse_plan(edited), 12), edited)
    assert "# the turn\n[[key]]\nframe = 50" in out


def test_keys_written_inline_are_understood(plan):
    out = format_plan(plan)
    head = out[: out.index("[[key]]")].replace("revision = 1\n", "revision = 1\nkey = [{frame = 7}]\n")
    read = parse_plan(head)
    assert [(k.frame, k.kind) for k in read.keys] == [(7, "user")]
    assert parse_plan(format_plan(read, head)).key_at(7) == read.key_at(7)


def test_hand_edits_are_recognized_and_survive_a_rerun(text):
    moved = text.replace("frame = 50", "frame = 53")
    gone = re.sub(r"\[\[key\]\]\nframe = 80\n(?:.+\n)*", "", moved)
    plan = parse_plan(gone)
    assert [(k.frame, k.kind) for k in plan.keys] == [(12, "auto"), (53, "user")]
    assert plan.banned == (50, 80)
    again = merge(plan, [Key(12, "x", 0.7), Key(50, "x", 0.5), Key(81, "x", 0.2)])
    assert [(k.frame, k.kind) for k in again.keys] == [(12, "auto"), (53, "user"), (81, "auto")]
    assert parse_plan(format_plan(again, gone)) == again


def test_merge_keeps_what_is_made_by_hand_and_its_notes(plan):
    by_hand = add(lock(plan, 12), 30, kind="override", note="mine")
    again = merge(by_hand, [Key(12, "better", 0.9), Key(44, "new", 0.3)])
    assert [(k.frame, k.kind, k.note) for k in again.keys] == [
        (12, "locked", ""),
        (30, "override", "mine"),
        (44, "auto", ""),
    ]
    assert again.key_at(12).coverage == 0.9
    assert again.revision > by_hand.revision


def test_a_painted_file_makes_an_automatic_key_one_by_hand(plan):
    again = merge(plan, [Key(12, "painted by hand: 12.png", 0.0, "override")])
    assert again.key_at(12).kind == "override"


def test_shots_keep_their_mixed_frames_and_lose_them(plan):
    mixed = replace(plan, shots=(Shot(0, 40, "start", 0, 5), Shot(40, 100, "dissolve", 4)))
    text = format_plan(mixed, format_plan(plan))
    assert parse_plan(text).shots == mixed.shots
    assert "fade" not in format_plan(plan, text)


def test_a_plan_without_shots_has_not_been_looked_at():
    assert parse_plan(format_plan(new_plan(CLIP, [], [Key(3)]))).shots == ()


def test_changes(plan):
    assert frames(add(plan, 20)) == [12, 20, 50, 80]
    assert remove(plan, 50).banned == (50,)
    assert remove(add(plan, 20), 20).banned == ()
    assert frames(move(plan, 50, 55)) == [12, 55, 80]
    assert move(plan, 50, 55).key_at(55).kind == "user"
    assert unlock(lock(plan, 12), 12).key_at(12).kind == "user"
    assert frames(ban(plan, 50)) == [12, 80]
    assert unban(ban(plan, 50), 50).banned == ()
    assert plan.forced(plan.shots[0]) == {}
    assert add(plan, 20).forced(plan.shots[0]) == {20: "user"}
    assert ban(plan, 50).shut(plan.shots[1]) == [50]


def test_every_change_counts_and_can_be_written(plan, text):
    for changed in (add(plan, 3), remove(plan, 50), move(plan, 50, 51), lock(plan, 12), ban(plan, 99)):
        assert changed.revision == plan.revision + 1
        assert parse_plan(format_plan(changed, text)) == changed


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda p: add(p, 100), "outside the clip; choose 0 to 99"),
        (lambda p: add(ban(p, 5), 5), "banned; unban"),
        (lambda p: add(p, 5, kind="mine"), "kind is 'mine'"),
        (lambda p: remove(p, 49), "no key; the nearest is 50"),
        (lambda p: remove(lock(p, 12), 12), "locked; unlock"),
        (lambda p: move(p, 12, 50), "a key already"),
        (lambda p: move(p, 12, -1), "outside"),
        (lambda p: ban(lock(p, 12), 12), "locked"),
        (lambda p: ban(ban(p, 3), 3), "banned already"),
        (lambda p: unban(p, 3), "not banned"),
        (lambda p: unlock(p, 12), "not locked"),
    ],
)
def test_changes_that_cannot_be(plan, change, what):
    with pytest.raises(ValueError, match=what):
        change(plan)


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("frame = 12", "fraem = 12", r"line \d+: key.fraem is unknown; did you mean frame\?"),
        ("frame = 12", "frame = 100", r"line \d+: key.frame is 100; choose 0 to 99"),
        ("frame = 12", "frame = -1", r"key.frame is -1"),
        ("stop = 40\n", "stop = 40\nfade_out = 41\n", r"line \d+: shot.fade_out is 41; choose 0 to 40"),
        ("frame = 12", 'frame = "12"', r"expected a whole number"),
        ("frame = 12", "frame = true", r"expected a whole number"),
        ("frame = 12", "frame = 50", r"a key already"),
        ("frame = 12\n", "", r"line \d+: key.frame is missing"),
        ('kind = "auto"', 'kind = "atuo"', r"key.kind is 'atuo'; choose auto, user"),
        ("coverage = 0.7", "coverage = nan", r"key.coverage is nan"),
        ("coverage = 0.7", "coverage = 7", r"key.coverage is 7"),
        ("coverage = 0.97", "coverage = 97", r"options.coverage is 97; use a value above 0, up to 1"),
        ("max_keys = 5", "max_keys = 2.5", r"options.max_keys is 2.5; expected a whole"),
        ("banned = []", "banned = [12]", r"banned; take it out"),
        ("banned = []", "banned = [3, 3]", r"banned holds 3 twice"),
        ("banned = []", 'banned = ["x"]', r"banned holds 'x'"),
        ("banned = []", "banned = [100]", r"banned holds 100"),
        ("stop = 40", "stop = 39", r"line \d+: shot.start is 40; shots leave no gaps, so it must be 39"),
        ("stop = 100", "stop = 99", r"the last shot must end at 100"),
        ("stop = 100", "stop = 101", r"shot.stop is 101"),
        ("[clip]", "[clpi]", r"clpi is unknown; did you mean clip"),
        ("width = 1280\n", "", r"clip.width is missing"),
        ("frames = 100", "frames = 0", r"clip.frames is 0"),
        ("[clip]", "[[clip]]", r"clip"),
        ("version = 1", "version = 9", r"version is 9, newer"),
        ("version = 1", "version = = 1", r"not TOML"),
    ],
)
def test_mistakes_are_named_with_their_line(text, old, new, what):
    assert old in text
    with pytest.raises(ValueError, match=what) as caught:
        parse_plan(text.replace(old, new, 1))
    assert "\n" not in str(caught.value)


def test_an_unreadable_file_is_never_overwritten(plan, text):
    with pytest.raises(ValueError, match="unknown"):
        format_plan(plan, text.replace("[options]", "[optoins]"))


def test_another_clips_plan_is_refused(plan):
    plan.check_clip(CLIP)
    with pytest.raises(ValueError, match="another clip"):
        plan.check_clip(ClipFacts("c.mp4", "sha256:def", 1280, 720, 100))


OWN = {"patch.style_strength": 0.4, "synthesis.seed": 3}


def test_a_keys_own_settings_and_take_stay_with_it(plan, text):
    edited = text.replace("[[key]]\nframe = 50", "# the turn\n[[key]]\nframe = 50")
    own = set_options(parse_plan(edited), 50, OWN)
    out = format_plan(own, edited)
    assert 'settings = {"patch.style_strength" = 0.4, "synthesis.seed" = 3}' in out
    assert "# the turn\n[[key]]\nframe = 50" in out
    assert parse_plan(out).key_at(50).settings == OWN
    assert own.key_at(50).kind == "user"
    stood = choose_take(own, 50, 2)
    kept = merge(stood, [Key(12, "now"), Key(70)]).key_at(50)
    assert (kept.settings, kept.take) == (OWN, 2)
    assert parse_plan(format_plan(stood, out)).key_at(50) == stood.key_at(50)
    assert set_options(stood, 50, {}).key_at(50).take == 0
    assert move(stood, 50, 51).key_at(51).settings == OWN
    assert "settings" not in format_plan(set_options(own, 50, {}), out)


@pytest.mark.parametrize(
    "spelled",
    [
        "settings = {synthesis.seed = 3, patch = {style_strength = 0.4}}\n",
        'settings."synthesis.seed" = 3  # mine\nsettings.patch.style_strength = 0.4\n',
        "[key.settings]  # mine\nsynthesis.seed = 3\npatch.style_strength = 0.4\n",
        "[key.settings.synthesis]\nseed = 3\n[key.settings.patch]\nstyle_strength = 0.4\n",
    ],
)
def test_own_settings_may_be_nested_and_stay_as_they_are_written(text, spelled):
    at = text.index("[[key]]\nframe = 80")
    edited = text[:at].rstrip("\n") + "\n" + spelled + "\n" + text[at:]
    plan = parse_plan(edited)
    assert plan.key_at(50).settings == OWN
    assert plan.key_at(80).settings == {}
    out = format_plan(lock(plan, 80), edited)
    assert spelled in out
    assert parse_plan(out).key_at(50).settings == OWN
    changed = format_plan(set_options(parse_plan(out), 50, {"synthesis.seed": 4}), out)
    assert parse_plan(changed).key_at(50).settings == {"synthesis.seed": 4}
    assert parse_plan(changed).key_at(80).kind == "locked"


@pytest.mark.parametrize(
    ("spelled", "words"),
    [
        ("settings = 3", "key.settings is 3; expected a table"),
        ("settings = {seed = 3}", "holds seed; write it with its section"),
        ("take = -1", "key.take is -1"),
        ("take = 1.5", "expected a whole number"),
        ("setings = {}", "did you mean settings"),
    ],
)
def test_bad_settings_are_named(text, spelled, words):
    with pytest.raises(ValueError, match=words):
        parse_plan(text.replace("frame = 50", f"frame = 50\n{spelled}"))


def test_a_locked_key_keeps_settings_and_take(plan):
    locked = lock(plan, 50)
    for change in (lambda: set_options(locked, 50, OWN), lambda: choose_take(locked, 50, 1)):
        with pytest.raises(ValueError, match="frame 50 is locked"):
            change()
    with pytest.raises(ValueError, match="take is -2"):
        choose_take(plan, 50, -2)
