"""Mattes of whole clips as files: made from hints, refined, checked."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from stylize.errors import UsageError
from stylize.mattes.checking import check_mattes
from stylize.mattes.clip import open_matte
from stylize.mattes.colours import foreground
from stylize.mattes.edges import band_for, refine_edge
from stylize.mattes.keeping import Shelf
from stylize.mattes.making import fill_shelf, read_hints
from stylize.mattes.steadying import steady
from stylize.media import open_clip
from stylize.output import check_place, make_writer
from stylize.progress import OnProgress, Overwrite, Watch, ignore
from stylize.settings import Settings
from stylize.shots import find_shots

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from propagate.arrays import F32, Image
    from stylize.mattes.checking import FrameFacts
    from stylize.media import Clip

__all__ = ["Made", "check_matte", "make_matte", "refine_matte"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Made:
    """What was written: where, how many frames, frames that had a hint, mean area as a share, and seconds."""

    output: Path
    frames: int
    hints: tuple[int, ...]
    area: float
    seconds: dict[str, float]


def make_matte(  # noqa: PLR0913  the front door takes all its choices by name
    clip: str | Path,
    output: str | Path,
    *,
    boxes: Sequence[str] = (),
    mattes: str | Path | None = None,
    chroma: str | None = None,
    colours: str | Path | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    settings: Settings | None = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> Made:
    """Make the matte of a clip from what a person says on a few of its frames.

    Parameters
    ----------
    clip
        A video or a folder of numbered images.
    output
        A video's name, or a folder for images under the clip's frame names: white is the subject.
    boxes
        ``FRAME:X,Y,W,H`` each, around the subject.
    mattes
        A folder of painted mattes named by frame: white the subject, black the background; grey is unknown.
    chroma
        The colour of a screen behind the subject: ``auto``, ``green``, ``blue``, ``#RRGGBB``.
    colours
        Also write the frames with the subject's own colours, free of the background or of the screen's light.
    start, end
        Work on a range only.

    Raises
    ------
    UsageError
        If nothing says what the subject is, or an output cannot be written.
    MediaError
        If the clip or a painted matte is missing or bad.
    """
    settings, place, watch = settings or Settings(), Path(output), Watch(on_progress)
    if chroma and (boxes or mattes):
        raise UsageError("--chroma finds the subject by itself; leave out --box and --mattes")
    with ExitStack() as stack:
        opened = stack.enter_context(open_clip(clip, start=start, end=end, **asdict(settings.clip)))
        check_place(place, opened, overwrite)
        if colours is not None:
            check_place(Path(colours), opened, overwrite)
        shelf = stack.enter_context(Shelf())
        clean: Callable[[Image, F32], Image] = foreground
        hinted: tuple[int, ...] = ()
        if chroma:
            clean = _key(opened, chroma, shelf, watch)
        else:
            hints = read_hints(boxes, Path(mattes) if mattes else None, opened.info)
            hinted = tuple(hints.frames)
            with watch.stage("shots") as share:
                shots = find_shots(opened, settings.shots, share)
            with watch.stage("matte") as share:
                empty = fill_shelf(opened, hints, shots, shelf, share)
            if empty:
                log.warning("frames %s have no hint in their shot; their mattes are empty", _spans(empty))
        calm = steady(opened, shelf, radius=settings.matte.radius, strength=settings.matte.stabilize)
        area = _write(opened, calm, place, colours, clean, settings, watch)
    return Made(place, len(opened), hinted, area, watch.finished())


def refine_matte(
    matte: str | Path,
    clip: str | Path,
    output: str | Path,
    *,
    band: float | None = None,
    settings: Settings | None = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> Made:
    """Find the edge of a rough matte anew in the picture, and steady it.

    Parameters
    ----------
    matte
        As for `open_matte`; ``[matte]`` fits and shapes it first.
    clip
        What it belongs to.
    output
        As for `make_matte`.
    band
        Pixels on each side of the edge that are found anew; by the size of the frame if None.

    Raises
    ------
    MediaError
        If the clip or the matte is missing or bad, or they do not fit.
    """
    settings, place, watch = settings or Settings(), Path(output), Watch(on_progress)
    if band is not None and not 0 < band <= 200:
        raise UsageError(f"--band {band} is out of bounds; give more than 0 to 200 pixels")
    with ExitStack() as stack:
        opened = stack.enter_context(open_clip(clip, **asdict(settings.clip)))
        check_place(place, opened, overwrite)
        rough = stack.enter_context(
            open_matte(matte, opened.info, replace(settings.matte, stabilize=0.0), opened)
        )
        shelf = stack.enter_context(Shelf())
        wide = band or band_for((opened.info.height, opened.info.width))
        with watch.stage("matte") as share:
            for at in range(len(opened)):
                shelf.put(at, refine_edge(opened[at], rough[at], wide))
                share((at + 1) / len(opened))
        calm = steady(opened, shelf, radius=settings.matte.radius, strength=settings.matte.stabilize)
        area = _write(opened, calm, place, None, foreground, settings, watch)
    return Made(place, len(opened), (), area, watch.finished())


def check_matte(
    matte: str | Path,
    clip: str | Path | None = None,
    *,
    settings: Settings | None = None,
    report: str | Path | None = None,
    on_progress: OnProgress = ignore,
) -> list[FrameFacts]:
    """Look for chatter, holes, specks and jumps; with `clip` along its motion. See `check_mattes`.

    `report` is where a page of curves and worst frames goes.
    """
    settings, watch = settings or Settings(), Watch(on_progress)
    raw = replace(settings.matte, stabilize=0.0)
    with ExitStack() as stack:
        if clip is None:
            from stylize.mattes.sources import open_source
            from stylize.mattes.spec import parse_spec

            first = parse_spec(matte)[0].path
            info = open_clip(first).info if first.is_dir() or not _still(first) else None
            if info is None:
                source = open_source(parse_spec(matte)[0])
                raise UsageError(f"{source.path} is one image; name its clip: --clip CLIP")
            mattes = stack.enter_context(open_matte(matte, info, raw))
            frames = None
        else:
            frames = stack.enter_context(open_clip(clip, **asdict(settings.clip)))
            mattes = stack.enter_context(open_matte(matte, frames.info, raw, frames))
        with watch.stage("check") as share:
            found = check_mattes(mattes, frames, share)
        if report is not None:
            from stylize.mattes.report import write_check

            with watch.stage("report"):
                write_check(Path(report), str(matte), found, mattes, frames)
        return found


def _still(path: Path) -> bool:
    from stylize.media.images import IMAGE_SUFFIXES

    return path.suffix.lower() in IMAGE_SUFFIXES


def _key(clip: Clip, colour: str, shelf: Shelf, watch: Watch) -> Callable[[Image, F32], Image]:
    """Key every frame; returns what takes the screen's light off a frame."""
    from stylize.mattes.chroma import chroma_matte, despill, parse_colour

    screen = parse_colour(colour, clip[0])
    with watch.stage("matte") as share:
        for at in range(len(clip)):
            shelf.put(at, chroma_matte(clip[at], screen))
            share((at + 1) / len(clip))
    return lambda frame, matte: despill(foreground(frame, matte), screen)


def _write(
    clip: Clip,
    mattes: Sequence[F32],
    place: Path,
    colours: str | Path | None,
    clean: Callable[[Image, F32], Image],
    settings: Settings,
    watch: Watch,
) -> float:
    """Write mattes, and the subject's colours where asked; returns the mean area."""
    with ExitStack() as stack, watch.stage("write") as share:
        writer = stack.enter_context(make_writer(place, clip.info, settings.output))
        second = None
        if colours is not None:
            second = stack.enter_context(make_writer(Path(colours), clip.info, settings.output))
        area = 0.0
        for at in range(len(clip)):
            matte = mattes[at]
            grey = np.rint(matte * 65535).astype(np.uint16)[..., None]
            writer.write(np.repeat(grey, 3, axis=2))
            if second is not None:
                second.write(clean(clip[at], matte))
            area += float(matte.mean()) / len(clip)
            share((at + 1) / len(clip))
    return area


def _spans(frames: list[int]) -> str:
    return f"{frames[0]} to {frames[-1]}" if len(frames) > 1 else str(frames[0])
