"""The small world as a fixture, for all tests of the application."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stylize.world import World, make_world

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> World:
    return make_world(tmp_path, monkeypatch, rng)
