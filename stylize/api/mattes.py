"""Mattes of whole clips as files: made from hints, refined, checked."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.api.matte_models import MattingModels
from stylize.api.matte_writing import AsPainted, key_frames, refine_all, work_shelf, write_mattes
from stylize.errors import UsageError
from stylize.mattes.background import produce_in_background
from stylize.mattes.clip import open_matte
from stylize.mattes.metrics import check_mattes
from stylize.mattes.refine.foreground import foreground
from stylize.mattes.segment.from_hints import Hints, generate_mattes, painted_mattes, read_hints
from stylize.mattes.temporal.stabilize import steady
from stylize.media import open_clip
from stylize.pipeline.output import check_output_path
from stylize.pipeline.shots import find_shots
from stylize.progress import OnProgress, Overwrite, StageTimer, ignore
from stylize.settings.schema import Settings
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keyframes import Shot
    from propagate.arrays import F32, Image
    from stylize.api.matte_writing import Maker
    from stylize.mattes.background import Heed
    from stylize.mattes.buffer import MatteBuffer
    from stylize.mattes.metrics import MatteMetrics
    from stylize.mattes.segment.sam2 import Segmenter
    from stylize.media import Clip

log = logging.getLogger(__name__)

_MAKING_VERSION = 3
"""Raise when the same hints give other mattes."""
_NEXT_TO_NOTHING = 0.001
"""Share of the picture below which the subject is said to be missed: 30x30 pixels of 1280x720."""


@dataclass(frozen=True)
class MatteResult:
    """What was written: where, how many frames, frames of the clip with a hint, mean area as a share, time.

    Mattes are made, steadied and written at the same time, so that the seconds of stages overlap.
    """

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
    points: Sequence[str] = (),
    mattes: str | Path | None = None,
    chroma: str | None = None,
    colors: str | Path | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    settings: Settings | None = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> MatteResult:
    """Make the matte of a clip from what a person says on a few of its frames.

    Parameters
    ----------
    clip
        A video or a folder of numbered images.
    output
        A video's name, or a folder for images under the clip's frame names: white is the subject.
    boxes
        ``FRAME:X,Y,W,H`` each, around the subject.
    points
        ``FRAME:X,Y`` each, on the subject, or ``FRAME:X,Y,out`` beside it; for SAM 2.
    mattes
        A folder of painted mattes named by frame: white the subject, black the background; gray is unknown.
        One without much gray comes out as it was painted.
    chroma
        The color of a screen behind the subject: ``auto``, ``green``, ``blue``, ``#RRGGBB``.
    colors
        Also write the frames with the subject's own colors, free of the background or of the screen's light.
    start, end
        Work on a range only.
    settings
        ``[making]`` says who makes the matte and its edges.

    A run that was interrupted is gone on with by the next one for the same output, from a folder beside it.

    Raises
    ------
    UsageError
        If nothing says what the subject is, or an output cannot be written.
    MediaError
        If the clip or a painted matte is missing or bad.
    ModelError
        If a model that is asked for is not here.
    """
    settings, place, watch = settings or Settings(), Path(output), StageTimer(on_progress)
    if chroma and (boxes or mattes or points):
        raise UsageError("--chroma finds the subject by itself; leave out --box, --point and --mattes")
    sam2 = settings.making.maker == "sam2" and not chroma
    if points and not sam2:
        raise UsageError("--point needs --maker sam2; without it give --box FRAME:X,Y,W,H, or paint")
    models = MattingModels.find(settings, sam2=sam2)
    with ExitStack() as stack:
        opened = stack.enter_context(open_clip(clip, start=start, end=end, **asdict(settings.clip)))
        check_output_path(place, opened, overwrite)
        if colors is not None:
            check_output_path(Path(colors), opened, overwrite)
        whole = stack.enter_context(open_clip(clip, **asdict(settings.clip))).info
        painted_in = Path(mattes) if mattes else None
        hints = Hints() if chroma else read_hints(boxes, painted_in, opened.info, points, whole)
        made_from = _MAKING_VERSION, opened, hints, chroma, settings.making, settings.shots, models.hashes
        shelf = stack.enter_context(work_shelf(place, fingerprint(made_from)))
        if len(shelf):
            log.warning("%s: goes on where an earlier run was interrupted", place)
        painted = painted_mattes(opened, hints)
        maker: Maker
        clean: Callable[[Image, F32], Image] = foreground
        if chroma:
            maker, clean = key_frames(opened, chroma)
        else:
            with watch.stage("shots") as share:
                shots = find_shots(opened, settings.shots, share)
            maker = partial(_fill, opened, hints, shots, models.segmenter())
        edges = "matter" in models.paths or (sam2 and settings.making.edges == "color")
        mattes_of = shelf.part("edges") if edges else shelf

        def make(cancellable: Heed) -> None:
            with watch.stage("matte") as share:
                maker(shelf, cancellable(share))
            if edges:
                with watch.stage("edges") as share:
                    refine_all(opened, shelf, mattes_of, models.matter(), cancellable(share))

        with produce_in_background(make, mattes_of, len(opened)) as coming:
            calm = steady(opened, coming, radius=settings.matte.radius, strength=settings.matte.stabilize)
            area = write_mattes(opened, AsPainted(calm, painted), place, colors, clean, settings, watch)
        shelf.clear()
    if area < _NEXT_TO_NOTHING or (chroma and area > 1 - _NEXT_TO_NOTHING):
        log.warning("%s: %s", place, _missed(area, chroma=bool(chroma), boxes=bool(boxes)))
    hinted = tuple(frame + opened.info.start for frame in hints.frames)
    return MatteResult(place, len(opened), hinted, area, watch.finished())


def _missed(area: float, *, chroma: bool, boxes: bool) -> str:
    """Return a notice on a matte that is all of one kind, with a way out."""
    if chroma:
        found = "little of the screen's color" if area > 0.5 else "little but the screen's color"
        return f"{found} is found ({area:.1%} is subject); name it as it is in the clip: --chroma #RRGGBB"
    way = "draw the box around all of the subject, or paint it: --mattes DIR" if boxes else "paint it anew"
    return f"next to no subject is found ({area:.2%} of the picture); {way}"


def _fill(
    clip: Clip,
    hints: Hints,
    shots: Sequence[Shot],
    segmenter: Segmenter | None,
    shelf: MatteBuffer,
    share: Callable[[float], None],
) -> None:
    empty = generate_mattes(clip, hints, shots, shelf, share, segmenter)
    if empty:
        log.warning(
            "frames %s have no hint in their shot; their mattes are empty",
            _spans([frame + clip.info.start for frame in empty]),
        )


def refine_matte(  # noqa: PLR0913  the front door takes all its choices by name
    matte: str | Path,
    clip: str | Path,
    output: str | Path,
    *,
    band: float | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    settings: Settings | None = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> MatteResult:
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
    start, end
        Work on a range only.

    Raises
    ------
    MediaError
        If the clip or the matte is missing or bad, or they do not fit.
    """
    settings, place, watch = settings or Settings(), Path(output), StageTimer(on_progress)
    if band is not None and not 0 < band <= 200:
        raise UsageError(f"--band {band} is out of bounds; give more than 0 to 200 pixels")
    models = MattingModels.find(settings)
    with ExitStack() as stack:
        opened = stack.enter_context(open_clip(clip, start=start, end=end, **asdict(settings.clip)))
        check_output_path(place, opened, overwrite)
        rough = stack.enter_context(open_matte(matte, opened.info, replace(settings.matte, stabilize=0.0), opened))
        made_from = _MAKING_VERSION, opened, rough, band, settings.making, models.hashes
        shelf = stack.enter_context(work_shelf(place, fingerprint(made_from)))

        def make(cancellable: Heed) -> None:
            with watch.stage("edges") as share:
                refine_all(opened, rough, shelf, models.matter(), cancellable(share), band)

        with produce_in_background(make, shelf, len(opened)) as coming:
            calm = steady(opened, coming, radius=settings.matte.radius, strength=settings.matte.stabilize)
            area = write_mattes(opened, calm, place, None, foreground, settings, watch)
        shelf.clear()
    return MatteResult(place, len(opened), (), area, watch.finished())


