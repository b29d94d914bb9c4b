"""Keys that are painted together: brought to the model's size, sampled, and back at the clip's."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from propagate.arrays import check_image
from stylize.errors import MediaError, StylizeError
from stylize.models.device import choose_device, choose_dtype
from stylize.render.diffusion.conditioning import make_row, make_setup
from stylize.render.diffusion.engine import open_engine
from stylize.render.diffusion.loading import prepare_imports
from stylize.render.diffusion.resolution import Fit, fit_size
from stylize.render.diffusion.sampling import Canvas, Piece, judge, sample

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from propagate.arrays import F32, Image
    from stylize.render.diffusion.components import Components
    from stylize.render.diffusion.engine import Engine
    from stylize.render.diffusion.frame_options import FrameOptions
    from stylize.render.diffusion.init_image import InitImage
    from stylize.render.diffusion.options import DiffusionOptions
    from stylize.render.diffusion.sampling import Row
    from stylize.render.protocol import Anchor

_SMALLEST_FRAME = 16


@dataclass(frozen=True)
class PaintJob:
    """A key to paint.

    Attributes
    ----------
    frame
        uint8 or uint16 (H, W, 3).
    ground
        What its painting begins from, at that size.
    looked
        Finished keys that it looks at.
    number
        Of the frame in the clip, for messages.
    """

    frame: Image
    ground: InitImage
    looked: Sequence[Anchor] = ()
    number: int = 0


@dataclass(frozen=True)
class BatchContext:
    """With what keys are painted: options, files, what schedules say, seed, styles and their masks."""

    options: DiffusionOptions
    parts: Components
    moment: FrameOptions
    seed: int
    styles: Sequence[Image]
    masks: Sequence[Image] = ()


def paint_jobs(
    jobs: Sequence[PaintJob], brush: BatchContext, report: Callable[[float], None]
) -> list[tuple[Image, dict[str, Any]]]:
    """Paint keys of one size together; returns the picture of each and how it was done.

    Raises
    ------
    MediaError
        If a frame is too small.
    ModelError, DeviceError
        If weights do not load, memory does not suffice, or nothing but black comes out.
    """
    for job in jobs:
        check_image("frame", job.frame, (3,))
        height, width = job.frame.shape[:2]
        if min(height, width) < _SMALLEST_FRAME:
            raise MediaError(f"the frame is {width}x{height}; painting needs at least {_SMALLEST_FRAME} pixels a side")
    engine = engine_for(brush.options, brush.parts)
    fit = fit_size(jobs[0].frame.shape[0], jobs[0].frame.shape[1], _area(engine, brush))
    looked = [_looked(job, brush) for job in jobs]
    rows: dict[Any, Row] = {}
    for name, seen, painted in (one for each in looked for one in each):
        if name not in rows:
            rows[name] = make_row(brush.parts, seen, painted, fit, engine.device)
    pieces = [_piece(job, brush, fit, engine) for job in jobs]

    def attempt() -> list[tuple[F32, int, int]]:
        made: list[tuple[F32, int, int]] = []
        size = engine.ladder.together(len(jobs))
        for first in range(0, len(jobs), size):
            some = range(first, min(first + size, len(jobs)))
            names = [[name for name, _, _ in looked[i]] for i in some]
            names = [each[: engine.ladder.references(len(each))] for each in names]
            used = list(dict.fromkeys(name for each in names for name in each))
            chosen = [tuple(used.index(name) for name in each) for each in names]
            together = [replace(pieces[i], looks=looks) for i, looks in zip(some, chosen, strict=True)]
            canvas = Canvas(together, [rows[name] for name in used])
            setup = make_setup(
                engine, brush.parts, brush.options, brush.moment, fit, brush.seed, brush.styles, brush.masks
            )
            share = _part(report, first / len(jobs), len(some) / len(jobs))
            pictures = sample(engine, canvas, setup, share)
            for i, picture, looks in zip(some, pictures, chosen, strict=True):
                _judge(engine, picture, pieces[i], jobs[i].number)
                made.append((picture, len(looks), len(some)))
        return made

    found = engine.run(attempt, max(map(len, looked)), len(jobs))
    facts = {
        "size": list(fit.work),
        "device": engine.device,
        "dtype": str(engine.dtype).removeprefix("torch."),
        "given_up": list(engine.ladder.given_up),
        "packages": {name: version(name) for name in ("torch", "diffusers", "transformers")},
    }
    edges = brush.options.edges
    done = [
        (fit.up(picture, job.frame, edges), {**facts, "looked_at": used, "painted_together": count})
        for job, (picture, used, count) in zip(jobs, found, strict=True)
    ]
    report(1.0)
    return done


def engine_for(options: DiffusionOptions, parts: Components) -> Engine:
    """Return the loaded pipeline that `options` ask for, on the device that they name."""
    prepare_imports()
    device = choose_device(options.device)
    dtype = choose_dtype(options.dtype, device, parts.family.name)
    return open_engine(parts, device, dtype, safety_checker=options.safety_checker)


def _area(engine: Engine, brush: BatchContext) -> float:
    if brush.options.megapixels:
        return brush.options.megapixels * 1e6
    side = engine.pipe.unet.config.sample_size * engine.pipe.vae_scale_factor
    return float(side * side * brush.parts.family.area)


def _looked(job: PaintJob, brush: BatchContext) -> list[tuple[Any, Image, Image]]:
    """Name, frame and painting of all that a key looks at: styles first, where no adapter carries them."""
    styles = brush.styles if brush.options.style_adapter == "attention" else ()
    plain = [(f"style {index}", _plain(style)) for index, style in enumerate(styles)]
    found: list[tuple[Any, Image, Image]] = [(name, style, style) for name, style in plain]
    for index, anchor in enumerate(job.looked):
        name = anchor.key if anchor.key >= 0 else (job.number, index)
        found.append((name, anchor.frame, anchor.painted))  # type: ignore[arg-type]
    return found


def _piece(job: PaintJob, brush: BatchContext, fit: Fit, engine: Engine) -> Piece:
    row = make_row(brush.parts, job.frame, job.frame, fit, engine.device)
    ground = job.ground
    return Piece(
        replace(row, picture=fit.down_float(ground.picture)),
        None if ground.held is None else fit.down_float(ground.held),
        None if ground.until is None else fit.down_float(ground.until),
    )


def _judge(engine: Engine, picture: F32, piece: Piece, number: int) -> None:
    try:
        judge(engine, picture, piece.ground.picture)
    except StylizeError as error:
        raise type(error)(f"frame {number}: {error}") from error


def _part(report: Callable[[float], None], before: float, size: float) -> Callable[[float], None]:
    return lambda share: report(0.02 + 0.93 * (before + share * size))


def _plain(style: Image) -> Image:
    from stylize.render.diffusion.ip_adapter import style_picture

    return np.asarray(style_picture(style), np.uint8)
