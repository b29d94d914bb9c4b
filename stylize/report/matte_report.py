"""Matte report: a page with curves of the matte's metrics over time and its worst frames."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.mattes.metrics import CHATTER, JUMP, issues
from stylize.report import html as page
from stylize.storage.atomic import write_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from propagate.arrays import F32, Image
    from stylize.mattes.metrics import MatteMetrics

SHOWN = 12
"""Worst frames that are shown, at most."""
_OUTSIDE = np.array([255, 60, 60], np.float32)
"""Color over the area outside the matte, which makes its edge visible."""


def write_check(
    place: Path,
    name: str,
    metrics: Sequence[MatteMetrics],
    mattes: Sequence[F32],
    frames: Sequence[Image] | None = None,
    first: int = 0,
) -> None:
    """Write the page of a matte.

    Parameters
    ----------
    place
        An HTML file; it is replaced.
    name
        The name of the matte.
    metrics
        The metrics of every frame, from `check_mattes`.
    mattes, frames
        As for `check_mattes`; read for the worst frames only.
    first
        The number of the first frame.
    """
    wrong = [one for one in metrics if issues(one)]
    chatter = [one.chatter for one in metrics]
    most = _above(max(chatter, default=0.0), CHATTER)
    step = _above(max((one.jump for one in metrics), default=0.0), JUMP)
    count = len(metrics)
    parts = [
        f"<h1>{escape(name)}</h1>",
        f'<p class="soft">{escape(_summary(metrics, wrong, frames is not None))}</p>',
        "<h2>Area</h2>",
        page.curve([("area", "a", [one.area for one in metrics])], [], [], count),
        "<h2>Edge chatter</h2>",
        page.curve(
            [("chatter", "a", chatter), (f"threshold: {CHATTER:g}", "b", [CHATTER] * count)],
            *([], [], count, most),
        ),
        "<h2>Jumps of the area</h2>",
        page.curve(
            [
                ("change since the previous frame", "a", [one.jump for one in metrics]),
                (f"threshold: {JUMP:g}", "b", [JUMP] * count),
            ],
            *([], [], count, step),
        ),
        "<h2>Holes and specks</h2>",
        _parts_curve(metrics),
        "<h2>Worst frames</h2>",
        _worst(wrong, mattes, frames, first),
    ]
    write_text(place, page.page(f"matte — {name}", parts))


def _summary(metrics: Sequence[MatteMetrics], wrong: Sequence[MatteMetrics], moved: bool) -> str:
    mean = sum(one.chatter for one in metrics) / max(len(metrics), 1)
    way = "" if moved else "; without --clip, motion counts as chatter"
    return f"{len(metrics)} frames, {len(wrong)} with issues, mean chatter {mean:.3f}{way}"


def _parts_curve(metrics: Sequence[MatteMetrics]) -> str:
    holes, specks = [one.holes for one in metrics], [one.specks for one in metrics]
    if not any(holes) and not any(specks):
        return "<p>None.</p>"
    top = float(max(*holes, *specks, 1))
    return page.curve([("holes", "a", holes), ("specks", "b", specks)], [], [], len(metrics), top)


def _worst(wrong: Sequence[MatteMetrics], mattes: Sequence[F32], frames: Sequence[Image] | None, first: int) -> str:
    if not wrong:
        return "<p>No frame has issues.</p>"
    ranked = sorted(wrong, key=_badness, reverse=True)[:SHOWN]
    rows = [[one.frame + first, ", ".join(issues(one)), *_pictures(one, mattes, frames, first)] for one in ranked]
    left = "" if len(wrong) <= SHOWN else f"<p>The worst {SHOWN} of {len(wrong)}.</p>"
    over = ["previous matte", "over the clip"] if frames is not None else ["previous matte"]
    return left + page.table(["frame", "issues", "matte", *over], rows)


def _badness(one: MatteMetrics) -> float:
    """Return the largest excess over a threshold; a hole or speck counts like slight chatter."""
    return max(one.chatter / CHATTER, one.jump / JUMP, min(0.8 + 0.2 * (one.holes + one.specks), 3.0))


def _pictures(one: MatteMetrics, mattes: Sequence[F32], frames: Sequence[Image] | None, first: int) -> list[bytes]:
    matte = mattes[one.frame]
    before = _gray(mattes[one.frame - 1]) if one.frame else None
    found: list[tuple[Image | None, str]] = [(_gray(matte), "matte"), (before, "previous matte")]
    if frames is not None:
        found.append((_over(frames[one.frame], matte), "over the clip"))
    return [
        page.picture(None if image is None else page.thumbnail(image), f"{words}, frame {one.frame + first}").encode()
        for image, words in found
    ]


def _gray(matte: F32) -> Image:
    return np.rint(np.clip(matte, 0, 1) * 255).astype(np.uint8)[..., None]


def _over(frame: Any, matte: F32) -> Image:
    eight = (frame >> 8).astype(np.float32) if frame.dtype == np.uint16 else frame.astype(np.float32)
    share = (0.6 * (1 - np.clip(matte, 0, 1)))[..., None]
    return np.asarray(np.rint(eight[..., :3] * (1 - share) + _OUTSIDE * share), np.uint8)


def _above(value: float, least: float) -> float:
    """Return a round number above both, for the upper edge of a curve."""
    wanted = max(value, 1.5 * least)
    return next(top for top in (0.1, 0.2, 0.3, 0.5, 1.0) if wanted <= top or top == 1.0)
