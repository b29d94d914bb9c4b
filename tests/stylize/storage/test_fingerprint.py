from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar

import numpy as np
import pytest

from stylize.storage.fingerprint import file_hash, fingerprint, step


@dataclass(frozen=True)
class Options:
    type_id: ClassVar[str] = "test-options"
    size: int = 5
    weight: float = 1.0


@dataclass(frozen=True)
class Others:
    type_id: ClassVar[str] = "test-others"
    size: int = 5
    weight: float = 1.0


class Named:
    fingerprint = "abc"


def test_equal_content_has_equal_fingerprints(rng):
    image = rng.integers(0, 255, (4, 5, 3), np.uint8)
    assert fingerprint(image) == fingerprint(image.copy())
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint(Options()) == fingerprint(Options())
    assert fingerprint(image[:, ::2]) == fingerprint(np.ascontiguousarray(image[:, ::2]))


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1, 1.0),
        (1, "1"),
        (1, True),
        (None, "None"),
        (["ab"], ["a", "b"]),
        ([["a"], "b"], [["a", "b"]]),
        (b"a", "a"),
        (Fraction(1, 2), 0.5),
        (Options(), Options(size=7)),
        (Options(), Others()),
        (np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8)),
        (np.zeros(4, np.uint8), np.zeros(2, np.uint16)),
        (Named(), "abc"),
    ],
)
def test_different_content_has_different_fingerprints(a, b):
    assert fingerprint(a) != fingerprint(b)


def test_a_path_stands_for_its_bytes(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_bytes(b"same")
    two.write_bytes(b"same")
    assert fingerprint(one) == fingerprint(two)
    two.write_bytes(b"other")
    assert fingerprint(one) != fingerprint(two)
    assert file_hash(one) != file_hash(two)


def test_unknown_kinds_are_refused():
    with pytest.raises(TypeError, match="object has no fingerprint"):
        fingerprint([1, object()])

    @dataclass(frozen=True)
    class Unnamed:
        size: int = 5

    with pytest.raises(TypeError, match="Unnamed has no type_id"):
        fingerprint(Unnamed())


def test_a_fingerprint_is_the_same_on_every_day():
    assert fingerprint("clip", 3, (1.5, None)) == "a992c1a9e2deb602fdcdf85ce6256872"


def test_step_marks_a_version():
    @step(3)
    def work() -> int:
        return 1

    assert work.version == 3
    assert work() == 1
