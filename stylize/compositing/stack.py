"""Layers that are painted, frame by frame: what each brings, and all of them over the clip."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from stylize.compositing.blend import LayerSample, compose, normalize_coverage
from stylize.mattes import open_matte
from stylize.media import read_image
from stylize.pipeline.output import make_writer
from stylize.pipeline.propagation import result_affecting
from stylize.schedules.schedule import parse_schedule
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from propagate.arrays import F32, Image
    from stylize.mattes import MatteClip
    from stylize.media import Clip
    from stylize.pipeline.context import RunContext
    from stylize.pipeline.stages import KeyframeResult
    from stylize.project.frame_store import FrameStore
    from stylize.settings.schema import Settings


@dataclass(frozen=True)
class LayerResult:
    """A layer with its keys and the place of each of its frames; None where its matte shows nothing."""

    context: RunContext
    keyed: KeyframeResult
    frames: tuple[FrameStore | None, ...]

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.context.layer.name


class Stack:
    """Painted layers over their clip, made when asked for; close it, or use it as a context."""

    def __init__(self, clip: Clip, layers: Sequence[LayerResult], *, linear: bool = False) -> None:
        self.clip, self.layers, self.linear = clip, tuple(layers), linear
        self._open = ExitStack()
        self._strengths = [parse_schedule(layer.context.layer.strength, "number") for layer in layers]
        self._maps = [self._fade(layer) for layer in layers]

    def frame(self, index: int, sheets: Sequence[LayerSample | None] | None = None) -> Image:
        """Return frame `index` with all layers, (H, W, 3); `sheets` are those of the frame, if at hand."""
        brought = self.sheets(index) if sheets is None else sheets
        return compose(self.clip[index], [s for s in brought if s is not None], linear=self.linear)

    def sheets(self, index: int) -> list[LayerSample | None]:
        """Return what each layer brings to frame `index`; None for one that shows nothing there."""
        bare = [self._bare(number, index) for number in range(len(self.layers))]
        alphas = [alpha for _, alpha in bare]
        if sum(layer.context.layer.exclusive for layer in self.layers) > 1:
            alphas = normalize_coverage(alphas, [layer.context.layer.exclusive for layer in self.layers])
        return [
            None if color is None else LayerSample(color, alpha, layer.context.layer.blend)
            for (color, _), alpha, layer in zip(bare, alphas, self.layers, strict=True)
        ]

    def matte(self, number: int, index: int) -> F32:
        """Return the matte of layer `number` in frame `index` as it was given; 1 everywhere without one."""
        mattes = self.layers[number].context.mattes
        if mattes is None:
            return np.ones((self.clip.info.height, self.clip.info.width), np.float32)
        return mattes[index]

    def _bare(self, number: int, index: int) -> tuple[Image | None, F32]:
        """Return a layer's color and how much of it would show if it were alone."""
        layer, name = self.layers[number], self.clip.info.names[index]
        spec, place, alpha = layer.context.layer, layer.frames[index], self.matte(number, index)
        if place is None:
            return None, np.zeros_like(alpha)
        image = read_image(place.path(name))
        color: Any = image[..., :3]
        if image.shape[2] == 4:
            alpha = alpha * (image[..., 3] / np.iinfo(image.dtype).max).astype(np.float32)
        if (strength := self._strength(number, index)) != 1:
            alpha = alpha * np.float32(strength)
        if (fade := self._maps[number]) is not None:
            alpha = alpha * fade[index]
        for other, one in enumerate(self.layers):
            if one.name in spec.holdout:
                alpha = alpha * (1 - self.matte(other, index))
        return color, np.asarray(alpha, np.float32)

    def _strength(self, number: int, index: int) -> float:
        """Return how much of a layer shows in a frame; what a schedule says beyond 0 to 1 is cut off."""
        context = self.layers[number].context
        whole = context.whole.info
        frame = self.clip.info.start + index
        found = self._strengths[number].at(frame, float(whole.time(frame)), whole.count - 1)
        return float(min(max(found, 0.0), 1.0))

    def _fade(self, layer: LayerResult) -> MatteClip | None:
        place = layer.context.layer.strength_map
        if place is None:
            return None
        return self._open.enter_context(open_matte(Path(place), self.clip.info))

    def close(self) -> None:
        """Close the maps that were opened."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def write_stack(
    place: Path,
    clip: Clip,
    stack: Sequence[LayerResult],
    settings: Settings,
    recipe: str,
    on_progress: Callable[[float], None],
) -> None:
    """Write the clip with all layers laid over it."""
    with (
        Stack(clip, stack, linear=settings.compose.light == "linear") as flat,
        make_writer(place, clip.info, settings.output, recipe) as writer,
    ):
        for index in range(len(clip)):
            writer.write(flat.frame(index))
            on_progress((index + 1) / len(clip))


def stack_mark(layers: Sequence[tuple[RunContext, Sequence[FrameStore | None]]], settings: Settings) -> str:
    """Name everything that the finished frames depend on: each layer's work, and the place of its frames."""
    parts = [
        ([None if frame is None else frame.folder.name for frame in frames], context.mattes, _laid(context))
        for context, frames in layers
    ]
    rate = layers[0][0].clip.info.rate
    return fingerprint("output", 3, parts, result_affecting(settings.output), settings.compose, str(rate))


def _laid(context: RunContext) -> Any:
    spec, fade = context.layer, None
    if spec.strength_map is not None:
        with open_matte(Path(spec.strength_map), context.clip.info) as mattes:
            fade = mattes.fingerprint
    return (spec.name, spec.strength, fade, spec.blend, spec.holdout, spec.exclusive)
