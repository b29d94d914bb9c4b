"""The door to controlnet-aux: sizes undone, nothing of it leaks out, and clear words when it is not well."""

from __future__ import annotations

import importlib
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from stylize.errors import ModelError
from stylize.maps import detectors, make_map, map_names
from stylize.models import ModelOptions
from tests.stylize.maps.fake_controlnet_aux import make_package

SIZE = (90, 130)


@pytest.fixture
def package(monkeypatch):
    made = make_package()
    monkeypatch.setitem(sys.modules, "controlnet_aux", made)
    detectors._loaded.cache_clear()
    yield made
    detectors._loaded.cache_clear()


@pytest.fixture(autouse=True)
def _as_installed():
    """Whatever a test puts in the place of these packages is gone afterwards."""
    before = {name: sys.modules.get(name) for name in ("controlnet_aux", "mediapipe")}
    yield
    for name, module in before.items():
        sys.modules.pop(name, None)
        if module is not None:
            sys.modules[name] = module
    detectors._loaded.cache_clear()


@pytest.fixture
def picture(rng):
    ramp = np.linspace(0, 255, SIZE[1])[None, :, None] * np.ones((SIZE[0], 1, 3))
    return ramp.astype(np.uint8)


def test_the_change_of_size_is_undone(package, picture):
    made = make_map("aux:canny", picture, SIZE)
    assert made.shape == picture.shape
    assert np.abs(made.astype(int) - picture).max() <= 6, "nothing has moved"


def test_a_gray_map_becomes_rgb(package, picture):
    assert np.array_equal(make_map("aux:lineart_standard", picture, SIZE), picture)


def test_nothing_leaks_out(package, picture, capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["stylize", "run", "clip.mp4"])
    np.random.seed(7)  # noqa: NPY002
    expected = np.random.random(3)  # noqa: NPY002
    np.random.seed(7)  # noqa: NPY002
    first = make_map("aux:shuffle", picture, SIZE)
    assert np.array_equal(np.random.random(3), expected)  # noqa: NPY002
    assert np.array_equal(first, make_map("aux:shuffle", picture, SIZE))
    assert sys.argv == ["stylize", "run", "clip.mp4"]
    assert capsys.readouterr().out == ""


def test_weights_come_from_a_folder_and_only_when_pickles_are_allowed(package, picture, tmp_path):
    (tmp_path / "ControlNetHED.pth").write_bytes(b"PK\x03\x04")
    with pytest.raises(ModelError, match="allow_pickle"):
        make_map("aux:hed", picture, SIZE, weights=tmp_path)
    make_map("aux:hed", picture, SIZE, weights=tmp_path, models=ModelOptions(allow_pickle=True))
    with pytest.raises(ModelError, match="stylize models fetch aux-hed"):
        make_map("aux:hed", picture, SIZE, models=ModelOptions(allow_pickle=True))


def test_a_detector_that_fails_is_named(package, picture, tmp_path):
    (tmp_path / "x.pth").write_bytes(b"PK\x03\x04")
    package.MLSDdetector.from_pretrained = classmethod(lambda cls, _: cls())
    allowed = ModelOptions(allow_pickle=True)
    with pytest.raises(ModelError, match=r"aux:mlsd: controlnet-aux failed \(NameError: init_detector"):
        make_map("aux:mlsd", picture, SIZE, weights=tmp_path, models=allowed)


def test_it_loads_beside_a_mediapipe_that_it_does_not_know(tmp_path, monkeypatch, picture):
    """The package asks for `mediapipe.solutions` when it finds mediapipe, which today has none."""
    (tmp_path / "mediapipe.py").write_text("version = 1\n", encoding="utf-8")
    (tmp_path / "controlnet_aux.py").write_text(
        "try:\n    import mediapipe\nexcept ImportError:\n    pass\nelse:\n    mediapipe.solutions\n"
        "from tests.stylize.maps.fake_controlnet_aux import Plain as CannyDetector\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("controlnet_aux", "mediapipe"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    detectors._loaded.cache_clear()
    assert make_map("aux:canny", picture, SIZE).shape == picture.shape
    assert importlib.import_module("mediapipe").version == 1, "mediapipe itself stays usable"
    detectors._loaded.cache_clear()


def test_a_package_that_does_not_load_says_why(tmp_path, monkeypatch, picture):
    (tmp_path / "controlnet_aux.py").write_text("raise RuntimeError('operator nms does not exist')", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "controlnet_aux", raising=False)
    with pytest.raises(ModelError, match=r"nms does not exist.*reinstall torch torchvision"):
        make_map("aux:canny", picture, SIZE)


@pytest.mark.skipif(find_spec("controlnet_aux") is None, reason="controlnet-aux is not installed")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["canny", "lineart_standard", "shuffle"])
def test_the_package_itself(name, picture):
    made = make_map(f"aux:{name}", picture, SIZE)
    assert made.shape == picture.shape
    assert np.array_equal(made, make_map(f"aux:{name}", picture, SIZE))


def test_every_detector_has_a_name():
    assert len([name for name in map_names() if name.startswith("aux:")]) == len(detectors.DETECTORS)
