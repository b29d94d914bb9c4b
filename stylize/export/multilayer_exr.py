"""Multi-layer EXR frames: flattened frame, layers, mattes, confidence, key numbers and motion vectors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.export.comp_description import Footage, plate_name
from stylize.export.exr import color_channels, motion_channels, write_channels
from stylize.export.frame_writer import DIGITS
from stylize.media import read_image
from stylize.media.bit_depth import to_8_bits
from stylize.project.frame_store import key_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from stylize.compositing.blend import LayerSample
    from stylize.compositing.stack import Stack
    from stylize.export.options import ExportOptions


class MultilayerExrWriter:
    """Writer of ``exr/NAME.1001.exr``.

    Half floats, colors premultiplied: ``R G B A`` the flattened frame; of each layer ``NAME.R`` to ``NAME.A``,
    ``NAME_matte.A`` its matte as given, ``NAME_confidence.Y`` the confidence of its paint. Floats:
    ``NAME_key.Z`` the number of the key that a pixel comes from, as frames are numbered here, -1 for none;
    ``forward.u`` and ``.v`` the flow of each pixel to the next frame, ``backward`` to the previous one.
    """

    def __init__(self, root: Path, stack: Stack, options: ExportOptions) -> None:
        self.root, self.stack, self.options = root, stack, options
        self.space = options.space or "linear"
        info = stack.clip.info
        self.footage = Footage("exr", f"{_plain(plate_name(info))}.", DIGITS, ".exr", options.first)
        self._size = (info.height, info.width)
        self._about = {"framesPerSecond": float(info.rate), "pixelAspectRatio": float(info.sample_aspect)}

    def write(self, index: int, samples: Sequence[LayerSample | None]) -> None:
        """Write frame `index` from the `samples` of its layers."""
        channels: dict[str, NDArray[Any]] = {}
        channels |= color_channels("", self.stack.frame(index, samples), None, self.space)
        for number, (layer, sample) in enumerate(zip(self.stack.layers, samples, strict=True)):
            name = _plain(layer.name)
            black = np.zeros((*self._size, 3), np.uint8)
            color, alpha = (black, np.zeros(self._size, np.float32)) if sample is None else sample[:2]
            channels |= color_channels(name, color, alpha, self.space)
            channels[f"{name}_matte.A"] = self.stack.matte(number, index).astype(np.float16)
            channels[f"{name}_confidence.Y"] = self._confidence(number, index)
            channels[f"{name}_key.Z"] = self._keys(number, index)
        if self.options.motion:
            channels |= motion_channels("forward", self._flow(index, index + 1), self._size)
            channels |= motion_channels("backward", self._flow(index, index - 1), self._size)
        write_channels(self.root / self.footage.file(index), channels, self.space, self._about)

    def _confidence(self, number: int, index: int) -> NDArray[np.float16]:
        place = self.stack.layers[number].frames[index]
        if place is None:
            return np.zeros(self._size, np.float16)
        confidence = read_image(place.confidence_path(self.stack.clip.info.names[index]))
        return (confidence[..., 0] / np.float32(255)).astype(np.float16)

    def _keys(self, number: int, index: int) -> NDArray[np.float32]:
        place, info = self.stack.layers[number].frames[index], self.stack.clip.info
        if place is None:
            return np.full(self._size, -1, np.float32)
        frames = key_numbers(read_image(place.source_path(info.names[index])))
        return np.where(frames < 0, -1, frames - info.start + self.options.first).astype(np.float32)

    def _flow(self, index: int, other: int) -> Any:
        from propagate.flow import estimate_flow

        if not 0 <= other < len(self.stack.clip):
            return None
        return estimate_flow(to_8_bits(self.stack.clip[index]), to_8_bits(self.stack.clip[other]))


def _plain(name: str) -> str:
    """Return the name with underscores: dots and spaces part the names of channels."""
    return name.replace(".", "_").replace(" ", "_")
