"""Shared fixtures, and how the suite runs: in two processes when all of it is asked for."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

WORKERS = 2
"""Processes of a whole run; each loads PyTorch and holds a GB."""


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Answer ``-n auto``: a part of the suite runs here, where a debugger and prints reach it."""
    whole = config.args == config.getini("testpaths")
    watched = config.getoption("usepdb") or config.getoption("capture") == "no"
    return min(WORKERS, os.cpu_count() or 1) if whole and not watched else 0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave slow, gpu and bench tests out unless -m names a choice."""
    if config.getoption("-m"):
        return
    for item in items:
        for marker in ("slow", "gpu", "bench"):
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"{marker}: run with -m {marker}"))


@pytest.fixture(scope="session", autouse=True)
def no_waiting_for_the_disk() -> Iterator[None]:
    """Leave writes to the system: a test's process may be killed, the machine's power does not go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20)


@pytest.fixture(scope="session")
def tiny_models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All models of samples/tiny_models.py, written once for the session; skips without the learned parts."""
    pytest.importorskip("torch").set_num_threads(1)  # tiny nets are a hundred times slower with more
    pytest.importorskip("diffusers")
    pytest.importorskip("transformers")
    os.environ["HF_HUB_OFFLINE"] = "1"
    from samples import tiny_models

    models = tiny_models.write_models(tmp_path_factory.mktemp("models"))
    gc.freeze()  # each pipeline that opens makes room first, and would look through the libraries every time
    return models
