"""Review page in a real browser."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from keyframes import parse_plan

ROOT = Path(__file__).parents[3]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
LONG = 300_000
"""Milliseconds of a timeout for painting and propagation, with kernels compiled first."""


def browser_program():
    """Return the path of a browser; None without one."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def serving(clip, style):
    """Run the command, give the link that it prints, and stop it as Ctrl-C does."""
    command = [
        sys.executable,
        str(ROOT / "stylize/cli/app.py"),
        "review",
        str(clip),
        "--style",
        str(style),
        "--no-browser",
    ]
    server = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    found = None
    for line in server.stderr:
        found = found or re.search(r"http://127\.0\.0\.1:\d+/\?token=\S+", line)
        if "Ctrl-C" in line:
            break
    assert found is not None
    yield found[0]
    server.send_signal(signal.SIGINT)
    assert server.wait(120) == 0
    server.stderr.close()


class Page:
    """The page with the actions of a user."""

    def __init__(self, browser, link, project):
        self.project, self.faults = project, []
        self.tab = browser.new_page(viewport={"width": 1280, "height": 720})
        self.tab.on("console", lambda said: said.type == "error" and self.faults.append(said.text))
        self.tab.on("pageerror", lambda error: self.faults.append(str(error)))
        self.tab.goto(link)
        self.shown()

    def shown(self):
        self.tab.locator("#picture[data-ready=true]").wait_for()

    def press(self, *keys):
        for key in keys:
            self.tab.keyboard.press(key)

    def says(self, text, timeout=30_000):
        self.tab.get_by_role("status").filter(has_text=text).wait_for(timeout=timeout)

    def go(self, frame):
        self.press("Home", *["Shift+ArrowRight"] * (frame // 10), *["ArrowRight"] * (frame % 10))
        self.tab.locator(f"#track[aria-valuenow='{frame}']").wait_for()

    def marker(self, frame, kind=""):
        return self.tab.locator(f"#markers .marker{kind}[data-frame='{frame}']")

    def keys(self):
        plan = parse_plan((self.project / "keyframes.toml").read_text("utf-8"))
        return {key.frame: key for key in plan.keys}

    def details(self):
        return self.tab.evaluate("fetch('/api/details').then((answer) => answer.json())")

    def run(self):
        self.press("Control+Enter")
        self.says("Finished", LONG)
        self.tab.get_by_text("Up to date").wait_for()

    def pixels(self):
        """Return eight rows from the middle of the drawn image: (8, W, 3)."""
        self.tab.wait_for_timeout(500)
        width, values = self.tab.evaluate(
            "(() => { const c = document.getElementById('picture'), w = c.width, y = c.height >> 1;"
            "return [w, Array.from(c.getContext('2d').getImageData(0, y, w, 8).data)]; })()"
        )
        return np.array(values, np.int16).reshape(8, width, 4)[..., :3]
