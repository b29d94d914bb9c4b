"""The pictures of the page: small JPEGs of the clip made once, others of paint when they are asked for."""

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
"""Long side in pixels of the small pictures."""
_FIRST = 1.0
"""Seconds in which the page may ask for its first pictures before all others are made."""
_SMALL, _FULL = 86, 93
"""Quality of JPEGs, for stepping through and for looking closely."""
_KEPT = 96 << 20
"""Bytes of finished JPEGs that are kept at hand."""
_BACKDROP = 48
"""Gray that shows where a painting is transparent."""


class Pictures:
    """Makes JPEGs of the clip for the page; safe to use from several threads.

    Small pictures of the clip are files in the project's cache. A thread makes them in order; one that is
    asked for sooner is made at once, by a decoder of its own, so that neither disturbs the other.
    """

    def __init__(self, context: RunContext, on_progress: Callable[[int, int], None]) -> None:
        self._work, self._on_progress = context, on_progress
        self._folder = context.project.root / "cache" / "proxies" / context.whole.info.fingerprint[:16]
        self._kept: OrderedDict[tuple[Any, ...], bytes] = OrderedDict()
        self._size = 0
        self._turn = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._make_all, name="proxies", daemon=True)

    def start(self) -> None:
        """Begin to make the small pictures of all frames."""
        self._thread.start()

    def close(self) -> None:
        """Stop making them."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def clip(self, frame: int, *, full: bool = False) -> bytes:
        """Return frame `frame` of the whole clip."""
        if full:
            mark = ("clip", frame)
            return self.recall(mark, lambda: encode(self._work.whole[frame], None))
        path = self._place(frame)
        with contextlib.suppress(OSError):
            return path.read_bytes()
        data = encode(self._work.whole.small(frame, PROXY), PROXY)
        self.keep(path, data)
        return data

    def recall(self, mark: tuple[Any, ...], make: Callable[[], bytes]) -> bytes:
        """Return what `make` gives, once for every `mark` as long as there is room."""
        with self._turn:
            if mark in self._kept:
                self._kept.move_to_end(mark)
                return self._kept[mark]
        data = make()
        with self._turn:
            if mark not in self._kept:
                self._kept[mark] = data
                self._size += len(data)
            while self._size > _KEPT and len(self._kept) > 1:
                _, gone = self._kept.popitem(last=False)
                self._size -= len(gone)
        return data

    def _place(self, frame: int) -> Path:
        return self._folder / f"{frame:06d}.jpg"

    def keep(self, path: Path, data: bytes) -> None:
        """Put a small picture in the cache; one that cannot be kept is made again when it is asked for."""
        with contextlib.suppress(StylizeError, OSError), self._turn:
            with disk_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
            with placed(path, durable=False) as partial:
                partial.write_bytes(data)

    def _make_all(self) -> None:
        first, stop = self._work.span
        missing = [frame for frame in range(first, stop) if not self._place(frame).exists()]
        done = stop - first - len(missing)
        self._on_progress(done, stop - first)
        if not missing or self._stop.wait(_FIRST):
            return
        reading = asdict(self._work.settings.clip)
        with contextlib.suppress(StylizeError), open_clip(self._work.whole.info.path, **reading) as clip:
            for frame in missing:
                if self._stop.is_set():
                    return
                path = self._place(frame)
                if not path.exists():
                    self.keep(path, encode(clip.small(frame, PROXY), PROXY))
                done += 1
                if done % 10 == 0 or done == stop - first:
                    self._on_progress(done, stop - first)


class LayerPictures:
    """Makes the pictures of one layer, and hands on those of the clip; safe to use from several threads."""

    def __init__(self, context: RunContext, clip: Pictures) -> None:
        self.context, self._clip = context, clip
        self._turn = threading.Lock()
        self._opened: tuple[MatteClip, MatteClip] | None = None

    def clip(self, frame: int, *, full: bool = False) -> bytes:
        """Return frame `frame` of the whole clip."""
        return self._clip.clip(frame, full=full)

    def file(self, path: Path, *, full: bool = False) -> bytes:
        """Return a painted or carried picture; made again when its file has changed."""
        mark = ("file", str(path), path.stat().st_mtime_ns, full)
        return self._clip.recall(mark, lambda: encode(read_image(path), None if full else PROXY))

    def matte(self, frame: int, *, full: bool = False, calm: bool = True) -> bytes:
        """Return the matte in use as a white PNG that is transparent where nothing is styled.

        Steadying an edge takes a while, so small ones are kept in the project's cache; with `calm` off, edges
        are as they come.
        """
        mattes, first = self.context.mattes, self.context.span[0]
        if mattes is None:
            raise FileNotFoundError("no matte")
        if not calm:
            plain = self._plain(mattes)
            return self._clip.recall(
                ("plain matte", plain.fingerprint, frame),
                lambda: encode_matte(plain[frame - first], full=False),
            )
        folder = self.context.project.root / "cache" / "proxies" / f"matte-{mattes.fingerprint[:16]}"
        path = folder / f"{frame:06d}.png"
        if not full:
            with contextlib.suppress(OSError):
                return path.read_bytes()
        data = self._clip.recall(
            ("matte", mattes.fingerprint, frame, full), lambda: encode_matte(mattes[frame - first], full=full)
        )
        if not full:
            self._clip.keep(path, data)
        return data

    def _plain(self, mattes: MatteClip) -> MatteClip:
        """Return the matte in use, not steadied; opened once."""
        with self._turn:
            if self._opened is None or self._opened[0] is not mattes:
                self.close()
                spec, context = self.context.request.matte or "", self.context
                self._opened = mattes, open_matte(spec, context.clip.info, context.settings.matte)
            return self._opened[1]

    def close(self) -> None:
        """Close what was opened."""
        if self._opened is not None:
            self._opened[1].close()
            self._opened = None

    def matte_file(self, path: Path, *, full: bool = False) -> bytes:
        """Return a matte that is a file in the same manner."""
        mark = ("kept matte", str(path), path.stat().st_mtime_ns, full)
        return self._clip.recall(mark, lambda: encode_matte(extract_channel(read_image(path), "luma"), full=full))

    def confidence(self, sure: Path, carried: Path, *, full: bool = False) -> bytes:
        """Return how sure a frame is: its own picture in gray where it is, warm colors where it is not."""
        mark = ("sure", str(sure), sure.stat().st_mtime_ns, full)
        return self._clip.recall(
            mark, lambda: encode(heat(read_image(sure), read_image(carried)), None if full else PROXY)
        )


def encode(image: NDArray[Any], side: int | None) -> bytes:
    """Return a picture as JPEG.

    Parameters
    ----------
    image
        uint8 or uint16 (H, W, 1 to 4); what is transparent shows a dark gray.
    side
        Longer side in pixels that it is shrunk to; None leaves it as it is.
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
    quality = _FULL if side is None else _SMALL
    whole, data = cv2.imencode(".jpg", shown, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not whole:
        raise StylizeError(f"a picture of {image.shape[1]}x{image.shape[0]} cannot be made a JPEG")
    return bytes(data)


def encode_frame(image: NDArray[Any], *, full: bool) -> bytes:
    """Return a picture as JPEG, small or as it is."""
    return encode(image, None if full else PROXY)


def encode_matte(matte: NDArray[np.float32], *, full: bool) -> bytes:
    """Return a matte as a PNG: white, as opaque as it is."""
    side = max(matte.shape)
    if not full and side > PROXY:
        scale = PROXY / side
        size = (max(round(matte.shape[1] * scale), 1), max(round(matte.shape[0] * scale), 1))
        matte = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
    shown = np.full((*matte.shape, 4), 255, np.uint8)
    shown[..., 3] = np.rint(np.clip(matte, 0, 1) * 255)
    whole, data = cv2.imencode(".png", shown, [cv2.IMWRITE_PNG_COMPRESSION, 2])
    if not whole:
        raise StylizeError(f"a matte of {matte.shape[1]}x{matte.shape[0]} cannot be made a PNG")
    return bytes(data)


def heat(sure: NDArray[Any], carried: NDArray[Any]) -> NDArray[np.uint8]:
    """Lay doubt over a picture: amber where it is half sure, red and bright where it is not sure at all."""
    eight = (carried >> 8).astype(np.uint8) if carried.dtype == np.uint16 else carried
    gray = eight[..., :3].mean(axis=2, dtype=np.float32)
    doubt = 1 - sure[..., 0].astype(np.float32) / 255
    warm = np.stack([np.full_like(doubt, 255), 190 * (1 - doubt), 40 + 20 * (1 - doubt)], axis=2)
    base = 0.55 * gray[..., None]
    share = np.clip(doubt * 1.25, 0, 0.9)[..., None]
    return np.asarray(np.rint(base * (1 - share) + warm * share), np.uint8)
