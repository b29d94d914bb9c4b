from __future__ import annotations

import dataclasses

import pytest

from stylize.cli.flags import SETTING_FLAGS
from stylize.errors import UsageError
from stylize.settings.loading import load_settings
from stylize.settings.schema import SECTIONS, Settings, option_table, section_class


def load(tmp_path, text=None, flags=None, environment=None, user=None, layer=None):
    project, own = tmp_path / "stylize.toml", tmp_path / "user.toml"
    if text is not None:
        project.write_text(text, encoding="utf-8")
    if user is not None:
        own.write_text(user, encoding="utf-8")
    return load_settings(project, flags, layer=layer, environment=environment or {}, user_file=own)


def test_nothing_given_means_defaults(tmp_path):
    assert load(tmp_path) == Settings()


def test_flag_over_environment_over_project_over_user_over_default(tmp_path):
    user, project = (
        "[select]\nmin_gap = 2\nmax_keys = 2\ncoverage = 0.5",
        "[select]\nmin_gap = 3\nmax_keys = 3",
    )
    environment = {"STYLIZE_SELECT_MIN_GAP": "4"}
    assert load(tmp_path, user=user).select.min_gap == 2
    assert load(tmp_path, project, user=user).select.min_gap == 3
    assert load(tmp_path, project, environment=environment, user=user).select.min_gap == 4
    found = load(tmp_path, project, {"select.min_gap": 5, "select.max_keys": None}, environment, user)
    assert (found.select.min_gap, found.select.max_keys, found.select.coverage) == (5, 3, 0.5)


def test_layer_settings_are_over_the_project_and_below_the_environment_and_flags(tmp_path):
    project = tmp_path / "stylize.toml"
    project.write_text("[select]\nmin_gap = 3\nmax_keys = 3", encoding="utf-8")
    layer = {"select.min_gap": 6}

    def found(environment, flags):
        missing = tmp_path / "user.toml"
        made = load_settings(project, flags, layer=layer, environment=environment, user_file=missing)
        return made.select.min_gap, made.select.max_keys

    environment = {"STYLIZE_SELECT_MIN_GAP": "4"}
    assert found({}, None) == (6, 3)
    assert found(environment, None) == (4, 3)
    assert found({}, {"select.min_gap": 5}) == (5, 3)
    assert found(environment, {"select.min_gap": 5}) == (5, 3)


def test_toml_out_and_in_again_is_the_same(tmp_path):
    settings = load(tmp_path, flags={"select.max_keys": 7, "output.quality": "best", "synthesis.seed": 3})
    assert load(tmp_path, settings.to_toml()) == settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[select]\nmax_kyes = 3", "stylize.toml: unknown option select.max_kyes; did you mean 'max_keys'"),
        ("[selekt]\nmax_keys = 3", "unknown section 'selekt'; did you mean 'select'"),
        ("[selekt]", "unknown section .*did you mean 'select'"),
        ("max_keys = 3", "max_keys is outside of any section"),
        ("[select]\nmax_keys = 'many'", "stylize.toml: invalid select.max_keys 'many'; use 1 key or more"),
        ("[select]\nmax_keys = 0", "stylize.toml: invalid select.max_keys 0; use 1 key or more"),
        ("[select]\ncoverage = 3.0", "stylize.toml: invalid select.coverage 3.0; use a value above 0, up to 1"),
        ("[select", "invalid TOML"),
        ("[output]\nquality = 'good'", "invalid output.quality 'good'; use draft, high or best"),
    ],
)
def test_what_is_wrong_is_an_error_that_says_where(tmp_path, text, words):
    with pytest.raises(UsageError, match=words) as raised:
        load(tmp_path, text)
    assert "\n" not in str(raised.value)


def test_environment_of_others_is_left_alone_and_ours_is_checked(tmp_path):
    assert load(tmp_path, environment={"STYLIZE_CI_VENV": "/x"}) == Settings()
    with pytest.raises(UsageError, match="STYLIZE_SELECT_MAXKEYS; did you mean 'STYLIZE_SELECT_MAX_KEYS'"):
        load(tmp_path, environment={"STYLIZE_SELECT_MAXKEYS": "3"})


def test_auto_and_empty_mean_decide_for_me(tmp_path):
    assert load(tmp_path, "[select]\nmax_keys = 'auto'").select.max_keys is None
    assert load(tmp_path, environment={"STYLIZE_SELECT_MAX_KEYS": ""}).select.max_keys is None


def test_every_flag_sets_an_option_that_exists_and_none_is_defined_twice():
    targets = [setting for flag in SETTING_FLAGS for setting in flag.settings.split()]
    assert [target for target in targets if target not in option_table()] == []
    # a flag that sets one value of an option is short for the flag that takes any
    general = [setting for flag in SETTING_FLAGS if flag.value is None for setting in flag.settings.split()]
    assert len(general) == len(set(general))
    assert set(general) == set(targets)


def test_environment_over_layer_over_project(tmp_path):
    project = "[select]\nmax_keys = 1\nmin_gap = 1\ncoverage = 0.5"
    layer = {"select.max_keys": 2, "select.min_gap": 2}
    settings = load(tmp_path, project, layer=layer, environment={"STYLIZE_SELECT_MAX_KEYS": "3"})
    assert (settings.select.max_keys, settings.select.min_gap, settings.select.coverage) == (3, 2, 0.5)


def test_options_are_frozen_and_equal_by_value():
    assert Settings() == Settings()
    for section in SECTIONS:
        options = section_class(section)()
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(options, dataclasses.fields(options)[0].name, 1)
