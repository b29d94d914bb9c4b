"""Matte painting in a real browser."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from stylize.media import read_image, write_image
from tests.stylize.mattes import motion
from tests.stylize.review.browser_page import LONG, Page, serving

pytestmark = pytest.mark.slow
COUNT = 6


def overlap(a, b):
    return ((a > 0.5) & (b > 0.5)).sum() / ((a > 0.5) | (b > 0.5)).sum()


@pytest.fixture
def truth(tmp_path):
    frames, mattes = motion.moving_subject(COUNT)
    for at, frame in enumerate(frames):
        write_image(tmp_path / "clip" / f"{at:04d}.png", cv2.GaussianBlur(frame, (0, 0), 0.7))
    write_image(tmp_path / "style.png", np.full((32, 32, 3), 120, np.uint8))
    return mattes


class Painter(Page):
    """The page while a matte is painted."""

    def place(self, x, y):
        """Return the position of pixel (x, y) of the clip on the screen."""
        box = self.tab.locator("#picture").bounding_box()
        scale = min(box["width"] / 128, box["height"] / 96)
        return box["x"] + box["width"] / 2 + (x - 64) * scale, box["y"] + box["height"] / 2 + (y - 48) * scale

    def draw(self, *points):
        self.tab.mouse.move(*self.place(*points[0]))
        self.tab.mouse.down()
        for point in points[1:]:
            self.tab.mouse.move(*self.place(*point), steps=4)
        self.tab.mouse.up()

    def frame_is(self, words):
        self.tab.locator("#panel h3").filter(has_text=words).wait_for(timeout=60_000)

    def mattes(self):
        return self.tab.evaluate("fetch('/api/matte').then((answer) => answer.json())")

    def wait_until_propagated(self):
        """Wait until every frame has a matte propagated from the current strokes."""
        for _ in range(LONG // 500):
            if self.mattes()["left"] == 0:
                return
            self.tab.wait_for_timeout(500)
        pytest.fail("frames are still left to propagate")

    def color(self, x, y):
        self.tab.wait_for_timeout(500)
        left, top = self.place(x, y)
        box = self.tab.locator("#picture").bounding_box()
        at = [round(left - box["x"]), round(top - box["y"])]
        return self.tab.evaluate(
            "([x, y]) => { const c = document.getElementById('picture');"
            "return Array.from(c.getContext('2d').getImageData(x, y, 1, 1).data); }",
            at,
        )


def test_a_matte_is_painted_propagated_corrected_and_undone(browser, tmp_path, truth):
    project = tmp_path / "clip.stylize"
    with serving(tmp_path / "clip", tmp_path / "style.png") as link:
        page = Painter(browser, link, project)
        page.press("m", "b")
        page.tab.get_by_role("radio", name="Box").and_(page.tab.locator("[aria-checked=true]")).wait_for()
        rows, columns = np.nonzero(truth[0] > 0.5)
        page.draw((columns.min() - 2, rows.min() - 2), (columns.max() + 3, rows.max() + 3))
        page.frame_is("Frame 0: painted, 1 stroke")
        red, green, blue, _ = page.color(4, 90)  # the background has a red overlay
        assert red > 140 > max(green, blue)
        page.press("c")
        page.says("in use", LONG)
        page.press("ArrowRight", "ArrowRight", "ArrowRight")
        page.frame_is("Frame 3: propagated")
        for at in range(COUNT):
            found = read_image(project / "matte" / "carried" / f"{at:04d}.png")[..., 0] / 65535
            assert overlap(found, truth[at]) > 0.9

        page.press("e", "f", "-")  # an exact stroke of the Remove tool by keyboard
        page.tab.locator("#picture").focus()
        page.press("Enter", "ArrowRight", "ArrowRight", "Enter")
        page.frame_is("Frame 3: painted, 1 stroke")
        assert page.mattes()["left"] == COUNT - 2  # all but the two painted frames
        page.tab.locator("#picture").blur()
        page.press("Control+z")
        page.frame_is("Frame 3: propagated")
        page.press("Control+Shift+z")
        page.frame_is("Frame 3: painted, 1 stroke")
        page.press("c")
        page.wait_until_propagated()
        middle = read_image(project / "matte" / "carried" / "0003.png")
        assert middle[48, 66, 0] == 0
        page.press("m", "Home", "4")
        page.tab.locator("#tag-a").filter(has_text="Matte").wait_for()
        assert page.tab.locator("#cost").inner_text()
        assert page.faults == []
