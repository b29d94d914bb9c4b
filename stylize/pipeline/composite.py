"""The finished clip: all styled layers of a run, composited and written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from stylize.compositing.stack import CompositeLayer, Stack, layer_strengths
from stylize.mattes import open_matte
from stylize.pipeline.output import make_writer
from stylize.pipeline.propagation import result_affecting
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from stylize.pipeline.context import RunContext
    from stylize.pipeline.results import LayerResult
    from stylize.project.frame_store import FrameStore
    from stylize.settings.schema import Settings


def composite_layer(result: LayerResult) -> CompositeLayer:
    """Return a styled layer as `Stack` takes it."""
    context = result.context
    strengths = layer_strengths(context.layer.strength, context.clip.info, context.whole.info)
    return CompositeLayer(context.layer, context.mattes, result.frames, strengths)


def open_stack(context: RunContext, layers: Sequence[LayerResult]) -> Stack:
    """Open the layers of a run over its clip; close the stack when done."""
    linear = context.settings.compose.light == "linear"
    return Stack(context.clip, [composite_layer(layer) for layer in layers], linear=linear)


def write_composite(
    context: RunContext, layers: Sequence[LayerResult], recipe: str, on_progress: Callable[[float], None]
) -> None:
    """Write the clip with all layers over it to the run's output."""
    clip = context.clip
    with (
        open_stack(context, layers) as stack,
        make_writer(context.output, clip.info, context.settings.output, recipe) as writer,
    ):
        for index in range(len(clip)):
            writer.write(stack.frame(index))
            on_progress((index + 1) / len(clip))


def composite_fingerprint(layers: Sequence[tuple[RunContext, Sequence[FrameStore | None]]], settings: Settings) -> str:
    """Return the fingerprint of all that the finished frames depend on: each layer's matte, look and frames."""
    parts = [
        ([None if frame is None else frame.folder.name for frame in frames], context.mattes, _layer_look(context))
        for context, frames in layers
    ]
    rate = layers[0][0].clip.info.rate
    return fingerprint("output", 3, parts, result_affecting(settings.output), settings.compose, str(rate))


def _layer_look(context: RunContext) -> Any:
    spec, strength_map = context.layer, None
    if spec.strength_map is not None:
        with open_matte(Path(spec.strength_map), context.clip.info) as mattes:
            strength_map = mattes.fingerprint
    return (spec.name, spec.strength, strength_map, spec.blend, spec.holdout, spec.exclusive)
