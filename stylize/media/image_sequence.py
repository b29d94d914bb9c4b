"""Folders of numbered images as clips."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from stylize.errors import MediaError, UsageError
from stylize.media.bit_depth import to_8_bits, to_16_bits
from stylize.media.cache import THUMBS_BYTES, FrameCache
from stylize.media.image_reader import IMAGE_SUFFIXES, image_depth, image_has_alpha, image_size, read_image
from stylize.media.info import ClipInfo, ColorTags
from stylize.media.timecode import frame_rate

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from propagate.arrays import Image

RATE = Fraction(24)
"""Frames per second of a sequence when nobody tells."""
_NUMBERED = re.compile(r"(.*?)(\d+)(\D*)")
_MISSING = ("error", "hold", "black")
_WHITE = 1.01  # brighter light is no rounding


@dataclass(frozen=True)
class Listing:
    """A sequence's `info`, and for each frame its file; None is a black frame for a missing one."""

    info: ClipInfo
    files: tuple[Path | None, ...]


class SequenceSource:
    """Frames of a sequence by index."""

    def __init__(self, listing: Listing, cache: FrameCache) -> None:
        self.listing, self.cache = listing, cache
        self.thumbs = FrameCache(min(cache.limit, THUMBS_BYTES))

    def read(self, index: int) -> Image:
        """Return frame `index`, (H, W, 3)."""
        held = self.cache.get(index)
        if held is not None:
            return held
        info, path = self.listing.info, self.listing.files[index]
        deep = info.bit_depth > 8
        if path is None:
            image: NDArray[Any] = np.zeros((info.height, info.width, 3), np.uint16 if deep else np.uint8)
        else:
            image = read_image(path, channels=3)
            if image.shape[:2] != (info.height, info.width):
                raise MediaError(
                    f"{path} is {image.shape[1]}x{image.shape[0]} and frame {info.names[0]} is "
                    f"{info.width}x{info.height}; give all frames one size"
                )
            image = to_16_bits(image) if deep else image
        self.cache.put(index, image)
        return image

    def small(self, index: int, width: int, height: int) -> Image:
        """Return frame `index` at `width` by `height`, uint8."""
        import cv2

        key = (index, width, height)
        held = self.thumbs.get(key)
        if held is None:
            held = to_8_bits(cv2.resize(self.read(index), (width, height), interpolation=cv2.INTER_AREA))
            self.thumbs.put(key, held)
        return held

    def close(self) -> None:
        """Empty the cache."""
        self.cache.clear()
        self.thumbs.clear()


def list_sequence(folder: Path, *, missing: str = "error", rate: float | str | None = None) -> Listing:
    """Find the numbered images of a folder.

    The last group of digits in a name is its number; numbers may start anywhere.

    Parameters
    ----------
    folder
        Where the images lie.
    missing
        What stands for numbers that are not there: "error", "hold" the frame before, or "black".
    rate
        Frames per second as for `frame_rate`; None takes 24.

    Raises
    ------
    MediaError
        If there is no image, more than one series, a hole (with "error"), or images of differing sizes.
    UsageError
        If `missing` is none of the three, or `rate` no rate.
    """
    if missing not in _MISSING:
        raise UsageError(f"missing is {missing!r}; expected one of {', '.join(_MISSING)}")
    try:
        per_second = RATE if rate is None else frame_rate(rate)
    except ValueError as error:
        raise UsageError(str(error)) from error
    numbered, others = _series(folder)
    first, last = min(numbered), max(numbered)
    gaps = [number for number in range(first, last + 1) if number not in numbered]
    if gaps and missing == "error":
        raise MediaError(f"{folder} lacks frame{_ranges(gaps)}; add it, or pass --missing hold or black")
    sizes = {path: image_size(path) for _, path in sorted(numbered.items())}
    width, height = sizes[numbered[first]]
    for path, size in sizes.items():
        if size != (width, height):
            raise MediaError(
                f"{path} is {size[0]}x{size[1]} and {numbered[first].name} is {width}x{height}; "
                "give all frames one size"
            )
    files: list[Path | None] = []
    names: list[str] = []
    example = numbered[first].stem
    for number in range(first, last + 1):
        file = numbered.get(number)
        names.append(file.stem if file else _name_like(example, number))
        files.append(file or (files[-1] if missing == "hold" else None))
    notices = []
    if gaps:
        instead = "the frame before" if missing == "hold" else "black"
        notices.append(f"{folder.name} lacks frame{_ranges(gaps)}; {instead} stands there")
    if others:
        notices.append(f"{folder.name} holds {others} images without a number, which are left out")
    notices += _notice_light(folder, list(numbered.values()))
    if image_has_alpha(numbered[first]):
        notices.append(
            f"{folder.name} has an alpha channel, which is left out; --matte {folder.name} styles what it covers"
        )
    info = ClipInfo(
        path=folder,
        width=width,
        height=height,
        count=len(files),
        rate=per_second,
        time_base=1 / per_second,
        pts=tuple(range(len(files))),
        bit_depth=max(image_depth(path) for path in numbered.values()),
        color=ColorTags("gbr", "bt709", "iec61966-2-1", full_range=True),
        sample_aspect=Fraction(1),
        rotation=0,
        audio=(),
        names=tuple(names),
        is_sequence=True,
        fingerprint=_fingerprint(files),
        rate_assumed=rate is None,
        notices=tuple(notices),
    )
    return Listing(info, tuple(files))


