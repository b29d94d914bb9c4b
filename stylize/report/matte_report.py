"""What is wrong with a matte, as a page: curves over time, and the worst frames as pictures."""

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
_OUTSIDE = np.array([255, 60, 60], np.float32)
"""Laid over what the matte leaves out, so that its edge is seen against the picture."""


def write_check(
    place: Path,
    name: str,
    facts: Sequence[MatteMetrics],
    mattes: Sequence[F32],
    frames: Sequence[Image] | None = None,
    first: int = 0,
) -> None:
    """Write the page.

    Parameters
    ----------
    place
        An HTML file; it is replaced.
    name
        What the matte is called.
    facts
        Of every frame, from `check_mattes`.
    mattes, frames
        As for `check_mattes`; read for the worst frames only.
    first
        What the first frame is called.
    """
    wrong = [one for one in facts if issues(one)]
    chatter = [one.chatter for one in facts]
    most = _above(max(chatter, default=0.0), CHATTER)
    step = _above(max((one.jump for one in facts), default=0.0), JUMP)
    count = len(facts)
    parts = [
        f"<h1>{escape(name)}</h1>",
        f'<p class="soft">{escape(_summary(facts, wrong, frames is not None))}</p>',
        "<h2>How much of the frame it covers</h2>",
        page.curve([("area", "a", [one.area for one in facts])], [], [], count),
        "<h2>Where its edge chatters</h2>",
        page.curve(
            [("chatter", "a", chatter), (f"worth a look: {CHATTER:g}", "b", [CHATTER] * count)],
            *([], [], count, most),
        ),
        "<h2>Where its area jumps</h2>",
        page.curve(
            [
                ("change since the frame before", "a", [one.jump for one in facts]),
                (f"worth a look: {JUMP:g}", "b", [JUMP] * count),
            ],
            *([], [], count, step),
        ),
        "<h2>Holes and specks</h2>",
        _parts_curve(facts),
        "<h2>Worst frames</h2>",
        _worst(wrong, mattes, frames, first),
    ]
    write_text(place, page.page(f"matte — {name}", parts))


def _summary(facts: Sequence[MatteMetrics], wrong: Sequence[MatteMetrics], moved: bool) -> str:
    mean = sum(one.chatter for one in facts) / max(len(facts), 1)
    way = "" if moved else "; without the clip, so motion counts as chatter: name it with --clip"
    return f"{len(facts)} frames, {len(wrong)} to look at, mean chatter {mean:.3f}{way}"


def _parts_curve(facts: Sequence[MatteMetrics]) -> str:
    holes, specks = [one.holes for one in facts], [one.specks for one in facts]
    if not any(holes) and not any(specks):
        return "<p>There are none.</p>"
    top = float(max(*holes, *specks, 1))
    return page.curve([("holes", "a", holes), ("specks", "b", specks)], [], [], len(facts), top)


def _worst(wrong: Sequence[MatteMetrics], mattes: Sequence[F32], frames: Sequence[Image] | None, first: int) -> str:
    if not wrong:
        return "<p>Nothing is wrong with any frame.</p>"
    ranked = sorted(wrong, key=_badness, reverse=True)[:SHOWN]
    rows = [[one.frame + first, ", ".join(issues(one)), *_pictures(one, mattes, frames, first)] for one in ranked]
    left = "" if len(wrong) <= SHOWN else f"<p>The worst {SHOWN} of {len(wrong)}.</p>"
    over = ["the frame before", "over the clip"] if frames is not None else ["the frame before"]
    return left + page.table(["frame", "what", "matte", *over], rows)


def _badness(one: MatteMetrics) -> float:
    """How far beyond what is let pass; a hole or speck counts like a slight chatter."""
    return max(one.chatter / CHATTER, one.jump / JUMP, min(0.8 + 0.2 * (one.holes + one.specks), 3.0))


def _pictures(one: MatteMetrics, mattes: Sequence[F32], frames: Sequence[Image] | None, first: int) -> list[bytes]:
    matte = mattes[one.frame]
    before = _gray(mattes[one.frame - 1]) if one.frame else None
    found: list[tuple[Image | None, str]] = [(_gray(matte), "matte"), (before, "matte before")]
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
    """Return a round number over both, for the upper edge of a curve."""
    wanted = max(value, 1.5 * least)
    return next(top for top in (0.1, 0.2, 0.3, 0.5, 1.0) if wanted <= top or top == 1.0)
