"""Shared fixtures."""

from __future__ import annotations

import numpy as np
import pytest


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow, gpu and bench tests out unless -m names a choice."""
    if config.getoption("-m"):
        return
    for item in items:
        for marker in ("slow", "gpu", "bench"):
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"{marker}: run with -m {marker}"))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)
