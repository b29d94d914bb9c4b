from __future__ import annotations

import pytest

from stylize.compositing.spec import read_layers
from stylize.errors import UsageError
from stylize.settings.loading import load_settings
from stylize.settings.schema import SECTIONS


@pytest.fixture
def listed(tmp_path):
    """Write stylize.toml; the style it names is there."""
    (tmp_path / "a.png").write_bytes(b"style")
    (tmp_path / "keys").mkdir()

    def write(text):
        path = tmp_path / "stylize.toml"
        path.write_text(text)
        return path

    return write


def test_layer_with_all_options(listed, tmp_path):
    path = listed(
        """
        [select]
        max_keys = 3
        [[layers]]
        name = "back"
        style = ["a.png", "a.png"]
        strength = 0.5
        [[layers]]
        name = "hero"
        keys = "keys"
        matte = "hero.mov"
        invert = true
        blend = "screen"
        strength = "0: 0, 24: 1"
        strength_map = "fade.png"
        holdout = "back"
        exclusive = true
        patch.style_strength = 0.25
        """
    )
    back, hero = read_layers(path, SECTIONS)
    assert (back.name, back.strength, back.matte, back.blend) == ("back", "0.5", None, "over")
    assert back.styles == (tmp_path / "a.png",) * 2
    assert (hero.keys, hero.styles, hero.holdout) == (tmp_path / "keys", (), ("back",))
    assert (hero.matte, hero.strength_map) == (str(tmp_path / "hero.mov"), str(tmp_path / "fade.png"))
    assert (hero.blend, hero.strength, hero.exclusive) == ("screen", "0: 0, 24: 1", True)
    assert hero.settings == {"patch.style_strength": 0.25, "matte.invert": True}
    assert load_settings(path).select.max_keys == 3
    assert load_settings(path, layer={"patch.style_strength": 0.25}).patch.style_strength == 0.25
    flagged = load_settings(path, {"patch.style_strength": 1.0}, layer={"patch.style_strength": 0.25})
    assert flagged.patch.style_strength == 1.0


def test_layer_matte_with_operations(listed):
    path = listed('[[layers]]\nname = "a"\nstyle = "a.png"\nmatte = {file = "m.mov", choke = 1.5}')
    (layer,) = read_layers(path, SECTIONS)
    assert layer.matte is not None
    assert layer.matte.endswith("m.mov")
    assert layer.settings == {"matte.choke": 1.5}


def test_project_without_layers(listed, tmp_path):
    assert read_layers(tmp_path / "none.toml", SECTIONS) == ()
    assert read_layers(listed("[select]\nmax_keys = 3"), SECTIONS) == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('name = "a"', "'a': missing style; name an image"),
        ('style = "a.png"', "layer number 1: invalid name None"),
        ('name = "a/b"\nstyle = "a.png"', "a folder can have"),
        ('name = "a"\nstyle = "b.png"', "b.png does not exist; paths count from"),
        ('name = "a"\nstyle = "a.png"\nblend = "scren"', "unknown blend 'scren'; did you mean 'screen'"),
        ('name = "a"\nstyle = "a.png"\nbland = 1', "unknown option bland; did you mean 'blend'"),
        ('name = "a"\nstyle = "a.png"\nstrength = 2', "strength is 2; expected 0 to 1"),
        ('name = "a"\nstyle = "a.png"\nstrength = "0: x, 3"', "'a': strength: "),
        ('name = "a"\nstyle = "a.png"\nholdout = "b"', "unknown layer 'b'; there is no other"),
        ('name = "a"\nstyle = "a.png"\nholdout = "a"', "holdouts go in a circle"),
        ('name = "a"\nstyle = "a.png"\ninvert = true', "no matte to change"),
        ('name = "a"\nstyle = "a.png"\nmatte = {choke = 1}', "missing file of matte"),
        ('name = "a"\nstyle = "a.png"\nmatte = 7', "matte is 7"),
        ('name = "a"\nstyle = "a.png"\nexclusive = 1', "expected true or false"),
    ],
)
def test_invalid_layer_is_an_error(listed, text, words):
    with pytest.raises(UsageError, match=words.replace("(", r"\(")):
        read_layers(listed(f"[[layers]]\n{text}"), SECTIONS)


def test_circular_holdouts_are_an_error(listed):
    one = '[[layers]]\nname = "{}"\nstyle = "a.png"\nholdout = "{}"\n'
    with pytest.raises(UsageError, match="a → b → c → a"):
        read_layers(listed(one.format("a", "b") + one.format("b", "c") + one.format("c", "a")), SECTIONS)
    read_layers(
        listed(one.format("a", "b") + one.format("b", "c") + '[[layers]]\nname = "c"\nstyle = "a.png"'), SECTIONS
    )


def test_duplicate_layer_names_are_an_error(listed):
    with pytest.raises(UsageError, match="two layers are called 'A'"):
        read_layers(
            listed('[[layers]]\nname = "A"\nstyle = "a.png"\n[[layers]]\nname = "a"\nstyle = "a.png"'), SECTIONS
        )


def test_layers_that_are_not_tables_are_an_error(listed):
    with pytest.raises(UsageError, match="begin each layer with"):
        read_layers(listed('layers = ["a"]'), SECTIONS)
