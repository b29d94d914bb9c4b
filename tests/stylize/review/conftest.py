"""Fixtures: reviews of a painted and of a planned project, and a browser."""

from __future__ import annotations

import os
from types import SimpleNamespace

import numpy as np
import pytest

from stylize import stylize_clip
from stylize.media import write_image
from stylize.pipeline.request import RunRequest
from tests.stylize.review.browser_page import BROWSERS, browser_program
from tests.stylize.review.review_client import OpenReview
from tests.stylize.world import make_frames


@pytest.fixture
def review(world):
    place = world.root / "frames.stylize" / "stylize.toml"
    place.parent.mkdir()
    place.write_text("[select]\nmax_keys = 2\n[propagate]\ndistant_keys = 0\n", "utf-8")
    stylize_clip(world.frames, world.style, world.root / "out", renderer="fake")
    with OpenReview(world, RunRequest(world.frames)) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Open a planned project without a run, for requests that change nothing."""
    root = tmp_path_factory.mktemp("shared")
    frames, style = make_frames(root / "frames", 10, cut=6), root / "style.png"
    write_image(style, np.full((32, 40, 3), 90, np.uint8))
    world = SimpleNamespace(root=root, frames=frames, style=style)
    with OpenReview(world, RunRequest(frames, (style,), renderer="patch")) as opened:
        assert opened.edit("add", 0).status_code == 200
        assert opened.edit("add", 7).status_code == 200
        yield opened


@pytest.fixture(scope="module")
def browser():
    program = browser_program()
    if program is None and not os.environ.get("CI"):
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is on the path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()
