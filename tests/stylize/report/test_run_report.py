from __future__ import annotations

import re
from html.parser import HTMLParser

import numpy as np
import pytest

from stylize import stylize_clip
from stylize.errors import UsageError
from stylize.project.project import Project
from stylize.report import html as page
from stylize.report.run_report import save_record, suggest_key, write_report


def test_one_more_key_helps_most_in_the_middle_of_the_greatest_lack():
    quality = [1.0] * 10 + [0.2] * 9 + [1.0] * 11
    assert suggest_key(quality, [0, 29], [(0, 30)]) == 14
    assert suggest_key(quality, [0, 14, 29], [(0, 30)]) != 14
    assert suggest_key([1.0] * 20, [3], [(0, 20)]) is None
    assert suggest_key([None] * 20, [3], [(0, 20)]) is None


def test_a_suggestion_does_not_add_up_over_a_cut():
    quality = [0.6] * 4 + [0.5] * 2 + [0.6] * 4
    assert suggest_key(quality, [], [(0, 4), (4, 6), (6, 10)]) in (1, 2, 7, 8)


def test_a_suggestion_is_never_a_key():
    rng = np.random.default_rng(3)
    for _ in range(30):
        keys = sorted(rng.choice(40, 5, replace=False).tolist())
        assert suggest_key(rng.random(40).tolist(), keys, [(0, 17), (17, 40)]) not in keys


class Checker(HTMLParser):
    """Collects what a page would fetch or run, and whether its elements close."""

    VOID = ("meta", "img", "line", "link", "br")

    def __init__(self):
        super().__init__()
        self.open, self.fetched, self.scripts, self.texts = [], [], 0, []

    def handle_starttag(self, tag, attributes):
        if tag not in self.VOID or (tag == "line" and ">" in self.get_starttag_text()[:-1]):
            self.open.append(tag)
        self.scripts += tag == "script" or any(name.startswith("on") for name, _ in attributes)
        self.fetched += [
            v for n, v in attributes if n in ("src", "href") and not v.startswith("data:image/jpeg;base64,")
        ]

    def handle_endtag(self, tag):
        if tag in self.open:
            self.open.remove(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_the_page_of_a_run(world):
    result = stylize_clip(world.frames, world.style, world.root / "out", renderer="fake")
    text = (world.root / "frames.stylize" / "report" / "index.html").read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(text)
    words = " ".join(checker.texts)
    assert (checker.fetched, checker.scripts) == ([], 0)
    assert set(checker.open) <= {"line", "html"}
    assert "default-src 'none'" in text
    assert text.count("<img") >= 2 * len(result.keys)
    for heading in ("Keys", "Worst frames", "Time", "Recipe", "Coverage and quality"):
        assert heading in checker.texts
    assert "One more key would help most at frame" in words
    assert text.count("<polyline") >= 2
    assert len(re.findall('class="cut"', text)) == 1


def test_names_are_escaped_in_the_page(world):
    evil = '<script>alert("x")</script>&\'"'
    project = Project(world.root / "p")
    facts = {
        "clip": evil, "output": evil, "first": 0, "count": 2, "shots": [[0, 2]], "renderer": evil,
        "keys": [{"frame": 0, "kind": evil, "reason": evil, "coverage": 0.5, "file": evil}],
        "coverage": [1, 0.5], "frames": [{"frame": 1, "quality": 0.5, "file": evil}],
        "seconds": {evil: 1.0}, "recipe": {evil: evil},
    }  # fmt: skip
    save_record(project, facts)
    (project.root / "project.json").write_text(
        '{"schema": "stylize-project.1", "clip": {"path": "/gone.mp4", "fingerprint": "x"}}'
    )
    text = write_report(project).read_text(encoding="utf-8")
    checker = Checker()
    checker.feed(text)
    assert checker.scripts == 0
    assert "<script" not in text
    assert evil in checker.texts


def test_report_of_an_unfinished_project_is_refused(world):
    with pytest.raises(UsageError, match="nothing to report yet"):
        write_report(Project(world.root / "p"))
    folder = world.root / "p" / "report"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text("{")
    with pytest.raises(UsageError, match="damaged"):
        write_report(Project(world.root / "p"))


@pytest.mark.parametrize("shape", [(10, 700, 3), (400, 6, 4), (50, 60, 1), (3, 3, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_thumbnails_are_small_jpegs_of_any_image(shape, dtype):
    import base64

    import cv2

    url = page.thumbnail(np.full(shape, 128 * (257 if dtype == np.uint16 else 1), dtype))
    image = cv2.imdecode(np.frombuffer(base64.b64decode(url.partition(",")[2]), np.uint8), cv2.IMREAD_COLOR)
    assert max(image.shape) <= page.THUMB
    assert abs(int(image.mean()) - 128) <= 2


def test_a_curve_has_gaps_where_nothing_is_known():
    svg = page.curve([("quality", "a", [0.5, None, 0.5, 0.7, None])], [1], [2], 5)
    assert svg.count("<polyline") == 2
    assert svg.count('class="key"') == svg.count('class="cut"') == 1


def test_table_heads_are_aligned_with_numbers():
    made = page.table(["frame", "why", "clip"], [[3, "a < b", b"<i>x</i>"], [12, None, b""]])
    assert "<tr><th class=n>frame</th><th>why</th><th>clip</th></tr>" in made
    assert "<tr><td class=n>3</td><td>a &lt; b</td><td><i>x</i></td></tr>" in made
