"""Shots that another program found: the scene list of PySceneDetect."""

from __future__ import annotations

import csv

from keyframes.model import Shot

_START, _STOP = "start frame", "end frame"
_OFF = 1  # frames by which programs that read the same file may differ in its length


def parse_scene_csv(text: str, frames: int | None = None) -> list[Shot]:
    """Read the scene list that PySceneDetect writes (``scenedetect list-scenes``).

    Its frames count from 1 and ends are included; versions before 0.5.2 count from 0 and leave the ends out,
    which is told by the first scene's start. A first line with the timecodes of the cuts is passed over, and
    cells may be separated by commas, semicolons or tabs.

    Parameters
    ----------
    frames
        Frames of the clip. A list that is one frame shorter or longer, as decoders count, is fitted to it.

    Raises
    ------
    ValueError
        Naming the line, if a column is missing, a number is none, the scenes leave a gap or overlap, or they
        are for a clip of another length.
    """
    lines = text.lstrip("\ufeff").splitlines()
    head = next((i for i, line in enumerate(lines) if _START in line.lower() and _STOP in line.lower()), None)
    if head is None:
        raise ValueError("no columns 'Start Frame' and 'End Frame'; give a scene list of PySceneDetect")
    comma = max(",;\t", key=lines[head].count)
    names = [cell.strip().lower() for cell in next(csv.reader([lines[head]], delimiter=comma))]
    columns = names.index(_START), names.index(_STOP)
    shots: list[Shot] = []
    first = 1
    for number, row in enumerate(csv.reader(lines[head + 1 :], delimiter=comma), start=head + 2):
        if not any(cell.strip() for cell in row):
            continue
        try:
            start, stop = (int(row[column]) for column in columns)
        except (ValueError, IndexError):
            raise ValueError(f"scene list line {number}: start and end frame must be whole numbers") from None
        first = start if not shots and start in (0, 1) else first
        expected = shots[-1].stop if shots else 0
        if start - first != expected or stop <= expected:
            raise ValueError(
                f"scene list line {number}: scene {start}-{stop} should start at frame {expected + first}; "
                "scenes follow each other without gaps"
            )
        shots.append(Shot(expected, stop, "cut" if shots else "start"))
    if not shots:
        raise ValueError("the scene list holds no scenes")
    return shots if frames is None else _fitted(shots, frames)


def _fitted(shots: list[Shot], frames: int) -> list[Shot]:
    last = shots[-1]
    if abs(last.stop - frames) > _OFF or last.start >= frames:
        raise ValueError(
            f"the scene list ends after {last.stop} frames, but the clip has {frames}; make it from this clip"
        )
    return [*shots[:-1], Shot(last.start, frames, last.begins)]
