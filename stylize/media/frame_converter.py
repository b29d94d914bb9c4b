"""From a decoded frame to upright RGB."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.media.bit_depth import swscale_white, to_8_bits, to_16_bits, unit_to_16_bits
from stylize.media.color import HDR, swscale_matrix
from stylize.media.tonemap import ToneMap

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    from propagate.arrays import Image
    from stylize.media.info import ClipInfo

# swscale's flags. Its shortcuts from 8-bit video to RGB darken every frame by a code or two and are off by
# more in strong colors; the exact ways cost 2 to 4 ms at 720p. To 16 bits it is exact anyway, but not with
# every scaler: bilinear and area spoil the chroma of 4:2:0 in some versions.
_BILINEAR, _BICUBIC, _AREA, _FULL_CHROMA, _ACCURATE = 0x2, 0x4, 0x20, 0x2000, 0x40000


class Converter:
    """Converts the frames of one clip: matrix, range, depth, HDR, rotation."""

    def __init__(self, info: ClipInfo) -> None:
        self.info = info
        tags, self._deep = info.color, info.bit_depth > 8
        self._hdr = ToneMap(tags.transfer) if tags.transfer in HDR else None
        self._turns = round(info.rotation / 90) % 4
        self._levels: NDArray[np.uint16] | None = None
        if self._deep and tags.matrix != "gbr":
            white = swscale_white(info.bit_depth, tags.full_range)
            self._levels = unit_to_16_bits(np.arange(65536) / white)

    def whole(self, frame: av.VideoFrame) -> Image:
        """Return the frame at its size, uint8, or uint16 if it is deeper than 8 bits."""
        size = self.info.width, self.info.height
        if self._deep:
            image = self._to_rgb(frame, size, "rgb48le", _BICUBIC)
            if self._levels is not None and not _is_gray(frame):
                image = self._levels[image]
        else:
            image = self._to_rgb(frame, size, "rgb24", _BILINEAR | _FULL_CHROMA | _ACCURATE)
        if self._hdr:
            mapped = self._hdr.apply(to_16_bits(image))
            image = mapped if self._deep else to_8_bits(mapped)
        return self._upright(image)

    def small(self, frame: av.VideoFrame, width: int, height: int) -> Image:
        """Return the frame at another size, averaged by area, uint8."""
        if self._hdr:
            import cv2

            return to_8_bits(cv2.resize(self.whole(frame), (width, height), interpolation=cv2.INTER_AREA))
        return self._upright(self._to_rgb(frame, (width, height), "rgb24", _AREA | _FULL_CHROMA | _ACCURATE))

    def _upright(self, image: NDArray[Any]) -> Image:
        return np.ascontiguousarray(np.rot90(image, self._turns))

    def _to_rgb(self, frame: av.VideoFrame, size: tuple[int, int], kind: str, flags: int) -> NDArray[Any]:
        tags = self.info.color
        width, height = size[::-1] if self._turns % 2 else size
        if _is_gray(frame):
            return self._gray_to_rgb(frame, width, height, "gray16le" if kind == "rgb48le" else "gray")
        image: NDArray[Any] = frame.reformat(
            width=width,
            height=height,
            format=kind,
            src_colorspace=swscale_matrix(tags),
            src_color_range=2 if tags.full_range else 1,
            dst_color_range=2,
            interpolation=flags,
        ).to_ndarray()
        return image

    def _gray_to_rgb(self, frame: av.VideoFrame, width: int, height: int, kind: str) -> NDArray[Any]:
        """Convert here what swscale would leave in limited range."""
        planar = frame.reformat(width=width, height=height, format=kind, interpolation=_AREA)
        gray: NDArray[Any] = planar.to_ndarray()
        if not self.info.color.full_range:
            top = np.iinfo(gray.dtype).max
            unit = (top + 1) // 256
            light = (np.arange(top + 1) - 16 * unit) / (219 * unit)
            gray = np.round(np.clip(light, 0, 1) * top).astype(gray.dtype)[gray]
        return np.repeat(gray[..., None], 3, axis=2)


def _is_gray(frame: av.VideoFrame) -> bool:
    return frame.format.name.startswith("gray")
