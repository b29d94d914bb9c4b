from __future__ import annotations

import subprocess
import sys

import pytest

from stylize.errors import UsageError
from stylize.render import make_renderer, protocol, register_renderer, renderer_names


def test_unknown_renderer_suggests_the_nearest():
    with pytest.raises(UsageError, match="'patch'"):
        make_renderer("pach", [])
    with pytest.raises(UsageError, match="choose one of"):
        make_renderer("oil", [])


def test_a_renderer_can_be_added(monkeypatch):
    monkeypatch.setattr(protocol, "_FACTORIES", dict(protocol._FACTORIES))
    register_renderer("echo", lambda styles, options: (styles, options))
    assert "echo" in renderer_names()
    assert make_renderer("echo", [], {"a": 1}) == ([], {"a": 1})
    register_renderer("later", "no.such.module:function")
    with pytest.raises(ModuleNotFoundError):
        make_renderer("later", [])


def test_importing_renderers_loads_nothing_heavy():
    heavy = ("numba", "cv2", "torch", "scipy")
    code = f"import sys, stylize.render; print([m for m in {heavy} if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
