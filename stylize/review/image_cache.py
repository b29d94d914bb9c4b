"""Images of the review page: cached small JPEGs of the clip; others are encoded on request."""

from __future__ import annotations

import contextlib
import threading
from collections import OrderedDict
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from stylize.errors import StylizeError
from stylize.mattes import open_matte
from stylize.mattes.sources.channels import extract_channel
from stylize.media import open_clip, read_image
from stylize.storage.atomic import disk_errors
from stylize.storage.partial import placed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from stylize.mattes import MatteClip
    from stylize.pipeline.context import RunContext

PROXY = 640
"""Longer side of small images, in pixels."""
_START_DELAY = 1.0
"""Seconds before all small images are made: the page loads its first images in that time."""
_SMALL_QUALITY = 86
"""JPEG quality for stepping through frames."""
_FULL_QUALITY = 93
"""JPEG quality for looking closely."""
_CACHE_BYTES = 96 << 20
"""Bytes of encoded images kept in memory."""
_BACKDROP = 48
"""Gray level (0 to 255) behind transparent pixels."""


class Pictures:
    """Encoder of the clip's frames for the page; safe to use from several threads.

    Small images of the clip are files in the project's cache. A thread makes them in order with a decoder of its
    own; a frame that the page requests earlier is made at once.
    """

    def __init__(self, context: RunContext, on_progress: Callable[[int, int], None]) -> None:
        self._context, self._on_progress = context, on_progress
        self._folder = context.project.root / "cache" / "proxies" / context.whole.info.fingerprint[:16]
        self._images: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._make_all, name="proxies", daemon=True)

    def start(self) -> None:
        """Start making the small images of all frames."""
        self._thread.start()

    def close(self) -> None:
        """Stop the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def clip(self, frame: int, *, full: bool = False) -> bytes:
        """Return a frame, counted from the first frame of the clip."""
        if full:
            return self.cached(("clip", frame), lambda: encode(self._context.whole[frame], None))
        path = self._path(frame)
        with contextlib.suppress(OSError):
            return path.read_bytes()
        data = encode(self._context.whole.small(frame, PROXY), PROXY)
        self.store(path, data)
        return data

    def cached(self, key: tuple[Any, ...], make: Callable[[], bytes]) -> bytes:
        """Return the image cached under `key`, or make it and cache it."""
        with self._lock:
            if key in self._images:
                self._images.move_to_end(key)
                return self._images[key]
        data = make()
        with self._lock:
            if key not in self._images:
                self._images[key] = data
                self._size += len(data)
            while self._size > _CACHE_BYTES and len(self._images) > 1:
                _, evicted = self._images.popitem(last=False)
                self._size -= len(evicted)
        return data

    def _path(self, frame: int) -> Path:
        return self._folder / f"{frame:06d}.jpg"

    def store(self, path: Path, data: bytes) -> None:
        """Write a small image into the cache folder; after a write error it is made again on request."""
        with contextlib.suppress(StylizeError, OSError), self._lock:
            with disk_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
            with placed(path, durable=False) as partial:
                partial.write_bytes(data)

    def _make_all(self) -> None:
        first, stop = self._context.span
        missing = [frame for frame in range(first, stop) if not self._path(frame).exists()]
        done = stop - first - len(missing)
        self._on_progress(done, stop - first)
        if not missing or self._stop.wait(_START_DELAY):
            return
        options = asdict(self._context.settings.clip)
        with contextlib.suppress(StylizeError), open_clip(self._context.whole.info.path, **options) as clip:
            for frame in missing:
                if self._stop.is_set():
                    return
                path = self._path(frame)
                if not path.exists():
                    self.store(path, encode(clip.small(frame, PROXY), PROXY))
                done += 1
                if done % 10 == 0 or done == stop - first:
                    self._on_progress(done, stop - first)


class LayerPictures:
    """Encoder of one layer's images, with the clip's images of `Pictures`; safe to use from several threads."""

    def __init__(self, context: RunContext, clip: Pictures) -> None:
        self.context, self._clip = context, clip
        self._lock = threading.Lock()
        self._opened: tuple[MatteClip, MatteClip] | None = None

    def clip(self, frame: int, *, full: bool = False) -> bytes:
        """Return a frame, counted from the first frame of the clip."""
        return self._clip.clip(frame, full=full)

    def file(self, path: Path, *, full: bool = False) -> bytes:
        """Return a painted or propagated frame; encoded again when its file has changed."""
        key = ("file", str(path), path.stat().st_mtime_ns, full)
        return self._clip.cached(key, lambda: encode_frame(read_image(path), full=full))

    def matte(self, frame: int, *, full: bool = False, stabilized: bool = True) -> bytes:
        """Return the active matte as a white PNG with the matte as alpha.

        Stabilization takes a while, so small images are files in the project's cache; `stabilized` off leaves it out.
        """
        mattes, first = self.context.mattes, self.context.span[0]
        if mattes is None:
            raise FileNotFoundError("no matte")
        if not stabilized:
            plain = self._unstabilized(mattes)
            return self._clip.cached(
                ("plain matte", plain.fingerprint, frame),
                lambda: encode_matte(plain[frame - first], full=False),
            )
        folder = self.context.project.root / "cache" / "proxies" / f"matte-{mattes.fingerprint[:16]}"
        path = folder / f"{frame:06d}.png"
        if not full:
            with contextlib.suppress(OSError):
                return path.read_bytes()
        data = self._clip.cached(
            ("matte", mattes.fingerprint, frame, full), lambda: encode_matte(mattes[frame - first], full=full)
        )
        if not full:
            self._clip.store(path, data)
        return data

    def _unstabilized(self, mattes: MatteClip) -> MatteClip:
        """Return the active matte without stabilization; opened once."""
        with self._lock:
            if self._opened is None or self._opened[0] is not mattes:
                self.close()
                spec, context = self.context.request.matte or "", self.context
                self._opened = mattes, open_matte(spec, context.clip.info, context.settings.matte)
            return self._opened[1]

    def close(self) -> None:
        """Close the open matte."""
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None

    def matte_file(self, path: Path, *, full: bool = False) -> bytes:
        """Return the matte of an image file as in `matte`."""
        key = ("matte file", str(path), path.stat().st_mtime_ns, full)
        return self._clip.cached(key, lambda: encode_matte(extract_channel(read_image(path), "luma"), full=full))

    def confidence(self, confidence: Path, result: Path, *, full: bool = False) -> bytes:
        """Return the confidence of a frame as `heat` over its result."""
        key = ("confidence", str(confidence), confidence.stat().st_mtime_ns, full)
        return self._clip.cached(key, lambda: encode_frame(heat(read_image(confidence), read_image(result)), full=full))


def encode(image: NDArray[Any], side: int | None) -> bytes:
    """Return an image as JPEG.

    Parameters
    ----------
    image
        uint8 or uint16 (H, W, 1 to 4); transparent pixels show a dark gray.
    side
        Longer side in pixels; a larger image is reduced to it. None keeps the size.
    """
    flat = (image >> 8).astype(np.uint8) if image.dtype == np.uint16 else image
    if side is not None and max(flat.shape[:2]) > side:
        scale = side / max(flat.shape[:2])
        size = (max(round(flat.shape[1] * scale), 1), max(round(flat.shape[0] * scale), 1))
        flat = cv2.resize(flat, size, interpolation=cv2.INTER_AREA)
        flat = flat if flat.ndim == 3 else flat[..., None]
    if flat.shape[2] in (2, 4):
        alpha = flat[..., -1:].astype(np.float32) / 255
        flat = np.rint(flat[..., :-1] * alpha + _BACKDROP * (1 - alpha)).astype(np.uint8)
    shown = flat if flat.shape[2] == 1 else cv2.cvtColor(flat, cv2.COLOR_RGB2BGR)
    quality = _FULL_QUALITY if side is None else _SMALL_QUALITY
    encoded, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not encoded:
        raise StylizeError(f"cannot encode an image of {image.shape[1]}x{image.shape[0]} as JPEG; use a smaller clip")
    return bytes(data)


def encode_frame(image: NDArray[Any], *, full: bool) -> bytes:
    """Return an image as JPEG, at full size or with a longer side of `PROXY` pixels."""
    return encode(image, None if full else PROXY)


def encode_matte(matte: NDArray[np.float32], *, full: bool) -> bytes:
    """Return a matte as a white PNG with the matte as alpha; sizes as for `encode_frame`."""
    side = max(matte.shape)
    if not full and side > PROXY:
        scale = PROXY / side
        size = (max(round(matte.shape[1] * scale), 1), max(round(matte.shape[0] * scale), 1))
        matte = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
    shown = np.full((*matte.shape, 4), 255, np.uint8)
    shown[..., 3] = np.rint(np.clip(matte, 0, 1) * 255)
    encoded, data = cv2.imencode(".png", shown, [cv2.IMWRITE_PNG_COMPRESSION, 2])
    if not encoded:
        raise StylizeError(f"cannot encode a matte of {matte.shape[1]}x{matte.shape[0]} as PNG; use a smaller clip")
    return bytes(data)


def heat(confidence: NDArray[Any], result: NDArray[Any]) -> NDArray[np.uint8]:
    """Return a gray image of `result` with low confidence in color: amber at one half, bright red at 0.

    Parameters
    ----------
    confidence : uint8, (H, W, 1)
        255 is certain.
    result : uint8 or uint16, (H, W, 3 or 4)
    """
    eight = (result >> 8).astype(np.uint8) if result.dtype == np.uint16 else result
    gray = eight[..., :3].mean(axis=2, dtype=np.float32)
    doubt = 1 - confidence[..., 0].astype(np.float32) / 255
    warm = np.stack([np.full_like(doubt, 255), 190 * (1 - doubt), 40 + 20 * (1 - doubt)], axis=2)
    base = 0.55 * gray[..., None]
    share = np.clip(doubt * 1.25, 0, 0.9)[..., None]
    return np.asarray(np.rint(base * (1 - share) + warm * share), np.uint8)
