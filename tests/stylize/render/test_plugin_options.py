"""Renderers that other packages bring: found by their entry point, loaded when asked for, blamed by name."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

from stylize.errors import UsageError
from stylize.media import write_image
from stylize.pipeline.renderers import select_renderer
from stylize.render import make_renderer, renderer_names
from stylize.settings.key_settings import check_key_options
from stylize.settings.loading import changed, load_settings

MODULE = """
import numpy as np
from stylize.render import PaintedKey


class Sumi:
    name, version = "sumi", "3"

    def __init__(self, styles, options):
        self.styles, self.options = styles, options

    def fingerprint(self):
        return {"renderer": self.name, "version": self.version}

    def paint(self, frame, anchors=(), *, seed=0, on_progress=None):
        return PaintedKey(255 - frame, {**self.fingerprint(), "seed": seed})
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An installed package, as pip leaves it."""
    (tmp_path / "sumi_e.py").write_text(MODULE, encoding="utf-8")
    facts = tmp_path / "sumi_e-1.2.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: sumi-e\nVersion: 1.2\n")
    (facts / "entry_points.txt").write_text(
        "[stylize.renderers]\nsumi = sumi_e:Sumi\nbroken = sumi_e:Nothing\npatch = sumi_e:Sumi\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path
    sys.modules.pop("sumi_e", None)


def test_a_brought_renderer_paints(package):
    assert "sumi" in renderer_names()
    assert "sumi_e" not in sys.modules, "names are known without loading anything"
    style = np.zeros((40, 40, 3), np.uint8)
    made = make_renderer("sumi", [style], {"wet": 1})
    assert made.options == {"wet": 1}
    painted = made.paint(np.full((8, 8, 3), 55, np.uint8), seed=4)
    assert np.all(painted.image == 200)
    assert painted.recipe == {"renderer": "sumi", "version": "3", "seed": 4}


def test_it_cannot_take_the_place_of_ours(package):
    style = np.zeros((40, 40, 3), np.uint8)
    assert type(make_renderer("patch", [style])).__module__.startswith("stylize.")


def test_one_that_does_not_load_is_named_with_its_package(package):
    with pytest.raises(UsageError, match=r"renderer broken \(of package sumi-e 1\.2\) does not load"):
        make_renderer("broken", [])


def test_a_misspelt_one_is_suggested(package):
    with pytest.raises(UsageError, match="did you mean 'sumi'"):
        make_renderer("summi", [])


def test_its_options_come_from_its_own_table(package, tmp_path):
    """`stylize.toml`, settings by name, a layer's and a key's: all reach the factory as they are."""
    file = tmp_path / "stylize.toml"
    file.write_text('[plugins.sumi]\nwet = 0.5\npaper = "rice"\n[plugins.sumi.brush]\nhairs = 40\n')
    style = tmp_path / "style.png"
    write_image(style, np.full((8, 8, 3), 90, np.uint8))

    def made(**more):
        settings = load_settings(file, environment={}, user_file=tmp_path / "none", **more)
        assert load_settings_again(settings, tmp_path) == settings
        return select_renderer("sumi", [style], settings).options

    assert made() == {"wet": 0.5, "paper": "rice", "brush.hairs": 40}
    assert made(flags={"plugins.sumi.wet": 0.7}) == {"wet": 0.7, "paper": "rice", "brush.hairs": 40}
    assert made(layer={"plugins.sumi.paper": "silk"})["paper"] == "silk"
    settings = load_settings(file, environment={}, user_file=tmp_path / "none")
    own = changed(settings, {"plugins.sumi.wet": 0.1, "synthesis.seed": 4})
    assert own.plugins.tables["sumi"] == {"wet": 0.1, "paper": "rice", "brush.hairs": 40}
    assert own.synthesis.seed == 4
    check_key_options({"plugins.sumi.wet": 1}, "key 3")


def load_settings_again(settings, folder):
    (folder / "again.toml").write_text(settings.to_toml(), encoding="utf-8")
    return load_settings(folder / "again.toml", environment={}, user_file=folder / "none")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[plugins.summi]\nwet = 1", r"\[plugins.summi\]: unknown renderer .*did you mean 'sumi'"),
        ("[plugins.zzz]\nwet = 1", "it is not installed"),
        ("[plugins.patch]\nwet = 1", r"its options belong in \[patch\]"),
        ("[plugins.sd]\nwet = 1", r"its options belong in \[diffusion\]"),
        ("[plugins]\nwet = 1", r"invalid plugins.wet 1; use \[plugins.NAME\]"),
    ],
)
def test_a_table_that_nobody_would_read_is_refused(package, tmp_path, text, words):
    (tmp_path / "stylize.toml").write_text(text)
    write_image(tmp_path / "style.png", np.full((8, 8, 3), 90, np.uint8))

    def choose():
        settings = load_settings(tmp_path / "stylize.toml", environment={}, user_file=tmp_path / "none")
        select_renderer("sumi", [tmp_path / "style.png"], settings)

    with pytest.raises(UsageError, match=words):
        choose()
