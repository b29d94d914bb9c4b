"""Check of a matte for chatter, holes, specks and jumps."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from stylize.api._arguments import AnySettings, PathLike, make_settings
from stylize.errors import UsageError
from stylize.mattes.clip import open_matte
from stylize.mattes.metrics import MatteMetrics, check_mattes
from stylize.media import open_clip
from stylize.progress import OnProgress, StageTimer, ignore


@dataclass(frozen=True)
class MatteCheck:
    """The metrics of each frame, and the page that was written, if any.

    `stylize.mattes.metrics.issues` names the faults of a frame.
    """

    frames: tuple[MatteMetrics, ...]
    report: Path | None

    @property
    def chatter(self) -> float:
        """Mean chatter of the edge over all frames; lower is calmer."""
        return sum(one.chatter for one in self.frames) / len(self.frames)


def check_matte(
    matte: PathLike,
    clip: PathLike | None = None,
    *,
    start: str | int | None = None,
    end: str | int | None = None,
    settings: AnySettings = None,
    report: PathLike | None = None,
    on_progress: OnProgress = ignore,
) -> MatteCheck:
    """Measure chatter, holes, specks and jumps of a matte; with `clip`, along the clip's motion.

    Parameters
    ----------
    matte
        A video, images named by frame, or ``FILE:CHANNEL``.
    clip
        The clip that it belongs to; without it, motion counts as chatter.
    start, end
        Half-open range of `clip`: frames counted from 0, seconds (``"2.5s"``) or timecode.
    settings
        The sections ``clip`` and ``matte`` are read; the matte is not stabilized.
    report
        HTML page of curves and worst frames to write.
    on_progress
        Called with a stage's name and its finished share, 0 to 1.

    Raises
    ------
    UsageError
        If a range is given without a clip, or a still matte without one.
    MediaError
        If the matte or the clip is missing or damaged, or they do not fit.
    """
    settings, watch = make_settings(settings), StageTimer(on_progress)
    raw = replace(settings.matte, stabilize=0.0)
    with ExitStack() as stack:
        if clip is None and (start is not None or end is not None):
            raise UsageError("a range needs its clip; name it with --clip CLIP")
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
        metrics = tuple(replace(one, frame=one.frame + first) for one in found)
        return MatteCheck(metrics, None if report is None else Path(report))


def _still(path: Path) -> bool:
    from stylize.media.image_reader import IMAGE_SUFFIXES

    return path.suffix.lower() in IMAGE_SUFFIXES
