"""Stack of styled layers, composited over their clip frame by frame."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from stylize.compositing.blend import LayerSample, composite_layers, normalize_coverage
from stylize.mattes import open_matte
from stylize.media import read_image
from stylize.schedules.schedule import parse_schedule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from propagate.arrays import F32, Image
    from stylize.compositing.spec import LayerSpec
    from stylize.mattes import MatteClip
    from stylize.media import Clip, ClipInfo


class StyledFrames(Protocol):
    """Files of a layer's styled frames, by the frame's name."""

    def path(self, name: str) -> Path:
        """Return the styled image of a frame."""

    def confidence_path(self, name: str) -> Path:
        """Return the confidence of a frame."""

    def source_path(self, name: str) -> Path:
        """Return the map of the key that each pixel comes from."""


@dataclass(frozen=True)
class CompositeLayer:
    """A styled layer, ready to be composited.

    Attributes
    ----------
    spec
        Its entry in the stack: name, blend mode, holdouts.
    mattes
        One for each frame of the range; None covers all of the frame.
    frames
        Files of each frame of the range; None where the matte shows nothing.
    strengths
        Share of the layer that shows in each frame, 0 to 1; see `layer_strengths`.
    """

    spec: LayerSpec
    mattes: MatteClip | None
    frames: tuple[StyledFrames | None, ...]
    strengths: tuple[float, ...]

    @property
    def name(self) -> str:
        """The layer's name."""
        return self.spec.name


class Stack:
    """Styled layers over their clip, composited on request; close it, or use it as a context manager."""

    def __init__(self, clip: Clip, layers: Sequence[CompositeLayer], *, linear: bool = False) -> None:
        self.clip, self.layers, self.linear = clip, tuple(layers), linear
        self._open = ExitStack()
        self._maps = [self._strength_map(layer.spec) for layer in layers]

    def frame(self, index: int, samples: Sequence[LayerSample | None] | None = None) -> Image:
        """Return frame `index` with all layers, (H, W, 3); `samples` saves reading those of the frame again."""
        found = self.samples(index) if samples is None else samples
        return composite_layers(self.clip[index], [s for s in found if s is not None], linear=self.linear)

    def samples(self, index: int) -> list[LayerSample | None]:
        """Return color and coverage of each layer in frame `index`; None for a layer that shows nothing there."""
        bare = [self._alone(number, index) for number in range(len(self.layers))]
        alphas = [alpha for _, alpha in bare]
        exclusive = [layer.spec.exclusive for layer in self.layers]
        if sum(exclusive) > 1:
            alphas = normalize_coverage(alphas, exclusive)
        return [
            None if color is None else LayerSample(color, alpha, layer.spec.blend)
            for (color, _), alpha, layer in zip(bare, alphas, self.layers, strict=True)
        ]

    def matte(self, number: int, index: int) -> F32:
        """Return the matte of layer `number` in frame `index`, before strength and holdouts; 1 without a matte."""
        mattes = self.layers[number].mattes
        if mattes is None:
            return np.ones((self.clip.info.height, self.clip.info.width), np.float32)
        return mattes[index]

    def _alone(self, number: int, index: int) -> tuple[Image | None, F32]:
        """Return a layer's color, and its coverage as if it were the only exclusive layer."""
        layer, alpha = self.layers[number], self.matte(number, index)
        files = layer.frames[index]
        if files is None:
            return None, np.zeros_like(alpha)
        image = read_image(files.path(self.clip.info.names[index]))
        color: Any = image[..., :3]
        if image.shape[2] == 4:
            alpha = alpha * (image[..., 3] / np.iinfo(image.dtype).max).astype(np.float32)
        if (strength := layer.strengths[index]) != 1:
            alpha = alpha * np.float32(strength)
        if (strength_map := self._maps[number]) is not None:
            alpha = alpha * strength_map[index]
        for other, one in enumerate(self.layers):
            if one.name in layer.spec.holdout:
                alpha = alpha * (1 - self.matte(other, index))
        return color, np.asarray(alpha, np.float32)

    def _strength_map(self, spec: LayerSpec) -> MatteClip | None:
        if spec.strength_map is None:
            return None
        return self._open.enter_context(open_matte(Path(spec.strength_map), self.clip.info))

    def close(self) -> None:
        """Close the strength maps."""
        self._open.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def layer_strengths(schedule: str, info: ClipInfo, whole: ClipInfo) -> tuple[float, ...]:
    """Return the strength of a layer in each frame of a range.

    Parameters
    ----------
    schedule
        A number, or a schedule along the complete clip such as ``0: 0, 24: 1``; clamped to 0 to 1.
    info
        The range.
    whole
        The complete clip, whose frames and seconds the schedule counts.
    """
    strength = parse_schedule(schedule, "number")
    frames = range(info.start, info.start + info.count)
    found = (strength.at(frame, float(whole.time(frame)), whole.count - 1) for frame in frames)
    return tuple(float(min(max(value, 0.0), 1.0)) for value in found)
