"""Mattes of a clip: made from hints or a screen, and refined."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from stylize.api._arguments import AnySettings, PathLike, make_settings
from stylize.api.matte_writing import PaintedOver, key_frames, open_checkpoint, refine_all, write_mattes
from stylize.errors import UsageError
from stylize.mattes.background import produce_in_background
from stylize.mattes.clip import open_matte
from stylize.mattes.hints import Hints, read_hints
from stylize.mattes.refine.foreground import estimate_foreground
from stylize.mattes.segment.from_hints import generate_mattes, painted_mattes
from stylize.mattes.temporal.stabilize import stabilize
from stylize.media import open_clip
from stylize.pipeline.output import check_output_path
from stylize.pipeline.shots import find_shots
from stylize.progress import OnProgress, Overwrite, StageTimer, ignore
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from keyframes import Shot
    from propagate.arrays import F32, Image
    from stylize.api.matte_writing import Maker
    from stylize.mattes.background import CancellableProgress
    from stylize.mattes.buffer import MatteBuffer
    from stylize.mattes.refine.vitmatte import VitMatte
    from stylize.mattes.segment.sam2 import Segmenter
    from stylize.media import Clip
    from stylize.settings.schema import Settings

log = logging.getLogger(__name__)

_MAKING_VERSION = 3
"""Raise when the same hints give other mattes."""
_EMPTY_AREA = 0.001
"""Share of the frame below which the matte counts as empty: 30x30 pixels of 1280x720."""


@dataclass(frozen=True)
class MattingModels:
    """The matting models that the settings name: their paths by kind, ``segmenter`` and ``matter``."""

    paths: dict[str, Path]
    settings: Settings

    @classmethod
    def find(cls, settings: Settings, *, sam2: bool = False) -> MattingModels:
        """Locate the models without loading them; raise ModelError if one is missing."""
        wanted = [("segmenter", sam2), ("matter", settings.making.edges == "vitmatte")]
        paths = {}
        for kind, asked in wanted:
            if asked:
                from stylize.mattes.learned_models import find_learned

                paths[kind] = find_learned(kind, settings.making, settings.models)
        return cls(paths, settings)

    @property
    def hashes(self) -> dict[str, str]:
        """The hash of each model's content, by kind."""
        from stylize.models import model_hash

        return {kind: model_hash(path) for kind, path in self.paths.items()}

    def segmenter(self) -> Segmenter | None:
        """Load SAM 2; return None if the settings do not use it."""
        if "segmenter" not in self.paths:
            return None
        from stylize.mattes.segment.sam2 import Segmenter

        return Segmenter(self.paths["segmenter"], self.settings.making)

    def matter(self) -> VitMatte | None:
        """Load ViTMatte; return None if the settings do not use it."""
        if "matter" not in self.paths:
            return None
        from stylize.mattes.refine.vitmatte import VitMatte

        return VitMatte(self.paths["matter"], self.settings.making)


@dataclass(frozen=True)
class MatteResult:
    """The matte that was written.

    Attributes
    ----------
    output
        The video or folder.
    frames
        Number of frames.
    hints
        Frames of the clip with a hint.
    area
        Mean area of the subject as a share of the frame, 0 to 1.
    seconds
        By stage. Mattes are made, stabilized and written at the same time, so that stages overlap.
    """

    output: Path
    frames: int
    hints: tuple[int, ...]
    area: float
    seconds: dict[str, float]


