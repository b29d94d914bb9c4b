"""Fingerprints that stored projects depend on: a change here repaints somebody's keys or carries their frames again.

If one of these fails, undo the rename or the reordering behind it. Only a step whose *result* changes may change its
fingerprint, by a higher version.
"""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from keyframes.options import AnalysisOptions
from propagate.options import PropagateOptions
from stylize.compositing.bounds import MatteBounds
from stylize.compositing.spec import LayerSpec
from stylize.mattes.hints import Hints
from stylize.mattes.options import MatteOptions
from stylize.pipeline.composite import composite_fingerprint
from stylize.pipeline.painting import _fingerprint as key_fingerprint
from stylize.pipeline.propagation import frame_stores
from stylize.project.frame_store import FrameStore
from stylize.render.options import AgreementOptions, PatchOptions
from stylize.render.patch.renderer import PatchRenderer
from stylize.settings.schema import SECTIONS, Settings, section_class
from stylize.storage.fingerprint import fingerprint
from stylize.storage.serialization import STORED, dumps, loads

PINNED = {
    "settings.clip": "643a3bdccf698187683429b400b51d6e",
    "settings.shots": "4e5f392f219172d4f8554fd54e23e5a1",
    "settings.analysis": "37cbe25b105897f837db308b3c3090aa",
    "settings.select": "46f462d9a376e1c16bd0ab0ea37744ad",
    "settings.agreement": "afe4697d02d873c2f72ba9c0ae0eb03b",
    "settings.patch": "d1330f2a3f8b458b33cbc00cce53f31e",
    "settings.diffusion": "3c7a2d093577b94657a1663d38fe3557",
    "settings.edit": "b917c3acf1c1a69fddf2fda3acbb29c1",
    "settings.propagate": "f4290b1bf6cba183c8b4bef19087b02a",
    "settings.synthesis": "62b88687d17156cbb7fe3bafac764b8a",
    "settings.compose": "b81457472b587fcb0db35f5d66f4e66e",
    "settings.matte": "8165025d4998ace51e8c4815a2c024ed",
    "settings.making": "6f44d704abb55c37062a304fe9244736",
    "settings.output": "17601a3a744d25637972e5a8884cd4b4",
    "settings.models": "53eb8c94254cd8b1e0416a4346e6e14b",
    "values": "09ed900aef22ab2be74296393da342d0",
    "key": "1e5163e881734d65993691df1842b2b9",
    "span.0": "8da03839b321af7dad52 03f4e1a7885de661cebf",
    "span.1": "c847722c5b1b1001982a 702c2ac04dffc0d6fb59",
    "matte": "8da214b03af8bc11a746cd3e1be6af35",
    "output": "d0cd18842d152d04ddfa33f617edc2a6",
}
"""Name → fingerprint."""


@pytest.fixture
def view():
    """A shot of six frames of a clip whose content has a fixed fingerprint."""
    info = SimpleNamespace(
        fingerprint="clip-1", names=tuple(f"{i:06d}" for i in range(6)), start=0, count=6, width=64, height=48,
        rate=Fraction(24), total=6,
    )  # fmt: skip
    return SimpleNamespace(info=info, mark=lambda _frames: None, frames=[np.zeros((48, 64, 3), np.uint8)] * 6)


def check(name: str, found: str) -> None:
    assert found == PINNED.get(name), f"{name} is now {found}"


@pytest.mark.parametrize("section", [name for name in SECTIONS if name != "plugins"])
def test_settings_of_each_section(section):
    check(f"settings.{section}", fingerprint(section_class(section)()))


def test_values_of_every_kind(tmp_path):
    (tmp_path / "file").write_bytes(b"bytes of a file")
    things = (None, True, 3, 0.5, "text", b"bytes", Fraction(24000, 1001), np.arange(6, dtype=np.uint8).reshape(2, 3))
    check("values", fingerprint(*things, {"a": 1, "b": [2]}, {3, 4}, tmp_path / "file"))


def test_a_key(tmp_path, view):
    style = (np.arange(64 * 64 * 3) % 251).astype(np.uint8).reshape(64, 64, 3)
    project = SimpleNamespace(info=view.info, root=tmp_path)
    renderer = PatchRenderer([style], PatchOptions())
    check("key", key_fingerprint(project, view, 2, renderer, 7, AgreementOptions()))


@pytest.mark.parametrize("distant", [0, 1])
def test_a_span(tmp_path, view, distant):
    keys = {}
    for frame in (0, 5):
        keys[frame] = tmp_path / f"{frame:06d}.psd"
        keys[frame].write_bytes(f"key {frame}".encode())
    stores = frame_stores(SimpleNamespace(root=tmp_path), view, keys, PropagateOptions(distant_keys=distant))
    check(f"span.{distant}", " ".join(dict.fromkeys(store.folder.name for store in stores)))


def test_a_matte_and_its_analysis():
    bounds = MatteBounds(np.array([[1, 2, 3, 4]], np.int32), ("mark",), 0.25)
    check("matte", fingerprint(MatteOptions(choke=1.5), bounds, Hints(), AnalysisOptions(side=256)))


def test_an_output(tmp_path, view):
    context = SimpleNamespace(
        mattes=None, clip=SimpleNamespace(info=view.info), layer=LayerSpec("paint"), visibility=None,
        settings=Settings(), parts=(),
    )  # fmt: skip
    layers = [(context, [FrameStore(tmp_path / "abc"), None])]
    check("output", composite_fingerprint(layers, Settings()))


@pytest.mark.parametrize("name", STORED)
def test_stored_types_come_back(name):
    module, _, kind = STORED[name].partition(":")
    found = getattr(__import__(module, fromlist=[kind]), kind)
    assert found.type_id == name
    if name == "matte-bounds":
        made = found(np.array([[1, 2, 3, 4]], np.int32), ("mark",), 0.25)
        assert loads(dumps(made)).marks == ("mark",)