def check_matte(
    matte: str | Path,
    clip: str | Path | None = None,
    *,
    start: str | int | None = None,
    end: str | int | None = None,
    settings: Settings | None = None,
    report: str | Path | None = None,
    on_progress: OnProgress = ignore,
) -> list[MatteMetrics]:
    """Look for chatter, holes, specks and jumps; with `clip` along its motion. See `check_mattes`.

    `report` is where a page of curves and worst frames goes; `start` and `end` are a range of `clip`.
    """
    settings, watch = settings or Settings(), StageTimer(on_progress)
    raw = replace(settings.matte, stabilize=0.0)
    with ExitStack() as stack:
        if clip is None and (start is not None or end is not None):
            raise UsageError("a range is one of a clip; name it with --clip CLIP")
        if clip is None:
            from stylize.mattes.sources.base import open_source
            from stylize.mattes.sources.spec import parse_spec

            path = parse_spec(matte)[0].path
            info = open_clip(path).info if path.is_dir() or not _still(path) else None
            if info is None:
                source = open_source(parse_spec(matte)[0])
                raise UsageError(f"{source.path} is one image; name its clip: --clip CLIP")
            mattes = stack.enter_context(open_matte(matte, info, raw))
            frames = None
        else:
            frames = stack.enter_context(open_clip(clip, start=start, end=end, **asdict(settings.clip)))
            mattes = stack.enter_context(open_matte(matte, frames.info, raw, frames))
        first = 0 if frames is None else frames.info.start
        with watch.stage("check") as share:
            found = check_mattes(mattes, frames, share)
        if report is not None:
            from stylize.report.matte_report import write_check

            with watch.stage("report"):
                write_check(Path(report), str(matte), found, mattes, frames, first)
        return [replace(one, frame=one.frame + first) for one in found]


def _still(path: Path) -> bool:
    from stylize.media.image_reader import IMAGE_SUFFIXES

    return path.suffix.lower() in IMAGE_SUFFIXES


def _spans(frames: list[int]) -> str:
    return f"{frames[0]} to {frames[-1]}" if len(frames) > 1 else str(frames[0])
