"""Project files of the EbSynth application, ``.ebs``.

The application is closed and its format is not published. What is written here is what two independent
programs write and read (s9roll7's ebsynth_utility, ``stage5.py``, and a project editor that documents the
fields); numbers are little-endian, texts are UTF-8 with their length before them. It has not been tried with
the application itself.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROWS = 20
"""Keys that the application takes in one project."""
_KEYS_WEIGHT = 1.0
"""Weights and switches, here and below: the defaults of the application."""
_VIDEO_WEIGHT = 4.0
_MASK_WEIGHT = 1.0
_MAPPING = 10.0
_DEFLICKER = 1.0
_DIVERSITY = 3500.0
_DETAIL_HIGH = 1
_GPU = True
_END = 704
"""Number at the end of every project file; its meaning is unknown."""


@dataclass(frozen=True)
class EbsRow:
    """A key, the first and last frame of its propagation, and their output (``out_0010/[####].png``)."""

    key: int
    first: int
    last: int
    output: str


def rows_between(keys: Sequence[int], shots: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return (key, first, last) for each key: to the keys beside it, or to the ends of its shot.

    Parameters
    ----------
    shots
        [start, stop) of each, as frames.
    """
    rows = []
    for start, stop in shots:
        inside = sorted(key for key in keys if start <= key < stop)
        bounds = [start, *inside, stop - 1]
        rows += [(key, bounds[i], bounds[i + 2]) for i, key in enumerate(inside)]
    return rows


def ebs_project(video: str, keys: str, rows: Sequence[EbsRow], *, mask: str | None = None, rate: float = 30.0) -> bytes:
    """Return the content of a project file.

    Parameters
    ----------
    video, keys, mask
        Where frames, painted keys and mattes are, relative to the project, their number as hashes:
        ``video/[######].png``.
    rows
        `ROWS` at most.
    rate
        Frames per second, for its export to After Effects.

    Raises
    ------
    ValueError
        If there are more rows than the application takes.
    """
    if len(rows) > ROWS:
        raise ValueError(f"{len(rows)} keys are more than the {ROWS} of an EbSynth project; write several")
    head = [b"EBS05\0", _text(video), _text(mask or ""), _text(keys), struct.pack("<?", mask is not None)]
    weights = (_KEYS_WEIGHT, _VIDEO_WEIGHT, _MASK_WEIGHT, _MAPPING, _DEFLICKER, _DIVERSITY)
    body = [struct.pack("<6f", *weights), struct.pack("<i", len(rows))]
    body += [struct.pack("<i??ii", row.key, True, True, row.first, row.last) + _text(row.output) for row in rows]
    return b"".join([*head, *body, b"V02\0", struct.pack("<i?fi", _DETAIL_HIGH, _GPU, rate, _END)])


def _text(text: str) -> bytes:
    data = text.encode("utf-8")
    return struct.pack("<i", len(data)) + data