def make_matte(
    clip: PathLike,
    output: PathLike,
    *,
    boxes: Sequence[str] = (),
    points: Sequence[str] = (),
    mattes: PathLike | None = None,
    chroma: str | None = None,
    colors: PathLike | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    settings: AnySettings = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> MatteResult:
    """Make the matte of a clip from hints on a few of its frames, or from the color of a screen.

    An interrupted run resumes with the next one for the same output, from a folder beside it.

    Parameters
    ----------
    clip
        A video or a folder of numbered images.
    output
        A video, or a folder for images under the clip's frame names: white is the subject.
    boxes
        ``FRAME:X,Y,W,H`` each, in pixels, around the subject.
    points
        ``FRAME:X,Y`` each, on the subject, or ``FRAME:X,Y,out`` on the background; for SAM 2.
    mattes
        A folder of painted mattes named by frame: white the subject, black the background; gray is unknown.
        A matte with little gray is copied to the output as it was painted.
    chroma
        Color of the screen behind the subject: ``auto``, ``green``, ``blue``, ``#RRGGBB``.
    colors
        Video or folder for the subject's own colors, free of the background or of the screen's light
        (foreground estimation).
    start, end
        Half-open range to work on: frames counted from 0, seconds (``"2.5s"``) or timecode.
    settings
        The sections ``making`` (segmentation and edges), ``matte``, ``shots``, ``clip``, ``models`` and
        ``output`` are read.
    overwrite
        True replaces an existing output; a function is asked for each path.
    on_progress
        Called with a stage's name and its finished share, 0 to 1.

    Raises
    ------
    UsageError
        If there is no hint, hints exclude each other, or an output cannot be written.
    MediaError
        If the clip or a painted matte is missing or damaged.
    ModelError
        If a model is missing.
    """
    settings, place, watch = make_settings(settings), Path(output), StageTimer(on_progress)
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
        buffer = stack.enter_context(open_checkpoint(place, fingerprint(made_from)))
        if len(buffer):
            log.warning("%s: resumes an interrupted run", place)
        painted = painted_mattes(opened, hints)
        maker: Maker
        clean: Callable[[Image, F32], Image] = estimate_foreground
        if chroma:
            maker, clean = key_frames(opened, chroma)
        else:
            with watch.stage("shots") as share:
                shots = find_shots(opened, settings.shots, share)
            maker = partial(_generate, opened, hints, shots, models.segmenter())
        edges = "matter" in models.paths or (sam2 and settings.making.edges == "color")
        mattes_of = buffer.child("edges") if edges else buffer

        def make(cancellable: CancellableProgress) -> None:
            with watch.stage("matte") as share:
                maker(buffer, cancellable(share))
            if edges:
                with watch.stage("edges") as share:
                    refine_all(opened, buffer, mattes_of, models.matter(), cancellable(share))

        with produce_in_background(make, mattes_of, len(opened)) as coming:
            stable = stabilize(opened, coming, radius=settings.matte.radius, strength=settings.matte.stabilize)
            area = write_mattes(opened, PaintedOver(stable, painted), place, colors, clean, settings, watch)
        buffer.clear()
    if area < _EMPTY_AREA or (chroma and area > 1 - _EMPTY_AREA):
        log.warning("%s: %s", place, _missed(area, chroma=bool(chroma), boxes=bool(boxes)))
    hinted = tuple(frame + opened.info.start for frame in hints.frames)
    return MatteResult(place, len(opened), hinted, area, watch.finished())


def _missed(area: float, *, chroma: bool, boxes: bool) -> str:
    """Return the warning for a matte that is empty or full, with the way out."""
    if chroma:
        found = "little of the screen's color" if area > 0.5 else "little but the screen's color"
        return f"{found} is found ({area:.1%} is subject); name it as it is in the clip: --chroma #RRGGBB"
    way = "draw the box around all of the subject, or paint it: --mattes DIR" if boxes else "paint it again"
    return f"next to no subject is found ({area:.2%} of the picture); {way}"


def _generate(
    clip: Clip,
    hints: Hints,
    shots: Sequence[Shot],
    segmenter: Segmenter | None,
    buffer: MatteBuffer,
    share: Callable[[float], None],
) -> None:
    empty = generate_mattes(clip, hints, shots, buffer, share, segmenter)
    if empty:
        log.warning(
            "frames %s have no hint in their shot; their mattes are empty",
            _spans([frame + clip.info.start for frame in empty]),
        )


def refine_matte(
    matte: PathLike,
    clip: PathLike,
    output: PathLike,
    *,
    band: float | None = None,
    start: str | int | None = None,
    end: str | int | None = None,
    settings: AnySettings = None,
    overwrite: Overwrite = False,
    on_progress: OnProgress = ignore,
) -> MatteResult:
    """Estimate the edge of a rough matte again from the clip's colors, hair included, and stabilize it.

    Parameters
    ----------
    matte
        A video, images named by frame, or ``FILE:CHANNEL``; the section ``matte`` fits and shapes it first.
    clip
        The clip that it belongs to.
    output
        As for `make_matte`.
    band
        Width in pixels on each side of the edge that is estimated again, over 0 to 200; by the frame's size
        if None. Wider reaches longer hair and costs more time.
    start, end, settings, overwrite, on_progress
        As for `make_matte`.

    Raises
    ------
    UsageError
        If `band` is out of range, or the output cannot be written.
    MediaError
        If the clip or the matte is missing or damaged, or they do not fit.
    ModelError
        If a model is missing.
    """
    settings, place, watch = make_settings(settings), Path(output), StageTimer(on_progress)
    if band is not None and not 0 < band <= 200:
        raise UsageError(f"invalid --band {band}; give a width over 0 and up to 200 pixels")
    models = MattingModels.find(settings)
    with ExitStack() as stack:
        opened = stack.enter_context(open_clip(clip, start=start, end=end, **asdict(settings.clip)))
        check_output_path(place, opened, overwrite)
        rough = stack.enter_context(open_matte(matte, opened.info, replace(settings.matte, stabilize=0.0), opened))
        made_from = _MAKING_VERSION, opened, rough, band, settings.making, models.hashes
        buffer = stack.enter_context(open_checkpoint(place, fingerprint(made_from)))

        def make(cancellable: CancellableProgress) -> None:
            with watch.stage("edges") as share:
                refine_all(opened, rough, buffer, models.matter(), cancellable(share), band)

        with produce_in_background(make, buffer, len(opened)) as coming:
            stable = stabilize(opened, coming, radius=settings.matte.radius, strength=settings.matte.stabilize)
            area = write_mattes(opened, stable, place, None, estimate_foreground, settings, watch)
        buffer.clear()
    return MatteResult(place, len(opened), (), area, watch.finished())


def _spans(frames: list[int]) -> str:
    return f"{frames[0]} to {frames[-1]}" if len(frames) > 1 else str(frames[0])
