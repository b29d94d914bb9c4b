"""The alpha channel of a video, as a clip of its own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from stylize.errors import MediaError
from stylize.media.bit_depth import unit_to_16_bits
from stylize.media.cache import FrameCache
from stylize.media.clip import Clip
from stylize.media.clip_probe import index_video
from stylize.media.packet_scan import open_container
from stylize.media.video_reader import VideoSource

if TYPE_CHECKING:
    import av
    from numpy.typing import NDArray

    from propagate.arrays import Image
    from stylize.media.info import ClipInfo

ALPHA_DECODERS: Final = {"vp9": "libvpx-vp9", "vp8": "libvpx"}
"""FFmpeg's own decoders of these leave the alpha channel out without a word."""


def open_alpha(path: str | Path, *, allow_truncated: bool = False, cache_bytes: int = 64 << 20) -> Clip | None:
    """Open a video's alpha channel; frames are uint16 (H, W, 1), 65535 is opaque.

    Parameters
    ----------
    path
        A video file.
    allow_truncated, cache_bytes
        As for `open_clip`.

    Returns
    -------
    Clip, or None for a video without alpha.

    Raises
    ------
    MediaError
        As `open_clip`; or if the alpha is of a kind that cannot be read.
    """
    place = Path(path)
    index = index_video(place, allow_truncated=allow_truncated)
    with open_container(place) as container:
        stream: Any = container.streams[index.stream]
        said = stream.metadata.get("alpha_mode") == "1"
        codec = stream.codec_context.name
        decoder = ALPHA_DECODERS.get(codec) if said else None
        has = said or any(part.is_alpha for part in stream.codec_context.format.components)
    if not has:
        return None
    if said and decoder is None and codec != "ffv1":
        raise MediaError(
            f"{place}: alpha in {codec} cannot be read here; convert it to ProRes 4444, VP9 or a PNG sequence"
        )
    source = VideoSource(index, FrameCache(cache_bytes), _AlphaPlane(index.info), decoder)
    return Clip(source, index.info)


class _AlphaPlane:
    """From a decoded frame to its alpha, upright."""

    def __init__(self, info: ClipInfo) -> None:
        self.info = info
        self._turns = round(info.rotation / 90) % 4

    def whole(self, frame: av.VideoFrame) -> Image:
        """Return the alpha of the frame, uint16 (H, W, 1)."""
        parts = frame.format.components
        at = next((i for i, part in enumerate(parts) if part.is_alpha), None)
        if at is None:
            raise MediaError(f"{self.info.path} loses its alpha channel on the way; convert it to ProRes 4444")
        values: Any
        if frame.format.is_planar:
            values = _plane(frame, parts[at].plane, parts[at].bits)
        else:
            values = frame.reformat(format="rgba64le").to_ndarray()[..., 3]
        return np.ascontiguousarray(np.rot90(values, self._turns)[..., None])

    def small(self, frame: av.VideoFrame, width: int, height: int) -> Image:
        """Return it at another size, averaged by area, uint8."""
        import cv2

        alpha: Any = self.whole(frame)[..., 0]
        small: Any = cv2.resize(alpha, (width, height), interpolation=cv2.INTER_AREA)
        return np.asarray(small >> 8, np.uint8)[..., None]


def _plane(frame: av.VideoFrame, plane: int, bits: int) -> NDArray[np.uint16]:
    """Read a plane's codes; alpha fills its range even where colors do not."""
    data: Any = frame.planes[plane]
    kind = np.dtype(np.uint8) if bits <= 8 else np.dtype(">u2" if frame.format.name.endswith("be") else "<u2")
    lines = np.frombuffer(data, kind).reshape(data.height, data.line_size // kind.itemsize)
    levels = unit_to_16_bits(np.arange(1 << bits) / ((1 << bits) - 1))
    found: NDArray[np.uint16] = levels[np.minimum(lines[:, : frame.width], (1 << bits) - 1)]
    return found
