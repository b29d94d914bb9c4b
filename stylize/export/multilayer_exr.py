"""EXR frames with everything that is known of a frame, each part a layer of channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.export.comp_description import Footage, plate_footage
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
    from stylize.export.exporter import ExportOptions


class MultilayerExrWriter:
    """Writes ``exr/NAME.1001.exr``.

    Half floats, colors multiplied by alpha: ``R G B A`` the flattened frame; of each layer ``NAME.R`` to
    ``NAME.A``, ``NAME_matte.A`` as it was given, ``NAME_confidence.Y`` how sure its paint is. Floats:
    ``NAME_key.Z`` the number of the key that shows a pixel, as frames are numbered here, -1 for none;
    ``forward.u`` and ``.v`` the way of each pixel to the next frame, ``backward`` that to the one before.
    """

    def __init__(self, root: Path, stack: Stack, options: ExportOptions) -> None:
        self.root, self.stack, self.options = root, stack, options
        self.space = options.space or "linear"
        info = stack.clip.info
        self.footage = Footage("exr", f"{_plain(plate_name(stack))}.", DIGITS, ".exr", options.first)
        self._size = (info.height, info.width)
        self._about = {"framesPerSecond": float(info.rate), "pixelAspectRatio": float(info.sample_aspect)}

    def write(self, index: int, sheets: Sequence[LayerSample | None]) -> None:
        """Write frame `index`, of which the layers bring `sheets`."""
        channels: dict[str, NDArray[Any]] = {}
        channels |= color_channels("", self.stack.frame(index, sheets), None, self.space)
        for number, (layer, sheet) in enumerate(zip(self.stack.layers, sheets, strict=True)):
            name = _plain(layer.name)
            black = np.zeros((*self._size, 3), np.uint8)
            color, alpha = (black, np.zeros(self._size, np.float32)) if sheet is None else sheet[:2]
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
        sure = read_image(place.confidence_path(self.stack.clip.info.names[index]))
        return (sure[..., 0] / np.float32(255)).astype(np.float16)

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


def plate_name(stack: Stack) -> str:
    """Return the clip's name, of which the frames get theirs."""
    footage, path = plate_footage(stack.clip.info), stack.clip.info.path
    return path.name if footage.is_sequence else path.stem


def _plain(name: str) -> str:
    """Channel names have dots between their parts only."""
    return name.replace(".", "_").replace(" ", "_")
