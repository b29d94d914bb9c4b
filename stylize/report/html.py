"""Elements of self-contained HTML pages: escaped text, inline images, no scripts, no network."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from propagate.arrays import Image

Series: TypeAlias = "tuple[str, str, Sequence[float | None]]"
"""A name, a CSS class (``a`` or ``b``), a value per frame; None leaves a gap."""
THUMB = 240
"""Long side of a thumbnail in pixels: sixty of them make a page of half a megabyte."""

STYLE = """
:root{color-scheme:light dark;--ink:#1d1d1f;--soft:#6b6b70;--line:#d8d8dc;--paper:#fff}
:root{--a:#0b63ce;--b:#c2410c}
@media(prefers-color-scheme:dark){
:root{--ink:#ececee;--soft:#a0a0a6;--line:#3a3a3e;--paper:#161618;--a:#6cb0ff;--b:#ff9d66}}
body{font:15px/1.5 system-ui,sans-serif;color:var(--ink);background:var(--paper);
margin:2rem auto;max-width:72rem;padding:0 1rem}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .5rem}p{margin:.3rem 0}.soft{color:var(--soft)}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;border-bottom:1px solid var(--line)}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}
img{display:block;max-width:240px;border-radius:3px}
svg{width:100%;height:auto;border:1px solid var(--line);border-radius:3px}
svg text{fill:var(--soft);font-size:11px}
pre{overflow:auto;border:1px solid var(--line);border-radius:3px;padding:.8rem;font-size:12px}
.a{stroke:var(--a)}.b{stroke:var(--b)}.key{stroke:var(--ink);stroke-width:1}
.cut{stroke:var(--soft);stroke-dasharray:3 3}
.swatch{display:inline-block;width:1.2em;height:3px;vertical-align:middle;margin-right:.3em}
.swatch.a{background:var(--a)}.swatch.b{background:var(--b)}
"""


def thumbnail(image: Image) -> str:
    """Return `image` as a JPEG in a data: URL, its long side at most `THUMB` pixels."""
    import cv2

    shown: NDArray[Any] = image if image.dtype == np.uint8 else (image >> 8).astype(np.uint8)
    shown = np.repeat(shown[..., :1], 3, axis=2) if shown.shape[2] < 3 else shown[..., :3]
    scale = THUMB / max(shown.shape[:2])
    if scale < 1:
        size = (max(1, round(shown.shape[1] * scale)), max(1, round(shown.shape[0] * scale)))
        shown = cv2.resize(shown, size, interpolation=cv2.INTER_AREA)
    done, data = cv2.imencode(".jpg", np.ascontiguousarray(shown[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, 80])
    if not done:
        raise ValueError(f"image of shape {image.shape} cannot be encoded as JPEG")
    return "data:image/jpeg;base64," + base64.b64encode(data.tobytes()).decode("ascii")


def picture(url: str | None, words: str) -> str:
    """Return an image element with `words` as its alternative text; a dash without an image."""
    return f'<img src="{escape(url)}" alt="{escape(words)}">' if url else "–"


def table(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table: numbers aligned to the right, `str` escaped, `bytes` inserted as HTML."""
    body = [list(row) for row in rows]

    def number(value: Any) -> bool:
        return isinstance(value, (int, float)) and not isinstance(value, bool)

    def cell(value: Any, tag: str, right: bool) -> str:
        text = f"{value:.3f}" if isinstance(value, float) else str(value)
        inside = value.decode() if isinstance(value, bytes) else escape(text)
        return f"<{tag}{' class=n' if right else ''}>{inside}</{tag}>"

    heads = [cell(h, "th", any(number(row[i]) for row in body)) for i, h in enumerate(head)]
    lines = ["".join(heads), *("".join(cell(c, "td", number(c)) for c in row) for row in body)]
    lines = [f"<tr>{line}</tr>" for line in lines]
    return "<table>" + "\n".join(lines) + "</table>"


def curve(series: Sequence[Series], keys: Iterable[int], cuts: Iterable[int], count: int, top: float = 1.0) -> str:
    """Return an SVG of curves over the frames, 0 to `top`, with keys as solid and cuts as dashed lines.

    Parameters
    ----------
    series
        The curves.
    keys, cuts
        Their frames.
    count
        The number of frames.
    top
        The value at the upper edge.
    """
    width, height, pad = 1000.0, 180.0, 18.0

    def at(frame: float) -> float:
        return round(pad + (width - 2 * pad) * frame / max(count - 1, 1), 1)

    def up(value: float) -> float:
        return round(height - pad - (height - 2 * pad) * min(max(value / top, 0.0), 1.0), 1)

    keys, cuts = list(keys), list(cuts)
    marks = [f'<line class="cut" x1="{at(c - 0.5)}" x2="{at(c - 0.5)}" y1="0" y2="{height}"/>' for c in cuts]
    for k in keys:
        line = f'<line class="key" x1="{at(k)}" x2="{at(k)}" y1="{pad}" y2="{height - pad}">'
        marks.append(f"{line}<title>key {k}</title></line>")
    for name, kind, values in series:
        for run in _runs(values):
            points = " ".join(f"{at(frame)},{up(value)}" for frame, value in run)
            marks.append(
                f'<polyline class="{escape(kind)}" fill="none" stroke-width="1.5" points="{points}">'
                f"<title>{escape(name)}</title></polyline>"
            )
    marks.append(f'<text x="2" y="{pad - 5}">{top:g}</text><text x="2" y="{height - 3}">0 — frame 0</text>')
    marks.append(f'<text x="{width - 4}" y="{height - 3}" text-anchor="end">{max(count - 1, 0)}</text>')
    legend = "".join(f'<span class="swatch {escape(kind)}"></span>{escape(name)} &nbsp; ' for name, kind, _ in series)
    words = escape(", ".join(name for name, _, _ in series))
    picture_ = f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{words}">{"".join(marks)}</svg>'
    signs = " &nbsp; ".join(word for word, some in (("| key", keys), ("┆ cut", cuts)) if some)
    return f'{picture_}<p class="soft">{legend}{signs}</p>'


def page(title: str, parts: Iterable[str]) -> str:
    """Return the complete page; its content security policy forbids scripts and anything from elsewhere."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _runs(values: Sequence[float | None]) -> Iterable[list[tuple[int, float]]]:
    run: list[tuple[int, float]] = []
    for frame, value in enumerate(values):
        if value is not None:
            run.append((frame, value))
        elif run:
            yield run
            run = []
    if run:
        yield run
