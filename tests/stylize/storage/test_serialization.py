from __future__ import annotations

import io
import json
from fractions import Fraction

import numpy as np
import pytest

from stylize.compositing.bounds import MatteBounds
from stylize.storage import serialization as store


def test_round_trip():
    value = {
        "shots": ((0, 5), (5, 9)),
        "rate": Fraction(30000, 1001),
        "scores": np.linspace(0, 1, 5, dtype=np.float32),
        "nested": [None, True, 2, 2.5, "ü", {"deep": np.zeros((0, 2), np.int32)}],
        3: MatteBounds(np.array([[1, 2, 3, 4]], np.int32), ("mark",), 0.25),
    }
    back = store.loads(store.dumps(value))
    np.testing.assert_array_equal(back.pop("scores"), value.pop("scores"))
    assert back["nested"][5]["deep"].shape == (0, 2)
    assert back["shots"] == value["shots"]
    assert back["rate"] == value["rate"]
    assert back["nested"][:5] == value["nested"][:5]
    assert (back[3].marks, back[3].area) == (("mark",), 0.25)
    np.testing.assert_array_equal(back[3].boxes, value[3].boxes)


def test_foreign_objects_are_not_stored():
    with pytest.raises(TypeError, match="object cannot be stored"):
        store.dumps(object())


@pytest.mark.parametrize("kind", ["os:system", "subprocess:Popen", "stylize.storage.atomic:write_bytes", "x"])
def test_reading_runs_no_foreign_code(kind):
    tree = json.dumps({"object": kind, "fields": {}}).encode()
    buffer = io.BytesIO()
    np.savez(buffer, tree=np.frombuffer(tree, np.uint8))
    with pytest.raises(ValueError, match="damaged"):
        store.loads(buffer.getvalue())


def test_damage_is_told():
    data = store.dumps([1, 2, 3])
    for broken in (b"", data[: len(data) // 2], b"x" + data[1:]):
        with pytest.raises(ValueError, match="damaged"):
            store.loads(broken)
