"""Mattes from a video."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, TypeVar

from stylize.errors import MediaError
from stylize.mattes.sources.channels import (
    PLAIN,
    expand_limited_range,
    extract_channel,
    is_limited_range,
    sample_indices,
)
from stylize.media import open_clip
from stylize.media.alpha_clip import open_alpha
from stylize.storage.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from fractions import Fraction
    from pathlib import Path

    from propagate.arrays import F32
    from stylize.media import Clip

log = logging.getLogger(__name__)

C = TypeVar("C")
_CACHE = 96 << 20
"""Bytes of decoded frames in memory: some fifty frames in HD."""


class VideoMattes:
    """Alpha, or brightness if there is none, of a video as mattes; see `MatteSource`."""

    numbers: tuple[int, ...] | None = None
    still = False

    def __init__(self, path: Path, select: str, *, gaps: bool) -> None:
        if select and select not in PLAIN:
            raise MediaError(f"{path}: unknown channel {select} of a video; choose one of {', '.join(PLAIN)}")
        self.path, self._gaps = path, gaps
        alpha = _alpha_of(path, select, gaps)
        self._clip = alpha or _opened(path, gaps, open_clip)
        self._channel = "luma" if alpha else select
        info = self._clip.info
        self.times: tuple[Fraction, ...] | None = (
            *(info.time(place) for place in range(info.count)),
            info.duration,
        )
        shallow = alpha is None and info.bit_depth <= 8
        places = sample_indices(len(self)) if shallow else []
        self._limited = is_limited_range(path, [v for p in places if (v := self._values(p)) is not None])
        self.fingerprint = fingerprint("video", info.fingerprint, alpha is not None, self._channel, self._limited)

    def __len__(self) -> int:
        return len(self._clip)

    def read(self, place: int) -> F32 | None:
        """Return the matte at `place`; None for a damaged frame, if gaps are allowed."""
        values = self._values(place)
        return expand_limited_range(values) if self._limited and values is not None else values

    def close(self) -> None:
        """Close the file."""
        self._clip.close()

    def _values(self, place: int) -> F32 | None:
        try:
            return extract_channel(self._clip[place], self._channel)
        except MediaError as error:
            if self._gaps:
                return None
            raise _with_matte_option(error) from error


def _alpha_of(path: Path, select: str, gaps: bool) -> Clip | None:
    """Open the alpha channel if it is selected, or exists and is not opaque everywhere."""
    if select not in ("", "alpha"):
        return None
    clip = _opened(path, gaps, open_alpha)
    if clip is None and select:
        raise MediaError(f"{path}: alpha channel not found; leave out :alpha to use brightness")
    if clip is not None and not select and all((clip[p] == 65535).all() for p in sample_indices(len(clip))):
        log.warning("%s: alpha is opaque everywhere; brightness is used", path.name)
        clip.close()
        return None
    return clip


def _opened(path: Path, gaps: bool, opener: Callable[..., C]) -> C:
    """Open the video; with `gaps` a truncated one too, whose remaining frames are missing."""
    try:
        return opener(path, cache_bytes=_CACHE)
    except MediaError as error:
        if not gaps:
            raise _with_matte_option(error) from error
    return opener(path, cache_bytes=_CACHE, allow_truncated=True)


def _with_matte_option(error: MediaError) -> MediaError:
    return MediaError(str(error).replace("--allow-truncated", "--matte-missing hold"))
