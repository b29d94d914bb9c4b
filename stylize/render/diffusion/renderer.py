"""The renderer ``sd``: one key after the other, in the manner of the style, agreeing with finished ones."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from propagate.arrays import check_image, check_map
from stylize.errors import UsageError
from stylize.render.anchors import match_colors, merge_anchors
from stylize.render.diffusion.batch import BatchContext, PaintJob, paint_jobs
from stylize.render.diffusion.frame_options import FrameOptions, check_schedules, moment_at
from stylize.render.diffusion.init_image import ground_for, ground_within
from stylize.render.diffusion.inpainting import blend_region, region_mask
from stylize.render.diffusion.style_masks import check_masks, cut_masks
from stylize.render.protocol import Anchor, FrameContext, PaintedKey, PaintTask, Progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import Image
    from stylize.render.diffusion.components import Components
    from stylize.render.diffusion.options import DiffusionOptions

_BATCH = 4
"""Keys that are painted at once on a GPU; when memory runs out it is one at a time."""


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
        self,
        styles: Sequence[Image],
        options: DiffusionOptions,
        parts: Components,
        masks: Sequence[Image] = (),
    ) -> None:
        for index, style in enumerate(styles):
            check_image(f"style {index + 1}", style)
        if masks and (len(masks) != len(styles) or parts.adapter is None):
            raise UsageError(
                f"{len(masks)} style masks for {len(styles)} styles; give one for each, with an IP-Adapter"
            )
        self.styles, self.options, self.parts, self.masks = tuple(styles), options, parts, tuple(masks)
        check_schedules(options)
        self.spot = FrameContext()
        self._contents = [_content(image) for image in (*styles, *masks)]
        self._identity = parts.identity()

    def at(self, spot: FrameContext) -> DiffusionRenderer:
        """Return this renderer as its schedules make it at a frame of the clip; the weights are shared.

        Raises
        ------
        UsageError
            If a style mask is of another size than the clip.
        """
        check_masks(self.masks, spot.size)
        other = copy.copy(self)
        vars(other).update(spot=spot)
        return other

    def fingerprint(self) -> dict[str, Any]:
        """Models and styles by content, and every option as it stands at this frame.

        The device is not part of it: a key that was painted on another machine is not painted again.
        """
        unread = (
            "device",
            "batch",
            "model",
            "config",
            "vae",
            "controls",
            "loras",
            "embeddings",
            "depth_model",
        )
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
            "noise_of": self.spot.frame if self.options.seed_per_key else None,
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
        return self.paint_batch([PaintTask(self, frame, anchors)], seed=seed, on_progress=on_progress)[0]

    @property
    def together(self) -> int:
        """How many keys are painted at once, where they do not follow each other."""
        from stylize.models.device import choose_device
        from stylize.render.diffusion.loading import prepare_imports

        if self.options.batch:
            return self.options.batch
        prepare_imports()
        return _BATCH if choose_device(self.options.device) == "cuda" else 1

    def batchable_with(self, other: object) -> bool:
        """Whether a key of `other` can be painted together with one of this renderer: all but words alike."""
        return (
            isinstance(other, DiffusionRenderer)
            and not self.options.seed_per_key
            and not self.masks
            and self.fingerprint() == other.fingerprint()
        )

    def paint_batch(
        self, tasks: Sequence[PaintTask], *, seed: int = 0, on_progress: Progress | None = None
    ) -> list[PaintedKey]:
        """Paint several keys that go together and do not follow each other, in their order; see `paint`.

        Each is painted as it would be alone, but for rounding: sums over a larger batch are taken in another
        order.
        """
        jobs, knowns = [], []
        for task in tasks:
            for anchor in task.anchors:
                check_image("anchor", anchor.image, (3,))
                check_map("anchor confidence", anchor.confidence, task.frame.shape[:2])
            check_image("frame", task.frame, (3,))
            known = merge_anchors(task.anchors, task.frame) if task.anchors else None
            looked = [a for a in task.anchors if a.frame is not None and a.painted is not None]
            ground = ground_for(task.frame, known, self.options.hold)
            number = getattr(task.painter, "spot", self.spot).frame
            jobs.append(PaintJob(task.frame, ground, looked, number))
            knowns.append(known)
        painted = []
        found = paint_jobs(jobs, self._brush(seed, tasks[0].frame), on_progress or _nobody)
        for task, known, (picture, facts) in zip(tasks, knowns, found, strict=True):
            image = picture
            if known is not None:
                image = match_colors(picture, *known, self.options.match_colors)
            whole = {**self.fingerprint(), **facts, "seed": seed, "anchors": len(task.anchors)}
            painted.append(PaintedKey(image, whole))
        return painted

    def paint_region(
        self,
        frame: Image,
        before: Image,
        region: Image,
        *,
        seed: int = 0,
        on_progress: Progress | None = None,
    ) -> PaintedKey:
        """Repaint a part of a finished key; outside of it every bit stays.

        Parameters
        ----------
        frame
            The clip's frame, uint8 or uint16 (H, W, 3): its forms control the painting.
        before
            The key as it is, of the same size and type.
        region
            A picture of that size: white is repainted.
        seed, on_progress
            As for `paint`.

        Raises
        ------
        UsageError
            If the region is of another size or empty.
        """
        mask = region_mask(region, (frame.shape[0], frame.shape[1]))
        ground = ground_within(before, mask)
        job = PaintJob(frame, ground, number=self.spot.frame)
        ((image, facts),) = paint_jobs([job], self._brush(seed, frame), on_progress or _nobody)
        whole = {**self.fingerprint(), **facts, "seed": seed, "region": _content(region)}
        return PaintedKey(blend_region(before, image, mask), whole)

    def _brush(self, seed: int, frame: Image) -> BatchContext:
        masks = cut_masks(self.masks, self.spot, frame)
        return BatchContext(self.options, self.parts, self._moment(), self._seed(seed), self.styles, masks)

    def _moment(self) -> FrameOptions:
        return moment_at(self.options, self.spot)

    def _seed(self, seed: int) -> int:
        if not self.options.seed_per_key:
            return seed
        return int.from_bytes(hashlib.sha256(f"{seed} {self.spot.frame}".encode()).digest()[:4], "big")


def _nobody(share: float) -> None:
    """Tell nobody how far it is."""


def _content(image: Image) -> str:
    head = f"{image.dtype} {image.shape} ".encode()
    return hashlib.sha256(head + np.ascontiguousarray(image).tobytes()).hexdigest()
