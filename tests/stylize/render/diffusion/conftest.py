from __future__ import annotations

import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

from tests.stylize.render.diffusion.studio import Studio


@pytest.fixture
def sd15(tiny_models_folder):
    return Studio(tiny_models_folder, "sd15")


@pytest.fixture(params=["sd15", "sdxl"])
def studio(request, tiny_models_folder):
    return Studio(tiny_models_folder, request.param)


@pytest.fixture(autouse=True)
def _quiet(recwarn):
    """The libraries warn of each other; what is ours is an error in all other tests."""


@pytest.fixture
def sdxl(tiny_models_folder):
    return Studio(tiny_models_folder, "sdxl")
