"""The renderer ``sd``: one key after the other, in the manner of the style, agreeing with finished ones."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from propagate.arrays import check_image, check_map
from stylize.errors import MediaError, StylizeError, UsageError
from stylize.render.anchors import match_colors, merge_anchors
from stylize.render.diffusion.ground import ground_for, ground_within
from stylize.render.diffusion.masks import check_masks, cut_masks
from stylize.render.diffusion.moment import Moment, check_schedules, moment_at
from stylize.render.diffusion.region import blend_region, region_mask
from stylize.render.diffusion.sizes import fit_size
from stylize.render.protocol import Anchor, PaintedKey, Progress, Spot

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from propagate.arrays import F32, Image
    from stylize.render.diffusion.engine import Engine
    from stylize.render.diffusion.ground import Ground
    from stylize.render.diffusion.options import DiffusionOptions
    from stylize.render.diffusion.parts import Parts
    from stylize.render.diffusion.sampling import Row, Setup

__all__ = ["DiffusionRenderer"]

_SMALLEST_FRAME = 16


class DiffusionRenderer:
    """Paints frames with Stable Diffusion and ControlNet; see `stylize.render.protocol.Renderer`.

    Parameters
    ----------
    styles
        uint8 or uint16 (H, W, 1 to 4); may be none.
    options
        What is asked for.
    parts
        Files that were found for it, see `parts.gather_parts`.
    masks
        Where each style is painted, of the clip's size; none for everywhere.
    """

    name = "sd"
    version = "1"

    def __init__(
        self, styles: Sequence[Image], options: DiffusionOptions, parts: Parts, masks: Sequence[Image] = ()
    ) -> None:
        for index, style in enumerate(styles):
            check_image(f"style {index + 1}", style)
        if masks and (len(masks) != len(styles) or parts.adapter is None):
            raise UsageError(
                f"{len(masks)} style masks for {len(styles)} styles; give one for each, with an IP-Adapter"
            )
        self.styles, self.options, self.parts, self.masks = tuple(styles), options, parts, tuple(masks)
        check_schedules(options)
        self._spot = Spot()
        self._contents = [_content(image) for image in (*styles, *masks)]
        self._identity = parts.identity()

    def at(self, spot: Spot) -> DiffusionRenderer:
        """Return this renderer as its schedules make it at a frame of the clip; the weights are shared.

        Raises
        ------
        UsageError
            If a style mask is of another size than the clip.
        """
        check_masks(self.masks, spot.size)
        other = copy.copy(self)
        vars(other).update(_spot=spot)
        return other

    def fingerprint(self) -> dict[str, Any]:
        """Models and styles by content, and every option as it stands at this frame.

        The device is not part of it: a key that was painted on another machine is not painted again.
        """
        unread = ("device", "model", "config", "vae", "controls", "loras", "embeddings", "depth_model")
        options = {
            name: value
            for name, value in asdict(self.options).items()
            if name not in (*unread, "style_adapter", "style_masks", "blend_prompts")
        }
        controls = [asdict(replace(part.control, model=None)) for part in self.parts.controls]
        return {
            "renderer": self.name,
            "version": self.version,
            "models": self._identity,
            "options": {**options, **asdict(self._moment()), "controls": controls},
            "loras": [lora.weight for lora in self.parts.loras],
            "styles": [*self._contents, self.options.style_adapter == "attention"],
            "noise_of": self._spot.frame if self.options.seed_per_key else None,
        }

    def paint(
        self,
        frame: Image,
        anchors: Sequence[Anchor] = (),
        *,
        seed: int = 0,
        on_progress: Progress | None = None,
    ) -> PaintedKey:
        """Paint `frame`.

        Parameters
        ----------
        frame
            uint8 or uint16 (H, W, 3) RGB.
        anchors
            Finished keys, warped to this frame. Where they are sure, their surface is held for a part of the
            steps; those that bring their own frame and painting are looked at as well.
        seed
            Another seed, another painting; the same for all keys lets them agree.
        on_progress
            Called with the finished share after every step. What it raises ends the painting.

        Raises
        ------
        MediaError
            If the frame is too small.
        ModelError, DeviceError
            If weights do not load, memory does not suffice, or nothing but black comes out.
        """
        for anchor in anchors:
            check_image("anchor", anchor.image, (3,))
            check_map("anchor confidence", anchor.confidence, frame.shape[:2])
        known = merge_anchors(anchors, frame) if anchors else None
        ground = ground_for(frame, known, self.options.hold)
        looked = [a for a in anchors if a.frame is not None and a.painted is not None]
        image, facts = self._painted(frame, ground, looked, seed, on_progress)
        if known is not None:
            image = match_colors(image, *known, self.options.match_colors)
        return PaintedKey(image, {**self.fingerprint(), **facts, "seed": seed, "anchors": len(anchors)})

    def paint_region(
        self,
        frame: Image,
        before: Image,
        region: Image,
        *,
        seed: int = 0,
        on_progress: Progress | None = None,
    ) -> PaintedKey:
        """Paint a part of a finished key anew; outside of it every bit stays.

        Parameters
        ----------
        frame
            The clip's frame, uint8 or uint16 (H, W, 3): its forms control the painting.
        before
            The key as it is, of the same size and type.
        region
            A picture of that size: white is painted anew.
        seed, on_progress
            As for `paint`.

        Raises
        ------
        UsageError
            If the region is of another size or empty.
        """
        mask = region_mask(region, (frame.shape[0], frame.shape[1]))
        ground = ground_within(before, mask)
        image, facts = self._painted(frame, ground, (), seed, on_progress)
        whole = {**self.fingerprint(), **facts, "seed": seed, "region": _content(region)}
        return PaintedKey(blend_region(before, image, mask), whole)

    def _painted(
        self,
        frame: Image,
        ground: Ground,
        looked: Sequence[Anchor],
        seed: int,
        on_progress: Progress | None,
    ) -> tuple[Image, dict[str, Any]]:
        """Paint on a ground, at the size of the model and back at the frame's; also tells how it was done."""
        check_image("frame", frame, (3,))
        if min(frame.shape[:2]) < _SMALLEST_FRAME:
            height, width = frame.shape[:2]
            raise MediaError(
                f"the frame is {width}x{height}; painting needs at least {_SMALLEST_FRAME} pixels a side"
            )
        from stylize.render.diffusion.setting import make_row, make_setup

        report = on_progress or (lambda _: None)
        moment = self._moment()
        engine = self._engine()
        fit = fit_size(frame.shape[0], frame.shape[1], self._area(engine))
        masks = cut_masks(self.masks, self._spot, frame)

        def prepare() -> Setup:
            settings = self.options, moment, fit, self._seed(seed)
            return make_setup(engine, self.parts, *settings, self.styles, masks)

        def row_of(seen: Image, painted: Image) -> Row:
            return make_row(self.parts, seen, painted, fit, engine.device)

        rows = [row_of(a.frame, a.painted) for a in looked]  # type: ignore[arg-type]
        if self.options.style_adapter == "attention":
            rows = [*(row_of(s, s) for s in map(_plain, self.styles)), *rows]
        row = replace(row_of(frame, frame), picture=fit.down_float(ground.picture))
        held = None if ground.held is None else fit.down_float(ground.held)
        until = None if ground.until is None else fit.down_float(ground.until)
        picture, used = self._run(engine, row, rows, (held, until), prepare, report)
        facts = {
            "size": list(fit.work),
            "device": engine.device,
            "dtype": str(engine.dtype).removeprefix("torch."),
            "looked_at": used,
            "given_up": list(engine.ladder.given_up),
            "packages": {name: version(name) for name in ("torch", "diffusers", "transformers")},
        }
        try:
            return fit.up(picture, frame, self.options.edges), facts
        finally:
            report(1.0)

    def _run(
        self,
        engine: Engine,
        row: Row,
        rows: Sequence[Row],
        holding: tuple[F32 | None, F32 | None],
        prepare: Callable[[], Setup],
        report: Callable[[float], None],
    ) -> tuple[F32, int]:
        """Sample, giving up what must be while memory is short; returns picture and rows looked at."""
        from stylize.render.diffusion.sampling import Canvas, sample

        used = 0

        def attempt() -> F32:
            nonlocal used
            used = engine.ladder.references(len(rows))
            canvas = Canvas(row, rows[:used], *holding)
            try:
                return sample(engine, canvas, prepare(), lambda share: report(0.02 + 0.93 * share))
            except StylizeError as error:
                raise type(error)(f"frame {self._spot.frame}: {error}") from error

        return engine.run(attempt, len(rows)), used

    def _engine(self) -> Engine:
        from stylize.render.diffusion.engine import open_engine
        from stylize.render.diffusion.loading import prepare_imports
        from stylize.render.diffusion.memory import choose_device, choose_dtype

        prepare_imports()
        device = choose_device(self.options.device)
        dtype = choose_dtype(self.options.dtype, device, self.parts.family.name)
        return open_engine(self.parts, device, dtype, safety_checker=self.options.safety_checker)

    def _moment(self) -> Moment:
        return moment_at(self.options, self._spot)

    def _seed(self, seed: int) -> int:
        if not self.options.seed_per_key:
            return seed
        return int.from_bytes(hashlib.sha256(f"{seed} {self._spot.frame}".encode()).digest()[:4], "big")

    def _area(self, engine: Engine) -> float:
        if self.options.megapixels:
            return self.options.megapixels * 1e6
        side = engine.pipe.unet.config.sample_size * engine.pipe.vae_scale_factor
        return float(side * side * self.parts.family.area)


def _plain(style: Image) -> Image:
    from stylize.render.diffusion.adapter import style_picture

    return np.asarray(style_picture(style), np.uint8)


def _content(image: Image) -> str:
    head = f"{image.dtype} {image.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).hexdigest()
