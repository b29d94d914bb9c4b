"""Renderers that other packages bring: found by their entry point, loaded when asked for, blamed by name."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

from stylize.errors import UsageError
from stylize.render import make_renderer, renderer_names

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