def numbered_images(folder: Path, like: Path | None = None) -> dict[int, Path]:
    """Return the files of the one numbered series of a folder, or of the one that `like` belongs to.

    Raises
    ------
    MediaError
        If there is none, more than one (without `like`), or two images of one number.
    """
    return _series(folder, like)[0]


def _series(folder: Path, like: Path | None = None) -> tuple[dict[int, Path], int]:
    """Return the one numbered series of a folder, and how many images have no number."""
    series: dict[tuple[str, str, str], dict[int, Path]] = defaultdict(dict)
    others = 0
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith(".") or not path.is_file():
            continue
        found = re.fullmatch(r"(.*?)(\d+)(\D*)", path.stem)
        if not found:
            others += 1
            continue
        group = series[found[1], found[3], path.suffix.lower()]
        number = int(found[2])
        if number in group:
            raise MediaError(f"{folder} has {group[number].name} and {path.name} for one frame; remove one of them")
        group[number] = path
    if not series:
        kinds = ", ".join(IMAGE_SUFFIXES)
        what = f"{others} images and none has a number" if others else "no image"
        raise MediaError(f"{folder} holds {what}; a clip is a video file or a folder of numbered images ({kinds})")
    if like is not None:
        return next((group for group in series.values() if like in group.values()), {}), others
    if len(series) > 1:
        examples = ", ".join(group[min(group)].name for group in list(series.values())[:3])
        raise MediaError(f"{folder} holds {len(series)} series of images ({examples}); put one in a folder of its own")
    return next(iter(series.values())), others


def _notice_light(folder: Path, files: list[Path]) -> list[str]:
    """Say that light is clipped, if there is any above white in the first, the middle or the last frame."""
    if files[0].suffix.lower() != ".exr":
        return []
    from stylize.media.exr import exr_peak

    looked_at = {files[0], files[len(files) // 2], files[-1]}
    peak, brightest = max((exr_peak(file), file.name) for file in looked_at)
    if peak <= _WHITE:
        return []
    told = f"{folder.name} has light above white ({peak:.3g} in {brightest}), which is cut off at white"
    return [f"{told}; map its tones to 0 to 1 first to keep it"]


def _name_like(example: str, number: int) -> str:
    found = _NUMBERED.fullmatch(example)
    if found is None:
        return f"{number:06d}"
    return f"{found[1]}{number:0{len(found[2])}d}{found[3]}"


def _ranges(numbers: list[int]) -> str:
    """Return " 4" or "s 4, 7-9", the first few."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    words = ["-".join(map(str, run)) for run in runs]
    more = f" and {len(words) - 8} more gaps" if len(words) > 8 else ""
    return f"{'s' if len(numbers) > 1 else ''} {', '.join(words[:8])}{more}"


def _fingerprint(files: list[Path | None]) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for path in files:
        if path is None:
            digest.update(b"\0black")
            continue
        digest.update(f"\0{path.name}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()
